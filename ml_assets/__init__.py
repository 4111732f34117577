"""Model specs and everything that is derived from them."""
