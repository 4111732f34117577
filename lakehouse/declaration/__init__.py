"""Declarations in YAML: read with the place of every value, so that each error names it."""
