"""Rows of a real Postgres: incremental, exact, each once."""

import json
from collections.abc import Callable, Iterator

import psycopg
import pytest

from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.sources import Source
from tests.integration.lakehouse.pulls.conftest import Puller

pytestmark = pytest.mark.integration
ORDERS = Source(name="orders", columns=("id", "amount", "note", "at"))
VARIABLE = "SHOP_URL"


@pytest.fixture
def shop(lake: Lake, database_url: str) -> Iterator[psycopg.Connection]:
    """A shop's database; the lake's catalog lives in the same one, and was there first."""
    assert lake.config.postgres_url.get_secret_value() == database_url
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "create table orders (id bigint primary key, amount numeric, note text,"
            " at timestamptz, details json)"
        )
        connection.execute(
            "insert into orders values (1, 1.10, 'línea\nnueva', now() - interval '1 hour',"
            " '{\n \"a\": 1}'), (2, 99999999999999999999.5, '', now() - interval '1 hour', null)"
        )
        yield connection


def _orders(reading: str) -> str:
    return f"""
name: shop_orders
into: orders
columns: {{id: id, amount: amount, note: note, at: at}}
from: {{kind: postgres, connection: {VARIABLE}, {reading}}}
"""


@pytest.fixture
def orders(
    shop: psycopg.Connection, database_url: str, puller: Callable[..., Puller]
) -> Callable[[str], Puller]:
    return lambda reading: puller(
        _orders(reading), table=ORDERS, variables={VARIABLE: database_url}
    )


def test_rows_by_key_are_read_once_and_exactly(
    orders: Callable[[str], Puller], shop: psycopg.Connection
) -> None:
    source = orders("table: public.orders, incremental: {column: id, by: key}")
    record = source.pull()
    assert (record.status, record.rows, record.cursor) == ("landed", 2, "2")
    [file] = source.landed
    assert [json.loads(line)["note"] for line in file.read_bytes().splitlines()] == [
        "línea\nnueva",
        "",
    ]
    assert source.pull().status == "unchanged"
    shop.execute("insert into orders values (3, null, null, now(), null)")
    assert source.pull().rows == 1
    assert {result.status for result in source.ingest()} == {"loaded"}
    assert source.rows("select id, amount, note from lake.raw.orders order by id") == [
        ("1", "1.10", "línea\nnueva"),
        ("2", "99999999999999999999.5", ""),
        ("3", None, None),
    ]


def test_rows_by_time_wait_until_older_ones_can_no_longer_come(
    orders: Callable[[str], Puller], shop: psycopg.Connection
) -> None:
    source = orders("table: orders, incremental: {column: at, by: timestamp, lag_seconds: 600}")
    shop.execute("insert into orders values (3, 3, 'too new', now(), null)")
    assert source.pull().rows == 2
    shop.execute("update orders set at = now() - interval '20 minutes' where id = 3")
    assert source.pull().rows == 1
    shop.execute("insert into orders values (4, 4, 'timeless', null, null)")
    with pytest.raises(TidemarkError, match="rows without 'at'"):
        source.pull()


def test_a_whole_query_replaces_its_rows_and_a_refusal_shows_no_password(
    orders: Callable[[str], Puller], shop: psycopg.Connection, database_url: str
) -> None:
    source = orders("query: select * from orders where note not like '%x%' order by id;")
    assert source.pull().rows == 2
    source.ingest()
    assert source.pull().status == "unchanged"
    shop.execute("delete from orders where id = 1")
    assert source.pull().rows == 1
    source.ingest()
    assert source.rows("select id from lake.raw.orders") == [("2",)]
    source.variables[VARIABLE] = "postgresql://nobody:pa55word@127.0.0.1:9/shop"
    with pytest.raises(TidemarkError) as caught:
        source.pull()
    assert "pa55word" not in str(caught.value)
    assert VARIABLE in caught.value.hint
