"""The model specs as a Dagster component, for projects that are put together with `dg`.

A thin adapter: the specs turn into assets by the plain function that the platform itself uses.
"""

from pathlib import Path

import dagster as dg


class ModelSpecs(dg.Component, dg.Model, dg.Resolvable):
    """The assets of all model specs of a folder: training, gate, scores and monitors.

    A broken spec is an asset that says what is wrong with it. The platform's settings come from
    the environment and `tidemark.toml`, as everywhere.
    """

    specs: str | None = None
    """Folder of the specs, from the component's own folder; left out: that of the settings."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets, with what they need to run."""
        # Not at the top: listing components must not load dbt and the models' libraries.
        from dagster_project.platform import Platform, load_platform
        from dagster_project.spec_assets import spec_assets

        platform = load_platform()
        if self.specs is not None:
            folder = Path(context.path / self.specs).resolve()
            platform = Platform(platform.settings.model_copy(update={"specs": folder}))
        return dg.Definitions(assets=spec_assets(platform), resources={"runtime": platform.runtime})
