"""The report: one Markdown table over all benchmarks."""

from collections.abc import Iterable, Sequence

from bench.measurement import Measured

COLUMNS = (
    "benchmark", "contender", "rows", "seconds", "rows/s", "times ours",
    "CPU seconds", "times ours", "peak MB", "times ours",
)  # fmt: skip


def table(found: Iterable[tuple[str, Sequence[Measured]]]) -> str:
    """The measurements as a Markdown table; "times ours" is what a contender takes over ours.

    >>> one = Measured("tidemark", 10, 0.5, 0.5, 100.0, {})
    >>> print(table([("text", [one])]).splitlines()[-1])
    | text | tidemark | 10 | 0.50 | 20 | 1.0 | 0.50 | 1.0 | 100 | 1.0 |
    """
    lines = [_row(COLUMNS), _row(["---", "---", *(["---:"] * (len(COLUMNS) - 2))])]
    for name, contenders in found:
        lines += [_row(_cells(name, one, contenders[0])) for one in contenders]
    return "\n".join(lines)


def _cells(name: str, one: Measured, ours: Measured) -> list[str]:
    return [
        name,
        one.title,
        f"{one.rows:,}",
        f"{one.seconds:.2f}",
        f"{one.rows / one.seconds:,.0f}",
        f"{one.seconds / ours.seconds:.1f}",
        f"{one.cpu_seconds:.2f}",
        f"{one.cpu_seconds / ours.cpu_seconds:.1f}",
        f"{one.peak_mb:,.0f}",
        f"{one.peak_mb / ours.peak_mb:.1f}",
    ]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
