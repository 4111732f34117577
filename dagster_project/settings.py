"""Tidemark's settings: the only module that reads the environment and `tidemark.toml`."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from lakehouse.config import LakeConfig, S3Config
from lakehouse.errors import TidemarkError
from lakehouse.postgres import ensure_databases, running_server, server_url, start_server

PROJECT_ROOT = Path(__file__).resolve().parent.parent
_PREFIX = "TIDEMARK_"
DATABASES = ("tidemark_lake", "tidemark_dagster", "tidemark_mlflow")


class Settings(BaseModel):
    """All settings. Each is `TIDEMARK_<NAME>` in the environment or `<name>` in tidemark.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Path = Field(
        PROJECT_ROOT / ".tidemark",
        description="Folder of everything that the platform keeps: servers, logs, local lake.",
    )
    lake: str = Field("", description="Folder or s3:// prefix of the lake; empty: <state>/lake.")
    landing: str = Field(
        "", description="Folder or s3:// prefix where files land; empty: <state>/landing."
    )
    landing_queue: str | None = Field(
        None,
        pattern="^https?://.+/.+",
        description="URL of an SQS queue that S3 tells of landed files; they are taken at once.",
    )
    postgres: SecretStr | None = Field(
        None, description="URL of your own Postgres server; empty: an embedded one is started."
    )
    dbt_project: Path = Field(
        PROJECT_ROOT / "dbt_project", description="Folder of the dbt project."
    )
    specs: Path = Field(
        PROJECT_ROOT / "ml_assets" / "specs", description="Folder of the model specs (*.yaml)."
    )
    sources: Path = Field(
        PROJECT_ROOT / "sources", description="Folder of the source declarations (*.yaml)."
    )
    memory_limit: str = Field(
        "4GB",
        pattern=r"^\d+(\.\d+)?\s?(KB|MB|GB|TB|KiB|MiB|GiB|TiB)$",
        description="DuckDB's memory limit for each process, such as 4GB.",
    )
    threads: int = Field(os.cpu_count() or 2, ge=1, le=1024, description="Worker threads.")
    workers: int = Field(
        1, ge=1, le=256, description="Processes that score in parallel; 1 scores in the run itself."
    )
    encrypted: bool = Field(False, description="Encrypt the lake's data files.")
    s3_endpoint: str | None = Field(None, description="URL of the S3 endpoint; empty for AWS.")
    s3_region: str = Field("us-east-1", description="S3 region.")
    s3_path_style: bool = Field(True, description="Bucket in the path, as most own servers need.")
    s3_access_key: SecretStr | None = Field(
        None, description="S3 key; empty: the AWS credential chain."
    )
    s3_secret_key: SecretStr | None = Field(None, description="S3 secret; goes with the key.")
    s3_ca_bundle: Path | None = Field(
        None, description="Certificates (PEM) for an https endpoint with an authority of its own."
    )
    s3_encryption: Literal["AES256", "aws:kms"] | None = Field(
        None, description="Server-side encryption asked for on each upload: AES256 or aws:kms."
    )
    s3_kms_key: str | None = Field(None, description="Id or ARN of the KMS key, for aws:kms.")
    keep_history_days: int = Field(
        30, ge=0, description="Days for which the lake can be read as it was; models' data stay."
    )
    keep_catalog_dumps: int = Field(
        20,
        ge=0,
        description="Dumps of the lake's catalog kept, one before each dbt build; 0: none.",
    )
    alert_webhook: SecretStr | None = Field(
        None, description="URL that alerts are posted to as JSON, besides the log."
    )
    ui_port: int = Field(3000, ge=1, le=65535, description="Port of the Dagster UI.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the MLflow UI.")
    s3_port: int = Field(
        9000, ge=1, le=65535, description="Port of the local S3 server of `tidemark up --s3`."
    )
    webhook_port: int = Field(8080, ge=1, le=65535, description="Port of `tidemark webhook`.")
    host: str = Field("127.0.0.1", description="Address that the UIs and the webhook listen on.")

    @model_validator(mode="after")
    def _s3_settings_fit(self) -> "Settings":
        if (self.s3_access_key is None) != (self.s3_secret_key is None):
            raise ValueError("s3_access_key and s3_secret_key are set both or neither")
        if (self.s3_encryption == "aws:kms") != (self.s3_kms_key is not None):
            raise ValueError("s3_kms_key goes with s3_encryption = aws:kms, both or neither")
        if self.s3_encryption == "AES256" and self.lake.startswith("s3://"):
            raise ValueError(
                "s3_encryption = AES256 cannot be asked for by DuckDB, which writes the lake's"
                " tables; leave it empty and let the bucket encrypt by default (AWS does, with"
                " AES256), or set aws:kms"
            )
        if self.landing_queue and not self.landing.startswith("s3://"):
            raise ValueError("landing_queue is for a landing zone on S3 (landing = s3://...)")
        return self

    @property
    def landing_path(self) -> str:
        """Folder or s3:// prefix where files land."""
        return (self.landing or str(self.state / "landing")).rstrip("/")

    @property
    def lake_path(self) -> str:
        """Folder or s3:// prefix of the lake's files."""
        return (self.lake or str(self.state / "lake")).rstrip("/")

    @property
    def artifact_path(self) -> str:
        """Folder or s3:// prefix of models and training sets: the lake's own storage."""
        return f"{self.lake_path}/artifacts"

    @property
    def dagster_home(self) -> Path:
        """Dagster's folder."""
        return self.state / "dagster"

    @property
    def postgres_folder(self) -> Path:
        """The embedded Postgres' folder."""
        return self.state / "postgres"

    @property
    def catalog_dump_folder(self) -> Path:
        """Dumps of the lake's catalog, one before each dbt build."""
        return self.state / "catalog_dumps"

    @property
    def log_folder(self) -> Path:
        """Logs of the servers that `tidemark up` starts."""
        return self.state / "logs"

    @cached_property
    def server(self) -> "ServerUrls":
        """The databases' URLs; starts the embedded Postgres if it does not run."""
        if self.postgres is not None:
            return ServerUrls.on_server(self.postgres.get_secret_value())
        status = start_server(self.postgres_folder)
        ensure_databases(server_url(status, "postgres"), DATABASES)
        return ServerUrls(*(server_url(status, name) for name in DATABASES))

    @property
    def serves_s3(self) -> bool:
        """Whether this is the platform of `tidemark up --s3`: its server's objects are here."""
        return (self.state / "objects").is_dir()

    @property
    def postgres_runs(self) -> bool:
        """Whether the embedded server runs, without starting it."""
        return running_server(self.postgres_folder) is not None

    @property
    def has_postgres(self) -> bool:
        """Whether there is a server: one's own, or an embedded one that has been made before."""
        return self.postgres is not None or (self.postgres_folder / "PG_VERSION").exists()

    @property
    def s3_access(self) -> S3Config:
        """Access to the buckets of the lake and of the landing zone."""
        return S3Config(
            endpoint=self.s3_endpoint,
            region=self.s3_region,
            path_style=self.s3_path_style,
            access_key=self.s3_access_key,
            secret_key=self.s3_secret_key,
            ca_bundle=self.s3_ca_bundle,
            encryption=self.s3_encryption,
            kms_key=self.s3_kms_key,
        )

    @property
    def lake_config(self) -> LakeConfig:
        """The lake's place and limits, for the packages below this one."""
        return LakeConfig(
            postgres_url=SecretStr(self.server.lake),
            data_path=f"{self.lake_path}/tables/",
            state_folder=self.state,
            memory_limit=self.memory_limit,
            threads=self.threads,
            encrypted=self.encrypted,
            s3=self.s3_access,
        )


