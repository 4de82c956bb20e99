"""Shards: archives of some portals each, found, checked, and merged into one with their captures."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from crawler.archive.copies import CAPTURES, begins_with, take_file
from crawler.archive.file import Archive
from crawler.archive.locking import HELD, ArchiveError, lock
from crawler.archive.merging import YEAR, Scope
from crawler.archive.seal import broken, sums_of
from crawler.archive.shape import SHAPE_VERSION


class Merged(NamedTuple):
    """What a merge brought."""

    came: Counter[str]
    """How many rows are new, by table."""
    linked: int
    """How many capture files were put beside the others."""


def merge(
    shards: Sequence[str | os.PathLike[str]],
    into: str | os.PathLike[str],
    capture_dir: str | os.PathLike[str] | None,
    *,
    elder: str | os.PathLike[str] | None = None,
    seconds: float = 0.0,
) -> Merged:
    """Merge shards into an archive, which is made if need be, and their capture files into its `capture_dir`.

    A shard is an archive file, or a folder that holds ``archive.db``; its capture files lie in ``warc`` beside it, or
    in `capture_dir` already. They are linked there where that can be, else copied, before the rows are written; those
    come in one transaction. With None the files stay where they are. What an `elder` archive has keeps its id. Locks are waited for `seconds`. Raises ArchiveError, with nothing changed, where a shard
    is damaged, of another shape or another run's, or where two do not fit together.
    """
    target = Path(into).resolve()
    places = sorted({_place(shard) for shard in shards})
    if target in places:
        raise ArchiveError(f"merge: found {target} among the shards, too, wanted others to merge into it", 9)
    made: list[Path] = []
    fresh = not target.exists()
    with ExitStack() as held:
        if target not in HELD:
            held.enter_context(lock(target, seconds=seconds))
        opened = []
        for place in places:
            held.enter_context(lock(place, seconds=seconds))
            opened.append(held.enter_context(_open(place)))
        try:
            with Archive(target) as archive:
                if elder is not None:
                    archive.keep_ids(elder)
                if capture_dir is not None:
                    for shard in opened:
                        _link_captures(shard, Path(capture_dir).resolve(), made)
                came = archive.merge(opened)
        except BaseException as error:
            for path in made:
                path.unlink(missing_ok=True)
            if fresh:
                for end in ("", "-wal", "-shm", ".sums"):  # the lock is held
                    target.with_name(target.name + end).unlink(missing_ok=True)
            if isinstance(error, sqlite3.DatabaseError):
                raise ArchiveError(f"merge: {error}; {target} is as it was", 7) from error
            raise
    return Merged(came, len(made))


def seed(
    shard: str | os.PathLike[str],
    archive: str | os.PathLike[str],
    capture_dir: str | os.PathLike[str],
    portals: Collection[str],
    hosts: Collection[str],
) -> None:
    """Make a shard of what an archive has of some portals, so that a crawl into it goes on where the archive stands.

    The capture files are linked beside it. Raises ArchiveError where that cannot be done; there is no shard then.
    """
    place = Path(shard).resolve()
    part = place.with_name(place.name + ".part")
    scope = Scope(frozenset(portals), frozenset(hosts))
    remove(part)
    try:
        with Archive(archive, readonly=True) as whole, Archive(part) as made:
            made.merge([whole], scope)
            names = {row[0] for row in made.conn.execute("SELECT DISTINCT warc FROM captures")}
            (place.parent / CAPTURES).mkdir(parents=True, exist_ok=True)
            for name in sorted(names):
                if not (place.parent / CAPTURES / name).exists():
                    take_file(Path(capture_dir), place.parent / CAPTURES, name, None, None, link=True)
        sums_of(part).unlink(missing_ok=True)
        os.replace(part, place)
    except OSError as error:
        remove(part)
        raise ArchiveError(f"archive: cannot make a shard of {archive} at {place}: {error}") from error


def split_by_year(archive: str | os.PathLike[str], folder: str | os.PathLike[str]) -> list[Path]:
    """Make of an archive one for each year of its articles, `folder`/YEAR.db; give them, the first year first.

    An article belongs to the year of its date, or to that in which it was first seen where it has none. Lists, and what
    else was fetched, belong to the year in which that was; runs and channels are in each. Merged they are the archive again.
    """
    made = []
    with Archive(archive, readonly=True) as whole:
        for (year,) in whole.conn.execute(f"SELECT DISTINCT {YEAR} AS year FROM articles a ORDER BY year"):
            place = Path(folder) / f"{year}.db"
            remove(place)
            with Archive(place) as shard:
                shard.merge([whole], Scope(year=year))
            made.append(place)
    return made


def remove(archive: Path) -> None:
    """Remove an archive that is not to be kept."""
    for end in ("", "-wal", "-shm", ".sums", ".lock"):
        archive.with_name(archive.name + end).unlink(missing_ok=True)


def _place(shard: str | os.PathLike[str]) -> Path:
    place = Path(shard)
    return ((place / "archive.db") if place.is_dir() else place).resolve()


def _open(place: Path) -> Archive:
    """Open a shard whose lock is held, and look whether it is sound; one of an elder shape is brought up."""
    shard = Archive(place, readonly=True)
    try:
        version = shard.conn.execute("PRAGMA user_version").fetchone()[0]
        if version < SHAPE_VERSION:
            shard.close()
            Archive(place).close()
            shard = Archive(place, readonly=True)
        problems = [*broken(place)]
        problems += [row[0] for row in shard.conn.execute("PRAGMA quick_check(1)") if row[0] != "ok"]
        for row in shard.conn.execute("PRAGMA foreign_key_check"):
            problems.append(f"{row[0]} row {row[1]} points to a missing row of {row[2]}")
            break
        if problems:
            raise ArchiveError(
                f"merge: {place} is damaged: {problems[0]}; wanted a sound shard, scrapy verify names all that is not",
                7,
            )
        shard.conn.execute("BEGIN")
    except sqlite3.DatabaseError as error:
        shard.close()
        raise ArchiveError(f"merge: {place} is damaged: {error}; wanted a sound shard", 7) from error
    except BaseException:
        shard.close()
        raise
    return shard


def _link_captures(shard: Archive, captures: Path, made: list[Path]) -> None:
    """Put the capture files of a shard beside the others, by links where that can be; `made` gets those that are new."""
    beside = shard.path.parent / CAPTURES
    names = {row[0] for row in shard.conn.execute("SELECT DISTINCT warc FROM captures")}
    names |= {path.name for path in beside.glob("*.warc.gz")}
    try:
        captures.mkdir(parents=True, exist_ok=True)
        for name in sorted(names):
            source, place = beside / name, captures / name
            if not source.is_file():
                if not place.is_file():
                    raise ArchiveError(
                        f"merge: {shard.path} has captures in {name}, found no such file in {beside} or {captures}",
                        7,
                    )
                continue
            if place.exists() and begins_with(place, source):
                continue
            if place.exists():
                if not begins_with(source, place):
                    raise ArchiveError(
                        f"merge: found two capture files of the name {name}, in {beside} and in {captures}, wanted one",
                        7,
                    )
                place.unlink()  # it grew since it was copied
                take_file(beside, captures, name, None, None, link=True)
                continue
            take_file(beside, captures, name, None, None, link=True)
            made.append(place)
    except OSError as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(
            f"merge: cannot put the captures of {shard.path} into {captures}: {error}"
        ) from error
