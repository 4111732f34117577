"""Generated demo data with planted, counted defects and drift."""
