"""``scrapy portal list|check|add``: the entries of the portals, what of one works now, and how a new one comes to be."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import Any, ClassVar
from urllib.parse import urlsplit

from scrapy import Spider
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import now
from crawler.checkup import FAIL, Checkup, Finding
from crawler.discovery import Discovery, choose_channels, complete, save, write_entry
from crawler.logs import make_safe, printable
from crawler.portals import Portal
from crawler.portals.entries import EntryError, entries, is_home, prove, read_entry, shown, spider_names
from crawler.portals.recognition import PLATFORMS
from crawler.runs import check_entries, say
from crawler.settings import PORTALS_DIR, ROOT
from crawler.sources import Source

PAGES = ROOT / "tests" / "pages" / "portals"
"""Where the saved pages of added portals go, which a test reads."""


class Command(ScrapyCommand):
    requires_project = True
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] list | check [NAME|URL] | add URL"

    def short_desc(self) -> str:
        return "Show the portals, look at one as it is now, or add one by its address"

    def long_desc(self) -> str:
        return (
            "list: the entries of data/portals, a line each, and when each was proven. "
            "check: ask a portal for its home page, its lists and two articles, politely, and say line by line what "
            "works. NAME is a source or a portal; without one all that a night crawls are looked at. URL is an address "
            "of a portal, which is looked at besides; with --platform it is the home page of one that has no entry "
            "yet. With --prove the entry of each portal that wholly works is dated today, and scrapy nightly takes it. "
            "add: look at the portal that has the address URL (its home page, a list, an article, an issue of a paper, "
            "a feed, a sitemap), recognise its platform, find its channels, and write its entry with "
            "a page of each kind and what it must give, which a test reads. All is written or nothing. "
            "Exit codes: 0 all works, 3 something does not, 8 nothing answers, 9 an entry is wrong."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print the lines as a JSON list")
        parser.add_argument(
            "--platform", choices=PLATFORMS, help="read a URL that has no entry as this platform does"
        )
        parser.add_argument("--prove", action="store_true", help="check: date the entries that wholly work")
        parser.add_argument("--dry-run", action="store_true", help="add: show the entry, write nothing")
        parser.add_argument(
            "--pages",
            metavar="FOLDER",
            type=Path,
            default=PAGES,
            help="add: where saved pages go (%(default)s)",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        ways: dict[str, tuple[Callable[..., None], int, int]] = {
            "list": (self.show_entries, 0, 0),
            "check": (self.check_portals, 0, 1),
            "add": (self.add_portal, 1, 1),
        }
        way, least, most = ways.get(args[0] if args else "", (self.show_entries, 1, 0))
        if not least <= len(args) - 1 <= most:
            raise UsageError(f"portal: found {' '.join(args)!r}, wanted {self.syntax()}", print_help=not args)
        check_entries()
        way(opts, *args[1:])

    # -- list ------------------------------------------------------------------------------

    def show_entries(self, opts: argparse.Namespace) -> None:
        """Print the entries, a line each."""
        told = [
            {
                "name": portal.name,
                "title": portal.title,
                "platform": platform_of(portal),
                "spider": portal.spider,
                "channels": list(portal.channels),
                "proven": portal.proven.isoformat() if portal.proven else None,
            }
            for portal in entries()
        ]
        if opts.json:
            print(json.dumps(told, ensure_ascii=False, indent=1))
            return
        for each in told:
            channels = f"{len(each['channels'])} channels" if each["channels"] else "discovered"
            print(
                f"{each['name']:24} {each['platform']:9} {channels:12} {each['spider']:13} "
                f"{each['proven'] or 'unproven':10}  {each['title']}"
            )

    # -- check -----------------------------------------------------------------------------

    def check_portals(self, opts: argparse.Namespace, word: str | None = None) -> None:
        """Look at portals and print what was found."""
        assert self.settings is not None
        chosen = self.choose(word, opts.platform)
        page = word if word and "://" in word and not opts.platform else None
        looks = [
            {
                "portals": portals,
                "hosts": frozenset(host for portal in portals for host in portal.hosts),
                "archive": Path(self.settings["ARCHIVE_PATH"]),
                "page": page,
            }
            for portals in chosen
        ]
        spiders = self.look(Checkup, looks)
        findings = [found for spider in spiders for found in spider.findings]
        self.tell(findings, opts.json)
        self.judge(spiders, findings)
        if opts.prove:
            for portal in (portal for portals in chosen for portal in portals):
                self.prove(portal, [found for found in findings if found.portal == portal.name])

    def look(self, kind: type[Checkup], looks: Sequence[dict[str, Any]]) -> list[Any]:
        """Run a look for each set of arguments, side by side; give the spiders that began."""
        assert self.crawler_process is not None
        assert self.settings is not None
        crawlers = [self.crawler_process.create_crawler(kind) for _ in looks]
        for crawler, arguments in zip(crawlers, looks, strict=True):
            self.crawler_process.crawl(crawler, **arguments)
        make_safe(self.settings)
        self.crawler_process.start()
        return [crawler.spider for crawler in crawlers if crawler.spider]

    def tell(self, findings: Sequence[Finding], as_json: bool) -> None:
        """Print findings, a line each."""
        if as_json:
            print(json.dumps([found._asdict() for found in findings], ensure_ascii=False, indent=1))
            return
        for found in findings:
            said = f"{found.verdict:5}{found.portal:22} {found.what:20} {found.said}"
            print(printable(f"{said} ({found.url})"))

    def judge(self, spiders: Sequence[Any], findings: Sequence[Finding]) -> None:
        """Set the exit code."""
        assert self.crawler_process is not None
        if not any(spider.reached for spider in spiders):
            self.exitcode = 8
        elif self.crawler_process.bootstrap_failed or any(found.verdict == FAIL for found in findings):
            self.exitcode = 3

    def prove(self, portal: Portal, findings: Sequence[Finding]) -> None:
        """Date the entry of a portal that wholly works."""
        path = Path(PORTALS_DIR) / f"{portal.name}.toml"
        articles = any(found.what == "article" for found in findings)
        if not path.is_file() or not articles or any(found.verdict == FAIL for found in findings):
            say(f"portal: {portal.name}: not proven")
            return
        body, day = path.read_bytes(), now().date()
        dated = prove(read_entry(path, body, spider_names()), body, day)
        read_entry(path, dated, spider_names())  # what it would become is an entry still
        waiting = path.with_name(f".{path.name}.proven")
        waiting.write_bytes(dated)
        waiting.chmod(path.stat().st_mode)
        waiting.rename(path)
        say(f"portal: {shown(path)}: proven on {day}")

    def choose(self, word: str | None, platform: str | None) -> list[tuple[Portal, ...]]:
        """Give the portals of each source that is to be looked at."""
        sources = dict(self.sources())
        host = (urlsplit(word).hostname or "") if word and "://" in word else None
        if platform:
            if not word or not host:
                raise UsageError(
                    f"portal: found {word!r}, wanted the home page for --platform", print_help=False
                )
            return [(Portal(name=host, platform=PLATFORMS[platform], hosts=(host,), home=word),)]
        if word is None:
            return [portals for source in sources.values() if (portals := source.by_itself())]
        if word in sources:
            return [sources[word].portals]
        declared = [portal for source in sources.values() for portal in source.portals]
        found: list[tuple[Portal, ...]] = [
            (portal,) for portal in declared if portal.name == word or host in portal.hosts
        ]
        if not found:
            names = ", ".join([*sources, *(portal.name for portal in declared)])
            raise UsageError(
                f"portal: found {word!r}, wanted one of {names}, or an address and --platform",
                print_help=False,
            )
        return found

    def sources(self) -> Iterator[tuple[str, type[Source]]]:
        """Give each source by name."""
        assert self.crawler_process is not None
        loader = self.crawler_process.spider_loader
        for name in sorted(loader.list()):
            spider: type[Spider] = loader.load(name)
            if issubclass(spider, Source):
                yield name, spider

    # -- add -------------------------------------------------------------------------------

    def add_portal(self, opts: argparse.Namespace, address: str) -> None:
        """Look at a portal that has no entry, from any of its addresses, and write one."""
        given, address = address, complete(address)
        if not is_home(address):
            raise UsageError(
                f"portal: found {given!r}, wanted an address of a portal as http(s)://HOST/…, with the name of a host "
                "and no other port than 80 and 443",
                print_help=False,
            )
        host = urlsplit(address).hostname
        for portal in entries():
            if host in portal.hosts or portal.name == (host or "").removeprefix("www."):
                path = shown(Path(PORTALS_DIR) / f"{portal.name}.toml")
                raise UsageError(
                    f"portal: found an entry for {host}, {path}, wanted none; scrapy portal check {portal.name} looks at it",
                    print_help=False,
                )
        (found,) = self.look(Discovery, [{"address": address, "platform": opts.platform}]) or [None]
        if found is None:
            self.exitcode = 3
            return
        self.tell(found.findings if opts.json else found.summary(), opts.json)
        if lack := found.lacks():
            self.judge([found], found.findings)
            say(f"portal: found {lack} at {address}; nothing was written")
            return
        self.write(found, opts)

    def write(self, found: Discovery, opts: argparse.Namespace) -> None:
        """Write what was found, show the entry, and say how to go on."""
        assert found.recognised is not None
        names = dict(found.recognised.channels)
        portal = replace(found.about, channels=choose_channels(found))
        entry = write_entry(portal, names, found.recognised.evidence, now().date())
        if not opts.json:
            print("\n" + "\n".join(f"    {printable(line)}" for line in condense(entry)))
        if opts.dry_run:
            say("portal: nothing was written (--dry-run)")
            return
        try:
            written = save(portal, entry, found, Path(PORTALS_DIR), opts.pages)
        except (EntryError, OSError) as error:
            say(f"portal: {error}; nothing was written")
            self.exitcode = error.exitcode if isinstance(error, EntryError) else 6
            return
        for path in written:
            say(f"portal: wrote {shown(path)}")
        say(
            f"portal: it is crawled by name: scrapy crawl {portal.spider} -a portal={portal.name}; "
            f"scrapy portal check {portal.name} --prove gives it to scrapy nightly"
        )


def condense(entry: str) -> Iterator[str]:
    """Give the lines of an entry for a screen: its channels, which can be many, side by side.

    >>> list(condense('# why\\nsite = "a"\\nchannels = [\\n    "x",  # 甲\\n    "y",  # 乙\\n]\\n'))
    ['# why', 'site = "a"', 'channels = ["x" 甲, "y" 乙]']
    """
    before, opened, rest = entry.partition("channels = [\n")
    codes, _, after = rest.partition("]\n")
    yield from before.splitlines()
    if opened:
        named = (code.strip().replace(",  # ", " ", 1) for code in codes.splitlines())
        yield from wrap(f"channels = [{', '.join(named)}]", 100, subsequent_indent="    ")
    yield from after.splitlines()


def platform_of(portal: Portal) -> str:
    """Name the platform of a portal."""
    return next(name for name, module in PLATFORMS.items() if module is portal.platform)
