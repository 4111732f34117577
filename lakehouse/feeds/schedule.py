"""When a source is pulled by itself."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from lakehouse.declaration.section import Section

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_ITEM = re.compile(r"(\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?")


class Schedule(Section):
    """When the source is pulled while `tidemark up` runs."""

    cron: str = Field(
        description="Minute, hour, day of the month, month, day of the week (0 is Sunday)."
    )
    timezone: str = Field("UTC", description="Time zone of the schedule, as in Europe/Madrid.")
    running: bool = Field(
        True, description="Whether it is on from the start; else it is turned on in the UI."
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        if not is_cron(value):
            raise ValueError(f"'{value}' is not a schedule of five fields, as in `30 14 * * 1-5`")
        return value

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"There is no time zone '{value}'") from error
        return value


def is_cron(text: str) -> bool:
    """Whether the text is a cron schedule of five fields of numbers.

    >>> [is_cron(text) for text in ("30 14 * * 1-5", "*/15 0,12 1 * *", "60 * * * *", "@daily")]
    [True, True, False, False]
    """
    fields = text.split()
    return len(fields) == len(_RANGES) and all(
        _is_item(item, low, high)
        for field, (low, high) in zip(fields, _RANGES, strict=True)
        for item in field.split(",")
    )


def _is_item(item: str, low: int, high: int) -> bool:
    match = _ITEM.fullmatch(item)
    if match is None:
        return False
    first, last = match[2], match[3] or match[2]
    return first is None or low <= int(first) <= int(last) <= high
