"""``scrapy rebuild``: the archive derived anew from the captures alone, without a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import ArchiveError, compare, put_in_place
from crawler.replay import Rebuild
from crawler.runs import MEANINGS, run_spiders, say


class Command(ScrapyCommand):
    requires_project = True

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Derive the archive anew from the captures, no network"

    def long_desc(self) -> str:
        return (
            "Derive the archive anew from the captures of CAPTURE_DIR, say what differs from the present one, and put "
            "it in place; the present one is kept beside it as NAME.before-rebuild."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--to", metavar="PATH", help="write the new archive there and leave the present one alone"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        assert self.crawler_process is not None
        present = Path(self.settings["ARCHIVE_PATH"])
        captures = Path(self.settings["CAPTURE_DIR"])
        if not any(captures.glob("*.warc.gz")):
            raise UsageError(
                f"rebuild: found no capture file in {captures}, wanted *.warc.gz", print_help=False
            )
        new = Path(opts.to) if opts.to else present.with_name(present.name + ".rebuilding")
        if opts.to and new.exists():
            raise UsageError(f"rebuild: found a file at {new}, wanted a name that is free", print_help=False)
        for end in ("", "-wal", "-shm"):
            new.with_name(new.name + end).unlink(missing_ok=True)  # what an interrupted rebuild left
        elder = present if present.exists() else None
        for settings in (self.settings, self.crawler_process.settings):
            settings.set("ARCHIVE_PATH", str(new), priority="cmdline")
        try:
            code, _ = run_spiders(self, [Rebuild], {"elder": elder}, locked=present)
            if code:
                say(f"rebuild: exit {code}: {MEANINGS[code]}; {present} is as it was")
                self.exitcode = code
                return
            for line in compare(elder, new) if elder else []:
                print(line)
            if not opts.to:
                kept = put_in_place(new, present)
                print(f"{present}: rebuilt" + (f"; the one before is {kept}" if kept else ""))
            else:
                print(f"{new}: built; {present} is as it was")
        except ArchiveError as wrong:
            say(str(wrong))
            self.exitcode = wrong.exitcode
