"""What a landed file may ask for: past these bounds it is damaged, or made to do harm.

All are far beyond what people land, and each rejection names the bound in the ledger.
"""

# A line, a JSON or CSV record, a CSV field; DuckDB's own bound for a JSON object is the same.
RECORD_LIMIT = 16 << 20
# A JSON document whose records are found by a path is held in memory, some six times as large.
DOCUMENT_LIMIT = 256 << 20
# A name of a column: longer ones are values in the wrong place.
NAME_LIMIT = 255
# A file that uses values as names would otherwise make a column of each.
COLUMN_LIMIT = 1000
# Text and tables pack by 3 to 50; gzip cannot pack by more than about 1000. Small files may pack
# better than that.
UNPACKED_RATIO = 200
UNPACKED_FREE = 64 << 20
# Parquet can hold a value repeated a million times in a few bytes.
ROWS_PER_BYTE = 50
ROWS_FREE = 1_000_000
TEXT_RATIO = 1000
TEXT_FREE = 1 << 30
# What reading a file may write to disk beside its rows; with more it needs more memory.
SPILL_LIMIT = 4 << 30
# A file of which hardly a line can be read is of another format than it seems.
REJECTED_FREE = 1_000_000
REJECTED_SHARE = 0.99


def mebibytes(limit: int) -> str:
    """The limit in words.

    >>> mebibytes(RECORD_LIMIT)
    '16 MiB'
    """
    return f"{limit >> 20} MiB"
