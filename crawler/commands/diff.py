"""``scrapy diff ID [OLD NEW]``, ``scrapy diff ID OTHER``: what differs between two versions or two printings."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import Archive
from crawler.runs import reading
from crawler.text.differences import Difference, Segment, compare, differ, shorten

SAID = ("article", "version", "url", "seen", "change", "title", "published", "source", "author")
"""What the JSON tells of each side besides its text."""
RED, GREEN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"
TURNING_RE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""What a terminal would act on, or show in another place."""


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] ID|URL [OLD NEW | OTHER]"

    def short_desc(self) -> str:
        return "Show word by word what differs between two versions, or between two articles"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print the comparison as one JSON object")
        parser.add_argument("--all", action="store_true", help="print what stays the same, too")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if not 1 <= len(args) <= 3 or not all(each.isdigit() for each in args[1:][-2:] if len(args) == 3):
            raise UsageError(
                f"diff: found {' '.join(args) or 'nothing'}, wanted an article id or URL, then two numbers of "
                "versions or another article's id or URL",
                print_help=False,
            )
        assert self.settings is not None
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            try:
                before, after = sides(archive, args)
            except LookupError as error:
                print(f"diff: {error.args[0]}", file=sys.stderr)
                self.exitcode = 1
                return
        found = compare(before, after)
        if opts.json:
            print(json.dumps(as_object(before, after, found), ensure_ascii=False))
        else:
            show(before, after, found, everything=opts.all, colours=sys.stdout.isatty())


def sides(archive: Archive, args: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the two sides that were asked for, the older first; raises LookupError where one is not there."""
    article = article_of(archive, args[0])
    if len(args) == 2:
        other = article_of(archive, args[1])
        return side(article, article), side(other, other)
    versions = {row["version"]: row for row in archive.versions(article["id"])}
    if len(args) == 3:
        wanted = [int(args[1]), int(args[2])]
    else:
        wanted = [
            number for number, row in versions.items() if row["text"] is not None or number == max(versions)
        ]
        if len(wanted) < 2:
            raise LookupError(f"found one version of article {article['id']}, wanted two")
    for number in wanted:
        if number not in versions:
            have = ", ".join(map(str, versions))
            raise LookupError(f"found the versions {have} of article {article['id']}, wanted {number}")
    old, new = (side(article, versions[number]) for number in wanted[-2:])
    return old, new


def article_of(archive: Archive, which: str) -> dict[str, Any]:
    """Give an article by id or URL; raises LookupError where it is not there."""
    found = archive.article(int(which) if which.isdigit() else which)
    if found is None:
        raise LookupError(f"found no article {which} in {archive.path}, wanted an id or URL that it has")
    return found


def side(article: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is compared of a version; of a withdrawn one the notice that stood in its place."""
    fields = json.loads(row["fields"] or "{}")
    return {
        **fields,
        **{
            name: row.get(name)
            for name in ("version", "seen", "change", "title", "published", "source", "author")
        },
        "seen": row.get("seen") or row.get("first_seen"),
        "article": article["id"],
        "url": article["url"],
        "text": row["text"] if row["text"] is not None else fields.get("notice"),
    }


def as_object(before: Mapping[str, Any], after: Mapping[str, Any], found: Difference) -> dict[str, Any]:
    """Give a comparison in JSON types."""
    return {
        "before": {name: before.get(name) for name in SAID},
        "after": {name: after.get(name) for name in SAID},
        **found.measure._asdict(),
        "particulars": found.particulars,
        "segments": found.segments,
    }


def show(
    before: Mapping[str, Any], after: Mapping[str, Any], found: Difference, *, everything: bool, colours: bool
) -> None:
    """Print a comparison for a terminal: ``[-what went-]{+what came+}``."""
    for sign, row in (("-", before), ("+", after)):
        said = f"article {row['article']} version {row['version']} {row['change'] or ''}".rstrip()
        print(f"{sign} {said}, seen {row['seen']}, {row['url']}")
    for name, old, new in found.particulars:
        print(f"{name}: {paint(differ(old, new), colours)}")
    if before["text"] == after["text"]:
        print("text: the same")
        return
    inserted, deleted, share = found.measure
    print(f"text: +{inserted} -{deleted} letters, {share:.1%} the same\n")
    print(paint(found.segments if everything else shorten(found.segments), colours))


def paint(segments: Iterable[Segment], colours: bool) -> str:
    """Write segments with signs, in colours where a terminal reads along."""
    red, green, plain = (RED, GREEN, PLAIN) if colours else ("", "", "")
    parts = []
    for kind, before, after in segments:
        old, new = (
            TURNING_RE.sub(lambda found: f"[U+{ord(found[0]):04X}]", text) for text in (before, after)
        )
        if kind == "equal":
            parts.append(new)
        else:
            parts += [f"{red}[-{old}-]{plain}"] if old else []
            parts += [f"{green}{{+{new}+}}{plain}"] if new else []
    return "".join(parts)
