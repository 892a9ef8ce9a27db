"""Plug-ins: one Python file each, found by its name.

`describe` reads what a file declares, without running the file. `load` imports the file in the job that uses it.
Start with `describe.describe_plugin`.
"""
