"""From the results of all runs to tables, comparisons, verdicts, captions and the look of figures.

Start with `results.Results`, which every table and figure is made from.
"""
