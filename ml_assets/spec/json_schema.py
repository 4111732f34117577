"""The spec language as a JSON schema, for editors and for the generated reference."""

from typing import Any

from ml_assets.spec.document import ModelSpec
from ml_assets.spec.extraction import ExtractionSpec


def spec_json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a spec file, with every field's description.

    >>> spec_json_schema()["properties"]["seed"]["default"]
    7
    """
    return _with_dialect(ModelSpec.model_json_schema())


def extraction_json_schema() -> dict[str, Any]:
    """The same for an extraction's spec file.

    >>> extraction_json_schema()["properties"]["task"]["const"]
    'extraction'
    """
    return _with_dialect(ExtractionSpec.model_json_schema())


def _with_dialect(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
