"""How fast it is: the suites that `pytest benchmarks` runs, their report and their comparison."""
