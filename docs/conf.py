"""Sphinx configuration; the tables of parts and options are written from the registry at every build."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from part_tables import write_tables  # noqa: E402
from sharvin import __version__  # noqa: E402

write_tables(HERE / "generated")

project = "sharvin"
author = "The sharvin developers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "requirements.txt"]
html_theme = "furo"
html_title = "sharvin"
autodoc_typehints = "description"
autodoc_member_order = "bysource"


def shapes_as_literals(app, what, name, obj, options, lines):
    """Sphinx takes each word of a type for the name of a class, also ``n`` and ``size`` in the shape of an array."""
    for number, line in enumerate(lines):
        field = re.match(r"(\s*:(?:r?type|vartype)[^:]*:\s*)(.*\S)", line)
        if field and re.search(r"\w\s?\[|of length", field[2]) and "`" not in field[2]:
            lines[number] = f"{field[1]}``{field[2]}``"


def setup(app):
    app.connect("autodoc-process-docstring", shapes_as_literals, priority=900)  # after napoleon has made fields of sections
