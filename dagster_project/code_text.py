"""Code without its comments and layout: what of it can change a result."""

import re

_PARTS = re.compile(
    r"""
    (?P<kept>
        \{[{%].*?[%}]\}                             # Jinja, with quotes of its own
      | --[^\n]*\{[{%][^\n]*(?:\n|$)                # a comment with Jinja, which dbt renders
      | /\*(?:(?!\*/).)*?\{[{%].*?\*/               # the same
      | [eE]'(?:[^'\\]|\\.|'')*'                    # a text with escapes
      | '(?:[^']|'')*' | "(?:[^"]|"")*"             # a text, a quoted name
      | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$             # a text between dollars
    )
    | (?P<gap>
        (?: \s+ | \{\#.*?\#\}
          | --(?![^\n]*\{[{%])[^\n]*
          | /\*(?!(?:(?!\*/).)*\{[{%]).*?\*/ )+
    )
    """,
    re.VERBOSE | re.DOTALL,
)


def normalized_sql(code: str) -> str:
    r"""The SQL (with Jinja) without comments, whatever blanks there are as one each.

    Texts, quoted names and Jinja stay as they are. What is equal here does the same; the reverse
    does not hold: `a+b` and `a + b` differ.

    >>> normalized_sql("select  'a  -- b' -- why\n  , {{ x('it''s') }} /* and */ {# how #} ")
    "select 'a  -- b' , {{ x('it''s') }}"
    """
    return _PARTS.sub(lambda part: part["kept"] or " ", code).strip()
