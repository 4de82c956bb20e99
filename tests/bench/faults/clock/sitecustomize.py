"""A clock that jumps: Python loads this first where ``PYTHONPATH`` names its folder.

The file that ``CLOCK_FILE`` names says by how many seconds the clock of this process is wrong; it may change at any time.
"""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path
from typing import Any, Self

CLOCK = Path(os.environ["CLOCK_FILE"])
RIGHT = time.time
LOCAL, UNIVERSAL = time.localtime, time.gmtime
Datetime, Date = datetime.datetime, datetime.date


def wrong_time() -> float:
    """Give what this process takes for the time, in seconds since 1970."""
    return RIGHT() + float(CLOCK.read_text(encoding="ascii") or 0)


class WrongDatetime(Datetime):
    """A datetime whose present is the wrong one."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        return cls.fromtimestamp(wrong_time(), tz)

    @classmethod
    def today(cls) -> Self:
        return cls.now()


class WrongDate(Date):
    """A date whose today is the wrong one."""

    @classmethod
    def today(cls) -> Self:
        return cls.fromtimestamp(wrong_time())


replaced: dict[Any, dict[str, Any]] = {
    time: {
        "time": wrong_time,
        "time_ns": lambda: int(wrong_time() * 10**9),
        "localtime": lambda seconds=None: LOCAL(wrong_time() if seconds is None else seconds),
        "gmtime": lambda seconds=None: UNIVERSAL(wrong_time() if seconds is None else seconds),
    },
    datetime: {"datetime": WrongDatetime, "date": WrongDate},
}
for module, names in replaced.items():
    for name, value in names.items():
        setattr(module, name, value)
