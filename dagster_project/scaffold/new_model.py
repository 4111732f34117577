"""The files of a new model, from a file, a declared source or a dbt model; nothing is written."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dagster_project.platform import Platform
from dagster_project.scaffold.dbt_text import dbt_files, mart_types
from dagster_project.scaffold.looking import (
    Kind,
    LookedColumn,
    LookedFile,
    look_at_file,
    look_at_relation,
)
from dagster_project.scaffold.model import Answers, Ask, propose
from dagster_project.scaffold.proposal import Proposal
from dagster_project.scaffold.spec_text import spec_text
from lakehouse.declaration.errors import nearest_of
from lakehouse.errors import TidemarkError
from lakehouse.landing.files import list_landed
from lakehouse.landing.naming import PLATFORM_COLUMNS
from lakehouse.quoting import quote_identifier
from lakehouse.sources import find_source
from lakehouse.table_columns import column_types
from ml_assets.spec.columns import (
    TypeClass,
    check_columns,
    manifest_columns,
    manifest_tables,
    type_class,
)
from ml_assets.spec.loading import parse_spec

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_ROWS = 200_000
_KINDS: dict[TypeClass, Kind] = {
    "text": "code", "whole": "whole", "number": "number", "boolean": "boolean", "time": "time",
    "other": "code",
}  # fmt: skip


@dataclass(frozen=True)
class NewModel:
    """What would be written, and what to say of it.

    Attributes:
        files: The texts by path.
        findings: What the data showed, a line each.
        next_steps: Commands.
    """

    files: Mapping[Path, str]
    findings: tuple[str, ...]
    next_steps: tuple[str, ...]


def new_model(
    platform: Platform,
    name: str,
    answers: Answers,
    ask: Ask,
    *,
    file: Path | None,
    source: str | None,
    table: str | None,
) -> NewModel:
    """The new model.

    Raises:
        TidemarkError: The name is taken or not possible, or the data do not do for the answers.
    """
    _check_name(platform, name)
    if table is not None:
        if file is not None or source is not None:
            raise TidemarkError(
                "--table is a dbt model that is there; --file and --source are for a new one.",
                hint="Give --table alone, or without it --file, --source or both.",
            )
        return _on_table(platform, name, answers, ask, table)
    if file is None and source is None:
        raise TidemarkError(
            "There is nothing to look at.",
            hint="Give --file (CSV, JSON or Parquet), --source (a declared one with landed files)"
            " or --table (a dbt model).",
        )
    return _on_source(platform, name, answers, ask, file=file, source=source)


def _check_name(platform: Platform, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise TidemarkError(
            f"'{name}' is no name for a model.",
            hint="Lower-case letters, digits and underscores, a letter first, 60 at most.",
        )
    if name in platform.specs.specs:
        taken = platform.specs.sources[name].file
        raise TidemarkError(f"There is a spec '{name}' in {taken}.", hint="Choose another name.")


def _on_source(
    platform: Platform, name: str, answers: Answers, ask: Ask, *, file: Path | None,
    source: str | None,
) -> NewModel:  # fmt: skip
    declared = None
    if file is None:
        declared = find_source(platform.sources, source or "")
        file, source = _landed_file(platform, declared.name), declared.name
    elif source is None:
        source = _source_name(file)
    if not _NAME.fullmatch(source):
        raise TidemarkError(
            f"'{source}' is no name for a source.",
            hint="Give --source: lower-case letters, digits and underscores, a letter first.",
        )
    declared = platform.sources.get(source)
    with duckdb.connect() as engine:
        engine.execute("set TimeZone = 'UTC'")
        looked = look_at_file(file, engine)
    table = f"{source}_features"
    proposal = propose(name, table, looked.columns, answers, ask)
    spec_path = platform.settings.specs / f"{name}.yaml"
    text = spec_text(proposal, description=_description(proposal, source))
    _check_spec(text, spec_path, mart_types(proposal), table)
    models = platform.settings.dbt_project / "models"
    files = dbt_files(proposal, source=source, is_declared=declared is not None)
    _check_dbt_names(platform, source, table)
    land = [] if declared and not _is_elsewhere(file, platform) else [
        f"tidemark land {source} {shlex.quote(str(file))}"
    ]  # fmt: skip
    return NewModel(
        files={spec_path: text, **{models / path: content for path, content in files.items()}},
        findings=_findings(looked, proposal, file),
        next_steps=("tidemark check", *land, "tidemark plan", "tidemark run", _query(proposal)),
    )


def _on_table(platform: Platform, name: str, answers: Answers, ask: Ask, table: str) -> NewModel:
    types = manifest_columns(platform.manifest, table)
    if not types:
        tables = manifest_tables(platform.manifest)
        near = nearest_of(table, tables)
        problem = "has no contract with columns" if types == {} else "is not there"
        raise TidemarkError(
            f"The dbt model '{table}' {problem}; there are {', '.join(tables)}.",
            hint=f"Did you mean '{near}'?" if near and near != table else "Declare its columns.",
        )
    usable = [
        column for column in types if column not in (*PLATFORM_COLUMNS, "_assessed_snapshot_id")
    ]
    columns = _look_at_table(platform, table, {column: types[column] for column in usable})
    proposal = propose(name, table, columns, answers, ask)
    path = platform.settings.specs / f"{name}.yaml"
    text = spec_text(proposal, description=_description(proposal, table))
    _check_spec(text, path, types, table)
    return NewModel(
        files={path: text},
        findings=_roles(proposal),
        next_steps=("tidemark check", "tidemark plan", "tidemark run", _query(proposal)),
    )


def _look_at_table(
    platform: Platform, table: str, types: Mapping[str, str]
) -> tuple[LookedColumn, ...]:
    """The columns of a mart, by their values where it has been built."""
    names = ", ".join(
        f"{quote_identifier(name)}::varchar as {quote_identifier(name)}" for name in types
    )
    with platform.rehearsed_lake() as lake:
        if lake is None or not column_types(lake, "marts", table):
            raise TidemarkError(
                f"marts.{table} has not been built: its values tell what a model can do.",
                hint="Land files and run `tidemark run` first.",
            )
        rows = lake.table(f"select {names} from lake.marts.{quote_identifier(table)} limit {_ROWS}")  # noqa: S608
    with duckdb.connect() as engine:
        engine.execute("set TimeZone = 'UTC'")
        engine.register("looked", rows)
        found = look_at_relation(engine, "looked", list(types))
    return tuple(
        LookedColumn(**{**vars(one), "name": one.raw, "kind": _kind(one, types[one.raw])})
        for one in found
    )


def _kind(column: LookedColumn, data_type: str) -> Kind:
    """What the type says; of texts, what the values say."""
    kind = _KINDS[type_class(data_type)]
    return "text" if kind == "code" and column.kind == "text" else kind


def _landed_file(platform: Platform, source: str) -> Path:
    settings = platform.settings
    landed = list_landed(settings.landing_path, source, settings.s3_access)
    local = [file for file in landed if not file.is_remote]
    if not local:
        raise TidemarkError(
            f"No file of '{source}' is in {settings.landing_path} on this machine to be looked at.",
            hint=f"Give one with --file, or land one: tidemark land {source} FILE.",
        )
    return Path(max(local, key=lambda file: file.modified_at).path)


def _source_name(file: Path) -> str:
    stem = file.name.partition(".")[0]
    return re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_") or "source"


def _is_elsewhere(file: Path, platform: Platform) -> bool:
    return not file.absolute().as_posix().startswith(f"{platform.settings.landing_path}/")


def _check_spec(text: str, path: Path, types: Mapping[str, str], table: str) -> None:
    """Raises what `tidemark check` would say, before anything is written."""
    parsed = parse_spec(text, path.as_posix())
    errors = list(parsed.errors)
    if parsed.spec is not None:
        errors += check_columns(parsed.spec, types, parsed.source, tables=[table])
    if errors:
        raise TidemarkError(
            "\n".join(
                f"{error.field}: {error.message} {error.allowed}".strip() for error in errors
            ),
            hint="Choose by the flags otherwise; nothing was written.",
        )


def _check_dbt_names(platform: Platform, source: str, table: str) -> None:
    tables = set(manifest_tables(platform.manifest))
    made = [f"stg_{source}", f"int_{source}_outcomes", f"int_{source}_quarantined", table]
    if taken := [name for name in made if name in tables]:
        raise TidemarkError(
            f"There is a dbt model '{taken[0]}' already.",
            hint=f"Build on what is there: --table {table if table in tables else taken[0]}; or"
            " give the source another name with --source.",
        )


def _description(proposal: Proposal, origin: str) -> str:
    return f"Predicts {proposal.label} of {origin}; say here what for."


def _findings(looked: LookedFile, proposal: Proposal, file: Path) -> tuple[str, ...]:
    rejected = f", {looked.rejected:,} lines that cannot be read" if looked.rejected else ""
    return (
        f"{file.name}: {looked.rows:,} rows, {len(looked.columns)} columns{rejected}",
        *_roles(proposal),
    )


def _roles(proposal: Proposal) -> tuple[str, ...]:
    kinds = {
        "text": proposal.text,
        "categorical": proposal.categorical,
        "numeric": proposal.numeric,
    }
    lines = [
        f"  key {proposal.key or 'none'}, event time {proposal.event_time}",
        f"  label {proposal.label}: {proposal.task}"
        + (f" of {len(proposal.classes)} classes" if proposal.classes else ""),
        *(f"  {kind}: {', '.join(names)}" for kind, names in kinds.items() if names),
        *(f"  left out: {name}, {reason}" for name, reason in proposal.left_out),
        f"  algorithm {proposal.algorithm}, gate by {proposal.metric}",
    ]
    return tuple(lines)


def _query(proposal: Proposal) -> str:
    key = proposal.key or "staged_id"
    return (
        # For the user to run, by names that are checked.
        f'tidemark sql "select score.entity_key, feature.{proposal.label}, score.prediction,'  # noqa: S608
        f" score.confidence from scores_{proposal.name} as score join {proposal.table} as feature"
        f' on feature.{key}::varchar = score.entity_key limit 10"'
    )
