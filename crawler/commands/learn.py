"""``scrapy learn``: words and hosts that the archive's verdicts teach, shown first, written only where accepted."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import now
from crawler.logs import printable
from crawler.runs import reading, say
from crawler.text.hosts import THROW_AWAY_RE, is_honest
from crawler.text.learning import Proposal, propose_honest, propose_hosts, propose_words
from crawler.text.tables import TABLES

SHOWN = 100
"""How many proposals of a kind are shown without ``--all``."""
IDS = 6
"""How many articles are named as evidence of one."""
FEW = 200
"""Honest articles below which it proves little that none has a word."""


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Show words and hosts that cut-out blocks teach; write those that are accepted"

    def long_desc(self) -> str:
        return (
            "Show words of blocks that were cut out by two strong signals and that no honest article has, hosts that such "
            "blocks lead to, and hosts that honest articles link. Nothing is written unless you accept it, after you have "
            "looked: words and hosts of spam go to spam-words.tsv, honest hosts to honest-hosts.tsv."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--accept", metavar="WORD,WORD", help="write these of the words and hosts shown")
        parser.add_argument("--accept-all", action="store_true", help="write all that are shown")
        parser.add_argument("--all", action="store_true", help=f"show all, not the first {SHOWN} of a kind")
        parser.add_argument(
            "--articles", type=int, default=3, help="on how many articles a word must stand (3)"
        )
        parser.add_argument(
            "--tables", metavar="DIR", type=Path, default=TABLES, help="the folder of the tables"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError(
                f"learn: found {' '.join(args)!r}, wanted options alone; --accept WORD,WORD writes",
                print_help=False,
            )
        assert self.settings is not None
        try:
            known = {name: rows_of(opts.tables / f"{name}.tsv") for name in ("spam-words", "honest-hosts")}
        except OSError as wrong:
            raise UsageError(f"learn: {wrong.filename}: {wrong.strerror}", print_help=False) from None
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            lessons = archive.lessons()
            linked, named = archive.honest_links(), archive.named_hosts()
            cut = {host for lesson in lessons for host in lesson.hosts}
            words = propose_words(lessons, known["spam-words"], archive.says, opts.articles)
            hosts = propose_hosts(
                [lesson for lesson in lessons if lesson.strong], known["spam-words"], {*linked, *named}
            )
            honest = propose_honest(
                linked,
                named,
                lambda host: (
                    is_honest(host)
                    or bool(THROW_AWAY_RE.search(host))
                    or any(host == old or host.endswith(f".{old}") for old in known["honest-hosts"])
                ),
                cut,
            )
            count = archive.conn.execute("SELECT count(*) FROM articles WHERE NOT tampered").fetchone()[0]
            source = f"{now():%Y-%m-%d} from the verdicts of {archive.path.name}, {count} honest articles"
        limit = None if opts.all else SHOWN
        shown = [*words[:limit], *hosts[:limit], *honest[:limit]]
        if not shown:
            print("learn: nothing new")
        elif count < FEW:
            print(f"only {count} honest articles to compare with: look twice")
        for each in shown:
            print(line(each))
        for kind, proposals in (("words", words), ("hosts", hosts), ("honest hosts", honest)):
            if len(proposals) > SHOWN and not opts.all:
                print(f"and {len(proposals) - SHOWN} more {kind}; --all shows them")
        wanted = {word.strip() for word in (opts.accept or "").split(",") if word.strip()}
        if unknown := wanted - {each.word for each in shown}:
            say(
                f"learn: found {', '.join(sorted(unknown))}, wanted some of the words and hosts shown; nothing was written"
            )
            self.exitcode = 2
            return
        accepted = [each for each in shown if opts.accept_all or each.word in wanted]
        try:
            for name, rows in (
                (
                    "spam-words",
                    [f"{e.word}\t{e.topic}\t{e.weight:g}" for e in accepted if e.topic != "honest"],
                ),
                (
                    "honest-hosts",
                    [f"{e.word}\tlinked by honest articles" for e in accepted if e.topic == "honest"],
                ),
            ):
                if rows:
                    append(opts.tables / f"{name}.tsv", f"# Learnt on {source}.", rows)
                    print(f"{opts.tables / f'{name}.tsv'}: {len(rows)} rows added")
        except OSError as wrong:
            say(f"learn: {wrong.filename}: {wrong.strerror}")
            self.exitcode = 6


def line(each: Proposal) -> str:
    """Say one proposal in a line: what it is, its weight, where it was seen, on which articles."""
    ids = " ".join(map(str, each.articles[:IDS])) + (" …" if len(each.articles) > IDS else "")
    weight = "" if each.topic == "honest" else f", weight {each.weight:g}"
    seen = f"{each.blocks} pages, linked by" if each.topic == "honest" else f"{each.blocks} blocks,"
    return printable(f"{each.topic:6} {each.word}{weight}: {seen} {len(each.articles)} articles ({ids})")


def rows_of(path: Path) -> frozenset[str]:
    """Read the first column of a table."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return frozenset(line.split("\t")[0] for line in lines if line and not line.startswith("#"))


def append(path: Path, source: str, rows: Iterable[str]) -> None:
    """Add rows to a table, below a line that says where they come from."""
    text = path.read_text(encoding="utf-8")
    more = "".join(f"{line}\n" for line in (source, *rows))
    with path.open("a", encoding="utf-8") as table:
        table.write(more if text.endswith("\n") else f"\n{more}")
