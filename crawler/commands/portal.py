"""``scrapy portal check [NAME|URL]``: what of a portal works now, line by line, without a write into the archive."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.checkup import FAIL, Checkup
from crawler.logs import make_safe, printable
from crawler.portals import Portal
from crawler.sources import Source

PLATFORMS = ("truecms", "dated", "media")


class Command(ScrapyCommand):
    requires_project = True
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] check [NAME|URL]"

    def short_desc(self) -> str:
        return "Look at a portal as it is now: robots.txt, certificate, lists, articles"

    def long_desc(self) -> str:
        return (
            "Ask a portal for its home page, its lists and two articles, politely, and say line by line what works. "
            "NAME is a source or a portal; without one all are looked at. URL is an address of a portal, which is "
            "looked at besides; with --platform it is the home page of one that no source declares yet. "
            "Exit codes: 0 all works, 3 something does not, 8 nothing answers."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print the lines as a JSON list")
        parser.add_argument(
            "--platform", choices=PLATFORMS, help="read a URL that no source declares as this platform does"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.crawler_process is not None
        assert self.settings is not None
        if not args or args[0] != "check" or len(args) > 2:
            raise UsageError(
                f"portal: found {' '.join(args)!r}, wanted check [NAME|URL]", print_help=not args
            )
        chosen = self.choose(args[1] if len(args) == 2 else None, opts.platform)
        page = args[1] if len(args) == 2 and "://" in args[1] and not opts.platform else None
        crawlers = []
        for portals in chosen:
            crawler = self.crawler_process.create_crawler(Checkup)
            crawlers.append(crawler)
            self.crawler_process.crawl(
                crawler,
                portals=portals,
                hosts=frozenset(host for portal in portals for host in portal.hosts),
                archive=Path(self.settings["ARCHIVE_PATH"]),
                page=page,
            )
        make_safe(self.settings)
        self.crawler_process.start()
        spiders: list[Any] = [crawler.spider for crawler in crawlers]
        findings = [found for spider in spiders if spider for found in spider.findings]
        if opts.json:
            print(json.dumps([found._asdict() for found in findings], ensure_ascii=False, indent=1))
        else:
            for found in findings:
                said = f"{found.verdict:5}{found.portal:22} {found.what:20} {found.said}"
                print(printable(f"{said} ({found.url})"))
        if not any(spider and spider.reached for spider in spiders):
            self.exitcode = 8
        elif self.crawler_process.bootstrap_failed or any(found.verdict == FAIL for found in findings):
            self.exitcode = 3

    def choose(self, word: str | None, platform: str | None) -> list[tuple[Portal, ...]]:
        """Give the portals of each source that is to be looked at."""
        assert self.crawler_process is not None
        loader = self.crawler_process.spider_loader
        sources = {
            name: spider.portals
            for name in sorted(loader.list())
            if issubclass(spider := loader.load(name), Source)
        }
        host = (urlsplit(word).hostname or "") if word and "://" in word else None
        if platform:
            if not word or not host:
                raise UsageError(
                    f"portal: found {word!r}, wanted the home page for --platform", print_help=False
                )
            module = import_module(f"crawler.portals.{platform}")
            return [(Portal(name=host, platform=module, hosts=(host,), home=word),)]
        if word is None:
            return list(sources.values())
        if word in sources:
            return [sources[word]]
        found: list[tuple[Portal, ...]] = [
            (portal,)
            for portals in sources.values()
            for portal in portals
            if portal.name == word or host in portal.hosts
        ]
        if not found:
            names = ", ".join(
                [*sources, *(portal.name for portals in sources.values() for portal in portals)]
            )
            raise UsageError(
                f"portal: found {word!r}, wanted one of {names}, or an address and --platform",
                print_help=False,
            )
        return found
