"""Formulas by the copy of KaTeX in `_static/katex`: pages need no network to show them."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write the LaTeX of a formula in a line; `render.js` replaces it."""
    translator.body.append(f'<span class="math">{translator.encode(node.astext())}</span>')
    raise nodes.SkipNode


def visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write the LaTeX of a formula that stands alone."""
    translator.body.append(f'<div class="math">{translator.encode(node.astext())}</div>')
    raise nodes.SkipNode


def add_scripts(app: Sphinx, page: str, template: str, context: dict, tree: nodes.document | None) -> None:
    """Add KaTeX to a page that has a formula, and to no other: the script has 270 KB."""
    if tree is not None and any(tree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block))):
        app.add_css_file("katex/katex.min.css")
        app.add_js_file("katex/katex.min.js", loading_method="defer")
        app.add_js_file("katex/render.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_block, None))
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
