"""What things cost, measured: `make bench`, or `PYTHONPATH=scripts python -m benchmarks.{name} --help`."""
