"""Figures, one file each.

A figure's file holds a function `draw(results)` that takes `unlearning.results.Results` and returns a
matplotlib figure and its caption, one paragraph of reStructuredText. A figure for one family of models only
says so in the literal `MODELS`, 'completing' or 'generating'.
"""
