"""``scrapy verify``: archive and captures checked against each other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand

from crawler.runs import reading


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        return "Check the archive, its index and its captures; exit 7 where something is wrong"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            problems = archive.verify(Path(self.settings["CAPTURE_DIR"]))
            for problem in problems:
                print(problem)
            if not problems:
                print(f"{archive.path}: archive, index and captures agree")
        self.exitcode = 7 if problems else 0
