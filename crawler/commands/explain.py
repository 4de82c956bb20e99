"""``scrapy explain ID|URL|FILE``: the whole trail of one page, and why."""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import Archive
from crawler.captures import SHANGHAI, Capture, CaptureRecord, Damage
from crawler.logs import printable
from crawler.portals.entries import by_name
from crawler.rereading import find_sources, reread
from crawler.runs import reading
from crawler.text import Extracted, Reading, Removed, binary_kind, read_page, repair, revert
from crawler.text.marks import write

HEADED = ("title", "published", "source", "author")
SHOWN = 12
"""How many edits of one step are shown without ``--all``."""


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] ID|URL|FILE"

    def short_desc(self) -> str:
        return "Show how a page was decoded, repaired, cut and extracted, and why"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--all", action="store_true", help=f"show every edit, not the first {SHOWN} of a step"
        )

        parser.add_argument(
            "--marked",
            action="store_true",
            help="print only the text of an article, with what was repaired and cut out marked in its place",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) != 1:
            raise UsageError(
                f"explain: found {len(args)} words, wanted one article id, URL or file", print_help=False
            )
        assert self.settings is not None
        if Path(args[0]).is_file():
            body = Path(args[0]).read_bytes()
            if kind := binary_kind(body):
                raise UsageError(
                    f"explain: found {kind}, wanted a page of text, in {args[0]}", print_help=False
                )
            show_page(read_page(body, Path(args[0]).resolve().as_uri()), opts.all)
            return
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            article = archive.article(int(args[0]) if args[0].isdigit() else args[0])
            urls = [article["url"], *archive.other_addresses(article["url"])] if article else [args[0]]
            if opts.marked and article is not None:
                self.exitcode = show_marked(archive, article, Path(self.settings["CAPTURE_DIR"]))
                return
            for line in chain.from_iterable(map(archive.listed, urls)):
                print(
                    f"listed    {line['portal']} {line['channel']}: {line['title']} {line['listed'] or ''}: {line['state']}"
                    + (f", {line['attempts']} attempts: {line['error']}" if line["error"] else "")
                )
            if article is None:
                print(
                    f"explain: found no article {args[0]} in {archive.path}, wanted an id, URL or file that it has"
                )
                self.exitcode = 1
                return
            show_article(archive, article, Path(self.settings["CAPTURE_DIR"]), opts.all)


def show_article(archive: Archive, article: dict[str, object], directory: Path, everything: bool) -> None:
    """Print the trail of an archived article, derived anew from its capture."""
    print(f"article   {article['id']} {article['title']}\n          {article['url']}")
    for known in archive.addresses(int(str(article["id"]))):
        refused = f", not followed: {known['refused']}" if known["refused"] else ""
        print(f"address   {known['url']}: {known['how']}{refused}")
    for version in archive.versions(int(str(article["id"]))):
        print(f"version   {version['version']} {version['change']} seen {version['seen']}")
    if article["duplicate_of"]:
        print(f"duplicate of article {article['duplicate_of']}")
    capture = archive.capture(int(str(article["capture_id"]))) if article["capture_id"] else None
    if capture is None:
        return
    portal = by_name().get(str(article["portal"]))
    if portal is not None:
        proven = f"proven on {portal.proven}" if portal.proven else "unproven"
        print(f"portal    {portal.name} {portal.title}, crawled by {portal.spider}, {proven}")
    zone = portal.zone if portal else SHANGHAI
    this = (int(str(article["id"])), int(str(article["version"])), int(str(capture.id)))
    for source in find_sources(archive, directory, *this):
        if source.part is not None:
            missed = f": missed: {source.error}" if source.error else ""
            print(f"\npage      {source.part}: {source.url}{missed}")
        if source.capture is None or not show_capture(source.capture, source.record):
            continue
        assert isinstance(source.record, CaptureRecord)
        if source.part is None:
            for url in source.sheets:
                print(f"          with the style sheet {url}")
        body, kind = source.record.unpacked().body, source.record.content_type
        show_page(read_page(body, source.url, kind, source.sheets, source.memory, zone), everything)


def show_marked(archive: Archive, article: dict[str, object], directory: Path) -> int:
    """Print the newest text of an article with its changes in place; where they cannot be, say why and give 1."""
    article_id = int(str(article["id"]))
    texts = [each for each in archive.versions(article_id) if each["change"] != "withdrawn"]
    version = max((int(str(each["version"])) for each in texts), default=1)
    found = reread(archive, directory, article_id, version)
    if found.problem:
        print(f"explain: article {article_id} version {version}: {found.problem}: {found.detail}")
        return 1
    for part in found.parts:
        print("\n".join(map(printable, write(part.marked).split("\n"))))
    return 0


def show_capture(capture: Capture, record: CaptureRecord | Damage | None) -> bool:
    """Print where a capture lies, and why it cannot be read; tell whether it can."""
    print(
        f"capture   {capture.warc} at byte {capture.offset}: {capture.digest}, fetched {capture.fetched_at}"
    )
    if isinstance(record, Damage):
        print(f"          {record.what}")
    return isinstance(record, CaptureRecord)


def show_page(page: Reading, everything: bool) -> None:
    """Print how a page was read."""
    print(f"decoded   {page.encoding}: {page.decoded.reason}")
    for damage in page.decoded.damage:
        print(f"          byte {damage.offset}: {damage.bytes!r} could not be decoded")
    for step in page.repairs:
        print(f"repaired  {step.fixer} ({step.certainty}): {len(step.edits)} edits")
        for edit in step.edits if everything else step.edits[:SHOWN]:
            print(f"          {edit.start:>7} {edit.before!r} -> {edit.after!r}")
        if not everything and len(step.edits) > SHOWN:
            print(f"          and {len(step.edits) - SHOWN} more; --all shows them")
    if page.repairs:
        undone = "gives the captured text" if undoes(page) else "FAILS"
        print(f"          undoing the edits {undone}")
    for block in page.removed:
        show_block("cut out   " + block.kind, block)
    for block in page.suspects:
        show_block("suspected, left in the text", block)
    print(
        f"title     {page.title}\npublished {page.published}\nsource    {page.source}\nauthor    {page.author}"
    )
    show_fields(page.extracted)
    print(f"text      {len(page.text)} characters\n\n{page.text}")


def show_block(what: str, block: Removed) -> None:
    """Print a block with its reasons and where it leads."""
    reasons = ", ".join(f"{name} {score:.2f}" for name, score in block.reasons)
    print(f"{what} at {block.place}: {reasons}\n          {block.text[:200]!r}")
    hosts = Counter(link.split("/")[2] for link in block.links if link.count("/") > 1)
    for host, count in hosts.most_common(5):
        print(f"          {count} links to {host}")


def show_fields(found: Extracted) -> None:
    """Print the further fields of an article, by which rule each was decided, and what the page says against it."""
    for field, value in found._asdict().items():
        if not value or field in (*HEADED, "text", "links", "rules", "disagreements"):
            continue
        if isinstance(value, tuple):
            for address, name in value:
                print(f"{field:16}{name or ''} {address}".rstrip())
        else:
            print(f"{field:16}{value}")
    if found.links:
        print(f"{'links':16}{len(found.links)}, the first {found.links[0]}")
    for field, rule in found.rules:
        print(f"rule      {field}: {rule}")
    for one in found.disagreements:
        print(f"disagree  {one.field}: {one.rule} says {one.value!r}, {one.other_rule} says {one.other!r}")


def undoes(page: Reading) -> bool:
    """Tell whether undoing all edits gives the decoded text back."""
    again = repair(page.decoded.text)
    return revert(again.text, again.steps) == page.decoded.text
