"""APIs in the shapes of the real ones: cursor, revisions, changed schema, kills, pages."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.errors import TidemarkError
from lakehouse.pulls import pull
from tests.integration.lakehouse.pulls.conftest import Puller
from tests.servers.api import Api, Asked, Reply, sie

pytestmark = pytest.mark.integration

TOKEN = "t0ken-of-the-test"  # noqa: S105 - of a server of its own
RAW = "lake.raw.series_observations"
VALUES = {
    date(2025, 11, 20): "18.2534",
    date(2025, 11, 21): "18.4012",
    date(2025, 11, 24): "N/E",
    date(2025, 11, 25): "1,018.40",
}
Make = Callable[..., Puller]


def _banxico(url: str, start: str = "2025-11-01") -> str:
    return f"""
name: banxico_fix
into: series_observations
records: bmx.series[].datos[]
columns: {{series: {{parent: idSerie}}, date: fecha, value: dato}}
from:
  kind: http
  url: {url}/series/SF43718/datos/{{from}}/{{to}}
  headers: {{Bmx-Token: "{{token}}"}}
  token: BANXICO_TOKEN
  incremental: {{column: date, format: "%d/%m/%Y", start: "{start}", overlap_days: 4}}
  requests: {{per_minute: 6000, attempts: 3, timeout_seconds: 5}}
"""


@pytest.fixture
def banxico(api: Api, puller: Make) -> Puller:
    api.serve = sie(dict(VALUES), token=TOKEN)
    return puller(_banxico(api.url), variables={"BANXICO_TOKEN": TOKEN})


def test_an_answer_lands_as_it_came_and_the_next_request_goes_on_from_it(
    api: Api, banxico: Puller
) -> None:
    api.script = [Reply(status=429, headers={"Retry-After": "1"}), Reply(b"down", 500)]
    record = banxico.pull()
    assert (record.status, record.rows, record.cursor) == ("landed", 4, "2025-11-25")
    assert TOKEN not in record.request
    assert api.asked[-1].path == "/series/SF43718/datos/2025-11-01/2025-11-25"
    [file] = banxico.landed
    assert file.read_bytes() == api.serve(api.asked[-1]).body
    assert [str(result.status) for result in banxico.ingest()] == ["loaded"]
    assert banxico.rows(f"select series, date, value from {RAW} order by _line") == [
        ("SF43718", f"{day:%d/%m/%Y}", value) for day, value in VALUES.items()
    ]

    # A day later without a new value: asked with the overlap, the same bytes as a shorter range.
    banxico.now += timedelta(days=1)
    assert banxico.pull().status == "landed"
    assert api.asked[-1].path == "/series/SF43718/datos/2025-11-21/2025-11-26"
    banxico.now += timedelta(days=1)
    again = banxico.pull()
    assert (again.status, again.files, again.cursor) == ("unchanged", 0, "2025-11-25")
    assert len(banxico.landed) == 2


def test_a_revised_value_stands_beside_the_former_one(api: Api, banxico: Puller) -> None:
    values = dict(VALUES)
    api.serve = sie(values, token=TOKEN)
    banxico.pull()
    banxico.ingest()
    before = banxico.lake.snapshot_id()
    values[date(2025, 11, 24)] = "18.3911"
    banxico.now += timedelta(days=1)
    banxico.pull()
    banxico.ingest()
    query = f"select value from {RAW} {{}} where date = '24/11/2025' order by _load_id"
    assert banxico.rows(query.format("")) == [("N/E",), ("18.3911",)]
    # What was trained on the former value can be read again.
    assert banxico.rows(query.format(f"at (version => {before})")) == [("N/E",)]
    ledger = "select count(*), count(superseded_by) from lake.ops.file_ledger"
    assert banxico.rows(ledger) == [(2, 0)]


def test_a_changed_schema_names_the_field_keeps_the_file_and_the_cursor(
    api: Api, banxico: Puller
) -> None:
    banxico.pull()
    api.serve = sie({date(2025, 11, 26): "18.5"}, token=TOKEN, key="valor")
    banxico.now += timedelta(days=1)
    for _ in range(2):
        with pytest.raises(TidemarkError) as caught:
            banxico.pull()
        assert "no 'dato', which the source declares for the column 'value'" in str(caught.value)
    assert banxico.rows(
        "select status, files, cursor from lake.ops.pulls order by pulled_at, snapshot_id"
    ) == [
        ("landed", 1, "2025-11-25"),
        ("unreadable", 1, "2025-11-25"),
        # The same bytes do not land twice.
        ("unreadable", 0, "2025-11-25"),
    ]
    assert sorted(result.status for result in banxico.ingest()) == ["loaded", "rejected"]
    # The declaration follows the publisher: what was kept is read again, what was read stays.
    banxico.declaration = banxico.declaration.replace("value: dato", "value: [dato, valor]")
    assert {result.status for result in banxico.ingest()} == {"loaded"}
    assert banxico.rows(f"select count(*), count(value) from {RAW}") == [(5, 5)]
    assert banxico.ingest() == []


def test_without_records_where_they_should_be_the_error_says_what_is_there(
    api: Api, banxico: Puller
) -> None:
    api.serve = lambda _: Reply(b'{"bmx": {"series": [{"idSerie": "SF43718"}]}}')
    with pytest.raises(TidemarkError, match=r"bmx\.series\[\] has no field 'datos'; it has 'idS"):
        banxico.pull()


def test_dates_of_another_form_do_not_move_the_cursor(api: Api, banxico: Puller) -> None:
    row = {"fecha": "2025-11-25", "dato": "18.4"}
    series = {"bmx": {"series": [{"idSerie": "SF43718", "datos": [row]}]}}
    api.serve = lambda _: Reply(json.dumps(series).encode())
    with pytest.raises(TidemarkError, match=r"of the form %d/%m/%Y; one is '2025-11-25'"):
        banxico.pull()


def test_a_wrong_or_missing_token_lands_nothing(banxico: Puller) -> None:
    banxico.variables = {"BANXICO_TOKEN": "another"}
    with pytest.raises(TidemarkError) as caught:
        banxico.pull()
    assert "401" in caught.value.message
    assert "BANXICO_TOKEN" in caught.value.hint
    assert "another" not in str(caught.value)
    banxico.variables.clear()
    with pytest.raises(TidemarkError, match="BANXICO_TOKEN, which is not set"):
        banxico.pull()
    assert banxico.landed == []


@pytest.mark.parametrize("moment", ["land_under", "record_pull", "clear"])
def test_a_pull_killed_at_any_moment_loses_and_doubles_nothing(
    banxico: Puller, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise SystemExit(moment)

    with monkeypatch.context() as patch:
        patch.setattr(pull.Spool if moment == "clear" else pull, moment, killed)
        with pytest.raises(SystemExit):
            banxico.pull()
    banxico.ingest()
    banxico.now += timedelta(seconds=5)
    # The first is carried to its end, the second finds what it has asked for already.
    again = banxico.pull()
    assert again.cursor == "2025-11-25"
    banxico.ingest()
    pulls = banxico.rows("select status, rows from lake.ops.pulls order by pulled_at")
    assert pulls[0] == ("landed", 4)
    first = banxico.rows(f"select count(*), count(distinct date) from {RAW} where _file = "
                         f"(select min(_file) from {RAW})")  # fmt: skip
    assert first == [(4, 4)]
    assert len({path.name for path in banxico.landed}) == len(pulls)


def _paged(asked: Asked) -> Reply:
    page = int(asked.query.get("page", "1"))
    rows = [{"id": str(3 * page + n), "v": "x"} for n in range(3)] if page < 3 else []
    return Reply(json.dumps({"rows": rows}).encode())


def test_pages_are_asked_for_until_one_is_empty(api: Api, puller: Make) -> None:
    api.serve = _paged
    paged = puller(f"""
