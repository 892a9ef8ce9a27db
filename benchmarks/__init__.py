"""What things cost, measured: by `make bench`, by `make gpu-check`, or by one program.

`PYTHONPATH=scripts python -m benchmarks.{name} --help` says what a program measures. `data`, `metrics` and `precision`
are not in `make bench`, which has to end within ten minutes.
"""
