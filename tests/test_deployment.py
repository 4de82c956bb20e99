"""What the docs hand out for unattended nights: systemd units and a container's recipe, checked without either."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.home import ROOT

RECIPE = ROOT / "docs" / "Containerfile"
NIGHTLY = (ROOT / "docs" / "nightly.md").read_text(encoding="utf-8")
HOME = "/srv/govnews-archive"


def units() -> dict[str, str]:
    """Give the units that docs/nightly.md shows, by file name."""
    return dict(re.findall(r"`/etc/systemd/system/([\w.-]+)`:\n\n```ini\n(.*?)```", NIGHTLY, re.S))


def test_the_units_are_units_and_their_command_is_one() -> None:
    told = {}
    for name, text in units().items():
        unit = configparser.ConfigParser(strict=True, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(text)
        told[name] = unit
    service, timer = told["govnews-archive.service"], told["govnews-archive.timer"]
    assert timer["Timer"]["Persistent"] == "true"
    words = shlex.split(service["Service"]["ExecStart"])
    assert words[0] == f"{HOME}/.venv/bin/scrapy"
    assert Path(service["Service"]["ReadWritePaths"]) == Path(HOME, "data")
    shown = scrapy(words[1], "--help")
    assert [word for word in words[2:] if word.startswith("--") and word not in shown] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="wants systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / ".venv" / "bin" / "scrapy").symlink_to(sys.executable)
    paths = []
    for name, text in units().items():
        paths.append(tmp_path / name)
        paths[-1].write_text(text.replace(HOME, str(home)))
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, paths)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def scrapy(*words: str, home: Path = ROOT) -> str:
    """Run the project's command from a folder; give what it prints."""
    env = {**os.environ, "PYTHONPATH": str(home), "ARCHIVE_PATH": str(home / "none" / "archive.db")}
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *words],
        cwd=home, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def instructions() -> list[tuple[str, str]]:
    """Give the instructions of the recipe, lines put together, comments left out."""
    lines = [line for line in RECIPE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in whole.splitlines() if line)]


def test_what_the_recipe_copies_is_all_that_the_program_wants(tmp_path: Path) -> None:
    for _, rest in (each for each in instructions() if each[0] == "COPY"):
        *sources, target = rest.split()
        for source in sources:
            place = tmp_path / target / (source if target == "./" else "")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target, dirs_exist_ok=True)
            else:
                place = tmp_path / target / Path(source).name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)
    told = subprocess.run(
        [sys.executable, "-c", "import crawler.browsing, crawler.text as t; print(t.__file__); print(t.repair('x').text)"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert told.stdout.splitlines() == [str(tmp_path / "crawler" / "text" / "__init__.py"), "x"]
    assert scrapy("list", home=tmp_path).split() == scrapy("list").split()
    for name in ("tables", "templates", "static", "plugins"):
        assert sorted(path.name for path in (tmp_path / "data" / name).iterdir()) == sorted(
            path.name for path in (ROOT / "data" / name).iterdir()
        )


def test_each_command_of_the_recipe_is_one() -> None:
    said = instructions()
    assert [word for word, _ in said if word not in ("FROM", "RUN", "WORKDIR", "COPY", "ENV", "VOLUME", "USER", "ENTRYPOINT", "CMD")] == []  # fmt: skip
    for _, rest in (each for each in said if each[0] == "RUN"):
        subprocess.run(["sh", "-n", "-c", rest], check=True, capture_output=True, timeout=20)
    entry, command = (json.loads(rest) for word, rest in said if word in ("ENTRYPOINT", "CMD"))
    assert entry == [".venv/bin/scrapy"]
    shown = scrapy(command[0], "--help")
    assert [word for word in command[1:] if word.startswith("--") and word not in shown] == []
    head = RECIPE.read_text(encoding="utf-8")
    for words in re.findall(r"^#   docker run .* govnews-archive ?(.*)$", head, re.M):
        if words:
            shown = scrapy(words.split()[0], "--help")
            assert [word for word in words.split() if word.startswith("--") and word not in shown] == []


def test_the_variables_of_the_recipe_are_those_of_the_settings_and_lie_in_the_volume() -> None:
    said = instructions()
    ((_, given),) = [each for each in said if each[0] == "ENV"]
    values = dict(pair.split("=", 1) for pair in given.split())
    settings = (ROOT / "crawler" / "settings.py").read_text(encoding="utf-8")
    known = set(re.findall(r'os\.environ\.get\("(\w+)"', settings))
    assert set(values) - {"TZ"} <= known
    ((_, volume),) = [each for each in said if each[0] == "VOLUME"]
    assert all(Path(values[name]).is_relative_to(volume) for name in ("ARCHIVE_PATH", "CAPTURE_DIR"))
    assert any(f"install --directory --owner=archive --mode=0750 {volume}" in rest for _, rest in said)
    assert ("USER", "archive") in said


@pytest.mark.skipif(shutil.which("apt-cache") is None, reason="wants the lists of Debian's packages")
def test_debian_has_the_packages_of_the_recipe() -> None:
    (names,) = re.findall(
        r"apt-get install --yes --no-install-recommends (.*?) \\", RECIPE.read_text(encoding="utf-8")
    )
    done = subprocess.run(
        ["apt-cache", "policy", *names.split()], capture_output=True, text=True, timeout=60, check=False
    )
    if "Candidate" not in done.stdout:
        pytest.skip("no lists of packages on this machine")
    assert sorted(re.findall(r"^(\S+):$", done.stdout, re.M)) == sorted(names.split())
