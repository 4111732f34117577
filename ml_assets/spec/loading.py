"""Reading a folder of model specs."""

from pathlib import Path

from lakehouse.declaration.folder import ParsedSpec, SpecFolder, load_folder, parse
from lakehouse.declaration.messages import Language
from ml_assets.spec.document import ModelSpec

_LANGUAGE = Language(
    ModelSpec,
    title="A spec",
    example="name: reviews_rating",
    alternatives={("monitors", "features"): ", or a list of features"},
)


def load_specs(folder: Path) -> SpecFolder[ModelSpec]:
    """All model specs of the folder's `.yaml` and `.yml` files, the broken ones apart."""
    return load_folder(folder, _LANGUAGE)


def parse_spec(text: str, file: str) -> ParsedSpec[ModelSpec]:
    """The spec in the YAML text, or all errors of it; never raises on any text."""
    return parse(text, file, _LANGUAGE)
