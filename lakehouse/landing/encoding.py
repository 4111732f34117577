"""Which characters a file's bytes mean, from the bytes alone, and turning them into UTF-8."""

import codecs
from collections.abc import Iterable, Iterator
from typing import Literal

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "cp1252"]

BYTE_ORDER_MARKS: dict[bytes, Encoding] = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# In UTF-16 the punctuation of JSON and CSV alone gives more than this share of zero bytes.
_UTF16_ZERO_SHARE = 0.05
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# As browsers read it: the five bytes that cp1252 leaves open are control characters, so that
# every byte means something. Latin-1 text is a part of it.
_CP1252 = "".join(
    bytes([byte]).decode("latin-1" if byte in b"\x81\x8d\x8f\x90\x9d" else "cp1252")
    for byte in range(256)
)


def byte_order_mark(sample: bytes) -> bytes:
    """The byte order mark that the bytes start with; empty if there is none."""
    return next((mark for mark in BYTE_ORDER_MARKS if sample.startswith(mark)), b"")


def encoding_of(sample: bytes, *, at_end: bool = True) -> Encoding | None:
    """The encoding of a file by its first bytes; None if they are ASCII, which decides nothing.

    Without a byte order mark: UTF-16 if zero bytes stand almost only on even or only on odd
    places; UTF-8 if most of what is not ASCII is valid UTF-8 (one broken line must not turn the
    others into another encoding); else cp1252.

    Args:
        sample: The file's first bytes.
        at_end: Whether the file ends with them; else the last character may be cut.

    >>> encoding_of("año".encode()), encoding_of("año".encode("latin-1")), encoding_of(b"ano")
    ('utf-8', 'cp1252', None)
    """
    if mark := byte_order_mark(sample):
        return BYTE_ORDER_MARKS[mark]
    if encoding := _utf16_by_zeros(sample):
        return encoding
    return None if sample.isascii() else utf8_or_cp1252(sample, at_end=at_end)


def _utf16_by_zeros(sample: bytes) -> Encoding | None:
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    needed = max(2, len(sample) // 2 * _UTF16_ZERO_SHARE)
    # Letters such as U+0100 put some zeros on the other side.
    if odd >= needed and odd > 4 * even:
        return "utf-16-le"
    if even >= needed and even > 4 * odd:
        return "utf-16-be"
    return None


def utf8_or_cp1252(sample: bytes, *, at_end: bool) -> Encoding:
    """UTF-8 if at least half of the bytes' other than ASCII characters are valid in it."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample, at_end)
    invalid = text.count(_REPLACEMENT) - sample.count(_REPLACEMENT.encode())
    if not invalid:
        return "utf-8"
    valid = sum(not character.isascii() for character in text) - invalid
    return "utf-8" if valid >= invalid else "cp1252"


def as_utf8(blocks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    r"""The blocks in UTF-8; what is not valid in its encoding stays invalid in UTF-8.

    >>> b"".join(as_utf8([b"a\x00", b"\xf1\x00"], "utf-16-le")).decode()
    'añ'
    """
    if encoding == "utf-8":
        yield from blocks
    elif encoding == "cp1252":
        for block in blocks:
            yield codecs.charmap_decode(block, "strict", _CP1252)[0].encode()  # type: ignore[arg-type]
    else:
        yield from _utf16_as_utf8(blocks, encoding)


def _utf16_as_utf8(blocks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    # Halves of surrogate pairs pass through and are not valid in UTF-8 either.
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    rest, _ = decoder.getstate()
    if rest:
        yield b"\xff"
