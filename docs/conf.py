"""How Sphinx builds the site: python -m sphinx -W -b html docs OUT"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "rtsep"
author = "the authors of rtsep"
project_copyright = "the authors of rtsep, MIT licence"
about = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
version = release = re.search(r'^version = "(.+)"', about, re.MULTILINE)[1]

extensions = ["myst_nb", "sphinx_design", "sphinx_copybutton", "rtsep_pages", "rtsep_sounds", "rtsep_equations"]
exclude_patterns = ["_*", "**/_*", "**/.ipynb_checkpoints"]
smartquotes = False  # "--mode" stays as it is typed.

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4  # Links to headings down to this level are checked.
nb_execution_mode = "cache"  # Notebooks have no results in the repository: they run when the site is built, if they changed.
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_render_markdown_format = "myst"  # It knows tables.
suppress_warnings = ["mystnb.unknown_mime_type"]

nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # Types in signatures need no page.
linkcheck_ignore = [r"https?://"]  # Builds do not depend on other sites.
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

html_math_renderer = "svg"  # rtsep_equations has it.
html_theme = "furo"
html_title = "rtsep"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5f8b", "color-brand-content": "#1f5f8b"},
    "dark_css_variables": {"color-brand-primary": "#7fb8e0", "color-brand-content": "#7fb8e0"},
}
