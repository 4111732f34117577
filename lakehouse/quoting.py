"""Quoting of SQL identifiers and literals, for the places that cannot take bound parameters."""


def quote_identifier(name: str) -> str:
    """The identifier quoted for DuckDB and Postgres.

    >>> print(quote_identifier('an "odd" name'))
    "an ""odd"" name"
    """
    if "\x00" in name:
        raise ValueError("An SQL identifier cannot hold a NUL character.")
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str) -> str:
    """The string as an SQL literal, for ATTACH, SET and CALL, which take no bound parameters.

    >>> print(quote_literal("it's"))
    'it''s'
    """
    if "\x00" in value:
        raise ValueError("An SQL literal cannot hold a NUL character.")
    return "'" + value.replace("'", "''") + "'"
