"""``scrapy backup``: a checked copy of the archive and its captures, also while a crawl runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import ArchiveError, now
from crawler.runs import reading, say


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] [PATH.db]"

    def short_desc(self) -> str:
        return "Copy the archive and its captures safely, also while a crawl runs"

    def long_desc(self) -> str:
        return (
            "Copy archive and captures into a new folder NAME-DATE below backups beside the archive, or below --to, "
            "and check the copy. Capture files that never change again are hard links, so a further backup costs "
            "what the archive file costs. With PATH.db the archive alone is copied, to that file."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--to", metavar="DIR", help="the folder to make the new folder in")
        parser.add_argument(
            "--copy",
            action="store_true",
            help="copy every capture file: a hard link is no help against a failing disk",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) > 1 or (args and opts.to):
            raise UsageError(
                f"backup: found {len(args) + bool(opts.to)} places, wanted one at most", print_help=False
            )
        assert self.settings is not None
        path = Path(self.settings["ARCHIVE_PATH"])
        captures = Path(self.settings["CAPTURE_DIR"])
        try:
            with reading(path) as archive:
                if args:
                    target = Path(args[0])
                    target = target / path.name if target.is_dir() else target
                    archive.backup(target)
                    print(f"{target}: copied and checked, the archive alone: its captures are in {captures}")
                    return
                folder = Path(opts.to) if opts.to else path.parent / "backups"
                done = archive.backup_all(
                    folder / f"{path.stem}-{now():%Y%m%dT%H%M%S}", captures, link=not opts.copy
                )
        except ArchiveError as wrong:
            say(str(wrong))
            self.exitcode = wrong.exitcode
            return
        print(
            f"{done.path}: archive and {done.linked + done.copied} capture files, {done.linked} of them linked"
            + (f", {done.cut} being written" if done.cut else "")
            + "; checked"
        )
