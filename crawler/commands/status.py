"""``scrapy status``: the last runs, the books and what is missed, on one screen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand

from crawler.extensions import HACKING, say_hacking
from crawler.logs import printable
from crawler.runs import reading


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        return "Show the last runs, the books of each channel and what is missed"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--runs", type=int, default=10, help="how many runs to show (10)")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            print(f"{archive.path}\n")
            print(
                f"{'run':36} {'outcome':12} {'listed':>7} {'archived':>8} {'changed':>7} {'failed':>6} {'missed':>6} {'tampered':>8} alarms"
            )
            for run in archive.last_runs(opts.runs):
                counts = " ".join(
                    f"{run[name] if run[name] is not None else '-':>{width}}"
                    for name, width in (
                        ("listed", 7),
                        ("archived", 8),
                        ("changed", 7),
                        ("failed", 6),
                        ("missed", 6),
                        ("tampered", 8),
                    )
                )
                print(f"{run['id']:36} {run['outcome'] or 'running':12} {counts} {len(run['alarms']):>6}")
                for alarm in run["alarms"][:5]:
                    said = f"{alarm['portal']} {alarm['channel'] or '-'}: {alarm['rule']}: {alarm['what']}"
                    print(f"  {printable(said)}")
                if len(run["alarms"]) > 5:
                    print(f"  and {len(run['alarms']) - 5} more")
            for portal, pages in archive.tampered().items():
                said = f"{portal}: {HACKING}: {say_hacking(pages, archive.campaigns(pages))}"
                print(f"\n{printable(said)}")
            if files := archive.files_by_state():
                print("\nattachments: " + ", ".join(f"{count} {state}" for state, count in files.items()))
            print(
                f"\n{'portal':24} {'channel':16} {'listed':>7} = archived unchanged pending failed challenged  gone offsite  coverage"
            )
            for book in archive.books():
                coverage = f"{100 * book.listed / book.total:.0f} % of {book.total}" if book.total else ""
                print(
                    f"{book.portal:24} {book.channel:16} {book.listed:>7} = {book.archived:>8} {book.unchanged:>9} "
                    f"{book.pending:>7} {book.failed:>6} {book.challenged:>10} {book.gone:>5} {book.offsite:>7}  {coverage}"
                )
