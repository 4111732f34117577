"""Fetching what declared sources name: bytes land as files, each pull whole and once."""
