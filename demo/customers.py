"""New customers of a subscription, as CSV: `python -m demo.customers FOLDER` writes two files.

`customers.csv` holds those of January to June 2025; `customers_2025_07.csv` those of July, whose
labels of the last ten days are not known yet, and who are others: an advertisement brought them,
at a higher price. What is wrong with the files is planted and counted.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp
from pathlib import Path
from random import Random
from typing import Final

FIRST_FILE: Final = "customers.csv"
SECOND_FILE: Final = "customers_2025_07.csv"
COLUMNS: Final = (
    *("customer_id", "signed_up_on", "plan", "channel", "price", "devices"),
    *("minutes_first_week", "churned"),
)
_PLANS: Final = {"basic": 7.99, "family": 14.99, "student": 4.99}
_CHANNELS: Final = ("search", "friend", "advert")
_BEFORE, _AFTER = (0.50, 0.35, 0.15), (0.15, 0.15, 0.70)
_PRICE_RISE: Final = 3.0
_KNOWN_UNTIL: Final = date(2025, 7, 21)

Row = dict[str, str]


@dataclass(frozen=True)
class PlantedFile:
    """What is in a file: rows, and of them duplicates, rows to quarantine, rows without label."""

    name: str
    rows: int
    duplicates: int
    bad: int
    unknown: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.rows:,} rows; planted: {self.duplicates} duplicates,"
            f" {self.bad} bad values; {self.unknown} without label."
        )


def generate_customers(folder: Path, *, seed: int = 7) -> tuple[PlantedFile, PlantedFile]:
    """Writes the two files into the folder; the same seed gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(seed)  # noqa: S311 (no secret)
    first = list(_customers(random, date(2025, 1, 1), date(2025, 7, 1), 1_500, first_id=10_001))
    second = list(_customers(random, date(2025, 7, 1), date(2025, 8, 1), 400, first_id=11_501))
    return (
        _written(folder / FIRST_FILE, first, random, duplicates=12, bad=9),
        _written(folder / SECOND_FILE, second, random, duplicates=4, bad=3),
    )


def _customers(
    random: Random, start: date, end: date, count: int, *, first_id: int
) -> Iterator[Row]:
    """As many customers in the order of their days, from `start` to before `end`."""
    drifted = start >= date(2025, 7, 1)
    days = (end - start).days
    for number in range(count):
        day = start + timedelta(days=number * days // count)
        plan = random.choice(list(_PLANS))
        (channel,) = random.choices(_CHANNELS, _AFTER if drifted else _BEFORE)
        price = _PLANS[plan] + (_PRICE_RISE if drifted else 0.0)
        minutes = random.gammavariate(2.0, 90.0)
        inclination = 3.0 - 0.03 * minutes + (2.0 if channel == "advert" else -0.8)
        churned = random.random() < 1 / (1 + exp(-inclination))
        yield {
            "customer_id": f"C{first_id + number}",
            "signed_up_on": day.isoformat(),
            "plan": plan,
            "channel": channel,
            "price": f"{price:.2f}",
            "devices": str(random.randint(1, 5)),
            "minutes_first_week": f"{minutes:.1f}",
            "churned": ("yes" if churned else "no") if day < _KNOWN_UNTIL else "",
        }


def _written(
    path: Path, rows: list[Row], random: Random, *, duplicates: int, bad: int
) -> PlantedFile:
    """Writes the rows, some of them spoilt and others twice."""
    chosen = random.sample(range(len(rows)), duplicates + bad)
    spoilt = [("price", "n/a"), ("signed_up_on", "30.02.2025"), ("customer_id", "")]
    for place, number in enumerate(chosen[:bad]):
        column, value = spoilt[place % len(spoilt)]
        rows[number] = rows[number] | {column: value}
    rows = [*rows, *(rows[number] for number in chosen[bad:])]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    unknown = sum(not row["churned"] for row in rows)
    return PlantedFile(path.name, len(rows), duplicates, bad, unknown)


def main() -> None:
    """Writes the files into the folder that is the one argument."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("Usage: python -m demo.customers FOLDER")
    for planted in generate_customers(Path(sys.argv[1])):
        print(planted)  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
