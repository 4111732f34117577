"""The asset keys of a model."""

import dagster as dg

from ml_assets.extraction.table import extractions_table
from ml_assets.scoring import scores_table


class ModelKeys:
    """The asset keys that a model's name gives."""

    def __init__(self, name: str) -> None:
        self.training_set = dg.AssetKey([name, "training_set"])
        self.challenger = dg.AssetKey([name, "challenger"])
        self.evaluation = dg.AssetKey([name, "evaluation"])
        self.champion = dg.AssetKey([name, "champion"])
        # Named as the lake table, so that dbt models which read the scores hang behind it.
        self.scores = dg.AssetKey(["ml", scores_table(name)])
        self.drift = dg.AssetKey([name, "drift"])
        self.performance = dg.AssetKey([name, "performance"])

    @property
    def training(self) -> list[dg.AssetKey]:
        """What a training run makes, up to the gate's verdict."""
        return [self.training_set, self.challenger, self.evaluation, self.champion]

    @property
    def serving(self) -> list[dg.AssetKey]:
        """What every run with new rows makes."""
        return [self.scores, self.drift, self.performance]


class ExtractionKeys:
    """The asset keys that an extraction's name gives."""

    def __init__(self, name: str) -> None:
        self.extractor = dg.AssetKey([name, "extractor"])
        self.champion = dg.AssetKey([name, "champion"])
        # Named as the lake table, so that dbt models which read it hang behind it.
        self.extractions = dg.AssetKey(["ml", extractions_table(name)])
        self.drift = dg.AssetKey([name, "drift"])
        self.performance = dg.AssetKey([name, "performance"])

    @property
    def serving(self) -> list[dg.AssetKey]:
        """What every run with new rows makes: all, as nothing is trained."""
        return [self.extractor, self.champion, self.extractions, self.drift, self.performance]
