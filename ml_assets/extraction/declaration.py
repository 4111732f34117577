"""What identifies an extractor: its declaration and the libraries that read it. And its bundle."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lakehouse.errors import TidemarkError
from ml_assets.bundle import MANIFEST
from ml_assets.extraction.extractor import Extractor
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.spec.extraction_sections import Extraction

# Nothing was trained: what stands where a trained model names its training set.
UNTRAINED = "untrained"
ALGORITHM = "extraction"
# Raised where this package finds other mentions than before by the same declaration.
_RULES = 1
_LIBRARIES = ("ahocorasick-rs", "google-re2", "py3langid", "stopwordsiso")


def declaration(spec: ExtractionSpec) -> dict[str, Any]:
    """What makes the extractor what it is, as JSON values: columns, fields, libraries.

    Labels, gate, scoring and monitors decide what happens to its values, not what they are. The
    order of columns and fields is part of it: mentions come in that order.
    """
    extraction = spec.extraction.model_dump(mode="json", exclude={"labels"})
    return {
        "task": spec.task,
        "rules": _RULES,
        "table": spec.table,
        "entity_key": spec.entity_key,
        "columns": extraction["columns"],
        "fields": [{"name": name, **field} for name, field in extraction["fields"].items()],
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def declaration_hash(spec: ExtractionSpec) -> str:
    """SHA-256 (hex) of the declaration: versions of equal declarations find the same."""
    return hashlib.sha256(_text(declaration(spec)).encode()).hexdigest()


def save_extractor(spec: ExtractionSpec, folder: Path) -> str:
    """Writes the declaration as the folder's only file, and returns the bundle's hash."""
    folder.mkdir(parents=True, exist_ok=True)
    text = _text(declaration(spec))
    (folder / MANIFEST).write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def load_extractor(folder: Path, *, expected_hash: str | None = None) -> Extractor:
    """The extractor of the folder.

    Args:
        folder: What `save_extractor` wrote to.
        expected_hash: What it returned; None to take the bundle as it is.

    Raises:
        TidemarkError: The file is missing or was changed.
    """
    file = folder / MANIFEST
    if not file.exists():
        raise TidemarkError(
            f"There is no extractor in {folder}: {MANIFEST} is missing.",
            hint="Restore the lake's artifacts.",
        )
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if expected_hash is not None and found != expected_hash:
        raise TidemarkError(
            f"{file} is not what was saved: SHA-256 {found[:12]}..., expected"
            f" {expected_hash[:12]}...",
            hint="The file was changed or damaged. Restore it from a backup.",
        )
    kept = json.loads(content)
    fields = {field.pop("name"): field for field in kept["fields"]}
    return Extractor(Extraction.model_validate({"columns": kept["columns"], "fields": fields}))


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
