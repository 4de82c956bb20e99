"""The seal: a digest for each stretch of the archive file at rest, so that no byte of it changes unseen.

SQLite's own check and ours read what the file says. Free pages, the slack of a page, and columns that no other
row repeats are not covered by them. So the file's stretches are digested whenever it was written and closed,
into ``NAME.sums`` beside it; before the first write that file is taken away.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from crawler.archive.locking import run_elsewhere

STRETCH = 2**16
"""How many bytes one digest covers: sixteen pages, so that the digests are a two-thousandth of the archive."""

HEAD = "govnews-archive sums 1"


def sums_of(path: Path) -> Path:
    """Name the file of an archive's digests."""
    return path.with_name(path.name + ".sums")


def seal(path: Path) -> None:
    """Write the digests of an archive file that nobody writes. Raises OSError where that cannot be done."""
    lines = [HEAD, str(path.stat().st_size), *_digests(path)]
    lines.append(_digest("\n".join(lines).encode()))
    part = sums_of(path).with_name(sums_of(path).name + ".part")
    with open(part, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, sums_of(path))


def unseal(path: Path) -> None:
    """Take the digests away, because the archive is going to be written."""
    sums_of(path).unlink(missing_ok=True)


def is_at_rest(path: Path) -> bool:
    """Tell whether an archive file is whole and nobody else writes it: no log beside it, no run under way."""
    log = path.with_name(path.name + "-wal")
    return not run_elsewhere(path) and not (log.exists() and log.stat().st_size)


def broken(path: Path) -> Iterator[str]:
    """Name the stretches of an archive at rest that are not as they were sealed; nothing where it has no seal."""
    place = sums_of(path)
    try:
        lines = place.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        yield f"seal: {place} cannot be read: {error.strerror}"
        return
    if len(lines) < 3 or lines[0] != HEAD or lines[-1] != _digest("\n".join(lines[:-1]).encode()):
        yield f"seal: {place} is damaged itself"
        return
    found = []
    size = path.stat().st_size
    if str(size) != lines[1]:
        found.append(f"seal: {path} has {size} bytes, wanted {lines[1]}")
    for number, (wanted, has) in enumerate(zip(lines[2:-1], _digests(path), strict=False)):
        if wanted != has:
            begin = number * STRETCH
            found.append(f"seal: {path} was changed in bytes {begin} to {min(begin + STRETCH, size) - 1}")
    if place.exists() and is_at_rest(path):  # else somebody began to write meanwhile
        yield from found


def _digests(path: Path) -> Iterator[str]:
    with open(path, "rb") as file:
        while chunk := file.read(STRETCH):
            yield _digest(chunk)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
