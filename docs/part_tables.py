"""Tables of all installed parts and their options, as Markdown, from the registry."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel
from sharvin.hooks import CONFIG_KEYS, KINDS
from sharvin.options.types import OptionTypes, default_in_words
from sharvin.options.validation import model_in
from sharvin.registry import Part, registry


def write_tables(folder: Path) -> None:
    """Write one page a kind, ``KIND.md``, and ``parts.md`` that lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        (folder / f"{kind}.md").write_text(_page(kind), encoding="utf-8")
    (folder / "parts.md").write_text(_overview(), encoding="utf-8")


def _overview() -> str:
    rows = ["| kind | in a config | parts |", "|---|---|---|"]
    for kind in KINDS:
        names = ", ".join(f"`{name}`" for name in sorted(registry().parts[kind])) or "none"
        rows.append(f"| [{kind}]({kind}.md) | `{CONFIG_KEYS[kind]}: {{use: …}}` | {names} |")
    toc = "\n".join(["```{toctree}", ":hidden:", "", *KINDS, "```"])
    return "# Parts and their options\n\n" + "\n".join(rows) + f"\n\n{toc}\n"


def _page(kind: str) -> str:
    key = CONFIG_KEYS[kind]
    parts = sorted(registry().parts[kind].values(), key=lambda part: part.component.name)
    sections = [_section(part) for part in parts]
    return f"# {kind.capitalize()}\n\nChosen in a config with `{key}: {{use: NAME, …}}`.\n\n" + "\n".join(sections)


def _section(part: Part) -> str:
    component = part.component
    lines = [f"## {component.name}", "", f"{component.summary[0].upper()}{component.summary[1:]} (`{part.distribution}`)."]
    if component.takes:
        lines.append(f"It takes {' or '.join(f'`{one}`' for one in component.takes)}.")
    if component.gives:
        lines.append(f"It gives `{component.gives}`.")
    if component.needs:
        lines.append(f"It needs {', '.join(component.needs)}.")
    model = registry().options_model(part)
    if not model.model_fields:
        return "\n".join([*lines, "It has no options.", ""])
    rows = ["", "| option | type | default | |", "|---|---|---|---|"]
    rows += _rows(model)
    return "\n".join([*lines, *rows, ""])


def _rows(model: type[BaseModel], before: str = "", around: tuple[type[BaseModel], ...] = ()) -> list[str]:
    """One row per option; options of models within follow the option that holds them."""
    rows, types = [], OptionTypes(model)
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        default = "required" if field.is_required() else f"`{default_in_words(field).removeprefix('default ')}`"
        cells = [f"`{before}{name}`", _text(types.of(name)), _text(default), _text(field.description)]
        rows.append(f"| {' | '.join(cells)} |")
        if inner is not None and inner not in (model, *around):
            rows += _rows(inner, f"{before}{name}.", (model, *around))
    return rows


def _text(description: str | None) -> str:
    text = " ".join((description or "").split()).replace("``", "`")
    return text.replace("|", "\\|")
