"""Drift and performance of a model in production, as lake tables."""
