"""Dagster sensors: thin, over pure decisions."""
