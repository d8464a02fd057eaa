"""The manual's tables name every part and option, and its links lead somewhere."""

import importlib.util
import re
from pathlib import Path

import pytest
from sharvin.hooks import CONFIG_KEYS, KINDS
from sharvin.registry import registry

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The generated pages, by file name."""
    spec = importlib.util.spec_from_file_location("part_tables", ROOT / "docs" / "part_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("generated")
    module.write_tables(folder)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_every_kind_has_a_page_that_the_overview_links(tables):
    assert set(tables) == {"parts.md", *(f"{kind}.md" for kind in KINDS)}
    for kind in KINDS:
        assert f"]({kind}.md)" in tables["parts.md"]
        assert f"`{CONFIG_KEYS[kind]}: " in tables["parts.md"]


def test_every_part_and_every_option_is_described(tables):
    for kind, parts in registry().parts.items():
        page = tables[f"{kind}.md"]
        for name, part in parts.items():
            section = page.split(f"## {name}\n")[1].split("\n## ")[0]
            assert part.distribution in section
            for option, field in registry().options_model(part).model_fields.items():
                row = next(line for line in section.splitlines() if line.startswith(f"| `{option}` |"))
                assert len(re.findall(r"(?<!\\)\|", row)) == 5
                first_words = " ".join(field.description.split()[:3]).replace("``", "`")
                assert first_words in row.replace("\\|", "|")


def test_the_architecture_names_every_hook():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"`sharvin_{kind}`" in text


@pytest.mark.parametrize("document", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]), ids=lambda path: path.name)
def test_links_between_files_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#:\s]+)\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


def test_the_manual_is_built_with_warnings_as_errors_whenever_the_tests_run():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^test:.*\bdocs\b", makefile, flags=re.MULTILINE)
    assert re.search(r"sphinx -W -E .*\bdocs\b", makefile), "-E: a page read before would hide its warnings"
    assert "-r docs/requirements.txt" in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
