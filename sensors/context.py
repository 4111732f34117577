"""What the sensors need of the platform, handed down so that they import nothing above them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.landing.files import LandedFile
from lakehouse.sources import Source
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.extraction import ExtractionSpec


@dataclass(frozen=True)
class SensorContext:
    """The platform as the sensors see it.

    Attributes:
        open_lake: Opens the process's lake.
        landing: Folder or s3:// prefix where files land.
        s3: Access to it.
        landing_queue: URL of the SQS queue that S3 tells of landed files; None for none.
        sources: The declared sources by name.
        specs: The models whose specs are good.
        features_versions: By dbt model: identity of the code that it rests on.
        ingest_job: Name of the job that loads files and scores.
        concerned: Finds the assets of that job that new files, or what was left undone, concern.
        retrain_job: Name of a model's retraining job.
        webhook: Where alerts are posted; None for the log only.
        extractions: The extractions whose specs are good.
    """

    open_lake: Callable[[], Lake]
    landing: str
    s3: S3Config
    landing_queue: str | None
    sources: Mapping[str, Source]
    specs: Mapping[str, ModelSpec]
    features_versions: Mapping[str, str]
    ingest_job: str
    concerned: Callable[[Sequence[LandedFile]], Sequence[dg.AssetKey]]
    retrain_job: Callable[[str], str]
    webhook: str | None
    extractions: Mapping[str, ExtractionSpec] = field(default_factory=dict)
