"""The benchmarks there are; importing this loads nothing heavy, so that the parent stays small."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Benchmark:
    """One piece of work, done by several contenders.

    Attributes:
        name: Its module in this package, with `prepare`, a function for each contender, and
            `fingerprint`.
        work: What is done, in words.
        contenders: Functions of the module with what they are called in the table; ours first.
        tolerance: How far counts in the results may be apart, as a share of the rows: above 0
            only where the contenders' rules differ.
    """

    name: str
    work: str
    contenders: dict[str, str]
    tolerance: float = 0.0


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            "landing",
            "JSON lines to Parquet",
            {
                "tidemark": "tidemark",
                "pandas": "pandas read_json",
                "duckdb": "DuckDB read_json",
            },
        ),
        Benchmark(
            "scoring",
            "Parquet through one linear text model to Parquet",
            {
                "tidemark": "tidemark score_task",
                "pyfunc": "pandas + mlflow.pyfunc",
                "sklearn": "pandas + scikit-learn",
            },
        ),
        Benchmark(
            "drift",
            "counts per month, language, feature and bin",
            {"tidemark": "tidemark, one SQL pass", "pandas": "pandas + numpy"},
        ),
        Benchmark(
            "text",
            "cleaning and language detection",
            {"tidemark": "tidemark, by columns", "by_row": "ftfy + py3langid, by row"},
            tolerance=0.02,
        ),
    )
}
