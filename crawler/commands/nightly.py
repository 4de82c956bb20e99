"""``scrapy nightly``: every source, side by side, under one lock, with an exit code that tells."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.extensions import Ledger
from crawler.logs import log_to_files, printable
from crawler.report import Outbox, tell
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
        loader = self.crawler_process.spider_loader
        spiders = [
            spider
            for name in sorted(loader.list())
            if issubclass(spider := loader.load(name), Source) and spider.by_itself()
        ]
        if self.log_path:
            try:
                log_to_files(self.settings, self.log_path)
            except OSError as error:
                say(f"nightly: {error}: the run goes on without a log file")
        outbox = Outbox(Path(self.settings["ARCHIVE_PATH"]))
        Ledger.undelivered[:] = outbox.read().get("failures", [])
        code, ledgers = run_spiders(self, spiders, progress=not opts.quiet)
        self.exitcode = code
        if not ledgers:
            return
        with reading(outbox.archive) as archive:
            report = tell(archive, ledgers, code, MEANINGS[code], quiet=opts.quiet)
        for line in report.lines:
            print(line)
        if code:
            say(f"nightly: exit {code}: {MEANINGS[code]}")
        for failure in outbox.send(report, self.settings["NOTIFY"].split()):
            say(f"nightly: the report was not delivered: {printable(failure)}")


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
