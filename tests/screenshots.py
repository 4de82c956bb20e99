"""``make screenshots``: the pages of the demo archive in a real Chromium, as docs/images shows them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from crawler.browser import NoBrowser, find_chromium
from tests.browser import Reader, chromium, served
from tests.home import ROOT, Home
from tests.replica.demo import ARCHIVE, CAPTURES

IMAGES = ROOT / "docs" / "images"
LIMIT = 300_000
"""How many bytes a picture may have."""
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
CHINESE, ENGLISH = {"locale": "zh-CN"}, {"locale": "en-GB"}

SHOTS: dict[str, tuple[str, dict[str, Any]]] = {
    "home": ("/", {**CHINESE, "viewport": DESK}),
    "home-phone-dark": ("/", {**ENGLISH, "viewport": PHONE, "color_scheme": "dark"}),
    "results": ("/demo/-/search?q=社区", {**ENGLISH, "viewport": DESK}),
    "captured": ("/demo/articles/{seed}?show=captured", {**CHINESE, "viewport": DESK}),
    "captured-dark": (
        "/demo/articles/{seed}?show=captured",
        {**ENGLISH, "viewport": DESK, "color_scheme": "dark"},
    ),
    "difference": ("/demo/-/diff?a={changed}.1&b={changed}.2&only=1", {**ENGLISH, "viewport": DESK}),
    "tampering": ("/demo/-/tampering", {**CHINESE, "viewport": DESK}),
    "night": ("/demo/-/nights/{night}", {**ENGLISH, "viewport": DESK}),
}
"""By name of the picture: the page, and the reader who sees it."""

EXAMPLES = {
    "seed": "SELECT max(id) FROM articles",
    "changed": "SELECT article_id FROM versions WHERE version = 2 AND change = 'corrected' ORDER BY length(text) DESC, 1",
    "night": "SELECT date(substr(started, 1, 19), '+12 hours') FROM runs ORDER BY started DESC",
}


def copy_demo(folder: Path) -> Home:
    """Copy the demo archive into a folder of its own: what else lies in data/ is not to be seen."""
    home = Home(folder)
    home.archive, home.captures = folder / ARCHIVE.name, CAPTURES
    home.env |= {"ARCHIVE_PATH": str(home.archive), "CAPTURE_DIR": str(CAPTURES)}
    with (
        closing(sqlite3.connect(f"file:{ARCHIVE}?mode=ro", uri=True)) as demo,
        closing(sqlite3.connect(home.archive)) as copied,
    ):
        demo.backup(copied)
    return home


def name_fonts(page: Page) -> set[str]:
    """Give the families of the fonts that Chromium took for what is said to be Chinese."""
    session = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        session.send(f"{domain}.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    chinese = {"nodeId": root, "selector": "[lang|=zh] h1, main [lang|=zh]"}
    nodes = session.send("DOM.querySelectorAll", chinese)["nodeIds"][:20]
    fonts = [session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"] for node in nodes]
    return {str(font["familyName"]) for each in fonts for font in each}


def main() -> None:
    """Take every picture; say what is wrong with one, and end with 1 then."""
    try:
        find_chromium(os.environ.get("CHROMIUM"))
    except NoBrowser as reason:
        sys.exit(str(reason))
    if not ARCHIVE.exists():
        sys.exit(f"no demo archive at {ARCHIVE}; `make demo` makes it")
    listed = subprocess.run(
        ["fc-list", ":lang=zh", "family"], capture_output=True, text=True, check=True
    ).stdout
    chinese = {name.strip() for line in listed.splitlines() for name in line.split(",")}
    IMAGES.mkdir(exist_ok=True)
    wrong = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        home = copy_demo(Path(folder))
        found = {name: home.ask(f"{query} LIMIT 1")[0][0] for name, query in EXAMPLES.items()}
        with served(home) as base:
            for name, (path, options) in SHOTS.items():
                with Reader(browser, base, **options) as reader:
                    page = reader.open(path.format(**found))
                    picture = page.screenshot(
                        path=IMAGES / f"{name}.png", animations="disabled", caret="hide"
                    )
                    fonts = name_fonts(page)
                print(f"{name}.png  {len(picture):,} bytes  {', '.join(sorted(fonts))}")
                if len(picture) > LIMIT or not fonts & chinese:
                    wrong.append(f"{name}: wanted at most {LIMIT:,} bytes and a Chinese font")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
