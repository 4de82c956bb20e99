"""Read what we know: ``data/tables/*.tsv``, each row with its source."""

from __future__ import annotations

from functools import cache
from pathlib import Path

TABLES = Path(__file__).resolve().parents[2] / "data" / "tables"


@cache
def read(name: str) -> tuple[tuple[str, ...], ...]:
    """Read one table, and keep it: for those that several modules ask for. See `load`."""
    return load(name)


def load(name: str) -> tuple[tuple[str, ...], ...]:
    """Read one table, without its column names and its ``#`` lines.

    Give the name without ``.tsv``. The first line of a table names its columns; a line that begins with
    ``#`` says where the rows below it come from. Rows shorter than the column names are filled up with
    empty strings. Raises ``FileNotFoundError`` for a table that does not exist: that is a mistake in the
    code, not odd input.

    >>> ("時", "时") in load("traditional")
    True
    >>> dict(load("traditional"))["著"]
    '著着'
    """
    lines = (TABLES / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    width = lines[0].count("\t") + 1
    rows = (line.split("\t") for line in lines[1:] if line and not line.startswith("#"))
    return tuple(tuple(row + [""] * (width - len(row))) for row in rows)


@cache
def columns(name: str) -> tuple[str, ...]:
    """Read the column names of one table.

    >>> columns("traditional")
    ('traditional', 'simplified')
    """
    with (TABLES / f"{name}.tsv").open(encoding="utf-8") as lines:
        return tuple(lines.readline().rstrip("\n").split("\t"))
