"""``scrapy rebuild``: the archive derived anew from the captures alone, without a network."""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import (
    Archive,
    ArchiveError,
    Report,
    lock,
    merge,
    put_in_place,
    remove,
    report,
    split_by_year,
    tell,
)
from crawler.captures import read_run
from crawler.cluster import PLACES, ClusterError, Done, list_captures, rebuild_on
from crawler.logs import printable
from crawler.rebuilding import Rebuild
from crawler.runs import MEANINGS, run_spiders, say

MOST_JOBS = 64
"""Each of them takes some 100 MB."""


class Command(ScrapyCommand):
    requires_project = True

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Derive the archive anew from the captures, no network"

    def long_desc(self) -> str:
        return (
            "Derive the archive anew from the captures of CAPTURE_DIR, say what differs from the present one, and put "
            "it in place; the present one is kept beside it as NAME.before-rebuild. On a terminal it asks before it "
            "does so; elsewhere it does so unless articles or captures would be no more, which --yes allows."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--to", metavar="PATH", help="write the new archive there and leave the present one alone"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, and change nothing"
        )
        parser.add_argument(
            "-j",
            "--jobs",
            type=jobs,
            default=1,
            metavar="N",
            help="read pages ahead in N further processes, 2 at least, beside the one that writes (default: 1, it does all)",
        )
        parser.add_argument(
            "--cluster",
            metavar="ADDRESS",
            help="deal the captures out to a Dask cluster (tcp://HOST:PORT), or to N processes here (local:N)",
        )
        parser.add_argument(
            "--shards",
            choices=("portal", "year"),
            help="leave archives by portal (with --cluster: as they were dealt) or by year beside ARCHIVE_PATH, which "
            "scrapy browse serves together",
        )
        parser.add_argument("--yes", action="store_true", help="put it in place without asking, in any case")
        parser.add_argument("--json", metavar="FILE", help="write what changed there, too")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        assert self.crawler_process is not None
        present = Path(self.settings["ARCHIVE_PATH"])
        captures = str(self.settings["CAPTURE_DIR"])
        if opts.shards == "portal" and not opts.cluster:
            raise UsageError(
                "rebuild: found --shards portal without --cluster, wanted both", print_help=False
            )
        if opts.jobs > 1 and opts.cluster:
            raise UsageError("rebuild: found --jobs with --cluster, wanted one of them", print_help=False)
        if opts.shards and (opts.to or opts.dry_run):
            raise UsageError(
                "rebuild: found --shards with --to or --dry-run, wanted one of them", print_help=False
            )
        if not list_captures(captures):
            raise UsageError(
                f"rebuild: found no capture file in {captures}, wanted *.warc.gz", print_help=False
            )
        new = Path(opts.to) if opts.to else present.with_name(present.name + ".rebuilding")
        if opts.to and new.exists():
            raise UsageError(f"rebuild: found a file at {new}, wanted a name that is free", print_help=False)
        remove(new)  # what an interrupted rebuild left
        elder = present if present.exists() else None
        for settings in (self.settings, self.crawler_process.settings):
            settings.set("ARCHIVE_PATH", str(new), priority="cmdline")
        try:
            if opts.cluster:
                code = self.derive_elsewhere(opts, present, new, elder)
                if opts.shards == "portal":
                    self.exitcode = code
                    return
            else:
                code, _ = run_spiders(self, [Rebuild], {"elder": elder, "jobs": opts.jobs}, locked=present)
            if code:
                say(f"rebuild: exit {code}: {MEANINGS[code]}; {present} is as it was")
                self.exitcode = code
                return
            if opts.shards:
                leave_years(new, present)
                return
            try:
                found = report(elder, new) if elder else None
            except sqlite3.DatabaseError as error:
                found = None
                say(f"rebuild: {present} is damaged ({error}), so what changes cannot be told")
            for line in tell(found) if found else []:
                print(printable(line), flush=True)
            if opts.json:
                write_json(Path(opts.json), found)
            if opts.to:
                print(f"{new}: built; {present} is as it was")
            elif opts.dry_run:
                remove(new)
                print(f"{present} is as it was")
            elif refusal := None if opts.yes or found is None else refuse(found):
                remove(new)
                say(f"rebuild: {refusal}; {present} is as it was")
                self.exitcode = 1
            else:
                kept = put_in_place(new, present)
                print(f"{present}: rebuilt" + (f"; the one before is {kept}" if kept else ""))
        except ArchiveError as wrong:
            say(str(wrong))
            self.exitcode = wrong.exitcode

    def derive_elsewhere(self, opts: argparse.Namespace, present: Path, new: Path, elder: Path | None) -> int:
        """Derive the new archive on a cluster; give the exit code."""
        assert self.settings is not None
        assert self.crawler_process is not None
        folder = present.with_name(present.name + ".parts")
        words = [word for pair in opts.set if pair.partition("=")[0] not in PLACES for word in ("-s", pair)]
        names = self.crawler_process.spider_loader.list()

        def told(name: str, done: Done) -> None:
            say(f"rebuild: {name}: exit {done.code}{': ' + printable(done.said) if done.said else ''}")

        with lock(present, seconds=self.settings.getfloat("ARCHIVE_LOCK_SECONDS")):
            shutil.rmtree(folder, ignore_errors=True)
            captures = str(self.settings["CAPTURE_DIR"])
            try:
                made = rebuild_on(opts.cluster, captures, folder, names, words, elder, told)
            except ClusterError as wrong:
                say(str(wrong))
                return wrong.exitcode
            if opts.shards == "portal":
                for shard in made:
                    place = present.with_name(f"{shard.name}.db")
                    put_in_place(shard / "archive.db", place)
                    print(f"{place}: built")
            else:
                merge(made, new, None, elder=elder)
                with Archive(new) as archive:
                    sign_again(archive, captures)
                    if elder:
                        archive.carry_over(elder)
            shutil.rmtree(folder)
        return 0


