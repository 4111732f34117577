"""A DuckDB engine set up for the lake: extensions out of their wheels, limits, S3 access."""

import importlib.util
import uuid
from pathlib import Path
from typing import Any

import duckdb
from psycopg.conninfo import conninfo_to_dict

from lakehouse.config import LakeConfig
from lakehouse.errors import TidemarkError
from lakehouse.failures import no_s3_keys
from lakehouse.quoting import quote_literal
from lakehouse.s3 import explicit_keys
from lakehouse.scratch import process_folder

# What a DuckDB secret takes of a libpq URL: where, who, and how TLS is checked.
_SECRET_PARTS = (
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "connect_timeout",
    "sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "target_session_attrs",
)  # fmt: skip
CATALOG_SECRET = "tidemark_catalog"  # noqa: S105 - the name of a secret, not its value
# The extension's functions could write past an attachment that is read-only.
_READ_ONLY_SESSION = {"options": "-c default_transaction_read_only=on"}
_LOCAL_EXTENSIONS = ("postgres_scanner", "ducklake")
_S3_EXTENSIONS = ("httpfs", "aws")
# The engine encrypts only with the cryptography that this one brings.
_ENCRYPTING_EXTENSIONS = ("httpfs",)
# A server that starts anew, or is busy, is waited for: 0.1, 0.3, 0.9, 2.7 and 8.1 s.
_HTTP_RETRIES = 5
_HTTP_RETRY_BACKOFF = 3


def file_engine(config: LakeConfig) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory, within the lake's limits, that reads Parquet where the lake's files are.

    Without the extensions of the lake itself, which take longer to load than a small file to read.
    """
    engine = duckdb.connect(
        ":memory:",
        config={
            "extension_directory": str(config.extension_folder),
            "temp_directory": str(spill_folder(config)),
            "memory_limit": config.memory_limit,
            "threads": str(config.threads),
            # Extensions come from wheels; the network is never asked at run time.
            "autoinstall_known_extensions": "false",
        },
    )
    engine.execute("set TimeZone = 'UTC'")
    if config.is_remote:
        for name in _S3_EXTENSIONS:
            _load_extension(engine, name, config.extension_folder)
        set_up_s3(engine, config)
    return engine


def spill_folder(config: LakeConfig) -> Path:
    """A folder for one engine's temporary files, which the engine makes when it needs it.

    Two engines must not share one: they name their files alike and read each other's pages.
    """
    return process_folder(config.temporary_folder) / uuid.uuid4().hex


def new_engine(config: LakeConfig) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with the lake's extensions loaded and its limits set, nothing attached."""
    engine = file_engine(config)
    for name in extensions(config):
        _load_extension(engine, name, config.extension_folder)
    return engine


def extensions(config: LakeConfig) -> tuple[str, ...]:
    """The extensions that the lake's places need."""
    if config.is_remote:
        return _LOCAL_EXTENSIONS + _S3_EXTENSIONS
    return _LOCAL_EXTENSIONS + (_ENCRYPTING_EXTENSIONS if config.encrypted else ())


def install_extensions(config: LakeConfig) -> None:
    """Installs the extensions that the lake needs, for engines that are set up elsewhere (dbt)."""
    new_engine(config).close()


def _load_extension(engine: duckdb.DuckDBPyConnection, name: str, folder: Path) -> None:
    try:
        engine.load_extension(name)
    except duckdb.IOException:
        folder.mkdir(parents=True, exist_ok=True)
        engine.execute(f"install {quote_literal(str(_extension_file(name)))}")
        engine.load_extension(name)


def _extension_file(name: str) -> Path:
    """The extension's file inside its installed wheel."""
    package = f"duckdb_extension_{name}"
    spec = importlib.util.find_spec(package)
    files: list[Path] = []
    if spec is not None and spec.origin is not None:
        files = sorted(
            Path(spec.origin).parent.glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension*")
        )
    if not files:
        raise TidemarkError(
            f"DuckDB {duckdb.__version__} has no installed extension '{name}'.",
            hint=f"Install {package.replace('_', '-')}=={duckdb.__version__}; `make setup` does.",
        )
    return files[0]


def set_up_s3(engine: duckdb.DuckDBPyConnection, config: LakeConfig) -> None:
    """Gives the engine the S3 access of the settings, or that of the AWS credential chain.

    Failed requests are repeated.
    """
    s3 = config.s3
    engine.execute(f"set http_retries = {_HTTP_RETRIES}")
    engine.execute(f"set http_retry_backoff = {_HTTP_RETRY_BACKOFF}")
    options = {"region": s3.region, "url_style": "path" if s3.path_style else "vhost"}
    if s3.endpoint:
        options["endpoint"] = s3.endpoint.split("://", 1)[-1].rstrip("/")
        options["use_ssl"] = str(not s3.endpoint.startswith("http://")).lower()
    if s3.ca_bundle:
        engine.execute(f"set ca_cert_file = {quote_literal(str(s3.ca_bundle))}")
    if keys := explicit_keys(s3):
        options["key_id"], options["secret"] = keys
    elif s3.encryption == "aws:kms":
        # The engine's own chain takes no KMS key.
        options |= _chain_keys()
    else:
        options |= {"provider": "credential_chain", "refresh": "auto"}
    if s3.encryption == "aws:kms" and s3.kms_key:
        options["kms_key_id"] = s3.kms_key
    _create_secret(engine, "tidemark_s3", "s3", options)


def _chain_keys() -> dict[str, str]:
    """What the AWS credential chain gives now, as options of a secret."""
    import boto3

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise no_s3_keys()
    now = credentials.get_frozen_credentials()
    options = {"key_id": now.access_key, "secret": now.secret_key}
    return options | ({"session_token": now.token} if now.token else {})


def attach_lake(
    engine: duckdb.DuckDBPyConnection,
    config: LakeConfig,
    *,
    read_only: bool,
    moved: bool = False,
    create: bool = True,
) -> None:
    """Attaches the lake as `lake`; a lake opened for writing is created if it is not there.

    Args:
        engine: What `new_engine` returned.
        config: The lake.
        read_only: Whether to refuse writes.
        moved: Whether the files are at the config's place although the catalog names another.
        create: Whether a lake that is not there is created; else that is an error.
    """
    _create_secret(
        engine,
        CATALOG_SECRET,
        "postgres",
        catalog_secret_options(config) | (_READ_ONLY_SESSION if read_only else {}),
    )
    options = [f"META_SECRET {CATALOG_SECRET}"]
    if read_only:
        options.append("READ_ONLY")
    else:
        options.append(f"DATA_PATH {quote_literal(config.data_path)}")
    if not create:
        options.append("CREATE_IF_NOT_EXISTS false")
    if moved:
        options.append("OVERRIDE_DATA_PATH true")
    if config.encrypted and not read_only:
        options.append("ENCRYPTED")
    engine.execute(f"attach 'ducklake:postgres:' as lake ({', '.join(options)})")


def catalog_secret_options(config: LakeConfig) -> dict[str, str]:
    """The catalog's connection as options of a DuckDB secret of type postgres."""
    parts: dict[str, Any] = conninfo_to_dict(config.postgres_url.get_secret_value())
    return {
        "database" if name == "dbname" else name: str(parts[name])
        for name in _SECRET_PARTS
        if name in parts
    }


def _create_secret(
    engine: duckdb.DuckDBPyConnection, name: str, kind: str, options: dict[str, str]
) -> None:
    settings = ", ".join(f"{key} {quote_literal(value)}" for key, value in options.items())
    engine.execute(f"create or replace secret {name} (type {kind}, {settings})")
