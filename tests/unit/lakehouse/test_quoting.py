"""Quoted names and literals come back from the engine as they were."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.quoting import quote_identifier, quote_literal

# What UTF-8 cannot hold cannot reach the engine either.
_texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(_texts)
def test_any_text_survives_as_a_literal(text):
    assert duckdb.execute(f"select {quote_literal(text)}").fetchone() == (text,)


@given(_texts.filter(bool))
def test_any_name_survives_as_an_identifier(name):
    assert duckdb.execute(f"select 1 as {quote_identifier(name)}").description[0][0] == name


@pytest.mark.parametrize("quote", [quote_identifier, quote_literal])
def test_a_nul_character_is_refused(quote):
    with pytest.raises(ValueError, match="NUL"):
        quote("a\x00b")
