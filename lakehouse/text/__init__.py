"""Text functions for SQL: cleaning and language detection."""
