"""Names of the jobs, known to what starts them and to what defines them."""

INGEST_JOB = "ingest_and_score"
MAINTENANCE_JOB = "maintain"
# The step that builds the dbt models that feed ML models.
BUILD_BEFORE_SCORING = "dbt_models"
# The step that builds the dbt models with the tag `after_scoring`.
BUILD_AFTER_SCORING = "dbt_models_after_scoring"


def pull_job_name(source: str) -> str:
    """Name of the job that pulls a source."""
    return f"pull_{source}"


def retrain_job_name(model: str) -> str:
    """Name of a model's retraining job."""
    return f"retrain_{model}"
