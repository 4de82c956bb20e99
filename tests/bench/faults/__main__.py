"""``python -m tests.bench.faults``: every bad input and fault of the table against the real commands.

A bad server on loopback is the portals, a canary on another loopback address counts whoever comes by, signals and disks
are real. What is not built, or wants what this machine has not, is shown as skipped, never as survived. Exit code 1 where
a case is not survived.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import scrapy

from crawler.archive import now

# each module enters its proofs
from tests.bench.faults import browsers, clocks, mix, portals, processes, reused, serving, storage  # noqa: F401
from tests.bench.faults.crawls import Verdict
from tests.bench.faults.proofs import Bench, Case, Verdicts, cases, prove
from tests.home import ROOT

PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove the cases and print the table; 1 where one is not survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="B001,F05", help="these cases")
    parser.add_argument("--group", metavar="NAME", help="the cases of groups whose name begins so")
    parser.add_argument(
        "--beside", type=int, default=os.cpu_count() or 1, metavar="N", help="so many proofs at once"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the table into docs/faults.md")
    options = parser.parse_args(arguments)
    table = cases()
    wanted = [
        case.id
        for case in table.values()
        if (not options.only or case.id in options.only.upper().split(","))
        and (not options.group or case.group.lower().startswith(options.group.lower()))
    ]
    if not wanted:
        parser.error(
            f"found no case of --only {options.only} --group {options.group}, wanted some of cases.tsv"
        )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.chmod(folder, 0o755)  # another user reads an archive in one of the cases
        found = prove(
            Bench(Path(folder), options.seed),
            wanted,
            lambda case, verdict: show(table[case], verdict),
            options.beside,
        )
    said = totals(found.values(), time.monotonic() - began, options.seed)
    print(said)
    if options.write:
        write(table, found, said)
    return int(any(verdict.survived is False for verdict in found.values()))


def word(verdict: Verdict) -> str:
    return {True: "yes", False: "NO", None: "skipped"}[verdict.survived]


def show(case: Case, verdict: Verdict) -> None:
    """Print one row."""
    seen = " ".join(verdict.seen.split())[:300]
    print(
        f"{case.id}  {word(verdict):7}  {case.group}: {case.what}\n      wanted: {case.expected}\n      seen:   {seen}",
        flush=True,
    )


def totals(verdicts: Collection[Verdict], seconds: float, seed: int) -> str:
    """Count in one line."""
    counts = Counter(word(verdict) for verdict in verdicts)
    why = Counter(verdict.seen for verdict in verdicts if verdict.survived is None)
    reasons = "; ".join(f"{count} {reason[:100]}" for reason, count in why.most_common())
    return (
        f"{len(verdicts)} cases: {counts['yes']} survived, {counts['NO']} not, {counts['skipped']} skipped"
        f"{f' ({reasons})' if reasons else ''}; {seconds / 60:.1f} minutes, seed {seed}"
    )


def write(table: dict[str, Case], found: Verdicts, said: str) -> None:
    """Put the table into docs/faults.md, between its two marks."""
    rows = ["| case | what | wanted | seen | survived |", "|---|---|---|---|---|"]
    group = ""
    for case, verdict in found.items():
        about = table[case]
        if about.group != group:
            group = about.group
            rows.append(f"| | **{group}** | | | |")
        seen = cell(verdict.seen)
        rows.append(
            f"| {case} | {cell(about.what)} | {cell(about.expected)} | {seen} | {word(verdict).lower()} |"
        )
    chromium = shutil.which("chromium") or "no Chromium"
    about_run = (
        f"Measured on {now().date().isoformat()} by `python -m tests.bench.faults --write`: Python "
        f"{platform.python_version()}, Scrapy {scrapy.__version__}, SQLite {sqlite3.sqlite_version}, "
        f"{Path(chromium).name}, {os.cpu_count()} cores."
    )
    text = PAGE.read_text(encoding="utf-8")
    head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
    middle = "\n\n".join((about_run, f"**{said}**", "\n".join(rows)))
    PAGE.write_text(f"{head}{BEGIN}\n{middle}\n{END}{tail}", encoding="utf-8")


def cell(text: str) -> str:
    """Make text fit for a cell of a Markdown table."""
    plain = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    plain = plain.replace(tempfile.gettempdir(), "…")
    return plain if len(plain) <= 180 else f"{plain[:179]}…"


if __name__ == "__main__":
    sys.exit(main())
