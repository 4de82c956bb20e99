"""``scrapy search WORDS``: find articles in the archive from the shell."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import FILTERS, Hit
from crawler.logs import printable
from crawler.runs import reading, telling

NARROWED = {
    "portal": "of this portal",
    "channel": "of the channel with this code",
    "year": "published (else first seen) in this year",
    "source": "with this source, exactly as printed",
    "tampered": "that somebody altered (1), or nobody did (0)",
}


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] [WORDS ...]"

    def short_desc(self) -> str:
        return "Find articles by words"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--limit", type=int, default=20, help="how many to show (20)")
        parser.add_argument("--offset", type=int, default=0, help="how many to pass over (0)")
        parser.add_argument("--newest", action="store_true", help="the newest first, not the best")
        for name, what in NARROWED.items():
            parser.add_argument(f"--{name}", metavar=name.upper(), help=f"only {what}")
        parser.add_argument(
            "--archive",
            metavar="PATH",
            action="append",
            help="look there, not in ARCHIVE_PATH; given again, in all of them",
        )
        parser.add_argument(
            "--json", action="store_true", help="one JSON object a line, all that is known of a hit"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        chosen = {name: value for name in FILTERS if (value := getattr(opts, name)) is not None}
        if not args and not chosen:
            raise UsageError("search: found no words and no filter, wanted some", print_help=False)
        assert self.settings is not None
        places = [Path(place) for place in opts.archive or [self.settings["ARCHIVE_PATH"]]]
        found: list[tuple[Path, Hit]] = []
        total, whole = 0, True
        for place in places:
            with reading(place) as archive:
                # the best of all are among the best of each
                some = archive.find(
                    " ".join(args), opts.offset + opts.limit, newest=opts.newest, filters=chosen
                )
            found += [(place, hit) for hit in some.hits]
            total, whole = total + some.total, whole and some.whole
        if len(places) > 1:
            found.sort(key=lambda pair: pair[1].rank)
            if opts.newest:
                found.sort(key=lambda pair: pair[1].published or "", reverse=True)
        with telling():
            for place, hit in found[opts.offset : opts.offset + opts.limit]:
                where = {"archive": str(place)} if len(places) > 1 else {}
                if opts.json:
                    print(json.dumps({**hit._asdict(), **where}, ensure_ascii=False))
                    continue
                more = f"  (+{hit.reprints} reprints)" if hit.reprints else ""
                more += f"  [{place.stem}]" if where else ""
                print(f"{hit.id:>7}  {(hit.published or '')[:10]:10}  {printable(hit.title or '')}{more}")
                print(f"         {printable(hit.snippet)}\n         {printable(hit.url)}")
            if not opts.json:
                print(f"{'' if whole else 'at least '}{total} articles")
