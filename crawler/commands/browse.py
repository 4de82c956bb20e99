"""``scrapy browse``: read the archive in a browser, through Datasette, on this machine only."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import Archive, ArchiveError
from crawler.runs import say
from crawler.text import read_page

CONFIGURATION = Path(__file__).resolve().parents[2] / "data"
"""Datasette's configuration directory: metadata, settings, templates, static files, plugin."""
HOST = "127.0.0.1"
SAMPLE = "<p>時(shí)間、社會(huì)救助、實(shí)事、發(fā)展、認(rèn)定標(biāo)準(zhǔn)、會(huì)議。連(lián)續(xù)退緩?fù)说日。</p>"
"""A few altered words: reading them loads every table."""


def list_archives(archive: Path) -> tuple[list[Path], list[ArchiveError]]:
    """Give the archives in the folder of ``archive``, itself first, and why other files were left out.

    A file that is damaged or of another program would answer with empty or broken pages, not with a message.
    """
    beside = sorted(archive.parent.glob("*.db")) if archive.parent.is_dir() else []
    candidates = ([archive] if archive.exists() else []) + [path for path in beside if path != archive]
    good: list[Path] = []
    problems: list[ArchiveError] = []
    for path in candidates:
        try:
            Archive(path, readonly=True).close()
        except ArchiveError as wrong:
            problems.append(wrong)
        else:
            good.append(path)
    return good, problems


def open_datasette(
    files: Iterable[Path], *, open_sql: bool = False, configuration: Path = CONFIGURATION
) -> Any:
    """Make a Datasette over some database files with the settings, templates and plugin of ``data/``.

    The files are opened read-only and as files that change (never immutable: a page served while the crawl
    writes would be wrong). Settings are those of ``settings.json``; ``open_sql`` lets readers run SQL.
    """
    # here, for Scrapy imports every command to start one of them, and this takes most of a second
    from datasette.app import Datasette
    from datasette.utils import parse_metadata

    settings = json.loads((configuration / "settings.json").read_text(encoding="utf-8"))
    if open_sql:
        settings["default_allow_sql"] = True
    return Datasette(
        [str(path) for path in files],
        metadata=parse_metadata((configuration / "metadata.yaml").read_text(encoding="utf-8")),
        settings=settings,
        template_dir=str(configuration / "templates"),
        plugins_dir=str(configuration / "plugins"),
        static_mounts=[("static", str(configuration / "static"))],
    )


class Command(ScrapyCommand):
    """Serve the databases beside ``ARCHIVE_PATH`` until the reader ends it with Ctrl-C."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[--port N] [--open-sql]"

    def short_desc(self) -> str:
        return "Read the archive in a browser (Datasette on this machine)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--port", type=int, default=8001, help="port on 127.0.0.1; 0 takes a free one")
        parser.add_argument(
            "--open-sql",
            action="store_true",
            help="let readers run SQL; off by default, for a query can take all memory",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError("browse takes no arguments: it serves every *.db beside ARCHIVE_PATH")
        assert self.settings is not None
        archive = Path(self.settings["ARCHIVE_PATH"])
        files, problems = list_archives(archive)
        for problem in problems:
            say(str(problem))
        if not files:
            if not problems:
                say(
                    f"no archive yet: found no database in {archive.parent}, wanted {archive.name}; "
                    "`make demo` makes a sample, `make crawl` the archive itself"
                )
            self.exitcode = max((problem.exitcode for problem in problems), default=9)
            return
        if not archive.exists():
            say(f"no {archive.name} yet (`make crawl` makes it), showing {files[0].name}")
        try:
            door = socket.create_server((HOST, opts.port))
        except (OSError, OverflowError) as error:
            say(f"port {opts.port} of {HOST} cannot be used ({error}); wanted a free one, try --port 0")
            self.exitcode = 9
            return
        import uvicorn

        with door:
            datasette = open_datasette(files, open_sql=opts.open_sql)
            datasette.capture_dir = self.settings["CAPTURE_DIR"]
            asyncio.run(datasette.invoke_startup())
            # the tables that reading a page wants take two seconds: not at the cost of the first reader
            threading.Thread(target=read_page, args=(SAMPLE.encode(), "sample.html"), daemon=True).start()
            names = ", ".join(path.name for path in files)
            print(f"http://{HOST}:{door.getsockname()[1]}/  ({names}; Ctrl-C ends it)", flush=True)
            server = uvicorn.Server(
                uvicorn.Config(datasette.app(), log_level="warning", lifespan="on", workers=1)
            )
            server.run(sockets=[door])
