"""``scrapy nightly``: every source, side by side, under one lock, with an exit code that tells."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import ArchiveError, ArchiveLocked
from crawler.cluster import PLACES, ClusterError, Deal, Done, crawl_night
from crawler.extensions import Ledger
from crawler.logs import log_to_files, printable
from crawler.report import Outbox, past_runs, tell
from crawler.runs import MEANINGS, check_entries, reading, run_spiders, say
from crawler.sources import Source


class Command(ScrapyCommand):
    requires_project = True

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Crawl all sources into the archive, for cron"

    def long_desc(self) -> str:
        meanings = "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items())
        return (
            "Crawl all sources, and the portals that are proven, into the archive under one lock. The log goes to logs/nightly.log beside the "
            f"archive and is rotated there. Exit codes: {meanings}."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--only",
            metavar="NAME,NAME",
            help="these sources, or portals of a source whose portals stand apart",
        )
        parser.add_argument(
            "--cluster",
            metavar="ADDRESS",
            help="deal the hosts out to a Dask cluster (tcp://HOST:PORT), or to N processes here (local:N)",
        )
        parser.add_argument("--until", metavar="HH:MM", help="end in good order at this time of the clock")
        parser.add_argument(
            "--max-minutes", metavar="N", type=float, help="end in good order after N minutes"
        )
        parser.add_argument(
            "--quiet",
            action="store_true",
            help="no progress; the report is printed only where something is wrong or a page was hacked",
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        assert self.settings is not None
        if args:
            raise UsageError(f"nightly: found {' '.join(args)!r}, wanted options alone", print_help=False)
        try:
            seconds = budget(opts.until, opts.max_minutes, datetime.now().astimezone())
        except ValueError as wrong:
            raise UsageError(f"nightly: {wrong}", print_help=False) from None
        self.seconds = seconds
        if seconds is not None:
            self.settings.set("CLOSESPIDER_TIMEOUT", seconds, priority="cmdline")
        self.log_path: Path | None = None
        if self.settings.getbool("LOG_ENABLED") and not self.settings["LOG_FILE"]:
            self.log_path = Path(self.settings["ARCHIVE_PATH"]).absolute().parent / "logs" / "nightly.log"
            self.settings.set("LOG_ENABLED", False, priority="cmdline")  # Scrapy's own handler stays away

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.crawler_process is not None
        assert self.settings is not None
        check_entries()
        try:
            parts = choose(self.crawler_process.spider_loader, opts.only)
        except ValueError as wrong:
            raise UsageError(f"nightly: {wrong}", print_help=False) from None
        if self.log_path:
            try:
                log_to_files(self.settings, self.log_path)
            except OSError as error:
                say(f"nightly: {error}: the run goes on without a log file")
        outbox = Outbox(Path(self.settings["ARCHIVE_PATH"]))
        Ledger.undelivered[:] = outbox.read().get("failures", [])
        ledgers: list[Ledger] = []
        if opts.cluster:
            code, night = self.crawl_elsewhere(parts, opts)
        else:
            named = [portal for _, portal in parts if portal]
            arguments = {"portal": ",".join(named)} if named else None
            spiders = list(dict.fromkeys(spider for spider, _ in parts))
            code, ledgers = run_spiders(self, spiders, arguments, progress=not opts.quiet)
            night = None
        self.exitcode = code
        if night is None and not ledgers:
            return
        with reading(outbox.archive) as archive:
            runs = past_runs(archive, night) if night is not None else ledgers
            report = tell(archive, runs, code, MEANINGS[code], quiet=opts.quiet)
        for line in report.lines:
            print(line)
        if code:
            say(f"nightly: exit {code}: {MEANINGS[code]}")
        for failure in outbox.send(report, self.settings["NOTIFY"].split()):
            say(f"nightly: the report was not delivered: {printable(failure)}")

    def crawl_elsewhere(
        self, parts: Sequence[tuple[type[Source], str | None]], opts: argparse.Namespace
    ) -> tuple[int, str | None]:
        """Crawl on a cluster; give the exit code, and when the night began, None where none did."""
        assert self.settings is not None

        def told(name: str, done: Done) -> None:
            if not opts.quiet or done.said:
                said = f": {done.said}" if done.said else ""
                say(f"nightly: {name}: exit {done.code}: {MEANINGS.get(done.code, '')}{printable(said)}")

        words = [word for pair in opts.set if pair.partition("=")[0] not in PLACES for word in ("-s", pair)]
        try:
            return crawl_night(
                opts.cluster, self.settings, deals_of(parts), words, seconds=self.seconds, told=told
            )
        except ArchiveLocked as held:
            say(str(held))
            return 75, None
        except (ArchiveError, ClusterError) as wrong:
            say(str(wrong))
            return wrong.exitcode, None


def choose(loader: Any, only: str | None) -> list[tuple[type[Source], str | None]]:
    """Give the sources of a night, and where `only` names portals of one whose portals stand apart, those.

    Raises ValueError for a name that is none, or where portals are named beside something else.
    """
    sources = [spider for name in sorted(loader.list()) if issubclass(spider := loader.load(name), Source)]
    if only is None:
        return [(spider, None) for spider in sources if spider.by_itself()]
    known: dict[str, tuple[type[Source], str | None]] = {spider.name: (spider, None) for spider in sources}
    known |= {
        portal.name: (spider, portal.name) for spider in sources if spider.apart for portal in spider.portals
    }
    names = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"--only: found {', '.join(unknown)}, wanted some of {', '.join(sorted(known))}")
    found = [known[name] for name in dict.fromkeys(names)]
    named = [portal for _, portal in found if portal]
    if named and (len(named) < len(found) or len({spider for spider, _ in found}) > 1):
        raise ValueError(f"--only: found {only!r}, wanted sources alone, or portals of one source alone")
    return found


def deals_of(parts: Sequence[tuple[type[Source], str | None]]) -> list[Deal]:
    """Part a night into what is never crawled from two places at once: a source, or one of its portals that stand apart."""
    deals = []
    for spider, named in parts:
        if spider.apart:
            portals = [portal for portal in spider.portals if named == portal.name] or spider.by_itself()
            deals += [Deal(portal.name, (portal.name,), portal.hosts) for portal in portals]
        else:
            names = tuple(portal.name for portal in spider.portals)
            hosts = tuple(host for portal in spider.portals for host in portal.hosts)
            deals.append(Deal(spider.name, names, hosts))
    return deals


def budget(until: str | None, minutes: float | None, now: datetime) -> float | None:
    """Give the seconds a run may take: to the next time `until` ("06:00") and `minutes` at most.

    None where neither is given; ValueError where one makes no sense.

    >>> at = datetime(2026, 3, 1, 2, 0)
    >>> budget("06:00", None, at), budget("01:30", None, at), budget("06:00", 30, at), budget(None, None, at)
    (14400.0, 84600.0, 1800.0, None)
    """
    seconds = []
    if until is not None:
        try:
            clock = datetime.strptime(until, "%H:%M")  # noqa: DTZ007 - a time of the clock, of no date
        except ValueError:
            raise ValueError(f"--until: found {until!r}, wanted a time as 06:00") from None
        end = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
        seconds.append((end - now if end > now else end + timedelta(days=1) - now).total_seconds())
    if minutes is not None:
        if not 0 < minutes < 1e6:
            raise ValueError(f"--max-minutes: found {minutes:g}, wanted a number above 0")
        seconds.append(60.0 * minutes)
    return min(seconds, default=None)
