"""Copies of the archive with its captures: backups, made while a crawl runs, and put back."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from crawler.archive.checks import Checks
from crawler.archive.locking import ArchiveError
from crawler.archive.seal import seal, sums_of

CAPTURES = "warc"
"""The folder of the capture files inside a backup."""


class Backup(NamedTuple):
    """What a backup is made of."""

    path: Path
    """Its folder: the archive, its seal, and the folder `CAPTURES`."""
    linked: int
    """How many capture files are hard links, to the originals or to those of an elder backup."""
    copied: int
    cut: int
    """How many of the copied ones were being written: they end where the archive's copy ends."""


class Restored(NamedTuple):
    """What was put back."""

    kept: Path | None
    """Where the archive is that was there before."""
    put_back: int
    """How many capture files were missing or different."""
    newer: tuple[str, ...]
    """Capture files that the backup does not know: a rebuild takes them in."""


class Copies(Checks):
    """What leaves the archive for another place."""

    def backup(self, to: str | os.PathLike[str]) -> None:
        """Copy what is committed to `to`, whole and checked, while writing goes on.

        The copy is one file without a write-ahead log, so it can be served from anywhere; it takes its
        place only after it passed `verify`. Raises ArchiveError where it cannot be made or is not sound.
        """
        target = Path(to).resolve()
        if target == self.path:
            raise ArchiveError(f"archive: wanted another place for a copy than the archive itself, {target}")
        part = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            source = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=30.0)
            copy = sqlite3.connect(part)
            try:
                source.backup(copy, pages=2048)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                copy.close()
                source.close()
            with type(self)(part, readonly=True) as checked:
                problems = checked.verify()
            if problems:
                raise ArchiveError(f"archive: the copy of {self.path} is not sound: {problems[0]}", 7)
            _sync(part)
            for end in ("-wal", "-shm"):
                part.with_name(part.name + end).unlink(missing_ok=True)
            sums_of(target).unlink(missing_ok=True)
            os.replace(part, target)
            seal(target)
            _sync(target.parent)
        except sqlite3.DatabaseError as error:
            part.unlink(missing_ok=True)
            raise ArchiveError(f"archive: cannot copy {self.path} to {target}: {error}") from error
        except ArchiveError:
            part.unlink(missing_ok=True)
            raise
        except OSError as error:
            raise ArchiveError(f"archive: cannot copy {self.path} to {target}: {error.strerror}") from error

    def backup_all(
        self, to: str | os.PathLike[str], capture_dir: str | os.PathLike[str], *, link: bool = True
    ) -> Backup:
        """Copy archive and captures into a folder that is not there yet, while a crawl may run, and check the copy.

        A capture file that its run has signed never changes again: it is linked (`link`), to the original or,
        where that lies on another file system, to the same file of an elder backup beside this one; else it is
        copied. One that is being written, or that a killed run left, is copied up to the last record that the
        archive's copy knows. Raises ArchiveError where the backup cannot be made or is not sound.
        """
        target, source = Path(to).resolve(), Path(capture_dir)
        if target.exists():
            raise ArchiveError(f"archive: wanted a free name for a backup, found {target}")
        part = target.with_name(target.name + ".part")
        try:
            if part.exists():
                shutil.rmtree(part)  # what a killed backup left
            (part / CAPTURES).mkdir(parents=True)
            self.backup(part / self.path.name)
            with type(self)(part / self.path.name, readonly=True) as copy:
                done = [
                    take_file(
                        source, part / CAPTURES, name, end, _elder(target, name) if link else None, link
                    )
                    for name, end in copy._files_known(source)
                ]
                problems = copy.verify(part / CAPTURES)
            for end in ("-wal", "-shm"):
                (part / (self.path.name + end)).unlink(missing_ok=True)
            if problems:
                raise ArchiveError(
                    f"archive: the backup of {self.path} is not sound: {problems[0]}"
                    + (f", and {len(problems) - 1} more problems" if len(problems) > 1 else "")
                    + f"; it is left in {part} to be looked at",
                    7,
                )
            os.replace(part, target)
            _sync(target.parent)
        except OSError as error:
            if isinstance(error, ArchiveError):
                raise
            raise ArchiveError(f"archive: cannot back up {self.path} to {target}: {error}") from error
        return Backup(target, done.count("linked"), len(done) - done.count("linked"), done.count("cut"))

    def _files_known(self, directory: Path) -> Iterator[tuple[str, int | None]]:
        """Give the capture files that belong to this copy of an archive, and up to which byte; None: whole."""
        signed = {link.warc for link in self.links()}
        ends = {
            row[0]: row[1]
            for row in self.conn.execute('SELECT warc, max("offset" + length) FROM captures GROUP BY warc')
        }
        open_runs = {
            f"{row[0]}.warc.gz"
            for row in self.conn.execute(
                "SELECT id FROM runs WHERE outcome IS NULL OR (outcome = 'interrupted' AND stats IS NULL)"
            )
        }
        for name in sorted(signed | ends.keys()):
            yield name, None if name in signed or name not in open_runs else ends[name]


