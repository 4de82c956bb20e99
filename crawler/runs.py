"""Runs of sources as a command starts them: one lock, one process, one exit code."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from scrapy import Spider
from scrapy.commands import ScrapyCommand

from crawler.archive import Archive, ArchiveError, ArchiveLocked, lock
from crawler.captures import CaptureError, CaptureWriter
from crawler.extensions import Ledger, gravest
from crawler.guards import lack_of_space
from crawler.logs import make_safe
from crawler.portals.entries import EntryError, entries
from crawler.progress import shown

MEANINGS = {
    0: "ok",
    3: "a portal has no items although it should",
    4: "stopped early or partial",
    5: "error in a spider",
    6: "storage: the archive or the captures could not be written",
    7: "integrity: the archive or its captures are damaged",
    8: "network: no portal could be reached",
    9: "configuration, or an archive of a newer shape",
    75: "another run holds the lock",
}


def say(message: str) -> None:
    """Write one line for a person to standard error."""
    print(f"scrapy: {message}", file=sys.stderr)


def check_entries() -> None:
    """Read the entries of the portals; where one is wrong, say all that is and end with exit code 9."""
    try:
        entries()
    except EntryError as wrong:
        for line in str(wrong).splitlines():
            say(line)
        raise SystemExit(wrong.exitcode) from None


def run_spiders(
    command: ScrapyCommand,
    spiders: Sequence[type[Spider]],
    arguments: Mapping[str, Any] | None = None,
    locked: Path | None = None,
    progress: bool = False,
) -> tuple[int, list[Ledger]]:
    """Run spiders side by side under the archive's lock; give the exit code and their ledgers.

    `locked` names the archive whose lock is held, where it is not the one that is written; `progress` shows
    on standard error what each source is doing."""
    assert command.settings is not None
    assert command.crawler_process is not None
    check_entries()
    path = Path(command.settings["ARCHIVE_PATH"])
    try:
        with ExitStack() as held:
            for place in [
                locked or path,
                *host_locks(command.settings["HOST_LOCKS"], spiders, arguments or {}),
            ]:
                held.enter_context(lock(place, seconds=command.settings.getfloat("ARCHIVE_LOCK_SECONDS")))
            # what cannot be used is told before anything is fetched; held, so that the file is closed and sealed once
            held.callback(Archive.shared(path).release)
            CaptureWriter.prepare(command.settings["CAPTURE_DIR"])
            if full := lack_of_space(command.settings, "DISK_FLOOR_MB"):
                raise ArchiveError(f"disk nearly full: {full}")
            crawlers = [command.crawler_process.create_crawler(spider) for spider in spiders]
            for crawler in crawlers:
                command.crawler_process.crawl(crawler, **(arguments or {}))
            make_safe(command.settings)
            with shown(crawlers) if progress else nullcontext():
                command.crawler_process.start()
    except ArchiveLocked as busy:
        say(str(busy))
        return 75, []
    except ArchiveError as wrong:
        say(str(wrong))
        return wrong.exitcode, []
    except CaptureError as wrong:
        say(str(wrong))
        return 6, []
    ledgers = [ledger for crawler in crawlers if crawler.crawling is False and (ledger := opened(crawler))]
    # a run that a second signal broke off was not closed, and is not whole; one that broke off while it closed is an error
    codes = [
        ledger.exitcode if ledger.outcome or not ledger.writer else 5 if ledger.closes else 4
        for ledger in ledgers
    ]
    if command.crawler_process.bootstrap_failed or len(ledgers) < len(crawlers):
        codes.append(5)
    return gravest(codes), ledgers


def host_locks(folder: str, spiders: Sequence[type[Spider]], arguments: Mapping[str, Any]) -> list[Path]:
    """Name the locks of the hosts that spiders ask, in the one order in which all take them; none without a folder."""
    named = {name for name in str(arguments.get("portal") or "").split(",") if name}
    portals = [portal for spider in spiders for portal in getattr(spider, "portals", ())]
    hosts = {host for portal in portals if not named or portal.name in named for host in portal.hosts}
    return [Path(folder) / host for host in sorted(hosts)] if folder else []


def opened(crawler: object) -> Ledger | None:
    """Give a crawler's ledger, None where it failed before it had one."""
    try:
        return crawler.get_extension(Ledger)  # type: ignore[attr-defined, no-any-return]
    except RuntimeError:
        return None


@contextmanager
def telling() -> Iterator[None]:
    """Print what a command has to say; whoever reads it, such as ``head``, may have enough before the end."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


@contextmanager
def reading(path: Path) -> Iterator[Archive]:
    """Open the archive for reading; where it cannot be read, say why and end with its exit code."""
    try:
        archive = Archive(path, readonly=True)
    except ArchiveError as wrong:
        say(str(wrong))
        raise SystemExit(wrong.exitcode) from None
    try:
        with telling():
            yield archive
    except sqlite3.DatabaseError as error:
        say(f"archive: {path}: {error}; scrapy verify names what is damaged")
        raise SystemExit(7) from None
    finally:
        archive.close()
