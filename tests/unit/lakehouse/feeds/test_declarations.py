import re
from pathlib import Path

import pytest

from lakehouse.errors import TidemarkError
from lakehouse.feeds.document import Feed
from lakehouse.feeds.loading import find_feed, load_feeds, parse_feed
from lakehouse.sources import Source, landing_folders, load_sources, with_feeds

ROOT = Path(__file__).resolve().parents[4]
TABLES = {"series": Source(name="series", columns=("series", "date", "value"))}
GOOD = """\
name: bank
into: series
records: rows[]
columns: {series: {parent: id}, date: d, value: v}
from:
  kind: http
  url: https://bank.example/{from}/{token}
  token: BANK_TOKEN
  incremental: {column: date, format: "%d/%m/%Y", start: "2020-01-01"}
"""


def rendered(text: str) -> list[str]:
    return [error.render() for error in parse_feed(text, "x.yaml").errors]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def test_a_declaration_loads_with_its_defaults() -> None:
    feed = parse_feed(GOOD, "x.yaml").spec
    assert feed is not None
    assert feed.table == "series"
    assert feed.variables == ("BANK_TOKEN",)
    assert Feed(name="plain").table == "plain"
    assert Feed(name="plain").pulled is None


def test_the_shipped_declarations_fit_the_raw_tables() -> None:
    tables = load_sources(ROOT / "dbt_project")
    folder = load_feeds(ROOT / "sources", tables)
    assert [error.render() for broken in folder.broken for error in broken.errors] == []
    assert len(folder.specs) == 9
    pulled = [feed.pulled for feed in folder.specs.values() if feed.pulled]
    # Nobody's network is reached unasked.
    assert [origin.schedule.running for origin in pulled if origin.schedule] == [False] * 7


def test_the_examples_of_the_documentation_are_good() -> None:
    page = (ROOT / "docs" / "sources.md").read_text()
    examples = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    kinds = []
    for text in examples:
        parsed = parse_feed(text, "docs/sources.md")
        assert parsed.spec is not None, [error.render() for error in parsed.errors]
        kinds.append(parsed.spec.origin.kind)
    assert kinds == ["files", "http", "postgres", "url", "webhook"]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("kind: http", "kind: htpp", "x.yaml:6:9 from.kind: 'htpp' is not allowed. Allowed: files,"
         " http, postgres, url, webhook. Did you mean http?"),
        ("  token: BANK_TOKEN\n", "", "x.yaml:7:8 from.url: `{token}` needs `from.token`. Allowed:"
         " {from}, {to}."),
        ("{from}", "{form}", "x.yaml:7:8 from.url: `{form}` stands for nothing. Allowed: {from},"
         " {to}, {token}. Did you mean from?"),
        ("records: rows[]\n", "", "x.yaml:3:28 columns.series.parent: 'id' is a field around"
         " records, but there is no `records`."),
        ("{parent: id}", "{parent: id, value: a}", "x.yaml:4:19 columns.series: 'series' needs one"
         " of column, value and parent. Allowed: column, value or parent."),
        ("{parent: id}", "{parnt: id}", "x.yaml:4:20 columns.series.parnt: 'parnt' is not a field"
         " here. Allowed: column, optional, parent, value. Did you mean parent?"),
        ("column: date", "column: dat", "x.yaml:9:25 from.incremental.column: 'dat' is not among"
         " the columns. Allowed: series, date, value. Did you mean date?"),
        ('"2020-01-01"', '"01/01/2020"', "x.yaml:9:58 from.incremental.start: '01/01/2020' is not"
         " a date, as in 2024-01-31."),
        ("rows[]", "rows[0]", "x.yaml:3:10 records: 'rows[0]' is not of this form. Allowed: text"
         r" that matches ^(\[\]|[^.\[\]]+(\[\])?)(\.[^.\[\]]+(\[\])?)*$."),
        ("https:", "ftp:", "x.yaml:7:8 from.url: 'ftp://bank.example/{from}/{token}' is not of this"
         " form. Allowed: text that matches ^https?://[^/?#]+."),
    ],
)  # fmt: skip
def test_an_error_names_place_value_and_what_is_allowed(old: str, new: str, error: str) -> None:
    assert error in rendered(changed(old, new))


def test_all_errors_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(changed("into: series", "into: seris"))
    (tmp_path / "b.yaml").write_text("name: b\ninto: series\ncolumns: {vale: x}\n")
    (tmp_path / "c.yaml").write_text("name: c\nfrom: {kind: postgres, connection: lower}\n")
    (tmp_path / "d.yaml").write_text("name: d\ninto: series\n")
    folder = load_feeds(tmp_path, TABLES)
    assert list(folder.specs) == ["d"]
    texts = {broken.name: [error.render() for error in broken.errors] for broken in folder.broken}
    assert sorted(texts) == ["b", "bank", "c"]
    assert "Did you mean series?" in texts["bank"][0]
    assert "b.yaml:3:11 columns.vale: The raw table 'series' declares no column" in texts["b"][0]
    assert "from.connection: 'lower' is not of this form" in texts["c"][0]
    assert load_feeds(tmp_path / "nothing", TABLES).specs == {}


def test_several_sources_fill_one_table_and_a_broken_one_waits() -> None:
    feeds = [Feed(name="one", into="series"), Feed(name="two", into="series")]
    filled = with_feeds(TABLES, feeds)
    assert list(landing_folders(filled.values())) == ["series", "one", "two"]
    assert filled["series"].feed_of("two/2024/x.csv").name == "two"
    # The table's own declaration is broken: what landed there must not be read without it.
    assert list(landing_folders(with_feeds(TABLES, feeds, broken=["series"]).values())) == [
        "one",
        "two",
    ]


def test_a_change_of_how_files_are_read_is_a_new_reading() -> None:
    plain, renamed = Feed(name="a"), Feed(name="a", columns={"x": "y"})
    assert plain.reading == ""
    assert renamed.reading not in ("", Feed(name="a", columns={"x": "z"}).reading)
    assert renamed.reading == Feed(name="a", columns={"x": "y"}, description="else").reading


def test_an_unknown_source_names_the_nearest() -> None:
    with pytest.raises(TidemarkError, match="Did you mean 'bank'"):
        find_feed({"bank": Feed(name="bank")}, "bnak")