name: numbered
into: series_observations
records: rows[]
columns: {{series: {{value: a}}, date: id, value: v}}
from:
  kind: http
  url: {api.url}/rows
  parameters: {{since: "{{from}}"}}
  incremental: {{column: date, start: "0"}}
  pages: {{by: number, parameter: page}}
  requests: {{per_minute: 6000}}
""")
    record = paged.pull()
    assert (record.files, record.rows, record.cursor) == (2, 6, "8")
    assert [asked.query["page"] for asked in api.asked] == ["1", "2", "3"]
    # A server that does not know the parameter would be asked forever.
    api.serve = lambda _: Reply(b'{"rows": [{"id": "9", "v": "x"}]}')
    with pytest.raises(TidemarkError, match="page 2 is the same as the one before"):
        paged.pull()
    assert len(paged.landed) == 2


def test_linked_pages_stay_at_their_host(api: Api, puller: Make) -> None:
    def linked(asked: Asked) -> Reply:
        target = {"/a": "/b", "/b": "http://localhost:1/c"}[asked.path]
        body = {"rows": [{"id": asked.path, "v": "x"}], "links": {"next": target}}
        return Reply(json.dumps(body).encode())

    api.serve = linked
    paged = puller(f"""
name: linked
into: series_observations
records: rows[]
columns: {{date: id, value: v}}
from:
  kind: http
  url: {api.url}/a
  pages: {{by: link, field: links.next}}
  requests: {{per_minute: 6000}}
""")
    with pytest.raises(TidemarkError, match="at another host, http://localhost:1/c"):
        paged.pull()
    assert [asked.path for asked in api.asked] == ["/a", "/b"]
    assert paged.landed == []


@pytest.mark.shared_data
def test_the_real_series_of_banxico_comes_whole_and_then_by_the_day(
    api: Api, puller: Make, shared_data: Path
) -> None:
    document = json.loads(
        gzip.decompress((shared_data / "fx/banxico_sie/SF43718.json.gz").read_bytes())
    )
    [series] = document["bmx"]["series"]
    values = {
        datetime.strptime(row["fecha"], "%d/%m/%Y").replace(tzinfo=UTC).date(): row["dato"]
        for row in series["datos"]
    }
    published = {day: value for day, value in values.items() if day < date(2025, 11, 20)}
    api.serve = sie(published, token=TOKEN)
    real = puller(_banxico(api.url, "1991-11-12"), variables={"BANXICO_TOKEN": TOKEN})
    real.now = datetime(2025, 11, 19, 20, tzinfo=UTC)
    assert real.pull().cursor == "2025-11-19"
    for day in (20, 21, 24, 25):
        published[date(2025, 11, day)] = values[date(2025, 11, day)]
        real.now = datetime(2025, 11, day, 20, tzinfo=UTC)
        assert real.pull().cursor == f"2025-11-{day}"
    assert {result.status for result in real.ingest()} == {"loaded"}
    newest = f"select date, arg_max(value, _load_id) from {RAW} group by date"
    assert dict(real.rows(newest)) == {f"{day:%d/%m/%Y}": value for day, value in values.items()}
    assert len(values) == 8556
