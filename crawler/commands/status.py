"""``scrapy status``: the last runs, the books and what is missed, on one screen."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand

from crawler.archive import BALANCED, Archive
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
        parser.add_argument("--json", action="store_true", help="print everything as one JSON object")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            if opts.json:
                print(json.dumps(as_object(archive, opts.runs), ensure_ascii=False, indent=1))
                return
            print(f"{archive.path}\n")
            show_runs(archive, opts.runs)
            for portal, pages in archive.tampered().items():
                said = f"{portal}: {HACKING}: {say_hacking(pages, archive.campaigns(pages))}"
                print(f"\n{printable(said)}")
            if files := archive.files_by_state():
                print("\nattachments: " + ", ".join(f"{count} {state}" for state, count in files.items()))
            show_books(archive)
            if again := archive.asked_again():
                print("\nasked for again:")
                for (portal, when), rows in groupby(again, key=lambda row: (row[0], row[2])):
                    print(f"  {portal:24} {when:10} " + ", ".join(f"{row[3]} {row[1]}" for row in rows))
            if head := archive.head():
                print(f"\nchain: {len(archive.links())} runs signed, head {head}")


def show_runs(archive: Archive, count: int) -> None:
    """Print the last runs, each with its first alarms."""
    columns = {"listed": 7, "archived": 8, "changed": 7, "failed": 6, "missed": 6, "tampered": 8}
    names = " ".join(f"{name:>{width}}" for name, width in columns.items())
    print(f"{'run':36} {'outcome':12} {names} alarms")
    for run in archive.last_runs(count):
        counts = " ".join(
            f"{run[name] if run[name] is not None else '-':>{width}}" for name, width in columns.items()
        )
        print(f"{run['id']:36} {run['outcome'] or 'running':12} {counts} {len(run['alarms']):>6}")
        for alarm in run["alarms"][:5]:
            said = f"{alarm['portal']} {alarm['channel'] or '-'}: {alarm['rule']}: {alarm['what']}"
            print(f"  {printable(said)}")
        if len(run["alarms"]) > 5:
            print(f"  and {len(run['alarms']) - 5} more")


def show_books(archive: Archive) -> None:
    """Print the balance of each channel and how much of what the portal says it has was seen."""
    names = " ".join(f"{state:>{len(state) + 1}}" for state in BALANCED)
    print(f"\n{'portal':24} {'channel':16} {'listed':>7} ={names}  coverage")
    for book in archive.books():
        counts = " ".join(f"{getattr(book, state):>{len(state) + 1}}" for state in BALANCED)
        print(f"{book.portal:24} {book.channel:16} {book.listed:>7} ={counts}  {book.covered}")


def as_object(archive: Archive, runs: int) -> dict[str, Any]:
    """Give what the command shows as values for JSON; a coverage is null where the portal names no total."""
    return {
        "archive": str(archive.path),
        "runs": [
            {name: value for name, value in run.items() if name not in ("stats", "arguments")}
            for run in archive.last_runs(runs)
        ],
        "hacked": {
            portal: say_hacking(pages, archive.campaigns(pages))
            for portal, pages in archive.tampered().items()
        },
        "attachments": dict(archive.files_by_state()),
        "books": [book._asdict() | {"coverage": book.coverage} for book in archive.books()],
        "again": [
            dict(zip(("portal", "state", "when", "lines"), row, strict=True)) for row in archive.asked_again()
        ],
    }