class ServerUrls(BaseModel):
    """The libpq URLs of the three databases on one Postgres server."""

    model_config = ConfigDict(frozen=True)

    lake: str
    dagster: str
    mlflow: str

    def __init__(self, lake: str, dagster: str, mlflow: str) -> None:
        super().__init__(lake=lake, dagster=dagster, mlflow=mlflow)

    @classmethod
    def on_server(cls, url: str) -> "ServerUrls":
        """The databases' URLs beside the database of the given URL, created where missing."""
        ensure_databases(url, DATABASES)
        return cls(*(_beside(url, name) for name in DATABASES))


def _beside(url: str, database: str) -> str:
    """The URL of another database on the server; all else stays as it is written.

    SQLAlchemy would write a blank in a password in a way that libpq refuses.

    >>> _beside("postgres://me:a%20b@host:5433/mine?sslmode=verify-full", "other")
    'postgresql://me:a%20b@host:5433/other?sslmode=verify-full'
    """
    place, mark, options = url.partition("://")[2].partition("?")
    authority = place.partition("/")[0]
    return f"postgresql://{authority}/{database}{mark}{options}"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings out of the environment and, below it, `tidemark.toml` in the project's folder.

    Raises:
        TidemarkError: A setting is unknown or its value is not possible; names all of them.
    """
    environment = os.environ if environment is None else environment
    file = Path(environment.get(_PREFIX + "CONFIG", PROJECT_ROOT / "tidemark.toml"))
    values: dict[str, Any] = _read_toml(file, named=_PREFIX + "CONFIG" in environment)
    origins = dict.fromkeys(values, str(file))
    for key, value in environment.items():
        if key.startswith(_PREFIX) and key != _PREFIX + "CONFIG":
            name = key.removeprefix(_PREFIX).lower()
            values[name] = value or None
            origins[name] = key
    given = {name: value for name, value in values.items() if value is not None}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise _explained(error, origins) from error
    return _with_absolute_paths(settings)


def environment_variable(name: str) -> str | None:
    """The value of a variable that a source's declaration names; None where it is not set."""
    return os.environ.get(name)


