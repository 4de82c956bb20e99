"""``scrapy export``: articles as JSON lines or CSV, captures as WACZ."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import NAMES, ArchiveError, Selection
from crawler.runs import reading, say
from crawler.wacz import write_wacz

FORMS = ("jsonl", "csv", "wacz")


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] [FILE]"

    def short_desc(self) -> str:
        return "Write articles as JSON lines or CSV, or captures as WACZ"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--format", choices=FORMS, help="by default what FILE ends with, else jsonl")
        parser.add_argument(
            "--names",
            choices=tuple(NAMES),
            default="archive",
            help="archive: this archive's columns; dc: Dublin Core; tags: the <meta> tags of government pages",
        )
        parser.add_argument("--portal", help="of this portal only")
        parser.add_argument("--channel", help="of this channel only")
        parser.add_argument("--since", metavar="YYYY-MM-DD", help="published on this day or later")
        parser.add_argument("--until", metavar="YYYY-MM-DD", help="published on this day or earlier")
        parser.add_argument("--tampered", action="store_true", help="only what was tampered with")
        parser.add_argument("--versions", action="store_true", help="every version, not the newest alone")
        parser.add_argument(
            "--no-bom",
            action="store_true",
            help="a CSV file without the mark at its beginning by which Excel knows UTF-8",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) > 1:
            raise UsageError(
                f"export: found {len(args)} files, wanted one, or none for standard output", print_help=False
            )
        for name in ("since", "until"):
            try:
                date.fromisoformat(getattr(opts, name) or "2000-01-01")
            except ValueError:
                raise UsageError(
                    f"export: found --{name} {getattr(opts, name)}, wanted a date as YYYY-MM-DD",
                    print_help=False,
                ) from None
        assert self.settings is not None
        path = args[0] if args and args[0] != "-" else None
        form = opts.format or (path.rpartition(".")[2] if path and path.endswith(FORMS) else "jsonl")
        chosen = Selection(*(getattr(opts, name) for name in Selection._fields))
        if form == "wacz" and path is None:
            raise UsageError("export: found no FILE, a WACZ wants one", print_help=False)
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            if form == "wacz" and path is not None:
                try:
                    packed = write_wacz(
                        archive,
                        self.settings["CAPTURE_DIR"],
                        path,
                        selection=chosen,
                        software=self.settings["USER_AGENT"],
                    )
                except ArchiveError as wrong:
                    say(str(wrong))
                    self.exitcode = wrong.exitcode
                    return
                say(
                    f"{packed.pages} pages and {packed.captures} captures of {packed.files} files written to {path}"
                )
                return
            if path is None:
                sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
                archive.export(form, sys.stdout, names=opts.names, selection=chosen)
                return
            encoding = "utf-8-sig" if form == "csv" and not opts.no_bom else "utf-8"
            try:
                with open(path, "w", encoding=encoding, newline="") as file:
                    count = archive.export(form, file, names=opts.names, selection=chosen)
            except OSError as wrong:
                raise UsageError(f"export: {path}: {wrong.strerror}", print_help=False) from None
        say(f"{count} {'versions' if opts.versions else 'articles'} written to {path}")
