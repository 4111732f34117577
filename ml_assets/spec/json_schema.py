"""The spec language as a JSON schema, for editors and for the generated reference."""

from typing import Any

from ml_assets.spec.document import ModelSpec


def spec_json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a spec file, with every field's description.

    >>> spec_json_schema()["properties"]["seed"]["default"]
    7
    """
    schema = ModelSpec.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
