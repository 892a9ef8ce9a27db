"""Reading, checking and explaining the configuration, before any job starts.

Start with `load.load_experiment`. Nothing in this package imports torch.
"""
