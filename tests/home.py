"""An archive of a test's own, and the project's commands upon it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.replica import Replica

ROOT = Path(__file__).resolve().parent.parent


class Home:
    """An archive and its captures in a temporary folder, and the project's commands upon them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = folder / "archive.db"
        self.captures = folder / "warc"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "ARCHIVE_PATH": str(self.archive),
            "CAPTURE_DIR": str(self.captures),
            "PYTHONWARNINGS": "default",
            "no_proxy": "",
        }

    @property
    def quick(self) -> list[str]:
        """The settings of a crawl at full speed."""
        return QUICK

    def through(self, replica: Replica) -> Home:
        """Send every request to the replica portals."""
        self.env |= replica.environment
        return self

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "scrapy", *words]

    def scrapy(
        self, *words: str, stdin: bytes | None = None, seconds: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``scrapy WORDS`` to its end, seconds at most."""
        return subprocess.run(
            self.command(*words),
            cwd=ROOT,
            env=self.env,
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    def crawl(self, *words: str, seconds: float = 240) -> subprocess.CompletedProcess[bytes]:
        """Run a crawling command at full speed: the portals stand on this machine."""
        return self.scrapy(words[0], *QUICK, *words[1:], seconds=seconds)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the archive."""
        with closing(sqlite3.connect(self.archive)) as db:
            return db.execute(sql).fetchall()


def insert(db: sqlite3.Connection, table: str, **row: Any) -> None:
    """Write a row as it is; lists and objects as JSON."""
    plain = {
        k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict | list) else v for k, v in row.items()
    }
    names = ", ".join(f'"{name}"' for name in plain)
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(plain))})", [*plain.values()])


def close(datasette: Any) -> None:
    """Close the files and end the threads of a Datasette that was asked in this process."""
    for database in datasette.databases.values():
        database.close()
    datasette.executor.shutdown()


QUICK = [
    word
    for pair in (
        "DOWNLOAD_DELAY=0",
        "AUTOTHROTTLE_ENABLED=0",
        "RETRY_BACKOFF_SECONDS=0.05",
        "ARCHIVE_LOCK_SECONDS=0.2",
        "BROWSER_PAGES=0",
    )
    for word in ("-s", pair)
]
