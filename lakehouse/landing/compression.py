"""Reading compressed files as what they hold, chosen by their first bytes, not their names."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from lakehouse.errors import TidemarkError
from lakehouse.landing.limits import UNPACKED_FREE, UNPACKED_RATIO, mebibytes

Compression = Literal["none", "gzip", "zstd"]

_MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Office document",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"%PDF": "a PDF document",
    b"PARE": "an encrypted Parquet file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\xff\xfe\x00\x00": "text in UTF-32",
    b"\x00\x00\xfe\xff": "text in UTF-32",
    # Where these still stand after unpacking.
    b"\x1f\x8b": "compressed twice",
    b"\x28\xb5\x2f\xfd": "compressed twice",
}


class UnreadableFileError(TidemarkError):
    """A landed file that cannot be read at all; it is entered in the ledger as rejected."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, hint="Land a sound copy of the file under the same name.")


def compression_of(start: bytes) -> Compression:
    """The compression that a file's first bytes tell of.

    >>> compression_of(gzip.compress(b"text")), compression_of(b"text")
    ('gzip', 'none')
    """
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "none")


def foreign_kind(start: bytes) -> str | None:
    """What a file of a kind that is not read here is, in words; None if it is not known.

    >>> foreign_kind(b"%PDF-1.7")
    'a PDF document'
    """
    return next((kind for magic, kind in _FOREIGN.items() if start.startswith(magic)), None)


@contextmanager
def open_decompressed(path: Path, compression: Compression) -> Iterator[IO[bytes]]:
    """The file's content as a stream of bytes.

    Raises:
        UnreadableFileError: Reading inside the block met a damaged or cut compressed stream, or
            one that holds far more than data does.
    """
    try:
        with _open(path, compression) as stream:
            yield stream
    except (EOFError, zlib.error) as error:
        raise _damaged(compression, error) from error
    except OSError as error:
        # The decompressors' own complaints carry no errno; a failing disk does.
        if error.errno is not None or compression == "none":
            raise
        raise _damaged(compression, error) from error


@contextmanager
def _open(path: Path, compression: Compression) -> Iterator[Any]:
    with path.open("rb") as packed:
        if compression == "none":
            yield packed
        elif compression == "gzip":
            with gzip.GzipFile(fileobj=packed) as stream:
                yield _Unpacked(stream, packed)
        else:
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd") as stream:
                yield _Unpacked(stream, packed)


class _Unpacked:
    """A decompressed stream that ends in an error once it holds far more than data does."""

    def __init__(self, stream: Any, packed: IO[bytes]) -> None:
        self._stream = stream
        self._packed = packed
        self._size = 0

    def read(self, size: int) -> bytes:
        block: bytes = self._stream.read(size)
        self._size += len(block)
        if self._size > UNPACKED_FREE and self._size > UNPACKED_RATIO * self._packed.tell():
            raise UnreadableFileError(
                f"It unpacks to more than {UNPACKED_RATIO} times its size (after"
                f" {mebibytes(self._size)}), as decompression bombs do. If it is sound, land it"
                " uncompressed."
            )
        return block


def _damaged(compression: Compression, error: Exception) -> UnreadableFileError:
    return UnreadableFileError(f"The {compression} stream is damaged or cut short ({error}).")
