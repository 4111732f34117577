"""The estimators that a model spec can name."""
