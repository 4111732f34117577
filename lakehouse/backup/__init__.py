"""Backup and restore: the three databases and every file that they refer to."""
