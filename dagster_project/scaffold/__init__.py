"""What `tidemark new` writes: looks at data, proposes a model, writes spec and dbt models."""
