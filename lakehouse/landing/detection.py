"""What a landed file is: compression, encoding, format, delimiter, from its content."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from lakehouse.feeds.reading import Reading
from lakehouse.landing.compression import (
    Compression,
    UnreadableFileError,
    compression_of,
    foreign_kind,
    open_decompressed,
)
from lakehouse.landing.encoding import (
    Encoding,
    as_utf8,
    byte_order_mark,
    encoding_of,
    utf8_or_cp1252,
)
from lakehouse.landing.text_format import delimiter_of, text_format

Format = Literal["empty", "jsonl", "json", "csv", "parquet"]

_SAMPLE = 1 << 18
_BLOCK = 8 << 20
# Text has tabs and line ends, and now and then a stray control character; binaries have more.
_CONTROL_SHARE = 0.02
_CONTROLS = dict.fromkeys(set(range(32)) - set(b"\t\n\r\f\x1b"))


@dataclass(frozen=True)
class Detection:
    """How a file is to be read."""

    format: Format
    compression: Compression = "none"
    encoding: Encoding = "utf-8"
    byte_order_mark: bytes = b""
    delimiter: str = ","
    line_end: str = "\n"

    def __str__(self) -> str:
        parts: list[str] = [self.format]
        if self.format == "csv":
            parts.append(f"delimiter {self.delimiter!r}")
        if self.format not in ("empty", "parquet"):
            parts.append(self.encoding + (" with a mark" if self.byte_order_mark else ""))
        if self.compression != "none":
            parts.append(self.compression)
        return ", ".join(parts)


def detect(path: Path, name: str, reading: Reading | None = None) -> Detection:
    """How to read the file, from its content; its name only settles what that leaves open.

    Args:
        path: A local file.
        name: The name that it landed under.
        reading: What its source declares; that is not asked of the content.

    Raises:
        UnreadableFileError: It is damaged, or of a kind that cannot be read.
    """
    declared = reading or Reading()
    with path.open("rb") as file:
        compression = compression_of(file.read(16))
    with open_decompressed(path, compression) as stream:
        sample = stream.read(_SAMPLE)
        if declared.format == "parquet" or (declared.format is None and sample.startswith(b"PAR1")):
            return Detection(format="parquet", compression=compression)
        if kind := foreign_kind(sample):
            raise UnreadableFileError(f"It is {kind}, which cannot be read.")
        mark = byte_order_mark(sample)
        # Before the rest is read for its encoding, which takes as long as the file is.
        _text(sample, mark, declared.encoding or encoding_of(sample, at_end=False) or "utf-8")
        encoding = declared.encoding or _encoding(sample, stream)
    text = _text(sample, mark, encoding)
    if not text:
        return Detection(format="empty", compression=compression)
    form = declared.format or text_format(text, name)
    return Detection(
        format=form,
        compression=compression,
        encoding=encoding,
        byte_order_mark=mark,
        delimiter=(declared.delimiter or delimiter_of(text)) if form == "csv" else ",",
        # Spreadsheets of old write carriage returns alone.
        line_end="\r" if form == "csv" and "\n" not in text and "\r" in text else "\n",
    )


def _text(sample: bytes, mark: bytes, encoding: Encoding) -> str:
    """The sample as text; raises if it has too many control characters to be any."""
    text = b"".join(as_utf8([sample[len(mark) :]], encoding)).decode(errors="replace")
    if len(text) - len(text.translate(_CONTROLS)) > _CONTROL_SHARE * len(text):
        raise UnreadableFileError("It is neither text nor Parquet: a binary file of another kind.")
    return text


def _encoding(sample: bytes, stream: IO[bytes]) -> Encoding:
    """The encoding by the first bytes that decide it, however deep in the file they stand."""
    # Some more bytes, so that the one character that decides is not a cut one.
    more = stream.read(64)
    if encoding := encoding_of(sample + more, at_end=not more):
        return encoding
    while block := stream.read(_BLOCK):
        more = stream.read(64)
        if not (block.isascii() and more.isascii()):
            return utf8_or_cp1252(block + more, at_end=not more)
    return "utf-8"


def utf8_blocks(path: Path, detection: Detection) -> Iterator[bytes]:
    """The file's text in UTF-8, in blocks of bounded size, without a byte order mark.

    Raises:
        UnreadableFileError: The compressed stream is damaged or cut short.
    """
    with open_decompressed(path, detection.compression) as stream:
        stream.read(len(detection.byte_order_mark))
        yield from as_utf8(iter(lambda: stream.read(_BLOCK), b""), detection.encoding)
