"""``scrapy status``: the last nights, the books and what is missed, on one screen."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar
from unicodedata import east_asian_width

from scrapy.commands import ScrapyCommand

from crawler.archive import BALANCED, HACKING, Archive
from crawler.extensions import say_hacking
from crawler.logs import printable
from crawler.portals.entries import by_name
from crawler.runs import reading


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        return "Show the last nights, the books of each channel and what is missed"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--nights", type=int, default=10, help="how many nights to show (10)")
        parser.add_argument(
            "--runs", type=int, help="how many runs to show with their alarms (those of the last night)"
        )
        parser.add_argument("--json", action="store_true", help="print everything as one JSON object")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            if opts.json:
                told = as_object(archive, 10 if opts.runs is None else opts.runs, opts.nights)
                print(json.dumps(told, ensure_ascii=False, indent=1))
                return
            print(f"{archive.path}\n")
            nights = archive.last_nights(opts.nights)
            show_nights(nights)
            show_runs(archive, opts.runs if opts.runs is not None else nights[0]["runs"] if nights else 0)
            for portal, pages in archive.tampered().items():
                said = f"{portal}: {HACKING}: {say_hacking(pages, archive.campaigns(pages))}"
                show(f"\n{printable(said)}")
            if files := archive.files_by_state():
                print("\nattachments: " + ", ".join(f"{count} {state}" for state, count in files.items()))
            show_books(archive)
            portals = by_name()
            if portals:
                proven = sum(portal.proven is not None for portal in portals.values())
                print(f"\nportals: {len(portals)} entries, {proven} proven; scrapy portal list shows them")
            if again := archive.asked_again():
                print("\nasked for again:")
                for (portal, when), rows in groupby(again, key=lambda row: (row[0], row[2])):
                    print(f"  {portal:24} {when:10} " + ", ".join(f"{row[3]} {row[1]}" for row in rows))
            if head := archive.head():
                print(f"\nchain: {len(archive.links())} runs signed, head {head}")


def show(line: str) -> None:
    """Print a line that portals wrote a part of: no longer than a terminal is wide, whole where it goes elsewhere."""
    if sys.stdout.isatty():
        wide = shutil.get_terminal_size().columns
        while (width := sum(1 + (east_asian_width(sign) in "WF") for sign in line)) > wide:
            line = line[: len(line) - 1 - (width - wide) // 2] + "…"
    print(line)


NIGHT = {
    "new": "archived",
    "changed": "changed",
    "gone": "gone",
    "failed": "failed",
    "hacked": "tampered",
    "files": "attachments",
    "alarms": "alarms",
}
"""What is shown of a night, and as what it is counted."""


def show_nights(nights: Sequence[dict[str, Any]]) -> None:
    """Print the last nights, a line each: how its runs ended, and what it brought."""
    print(f"{'night':11}{'outcome':27}" + "".join(f"{name:>8}" for name in NIGHT))
    for night in nights:
        outcomes = night["outcomes"]
        said = (
            next(iter(outcomes))
            if len(outcomes) == 1
            else ", ".join(f"{count} {name}" for name, count in outcomes.items())
        )
        counts = "".join(f"{night[name]:>8}" for name in NIGHT.values())
        print(f"{night['night'] or '-':11}{said:27}{counts}")
    print()


def show_runs(archive: Archive, count: int) -> None:
    """Print the last runs, each with its first alarms."""
    if count < 1:
        return
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
            show(f"  {printable(said)}")
        if len(run["alarms"]) > 5:
            print(f"  and {len(run['alarms']) - 5} more")


def show_books(archive: Archive) -> None:
    """Print the balance of each channel and how much of what the portal says it has was seen."""
    names = " ".join(f"{state:>{len(state) + 1}}" for state in BALANCED)
    print(f"\n{'portal':24} {'channel':16} {'listed':>7} ={names}  coverage")
    for book in archive.books():
        counts = " ".join(f"{getattr(book, state):>{len(state) + 1}}" for state in BALANCED)
        print(f"{book.portal:24} {book.channel:16} {book.listed:>7} ={counts}  {book.covered}")


def as_object(archive: Archive, runs: int, nights: int) -> dict[str, Any]:
    """Give what the command shows as values for JSON; a coverage is null where the portal names no total."""
    return {
        "archive": str(archive.path),
        "nights": archive.last_nights(nights),
        "runs": [
            {name: value for name, value in run.items() if name not in ("stats", "arguments")}
            for run in archive.last_runs(runs)
        ],
        "hacked": {
            portal: say_hacking(pages, archive.campaigns(pages))
            for portal, pages in archive.tampered().items()
        },
        "attachments": dict(archive.files_by_state()),
        "portals": [
            {"name": name, "title": portal.title, "proven": portal.proven and portal.proven.isoformat()}
            for name, portal in by_name().items()
        ],
        "books": [book._asdict() | {"coverage": book.coverage} for book in archive.books()],
        "again": [
            dict(zip(("portal", "state", "when", "lines"), row, strict=True)) for row in archive.asked_again()
        ],
    }
