"""How the site is built: `sphinx-build -W -n docs site`, offline, with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import optviz  # noqa: E402

project = "optviz"
version = release = optviz.__version__
project_copyright = "the authors of optviz"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["generated/README.md"]
nitpicky = True
# What a docstring's types say in words, and others' classes.
nitpick_ignore_regex = [("py:.*", r"(?!optviz\.).*")]

myst_enable_extensions = ["attrs_inline", "attrs_block", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # gallery pages begin at the second level

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "furo"
html_title = "optviz"
html_static_path = ["assets"]
html_css_files = ["optviz.css"]
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0072b2", "color-brand-content": "#0072b2",
        "color-foreground-primary": "#1b2733",
    },
    "dark_css_variables": {"color-brand-primary": "#4da3ff", "color-brand-content": "#4da3ff"},
    "navigation_with_keys": True,
}  # fmt: skip
html_copy_source = False
html_show_sourcelink = False


def setup(app: Any) -> None:
    """Pages that come from the code are written before all are read."""
    from pages import write
    from pygments.lexers import PythonLexer

    write(HERE / "generated")
    app.add_lexer("notebook", PythonLexer)  # cells, which are run as such
