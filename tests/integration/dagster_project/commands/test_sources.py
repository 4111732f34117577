"""Declared sources by the command line: checked, pulled, run, beside a broken one."""

import json

import pytest

from tests.servers.api import Api, api_server, ranged

pytestmark = pytest.mark.integration


@pytest.fixture
def api():
    with api_server() as server:
        yield server


def _declare(platform, api: Api) -> str:
    """Two sources, one of them broken; returns their folder."""
    folder = platform.state / "sources"
    folder.mkdir()
    (folder / "good.yaml").write_text(f"""
name: shop_reviews
into: reviews
columns:
  rating: stars
  text: said
  asin: item
  user_id: who
  timestamp: ms
  title: {{value: From the shop}}
from:
  kind: url
  url: {api.url}/{{token}}/export.jsonl
  token: SHOP_TOKEN
""")
    (folder / "bad.yaml").write_text("name: bad\ninto: revews\n")
    return str(folder)


def test_a_pulled_file_goes_all_the_way_and_a_broken_source_stops_only_itself(
    platform, api
) -> None:
    events = [
        {"stars": 1 + n % 5, "said": f"The shop sold it for the {n}th time.", "item": f"S{n}",
         "who": f"shopper {n}", "ms": 1_755_000_000_000 + n}
        for n in range(30)
    ]  # fmt: skip
    content = "".join(json.dumps(event) + "\n" for event in events).encode()
    api.serve = ranged(content, '"v1"')
    sources = _declare(platform, api)

    error = platform.error("check", TIDEMARK_SOURCES=sources)
    assert "1 errors in 1 files" in error
    assert "The declaration of 'bad' is broken" in platform.error(
        "pull", "bad", TIDEMARK_SOURCES=sources
    )
    # Without its variable a source is passed over, and fails if it is named.
    assert "SHOP_TOKEN, which is not set" in platform.error(
        "pull", "shop_reviews", TIDEMARK_SOURCES=sources
    )
    assert api.asked == []

    environment = {"TIDEMARK_SOURCES": sources, "SHOP_TOKEN": "t0k"}
    output = platform.run("run", "--pull", "--json", **environment)
    [pulled] = json.loads(output)["pulls"]
    assert (pulled["status"], pulled["bytes"]) == ("landed", len(content))
    assert api.asked[0].path == "/t0k/export.jsonl"
    assert "t0k" not in output
    platform.landed += len(events)
    platform.assert_exact()
    assert platform.rows(
        "select count(*) as n from reviews where starts_with(_file, 'shop_reviews/')"
        " and title = 'From the shop'"
    ) == [{"n": len(events)}]