def restore(
    backup: str | os.PathLike[str], archive: str | os.PathLike[str], capture_dir: str | os.PathLike[str]
) -> Restored:
    """Put a backup in the place of an archive and give its captures back; what is there is kept, nothing is lost.

    The archive that is there becomes ``NAME.before-restore``. A capture file that goes on where the backup's
    ends is the same one, written further: it stays. One that differs becomes ``NAME.before-restore``, too.
    The backup stays as it is. Nobody else may write the archive meanwhile: hold its lock.
    Raises ArchiveError where the backup is not sound or something cannot be put back.
    """
    folder, place, captures = Path(backup).resolve(), Path(archive).resolve(), Path(capture_dir)
    found = sorted(folder.glob("*.db"))
    if len(found) != 1 or not (folder / CAPTURES).is_dir():
        raise ArchiveError(
            f"archive: found {len(found)} archives in {folder}, wanted one and a folder {CAPTURES}", 9
        )
    with Copies(found[0], readonly=True) as checked:
        if problems := checked.verify(folder / CAPTURES):
            raise ArchiveError(f"archive: the backup {folder} is not sound: {problems[0]}", 7)
    for end in ("-wal", "-shm"):
        found[0].with_name(found[0].name + end).unlink(missing_ok=True)
    try:
        captures.mkdir(parents=True, exist_ok=True)
        put_back = sum(_put_back(path, captures) for path in sorted((folder / CAPTURES).glob("*.warc.gz")))
        known = {path.name for path in (folder / CAPTURES).glob("*.warc.gz")}
        newer = tuple(path.name for path in sorted(captures.glob("*.warc.gz")) if path.name not in known)
        part = place.with_name(place.name + ".restoring")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found[0], part)
        _sync(part)
        kept = _put_aside(place) if place.exists() else None
        os.replace(part, place)
        _sync(place.parent)
        seal(place)
    except OSError as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"archive: cannot restore {folder} to {place}: {error}") from error
    return Restored(kept, put_back, newer)


def _put_aside(place: Path) -> Path:
    """Move an archive out of the way, whole or damaged, with what SQLite and we keep beside it."""
    with suppress(ArchiveError):
        Checks(place).close()  # empties the write-ahead log into the file
    kept = place.with_name(place.name + ".before-restore")
    for end in ("-wal", "-shm", ".sums", ""):
        kept.with_name(kept.name + end).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            os.replace(place.with_name(place.name + end), kept.with_name(kept.name + end))
    return kept


def _put_back(path: Path, captures: Path) -> bool:
    """Copy a capture file of a backup to its place; False where that has all of it."""
    place = captures / path.name
    if place.exists():
        if begins_with(place, path):
            return False
        os.replace(place, place.with_name(place.name + ".before-restore"))
    part = place.with_name(place.name + ".part")
    shutil.copyfile(path, part)  # no link: what goes on being written must not change the backup
    _sync(part)
    os.replace(part, place)
    return True


def begins_with(whole: Path, beginning: Path) -> bool:
    """Tell whether a file begins with all bytes of another."""
    if os.path.samefile(whole, beginning):
        return True
    with open(whole, "rb") as one, open(beginning, "rb") as other:
        while chunk := other.read(2**20):
            if one.read(len(chunk)) != chunk:
                return False
    return True


def _elder(target: Path, name: str) -> Path | None:
    """Find a capture file in the newest elder backup beside a new one."""
    for folder in sorted(target.parent.iterdir(), reverse=True):
        found = folder / CAPTURES / name
        if folder != target and not folder.name.endswith(".part") and found.is_file():
            return found
    return None


def take_file(source: Path, to: Path, name: str, end: int | None, elder: Path | None, link: bool) -> str:
    """Link or copy a capture file into a backup; say which."""
    original, place = source / name, to / name
    if end is None and link:
        same = elder is not None and elder.stat().st_size == original.stat().st_size
        for other in (original, elder if same else None):
            if other is None:
                continue
            try:
                os.link(other, place)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                    raise
                continue
            return "linked"
    with open(original, "rb") as file, open(place, "xb") as copy:
        if end is None:
            shutil.copyfileobj(file, copy, 2**20)
        else:
            left = end
            while left and (chunk := file.read(min(left, 2**20))):
                copy.write(chunk)
                left -= len(chunk)
    shutil.copystat(original, place)
    _sync(place)
    return "copied" if end is None else "cut"


def _sync(path: Path) -> None:
    """Bring a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
