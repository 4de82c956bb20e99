"""What several test modules share: where shared pages may lie, and a home for an archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.canary import Canary
from tests.home import ROOT, Home

collect_ignore = ["bench/faults/clock/sitecustomize.py"]  # sets the clock of the process that imports it

# Nothing is left behind, and a slow machine is no error; CI takes the same examples each time.
settings.register_profile("home", database=None, deadline=None)
settings.register_profile("ci", parent=settings.get_profile("home"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "home")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pages and of the seed document; a test that wants it skips where it is absent."""
    folder = Path(os.environ.get("SHARED_DIR", ROOT.parent / "shared"))
    if not (folder / "seed").is_dir():
        pytest.skip("no folder of shared pages beside the checkout")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def canary() -> Iterator[Canary]:
    with Canary() as canary:
        yield canary


@pytest.fixture(scope="module")
def make_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Home]:
    return lambda: Home(tmp_path_factory.mktemp("home"))
