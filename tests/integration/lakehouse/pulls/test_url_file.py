"""One file at a URL: resumed after a cut, checked, taken again only if it has changed."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from lakehouse.errors import TidemarkError
from lakehouse.sources import Source
from tests.integration.lakehouse.pulls.conftest import Puller
from tests.servers.api import Api, ranged

pytestmark = pytest.mark.integration
REVIEWS = Source(name="reviews", columns=("rating", "text"))
CONTENT = b"".join(b'{"rating": 5, "text": "number %d"}\n' % number for number in range(5000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def _url(api: Api, checksum: str = "") -> str:
    return f"""
name: published
into: reviews
from:
  kind: url
  url: {api.url}/data/All%20Beauty.jsonl?download=true
  {f"checksum: sha256:{checksum}" if checksum else ""}
  requests: {{per_minute: 6000, attempts: 1}}
"""


def test_a_cut_download_goes_on_where_it_was_cut(api: Api, puller: Callable[..., Puller]) -> None:
    serve = ranged(CONTENT, '"v1"')
    source = puller(_url(api, SHA256), table=REVIEWS)
    api.serve = lambda asked: replace(serve(asked), sent=100_000)
    with pytest.raises(TidemarkError, match="tried once"):
        source.pull()
    assert source.landed == []
    api.serve = serve
    record = source.pull()
    assert (record.status, record.bytes, record.content_hash) == ("landed", len(CONTENT), SHA256)
    assert api.asked[-1].headers["range"] == "bytes=65536-"
    [file] = source.landed
    assert file.name == "All_Beauty.jsonl"
    assert file.read_bytes() == CONTENT
    source.ingest()
    assert source.rows("select count(*) from lake.raw.reviews") == [(5000,)]
    # The declared checksum is that of what is here: nobody is asked.
    asked = len(api.asked)
    assert source.pull().status == "unchanged"
    assert len(api.asked) == asked


def test_a_file_that_changed_meanwhile_is_not_glued_to_its_former_part(
    api: Api, puller: Callable[..., Puller]
) -> None:
    source = puller(_url(api), table=REVIEWS)
    old = ranged(b"old " * 50_000, '"v0"')
    api.serve = lambda asked: replace(old(asked), sent=100_000)
    with pytest.raises(TidemarkError):
        source.pull()
    api.serve = ranged(CONTENT, '"v1"')
    source.pull()
    assert source.landed[0].read_bytes() == CONTENT
    assert source.pull().status == "unchanged"
    assert api.asked[-1].headers["if-none-match"] == '"v1"'
    # A new version takes the place of the one before.
    source.ingest()
    api.serve = ranged(CONTENT[: CONTENT.index(b"\n") + 1], '"v2"')
    assert source.pull().status == "landed"
    source.ingest()
    assert source.rows("select count(*) from lake.raw.reviews") == [(1,)]


def test_a_wrong_checksum_lands_nothing(api: Api, puller: Callable[..., Puller]) -> None:
    api.serve = ranged(CONTENT, '"v1"')
    source = puller(_url(api, "0" * 64), table=REVIEWS)
    with pytest.raises(TidemarkError, match=f"is {SHA256}, not 000"):
        source.pull()
    assert source.landed == []
    assert list((source.folder / "state" / "pulls").rglob("partial/*.jsonl")) == []
