"""What is wrong with a text that is no YAML, and on which line: the parser's complaint in the words of who writes a config."""

from __future__ import annotations

import re
from typing import Any

NO_SPACE = re.compile(r"\s*(?:-\s+)?(\w[\w.-]*):([^\s:/\\].*)")
"""A line ``name:value``, which YAML reads as one text; not a path or an address."""


def mistake(error: Exception, text: str) -> tuple[int, str]:
    """Line, from 1, and sentence.

    Parameters
    ----------
    error : Exception
        Of ruamel.yaml.
    text : str
        What was read.
    """
    lines = text.splitlines() or [""]
    character, position = getattr(error, "character", None), getattr(error, "position", None)
    if isinstance(position, int):
        return text.count("\n", 0, position) + 1, _bad_character(character)
    start = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or start
    if mark is None:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return 1, f"not valid YAML: {reason}."
    line = min(mark.line, len(lines) - 1)
    begin = line if start is None else min(start.line, len(lines) - 1)
    problem, context = str(getattr(error, "problem", None) or ""), str(getattr(error, "context", None) or "")
    at, words = _in_words(problem, context, lines, line, begin)
    return at + 1, words


def _bad_character(character: Any) -> str:
    number = character if isinstance(character, int) else ord(str(character)[:1] or "\0")
    what = "a NUL character" if number == 0 else f"the control character U+{number:04X}"
    return f"not valid YAML: {what}, which no text holds; remove it."


def _in_words(problem: str, context: str, lines: list[str], line: int, begin: int) -> tuple[int, str]:
    """Number of the line, from 0, and the sentence."""
    twice = re.match(r'found duplicate key "(.*?)" with value', problem, re.DOTALL)
    if twice:
        return line, f"{twice[1]} is given twice; keep one of them."
    if "'\\t'" in problem or "\t" in problem:
        indented = "\t" in re.match(r"\s*", lines[line])[0]  # type: ignore[index]  # matches always
        where = "at the beginning of a line; indent with spaces" if indented else "within a line; write spaces in its place"
        return line, f"not valid YAML: a tab {where}."
    if "found another document" in problem:
        return line, "a config is a single YAML document; remove the line ---."
    if any(part in problem for part in ("could not find expected ':'", "mapping values are not", "expected '<document start>'")):
        for at in dict.fromkeys((begin, line, _above(lines, line))):
            joined = NO_SPACE.fullmatch(lines[at])
            if joined:
                return at, f"not valid YAML: there is no space after the colon; write {joined[1]}: {joined[2].strip()[:40]}."
        if "could not find" in problem:
            return begin, f"not valid YAML: {lines[begin].strip()[:40]!r} is no name with a value; write name: value."
        return line, (
            "not valid YAML: a colon where none can be; put text that holds a colon in quotes, and indent the names of one "
            "mapping alike."
        )
    if "quoted scalar" in context:
        return begin, "not valid YAML: a quotation mark that begins on this line is not closed."
    if "flow mapping" in context or "flow sequence" in context:
        bracket = "{" if "mapping" in context else "["
        return line, f"not valid YAML: {problem}; is the bracket {bracket} of line {begin + 1} closed?"
    if "expected <block end>" in problem:
        return line, "not valid YAML: this line is indented otherwise than those above; indent names of one mapping alike."
    if "cannot start any token" in problem:
        return line, f"not valid YAML: {problem}; put the text in quotes."
    return line, f"not valid YAML: {problem or context}."


def _above(lines: list[str], line: int) -> int:
    """The last line above that is not empty or a comment."""
    return next((at for at in range(line - 1, -1, -1) if lines[at].split("#")[0].strip()), line)
