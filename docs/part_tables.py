"""Tables of all installed parts and their options, as Markdown, from the registry."""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from sharvin.hooks import CONFIG_KEYS, KINDS
from sharvin.registry import Part, registry
from sharvin.validation import model_in


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
    fields = registry().options_model(part).model_fields
    if not fields:
        return "\n".join([*lines, "It has no options.", ""])
    rows = ["", "| option | type | default | |", "|---|---|---|---|"]
    rows += _rows(fields)
    return "\n".join([*lines, *rows, ""])


def _rows(fields: dict[str, FieldInfo], before: str = "") -> list[str]:
    """One row an option; options of models within follow the option that holds them."""
    rows = []
    for name, field in fields.items():
        inner = model_in(field.annotation)
        rows.append(f"| `{before}{name}` | `{_type(field.annotation)}` | {_default(field)} | {_text(field.description)} |")
        rows += _rows(inner.model_fields, f"{before}{name}.") if inner else []
    return rows


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_type(one) for one in arguments)
    if origin is Literal:
        return " or ".join(repr(one) for one in arguments)
    if origin is not None:
        return f"{origin.__name__}[{', '.join(_type(one) for one in arguments)}]"
    if annotation in (NoneType, None):
        return "None"
    return "…" if annotation is Ellipsis else getattr(annotation, "__name__", str(annotation))


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`".replace("|", "\\|")


def _text(description: str | None) -> str:
    text = " ".join((description or "").split()).replace("``", "`")
    return text.replace("|", "\\|")
