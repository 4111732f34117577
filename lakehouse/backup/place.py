"""What a backup covers, or a restore fills: the databases and the files of one platform."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lakehouse.config import LakeConfig

# In the order of the dumps: what the lake refers to in another database is there when it is dumped.
DATABASES = ("lake", "mlflow", "dagster")


class Place(BaseModel):
    """The databases and the files of one platform."""

    model_config = ConfigDict(frozen=True)

    lake: LakeConfig = Field(description="The lake; its catalog is the first database.")
    mlflow_url: SecretStr
    dagster_url: SecretStr
    lake_path: str = Field(description="Folder or prefix above the lake's tables and artifacts.")
    landing_path: str

    def url(self, database: str) -> str:
        """The libpq URL of a database."""
        urls = {
            "lake": self.lake.postgres_url,
            "mlflow": self.mlflow_url,
            "dagster": self.dagster_url,
        }
        return urls[database].get_secret_value()

    @property
    def artifact_path(self) -> str:
        """Folder or prefix of training sets, evaluations and MLflow's files."""
        return f"{self.lake_path}/artifacts"
