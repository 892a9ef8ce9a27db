"""Settings of the documentation site: Sphinx with MyST (Markdown) and the theme Furo. `make docs` builds the site.

Why Sphinx: its strict mode finds every broken link and every page that no table of contents names. It builds without a
network, and the search of the built pages needs no server. Its extensions have been kept up for years. Zensical, the
successor of Material for MkDocs, is young.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE / "_extensions"), str(HERE.parent / "scripts")]

project = "Machine unlearning, regenerated"
html_title = project
author = "The developers of the unlearning pipeline"
project_copyright = "the developers of the unlearning pipeline, MIT licence"
language = "en"

extensions = ["myst_parser", "sphinx_copybutton", "sphinx_design", "katex", "pages"]
exclude_patterns = ["_build", "_pages", "_static", "results/*/findings.md"]
nitpicky = True

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 3  # [text](page.md#heading) is checked
myst_update_mathjax = False
html_math_renderer = "katex"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
copybutton_exclude = ".linenos, .gp, .go"
