"""Text functions that dbt calls as SQL functions: cleaning and language detection.

`TEXT_FUNCTIONS_VERSION` counts the changes of what they return. A features version names it, since
the same raw file gives other features under another version.
"""

TEXT_FUNCTIONS_VERSION = 1
