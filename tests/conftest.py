"""What several test modules share: where shared pages may lie, and how a command is run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pages and of the seed document; a test that wants it skips where it is absent."""
    folder = Path(os.environ.get("SHARED_DIR", ROOT.parent / "shared"))
    if not (folder / "seed").is_dir():
        pytest.skip("no folder of shared pages beside the checkout")
    return folder


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

    def through(self, proxy: str, ca_file: Path | str | None = None) -> Home:
        """Send every request through a proxy."""
        self.env |= {"http_proxy": proxy, "https_proxy": proxy}
        if ca_file:
            self.env["SSL_CERT_FILE"] = str(ca_file)
        return self

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "scrapy", *words]

    def scrapy(self, *words: str, stdin: bytes | None = None, seconds: float = 120) -> subprocess.CompletedProcess[bytes]:
        """Run ``scrapy WORDS`` to its end, seconds at most."""
        return subprocess.run(
            self.command(*words), cwd=ROOT, env=self.env, input=stdin, capture_output=True, timeout=seconds, check=False
        )

    def crawl(self, *words: str, seconds: float = 240) -> subprocess.CompletedProcess[bytes]:
        """Run a crawling command at full speed: the portals stand on this machine."""
        return self.scrapy(*words, *QUICK, seconds=seconds)


QUICK = [
    word
    for pair in ("DOWNLOAD_DELAY=0", "AUTOTHROTTLE_ENABLED=0", "RETRY_BACKOFF_SECONDS=0.05", "ARCHIVE_LOCK_SECONDS=0.2")
    for word in ("-s", pair)
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def make_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Home]:
    return lambda: Home(tmp_path_factory.mktemp("home"))
