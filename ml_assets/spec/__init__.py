"""The model spec: its language, and reading it with errors that name file and line."""
