"""``python -m tests.bench.bits``: one bit of an archive or of its captures flipped at random places; who notices.

Two nights of the replica are crawled. Then, on a copy, one bit at a time is flipped, ``scrapy verify`` is run, and the
bit is flipped back: at places drawn evenly from all bytes of archive and capture files, and at as many places in the
archive as in the captures. A flip is noticed where the command ends with another code than 0 and says what it found.

``--without-seal`` takes the digests of the file's stretches and of the runs away before: it shows what the checks of
the content alone notice, and for each flip that they do not, whether anything that can be read is different.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.home import Home
from tests.replica import Replica

SECONDS = 300
"""How long one command may take."""


class Flip(NamedTuple):
    """One bit of one file."""

    path: Path
    byte: int
    bit: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Flip, verify, count; 1 where a flip was not noticed (without the seal: one that changed what can be read)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=100, help="how many of each kind")
    parser.add_argument("--stories", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--places", choices=("even", "halves", "both"), default="both")
    parser.add_argument("--without-seal", action="store_true")
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        crawled = crawl(Path(folder) / "crawled", options.stories)
        home = Home(Path(folder))
        shutil.copyfile(crawled.archive, home.archive)
        shutil.copytree(crawled.captures, home.captures)
        sums = home.archive.with_name("archive.db.sums")
        if options.without_seal:
            with closing(sqlite3.connect(home.archive)) as db:
                db.execute(
                    "UPDATE runs SET warc = NULL, bytes = NULL, captures = NULL, previous = NULL, digest = NULL"
                )
                db.commit()
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            shutil.copyfile(crawled.archive.with_name("archive.db.sums"), sums)
        started = time.monotonic()
        clean = home.scrapy("verify", seconds=SECONDS)
        print(
            f"archive of {home.archive.stat().st_size:,} bytes, captures of "
            f"{sum(path.stat().st_size for path in home.captures.iterdir()):,}; whole: exit {clean.returncode}, "
            f"{time.monotonic() - started:.1f} s"
        )
        if clean.returncode:
            print(clean.stdout.decode())
            return 1
        for kind, flips in (
            ("all bytes alike", even(home, options.flips, chance)),
            ("archive and captures alike", halves(home, options.flips, chance)),
        )[options.places == "halves" : 1 + (options.places != "even")]:
            noticed, by, silent = tell(home, flips)
            print(f"{kind}: {noticed} of {options.flips} noticed; the first to say so: {by}", flush=True)
            for flip, changed in silent:
                what = "what can be read is different" if changed else "nothing that can be read is different"
                print(f"  not noticed: {flip.path.name} byte {flip.byte} bit {flip.bit}: {what}")
                missed += changed or not options.without_seal
    return int(missed > 0)


def crawl(folder: Path, stories: int) -> Home:
    """Crawl two nights of the replica."""
    folder.mkdir()
    with Replica(seed=7, stories=stories) as replica:
        replica.add_default_faults()
        home = Home(folder).through(replica)
        for night in (1, 2):
            replica.night = night
            home.crawl("nightly", seconds=SECONDS)
    return home


def even(home: Home, count: int, chance: random.Random) -> Iterator[Flip]:
    """Draw places evenly from all bytes."""
    files = [home.archive, *sorted(home.captures.glob("*.warc.gz"))]
    sizes = [path.stat().st_size for path in files]
    for _ in range(count):
        path = chance.choices(files, sizes)[0]
        yield Flip(path, chance.randrange(path.stat().st_size), chance.randrange(8))


def halves(home: Home, count: int, chance: random.Random) -> Iterator[Flip]:
    """Draw every other place from the archive, the rest from the captures."""
    files = sorted(home.captures.glob("*.warc.gz"))
    sizes = [path.stat().st_size for path in files]
    for number in range(count):
        path = home.archive if number % 2 else chance.choices(files, sizes)[0]
        yield Flip(path, chance.randrange(path.stat().st_size), chance.randrange(8))


def tell(home: Home, flips: Iterator[Flip]) -> tuple[int, str, list[tuple[Flip, bool]]]:
    """Flip one after the other; give how many were noticed, by which checks, and those that were not."""
    whole = dump(home.archive)
    noticed = 0
    by: Counter[str] = Counter()
    silent = []
    for flip in flips:
        turn(flip)
        try:
            said = None
            for words in (("verify", "--quick"), ("verify",)):  # what is noticed early need not be derived
                done = home.scrapy(*words, seconds=SECONDS)
                if done.returncode and (found := (done.stdout + done.stderr).decode().splitlines()):
                    said = found[0].removeprefix("scrapy: ").partition(":")[0].split(" ")[0]
                    break
            if said is None:
                silent.append((flip, dump(home.archive) != whole if flip.path == home.archive else True))
            else:
                noticed += 1
                by[said] += 1
        finally:
            turn(flip)
            for end in ("-wal", "-shm"):
                home.archive.with_name(home.archive.name + end).unlink(missing_ok=True)
    return noticed, ", ".join(f"{name} {count}" for name, count in by.most_common()), silent


def turn(flip: Flip) -> None:
    """Flip a bit, or flip it back."""
    with open(flip.path, "r+b") as file:
        file.seek(flip.byte)
        value = file.read(1)[0]
        file.seek(flip.byte)
        file.write(bytes([value ^ 1 << flip.bit]))


def dump(path: Path) -> str | None:
    """Digest everything that a reader can get from an archive; None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            db.text_factory = bytes
            for name, sql in db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall():
                digest.update(repr((name, sql)).encode())
                if sql and sql.startswith((b"CREATE TABLE", b"CREATE VIEW")):
                    for row in db.execute(f'SELECT * FROM "{name.decode()}"'):
                        digest.update(repr(row).encode())
    except sqlite3.Error:
        return None
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
