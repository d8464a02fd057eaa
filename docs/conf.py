"""Sphinx configuration; the tables of parts and options are written from the registry at every build."""

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
