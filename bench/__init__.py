"""Benchmarks: ours against what one would use instead, in the same run; see README.md."""
