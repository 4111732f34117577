"""Where the lake is: what every process needs to open it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class S3Config(BaseModel):
    """How to reach an S3 endpoint; without keys the usual AWS credential chain is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = Field(None, description="URL of the endpoint; empty for AWS itself.")
    region: str = Field("us-east-1", description="Region that signs the requests.")
    path_style: bool = Field(True, description="Bucket in the path instead of the host name.")
    access_key: SecretStr | None = Field(None, description="Access key id.")
    secret_key: SecretStr | None = Field(None, description="Secret access key.")
    ca_bundle: Path | None = Field(
        None, description="Certificates (PEM) that an https endpoint is checked against."
    )
    encryption: Literal["AES256", "aws:kms"] | None = Field(
        None, description="Server-side encryption asked for on each upload."
    )
    kms_key: str | None = Field(None, description="Id or ARN of the key of aws:kms.")


class LakeConfig(BaseModel):
    """The catalog's Postgres, the place of the data files, and the engine's limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    postgres_url: SecretStr = Field(
        description="libpq URL of the database that holds the lake's catalog."
    )
    data_path: str = Field(description="Folder or s3:// prefix of the lake's data files.")
    state_folder: Path = Field(description="Local folder for extensions and temporary files.")
    memory_limit: str = Field("4GB", description="DuckDB's memory_limit; RSS is about 0.4 GB more.")
    threads: int = Field(2, ge=1, description="DuckDB's worker threads.")
    encrypted: bool = Field(False, description="Encrypt the data files (keys are in the catalog).")
    s3: S3Config = Field(default_factory=S3Config, description="S3 access, for s3:// paths.")

    @property
    def is_remote(self) -> bool:
        """Whether the data files are on S3."""
        return self.data_path.startswith("s3://")

    @property
    def extension_folder(self) -> Path:
        """Where DuckDB's extensions are installed to, out of their wheels."""
        return self.state_folder / "duckdb_extensions"

    @property
    def temporary_folder(self) -> Path:
        """Where each DuckDB has a folder of its own for what does not fit in memory."""
        return self.state_folder / "tmp"

    @property
    def scratch_folder(self) -> Path:
        """Where steps keep files that are gone when they end."""
        return self.state_folder / "scratch"
