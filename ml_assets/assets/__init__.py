"""A spec as Dagster assets and checks: the only package below the sensors that knows Dagster."""
