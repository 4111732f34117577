"""`tidemark demo` and `tidemark generate`: the main job on generated reviews."""

import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.cli.report import print_report, report
from dagster_project.cli.run import run_rounds
from dagster_project.dbt_server import warm_dbt
from dagster_project.instance import open_instance
from dagster_project.platform import Platform, load_platform
from lakehouse.errors import TidemarkError
from lakehouse.landing.files import land_files

if TYPE_CHECKING:
    from demo.truth import PlantedTruth

_SOURCE = "reviews"
_EXAMPLES = (
    "select rating, predicted_rating, count(*) as reviews from reviews_scored group by all"
    " order by all",
    "select rule, count(*) as rows from int_reviews_quarantined group by all order by rows desc",
    "select window_start::date as month, feature, round(psi, 3) as psi from drift"
    " where drifted and segment = 'all' order by psi desc limit 10",
)

RowsOption = Annotated[int, typer.Option(help="Reviews to generate.", min=1_000)]
SeedOption = Annotated[int, typer.Option(help="Seed: the same seed gives the same bytes.", min=0)]


def generate(
    folder: Annotated[Path, typer.Argument(help="Where the monthly files go.")],
    rows: RowsOption = 20_000,
    seed: SeedOption = 7,
    json: JsonOption = False,
) -> None:
    """Generate demo reviews with planted, counted defects and drift."""
    from demo.reviews import generate_reviews

    folder.mkdir(parents=True, exist_ok=True)
    truth = generate_reviews(folder, rows=rows, seed=seed)
    if json:
        print_json(asdict(truth))
    else:
        console.print(
            f"{truth.lines:,} lines in {len(truth.files)} files in {folder}; planted:"
            f" {truth.rejected:,} malformed, {truth.quarantined:,} to quarantine,"
            f" {truth.exact_duplicates:,} exact duplicates; drift from {_drift_from(truth)}.",
            highlight=False,
        )


def demo(rows: RowsOption = 20_000, seed: SeedOption = 7, json: JsonOption = False) -> None:
    """Run the main job on generated reviews: twelve months of them, the last three drifted.

    The months before the drift are landed, cleaned, trained on, gated and scored; then the
    drifted months land, the monitors raise the alarm, a challenger is trained and the gate judges.
    """
    from demo.reviews import generate_reviews

    platform = load_platform()
    with TemporaryDirectory(prefix="tidemark-demo-") as folder, warm_dbt(platform.settings):
        _refuse_foreign_files(platform)
        truth = generate_reviews(Path(folder), rows=rows, seed=seed)
        files = sorted(Path(folder).glob("*.jsonl"))
        drifted = f"reviews_{_drift_from(truth)}"
        before = [file for file in files if file.stem < drifted]
        # What takes seconds once, Dagster and its database, while dbt parses the project.
        import_module("dagster_project.execution")
        open_instance(platform.settings).dispose()
        started = time.perf_counter()
        _act(platform, f"{len(before)} months of reviews land", before, quiet=json)
        after = [file for file in files if file not in before]
        _act(platform, f"{len(after)} drifted months land", after, quiet=json)
        seconds = time.perf_counter() - started
    if json:
        found: dict[str, Any] = report(platform)
        print_json(found | {"seconds": seconds, "planted": asdict(truth)})
        return
    print_report(platform, seconds=seconds)
    console.print("\nTry:", style="bold")
    for query in _EXAMPLES:
        print(f'.venv/bin/tidemark sql "{query}"')  # noqa: T201 - to be pasted, so never wrapped
    console.print("\n[bold].venv/bin/tidemark up[/] shows all of it in the Dagster UI.")


def _drift_from(truth: "PlantedTruth") -> str:
    return truth.drift.first_month if truth.drift else "never"


def _act(platform: Platform, title: str, files: list[Path], *, quiet: bool) -> None:
    if not quiet:
        console.rule(f"[bold]{title}", align="left")
    settings = platform.settings
    land_files(files, source=_SOURCE, landing=settings.landing_path, s3=settings.s3_access)
    for outcome in run_rounds(platform, rescore=False, retrain=[], quiet=quiet):
        if not outcome.success:
            raise outcome.as_error()


def _refuse_foreign_files(platform: Platform) -> None:
    """The demo's reviews must not mix with somebody's own."""
    known = platform.lake().rows(
        "select file from lake.ops.file_ledger where source = ? and superseded_by is null",
        [_SOURCE],
    )
    if known:
        raise TidemarkError(
            f"The lake holds {len(known)} files of '{_SOURCE}' already, such as {known[0][0]}.",
            hint="The demo wants an empty lake: `make clean` removes this one, or set"
            " TIDEMARK_STATE to another folder.",
        )
