"""``scrapy export``: every article as JSON lines or CSV."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.runs import reading, say


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] [FILE]"

    def short_desc(self) -> str:
        return "Write all articles as JSON lines or CSV"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--format", choices=("jsonl", "csv"), help="by default what FILE ends with, else jsonl"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) > 1:
            raise UsageError(
                f"export: found {len(args)} files, wanted one, or none for standard output", print_help=False
            )
        assert self.settings is not None
        form = opts.format or ("csv" if args and args[0].endswith(".csv") else "jsonl")
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            if not args or args[0] == "-":
                sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
                archive.export(form, sys.stdout)
                return
            try:
                with open(args[0], "w", encoding="utf-8", newline="") as file:
                    count = archive.export(form, file)
            except OSError as wrong:
                raise UsageError(f"export: {args[0]}: {wrong.strerror}", print_help=False) from None
        say(f"{count} articles written to {args[0]}")
