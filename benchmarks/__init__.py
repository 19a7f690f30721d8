"""Benchmarks: every figure beside its limit and, where one runs, its peer, measured in the same run."""
