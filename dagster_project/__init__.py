"""The Dagster code location and the `tidemark` command line."""
