"""The lake's own tables: raw rejects, ledger, accounting, scores, monitors, decisions."""

from lakehouse.connection import Lake
from lakehouse.table_columns import add_missing_columns, lake_tables

SCHEMAS = ("raw", "staging", "intermediate", "marts", "ml", "monitoring", "ops")

# DuckLake knows no keys or checks; the writers keep the grain that each comment states.
TABLES: dict[str, str] = {
    # One row per line that could not become a raw row.
    "raw.rejected_lines": """
        source varchar not null, _file varchar not null, _line bigint not null, text varchar,
        reason varchar not null, _loaded_at timestamptz not null, _load_id bigint not null""",
    # One row per loaded version of a file; `superseded_by` is the load that replaced it.
    "ops.file_ledger": """
        load_id bigint not null, source varchar not null, bucket varchar not null,
        file varchar not null, etag varchar not null, content_hash varchar not null,
        bytes bigint not null, lines bigint not null, loaded bigint not null,
        rejected bigint not null, status varchar not null, reason varchar,
        loaded_at timestamptz not null, snapshot_id bigint not null, superseded_by bigint""",
    # One row per finished pull of a declared source: what was asked, how far the files reach.
    "ops.pulls": """
        source varchar not null, pull_id varchar not null, kind varchar not null,
        origin_hash varchar not null, request varchar not null, status varchar not null,
        files bigint not null, bytes bigint not null, rows bigint, cursor varchar,
        content_hash varchar not null, validator varchar, reason varchar,
        pulled_at timestamptz not null, snapshot_id bigint not null""",
    # One row per source and build: where every line went.
    "ops.row_accounting": """
        source varchar not null, lines bigint not null, raw bigint not null,
        rejected bigint not null, clean bigint not null, quarantined bigint not null,
        duplicate bigint not null, balanced boolean not null, explanation varchar not null,
        accounted_at timestamptz not null, snapshot_id bigint not null""",
    # One row per finished dbt build: the newest load that it has seen, the snapshot that it left.
    "ops.dbt_builds": """
        built_at timestamptz not null, load_id bigint not null, manifest_hash varchar not null,
        run_id varchar not null, snapshot_id bigint not null""",
    # One row per version of code that rows were made by; `parts` is a hash by part, in JSON.
    "ops.code_versions": """
        version varchar not null, parts varchar not null, recorded_at timestamptz not null""",
    # One row per dbt model and change of its code, or of one that it reads: what made its rows.
    "ops.dbt_code": """
        model varchar not null, code_hash varchar not null, built_at timestamptz not null,
        run_id varchar not null""",
    # One row per finished step that reads scores: the snapshot that it has seen.
    "ops.finished_steps": """
        step varchar not null, subject varchar not null, snapshot_id bigint not null,
        run_id varchar not null, finished_at timestamptz not null""",
    # One row per move of an alias.
    "ops.promotions": """
        model varchar not null, alias varchar not null, from_version integer,
        to_version integer not null, promoted boolean not null, reason varchar not null,
        criteria varchar not null, training_set_hash varchar, decided_at timestamptz not null,
        run_id varchar not null, snapshot_id bigint not null""",
    # One row per question "retrain?", whatever the answer.
    "ops.retraining_decisions": """
        model varchar not null, evidence_id varchar not null, retrain boolean not null,
        reason varchar not null, evidence varchar not null, decided_at timestamptz not null,
        snapshot_id bigint not null""",
    # One row per training set written.
    "ml.training_sets": """
        model varchar not null, training_set_hash varchar not null, path varchar not null,
        source_snapshot_id bigint not null, features_version varchar not null,
        spec_hash varchar not null, manifest_hash varchar not null, cutoff timestamptz,
        train_rows bigint not null, holdout_rows bigint not null, excluded_rows bigint not null,
        columns varchar not null, created_at timestamptz not null, run_id varchar not null,
        purged_rows bigint""",
    # One row per model and spec hash: the spec, in JSON, that a training set was made for.
    "ml.specs": """
        model varchar not null, spec_hash varchar not null, spec varchar not null,
        recorded_at timestamptz not null""",
    # One row per model version: where its bundle is and what it was made from.
    "ml.model_versions": """
        model varchar not null, model_version integer not null, algorithm varchar not null,
        bundle_path varchar not null, bundle_hash varchar not null, mlflow_run_id varchar not null,
        training_set_hash varchar not null, features_version varchar not null,
        spec_hash varchar not null, manifest_hash varchar not null, git_revision varchar not null,
        source_snapshot_id bigint not null, fit_seconds double not null,
        predict_seconds double not null, trained_at timestamptz not null,
        run_id varchar not null""",
    # One row per version, subject (the version itself, champion, baseline), segment and metric.
    "ml.evaluations": """
        model varchar not null, model_version integer not null, subject varchar not null,
        subject_version integer, segment varchar not null, metric varchar not null,
        rows bigint not null, value double not null, low double, high double,
        training_set_hash varchar not null, evaluated_at timestamptz not null,
        run_id varchar not null""",
    # One row per source and column of the newest profile, and of those before it.
    "monitoring.profiles": """
        source varchar not null, column_name varchar not null, rows bigint not null,
        nulls bigint not null, null_share double, distinct_count bigint, minimum varchar,
        maximum varchar, shortest bigint, longest bigint, mean_length double,
        top_values varchar, format varchar, format_mismatches bigint, completeness double,
        completeness_threshold double, complete boolean, profiled_at timestamptz not null,
        load_id bigint not null""",
    # One row per model version, window, segment and feature (or prediction).
    "monitoring.drift": """
        model varchar not null, model_version integer not null, window_start timestamptz not null,
        window_end timestamptz not null, segment varchar not null, feature varchar not null,
        kind varchar not null, rows bigint not null, reference_rows bigint not null,
        nulls bigint not null, minimum double, maximum double, out_of_range bigint,
        psi double, psi_noise_limit double, js_distance double, threshold double,
        drifted boolean not null, measured_at timestamptz not null, run_id varchar not null""",
    # One row per model version, window, segment and metric.
    "monitoring.performance": """
        model varchar not null, model_version integer not null, window_start timestamptz not null,
        window_end timestamptz not null, segment varchar not null, metric varchar not null,
        rows bigint not null, value double, low double, high double, reference_value double,
        threshold double, degraded boolean not null, measured_at timestamptz not null,
        run_id varchar not null""",
    # One row per version of an extraction, window and field: how many rows have a value, and which.
    "monitoring.extractions": """
        model varchar not null, model_version integer not null, window_start timestamptz not null,
        window_end timestamptz not null, field varchar not null, rows bigint not null,
        rows_with_value bigint not null, share double not null, low double not null,
        high double not null, mentions bigint not null, top_values varchar not null,
        measured_at timestamptz not null, run_id varchar not null""",
    # One row per alarm raised.
    "monitoring.alarms": """
        model varchar not null, evidence_id varchar not null, kind varchar not null,
        message varchar not null, raised_at timestamptz not null, run_id varchar not null""",
}

# Columns that came after the table: those of an earlier version get them, at the end.
ADDED_COLUMNS: dict[str, dict[str, str]] = {"ml.training_sets": {"purged_rows": "bigint"}}


def create_tables(lake: Lake) -> None:
    """Creates the lake's schemas and own tables where they are missing, and their newer columns."""
    present = lake_tables(lake)
    missing = [name for name in TABLES if name not in present]
    add_missing_columns(lake, ADDED_COLUMNS)
    if not missing:
        return
    with lake.write("create tables") as write:
        for schema in SCHEMAS:
            write.connection.execute(f"create schema if not exists lake.{schema}")
        for name in missing:
            write.connection.execute(f"create table if not exists lake.{name} ({TABLES[name]})")
