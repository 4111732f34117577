"""Text functions that dbt calls as SQL functions: cleaning, language detection, counts.

`TEXT_FUNCTIONS` says, by the name in SQL, how often what a function returns has changed. The
features version of a dbt model names those that it calls, since the same raw file gives other
features under another version.
"""

TEXT_FUNCTIONS = {"clean_text": 1, "detect_language": 1, "text_statistics": 1}