def use_settings_file(file: Path, *, instead_of: Iterable[str]) -> tuple[str, ...]:
    """Makes this process, and those that it starts, use the settings file.

    Args:
        file: The file.
        instead_of: Settings that the environment must not give.

    Returns:
        The variables that gave them, and were taken out of the environment.
    """
    variables = (_PREFIX + name.upper() for name in sorted(instead_of))
    contradicting = tuple(name for name in variables if name in os.environ)
    for name in contradicting:
        del os.environ[name]
    os.environ[_PREFIX + "CONFIG"] = str(file)
    return contradicting


def _read_toml(file: Path, *, named: bool) -> dict[str, Any]:
    if not file.exists():
        if named:
            raise TidemarkError(
                f"The settings file {file} of TIDEMARK_CONFIG is not there.",
                hint="Correct TIDEMARK_CONFIG or create the file.",
            )
        return {}
    try:
        return tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise TidemarkError(
            f"{file} is not valid TOML: {error}", hint='Write settings as: name = "value".'
        ) from error


def _with_absolute_paths(settings: Settings) -> Settings:
    changes: dict[str, Any] = {
        name: getattr(settings, name).expanduser().absolute()
        for name in ("state", "dbt_project", "specs", "sources")
    }
    for name in ("lake", "landing"):
        value: str = getattr(settings, name)
        if value and "://" not in value:
            changes[name] = str(Path(value).expanduser().absolute())
    return settings.model_copy(update=changes)


def _explained(error: ValidationError, origins: dict[str, str]) -> TidemarkError:
    known = ", ".join(sorted(Settings.model_fields))
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = str(problem["loc"][0]) if problem["loc"] else "settings"
        origin = origins.get(name, "tidemark.toml or environment")
        if problem["type"] == "extra_forbidden":
            lines.append(f"{origin}: there is no setting '{name}'.")
        else:
            description = Settings.model_fields[name].description if problem["loc"] else ""
            lines.append(f"{origin}: {problem['msg']}. {description}".rstrip())
    return TidemarkError("\n".join(lines), hint=f"The settings are: {known}.")
