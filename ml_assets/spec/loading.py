"""Reading a folder of specs: those of models, and those of extractions."""

from pathlib import Path
from typing import Any, get_args

from lakehouse.declaration.folder import ParsedSpec, SpecFolder, load_folder, parse
from lakehouse.declaration.messages import Language
from ml_assets.metrics import TaskName
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.extraction import ExtractionSpec

Spec = ModelSpec | ExtractionSpec

_EXTRACTION = "extraction"
_MODEL_LANGUAGE = Language(
    ModelSpec,
    title="A spec",
    example="name: reviews_rating",
    alternatives={("monitors", "features"): ", or a list of features"},
    elsewhere={("task",): (_EXTRACTION,)},
)
_EXTRACTION_LANGUAGE = Language(
    ExtractionSpec,
    title="A spec",
    example="name: review_mentions",
    elsewhere={("task",): get_args(TaskName)},
)


def load_specs(folder: Path) -> SpecFolder[Spec]:
    """All specs of the folder's `.yaml` and `.yml` files, the broken ones apart."""
    return load_folder(folder, language_of)


def parse_spec(text: str, file: str) -> ParsedSpec[Spec]:
    """The spec in the YAML text, or all errors of it; never raises on any text."""
    return parse(text, file, language_of)


def language_of(data: Any) -> Language[Spec]:
    """The kind of spec that the task asks for; where that is mistyped, what the sections tell.

    >>> language_of({"task": "extractoin", "extraction": {}}).model.__name__
    'ExtractionSpec'
    """
    if not isinstance(data, dict):
        return _MODEL_LANGUAGE
    task = data.get("task")
    mistyped = task not in get_args(TaskName) and _EXTRACTION in data
    return _EXTRACTION_LANGUAGE if task == _EXTRACTION or mistyped else _MODEL_LANGUAGE