def leave_years(new: Path, present: Path) -> None:
    """Put archives of the years of a new one beside the present one, in its stead."""
    folder = present.with_name(present.name + ".years")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for shard in split_by_year(new, folder):
        place = present.with_name(shard.name)
        put_in_place(shard, place)
        print(f"{place}: built")
    shutil.rmtree(folder)
    remove(new)


def jobs(word: str) -> int:
    """Read how many processes are wanted."""
    if not word.isdecimal() or not 1 <= int(word) <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"found {word!r}, wanted a number from 1 to {MOST_JOBS}")
    return int(word)


def sign_again(archive: Archive, captures: str) -> None:
    """Write what runs signed for killed runs of other sources, where there are some and the files are at hand."""
    unsigned = archive.conn.execute("SELECT count(*) FROM runs WHERE digest IS NULL").fetchone()[0]
    for name in list_captures(captures) if unsigned and "://" not in captures else ():
        run = read_run(Path(captures) / name)
        if run is not None:
            archive.sign_again(run.run_id, Path(captures) / name, (run.outcome or {}).get("chain"))


def refuse(found: Report) -> str | None:
    """Say why the new archive is not put in place; None where it is. On a terminal a person decides."""
    if sys.stdin.isatty():
        print("Put it in the place of the present one? [y/N] ", end="", flush=True)
        return None if sys.stdin.readline().strip().lower() in ("y", "yes") else "not put in place"
    if found.loses:
        return (
            f"{found.articles_lost} articles and {found.captures_lost} captures would be no more; "
            "--yes puts it in place all the same"
        )
    return None


def write_json(path: Path, found: Report | None) -> None:
    """Write what changed for programs."""
    told = {} if found is None else found._asdict()
    if found is not None:
        told["examples"] = {
            field: [example._asdict() for example in examples] for field, examples in found.examples.items()
        }
    try:
        path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as wrong:
        raise ArchiveError(f"rebuild: cannot write {path}: {wrong.strerror}") from wrong
