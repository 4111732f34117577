import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.detection import Detection, detect, utf8_blocks
from lakehouse.landing.encoding import as_utf8, encoding_of
from lakehouse.landing.text_format import delimiter_of, text_format


def _detect(tmp_path: Path, content: bytes, name: str = "file") -> Detection:
    path = tmp_path / "content"
    path.write_bytes(content)
    return detect(path, name)


def _text(tmp_path: Path, content: bytes, name: str = "file") -> bytes:
    detection = _detect(tmp_path, content, name)
    return b"".join(utf8_blocks(tmp_path / "content", detection))


@pytest.mark.parametrize(
    ("text", "encoded_in", "encoding"),
    [
        ("plain", "ascii", None),
        ("", "ascii", None),
        ("año 'ключ'", "utf-8", "utf-8"),
        ("año", "utf-8-sig", "utf-8"),
        ("año", "latin-1", "cp1252"),
        ("“quoted” €", "cp1252", "cp1252"),
        ('{"a": "año"}', "utf-16-le", "utf-16-le"),
        ('{"a": "año"}', "utf-16-be", "utf-16-be"),
        ('{"a": "ĀĀ"}', "utf-16-be", "utf-16-be"),
        ("id,مراجعة\n1,تطبيق رائع\n", "utf-16", "utf-16-le"),
    ],
)
def test_encodings_are_told_apart(text: str, encoded_in: str, encoding: str | None) -> None:
    assert encoding_of(text.encode(encoded_in)) == encoding


def test_one_broken_character_does_not_turn_utf8_into_something_else() -> None:
    assert encoding_of("ñ ñ ".encode() + b"\xf1") == "utf-8"


def test_one_nul_character_does_not_make_utf16() -> None:
    assert encoding_of(b'{"a": "x\x00"}') is None


def test_a_character_cut_by_the_end_of_the_sample_is_not_broken() -> None:
    cut = "€".encode()[:2]
    assert encoding_of(cut, at_end=False) == "utf-8"
    assert encoding_of(cut, at_end=True) == "cp1252"


def test_the_deciding_character_may_stand_deep_in_the_file(tmp_path: Path) -> None:
    ascii_part = b'{"a": 1}\n' * 1_100_000
    for text, encoding in (("ñ", "utf-8"), ("ñ", "cp1252")):
        content = ascii_part + text.encode(encoding) + b"\n"
        assert _detect(tmp_path, content, "x.jsonl").encoding == encoding
        assert _text(tmp_path, content, "x.jsonl").endswith("ñ\n".encode())


@given(st.binary())
def test_cp1252_gives_every_byte_a_meaning(content: bytes) -> None:
    text = b"".join(as_utf8([content], "cp1252")).decode()
    assert len(text) == len(content)
    assert b"".join(as_utf8([b"\x80\x81\xe9"], "cp1252")).decode() == "€\x81é"


@given(st.text(), st.integers(1, 5), st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_utf16_in_blocks_of_any_size_is_the_same_text(text: str, size: int, encoding: str) -> None:
    content = text.encode(encoding)
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    assert b"".join(as_utf8(blocks, encoding)).decode() == text  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"\x00\xd8a\x00", b"a\x00b"])
def test_broken_utf16_stays_invalid(content: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        b"".join(as_utf8([content], "utf-16-le")).decode()


@pytest.mark.parametrize(
    ("sample", "name", "expected"),
    [
        ('{"a": 1}\n{"a": 2}\n', "x.txt", "jsonl"),
        ('{"a": 1}', "x.json", "jsonl"),
        ("not json\n" * 3 + '{"a": 1}\n', "x.txt", "jsonl"),
        ("not json\n", "x.jsonl.gz", "jsonl"),
        ('{"a": 1\n{"a": 2}\n{"a": 3}\n', "x", "jsonl"),
        ('[{"a": 1},\n {"a": 2}]', "x.jsonl", "json"),
        ('[\n{"a": 1},\n{"a": 2}\n]', "x.json", "json"),
        ('{\n  "a": {\n    "b": 1\n  }\n}\n', "x.json", "json"),
        ('{\n  "a": [\n    {"b": 1}\n', "x", "json"),
        ("[]", "x.json", "json"),
        ("[1, 2]", "x.json", "json"),
        ("a,b\n1,2\n", "x.json", "csv"),
        ("a,b\n1,2\n", "x", "csv"),
        ('{"a": 1}\n', "x.csv.zst", "csv"),
        ("[INFO] started\n", "x.log", "csv"),
    ],
)
def test_text_formats_are_told_apart(sample: str, name: str, expected: str) -> None:
    assert text_format(sample, name) == expected


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2\n2,5;3\n", ";"),
        ("a\tb, c\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("only\n1\n", ","),
        ("", ","),
        ('a,b\n"x;y;z",2\n', ","),
        ("a;b\nx;1\ny, and more;2\nthe last is c", ";"),
        ('a;b\n"open', ";"),
    ],
)
def test_delimiters_are_told_apart(sample: str, delimiter: str) -> None:
    assert delimiter_of(sample) == delimiter


def test_detection_goes_by_content_and_says_what_it_found(tmp_path: Path) -> None:
    content = gzip.compress("a;b\nñ;1\n".encode("utf-16"))
    detection = _detect(tmp_path, content, "misleading.zst")
    assert str(detection) == "csv, delimiter ';', utf-16-le with a mark, gzip"
    assert _text(tmp_path, content) == "a;b\nñ;1\n".encode()
    assert str(_detect(tmp_path, b'{"a": 1}\n')) == "jsonl, utf-8"


@pytest.mark.parametrize(
    "content", [b"", b"\xef\xbb\xbf", b"\xff\xfe", gzip.compress(b"", mtime=0)]
)
def test_nothing_but_a_mark_is_an_empty_file(tmp_path: Path, content: bytes) -> None:
    assert _detect(tmp_path, content).format == "empty"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04zip", "a zip archive"),
        (gzip.compress(b"%PDF-1.7", mtime=0), "a PDF"),
        (bytes(range(256)) * 40, "binary"),
        (b"\x00" * 1000, "binary"),
        (gzip.compress(b"text", mtime=0)[:-4], "damaged or cut short"),
        (b"\x1f\x8bno gzip at all", "damaged or cut short"),
        (b"\x28\xb5\x2f\xfdno zstd at all", "damaged or cut short"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason):
        _detect(tmp_path, content)


def test_a_stream_cut_behind_the_sample_is_found_while_reading(tmp_path: Path) -> None:
    lines = b"".join(b'{"a": %d}\n' % number for number in range(100_000))
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(lines)
    for packed in (gzip.compress(lines, mtime=0), sink.getvalue().to_pybytes()):
        with pytest.raises(UnreadableFileError, match="damaged or cut short"):
            _text(tmp_path, packed[:-10])


def test_members_of_a_gzip_file_follow_each_other(tmp_path: Path) -> None:
    assert (
        _text(tmp_path, gzip.compress(b"a,b\n", mtime=0) + gzip.compress(b"1,2\n")) == b"a,b\n1,2\n"
    )


def test_carriage_returns_alone_end_lines_of_csv(tmp_path: Path) -> None:
    assert _detect(tmp_path, b"a,b\r1,2\r").line_end == "\r"
    assert _detect(tmp_path, b"a,b\r\n1,2\r\n").line_end == "\n"
