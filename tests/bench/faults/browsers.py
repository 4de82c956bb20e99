"""Proofs with a real Chromium: pages behind a gate that the browser is given, and what they do to it."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from crawler.browser import NAMES
from tests.bench.faults.badserver import Answer, BadServer, endless, reply
from tests.bench.faults.crawls import DAY, SOURCES, Verdict, captures_of, declare, serve
from tests.bench.faults.inputs import MIB, mark, story
from tests.bench.faults.portals import pages_of, portal_of
from tests.bench.faults.proofs import Bench, Verdicts, proves
from tests.bench.faults.sources import CHANNEL
from tests.home import QUICK, ROOT

BROWSER = ("-s", "BROWSER_PAGES=9", "-s", "BROWSER_PAUSE_SECONDS=0")
SECONDS = 15
PADDING = "。" * 3000


def missing() -> str | None:
    """Say why no browser can be had; None where one can."""
    return None if any(map(shutil.which, NAMES)) else "no Chromium on this machine"


GATE = reply(
    "<html><body><script>document.cookie='gate=open;path=/';location.reload();</script></body></html>",
    status="521 Gate",
)
BUSY = f"<p>{PADDING}</p><script>{{}}</script>"
PAGES: dict[str, dict[str, Answer]] = {
    "B099": {
        "": reply(story("B099", after=BUSY.format("addEventListener('load', () => setTimeout(() => {while (true) {}}, 300))")))
    },
    "B101": {"": endless(reply("<html><body><p>", length=300 * MIB), b"<p>word</p>" * 2**16)},
    "B102": {
        "": reply(
            story("B102", after=BUSY.format("for (let i = 0; i < 400000; i++) {const p = document.createElement('p'); p.textContent = 'word ' + i; document.body.append(p)}"))
        )
    },
    "B103": {"": reply(story("B103", after=BUSY.format("location.href = 'http://dead.invalid/'")))},
    "B104": {
        "": reply(story("B104", after=BUSY.format("document.getElementById('zoom').innerHTML = '<a href=http://spam.example/>澳门娱乐</a>'")))
    },
    "B105": {
        "dialogs": reply(story("B105", "dialogs", after=BUSY.format("alert(1); confirm(2); prompt(3); for (let i = 0; i < 20; i++) window.open('/pop' + i)"))),
        "reload": reply(story("B105", "reload", after=BUSY.format("location.reload()"))),
        "history": reply(story("B105", "history", after=BUSY.format("for (let i = 0; i < 5000; i++) history.pushState({}, '', '/h' + i)".replace("{}", "{ }")))),
        "204": reply(b"", status="204 No Content"),
        "download": reply(b"PK\x03\x04" + bytes(5000), "Content-Disposition: attachment; filename=x.zip", content_type="application/zip"),
    },
}  # fmt: skip
"""What the browser is given once the gate is open, by case and form."""


@proves(*PAGES)
def prove_in_the_browser(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Give each page to a browser in a crawl of its own, and measure all its processes."""
    if why := missing():
        return dict.fromkeys(wanted, Verdict(None, why))
    return {case: give(bench, case) for case in sorted(wanted)}


def give(bench: Bench, case: str) -> Verdict:
    said = []
    right = True
    for variant, answer in PAGES[case].items():
        home = bench.home()
        portal = portal_of("own.example", 3)
        first = portal.lines[0][0].removeprefix("http://")
        declare(home, [portal])
        home.env["MARK"] = word = f"mark-{home.folder.name}"
        answers = {**pages_of(portal), first: [GATE, answer], f"own.example/{CHANNEL}/{DAY}/h*": reply("x")}
        with BadServer(serve([portal], answers)) as server:
            home.env |= server.environment
            began = time.monotonic()
            with open(home.folder / "stderr", "wb") as err:
                process = subprocess.Popen(
                    home.command("nightly", *QUICK, *SOURCES, *BROWSER, "-s", f"BROWSER_SECONDS={SECONDS}"),
                    cwd=ROOT, env=home.env, stdout=subprocess.DEVNULL, stderr=err,
                )  # fmt: skip
            peak = [0]
            watch = threading.Thread(target=measure, args=(process, word, peak), daemon=True)
            watch.start()
            try:
                process.wait(120)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait(10)
            took = time.monotonic() - began
        watch.join(5)
        state, error = home.ask(f"SELECT state, coalesce(error, '') FROM listings WHERE url LIKE '%{first}'")[
            0
        ]
        had = home.ask("SELECT count(*) FROM articles WHERE url NOT LIKE '%/1.shtml'")[0][0]
        text = "".join(text for (text,) in home.ask("SELECT text FROM articles WHERE url LIKE '%/1.shtml'"))
        opened = "A browser opened" in (home.folder / "logs" / "nightly.log").read_text(encoding="utf-8")
        held = mark(case, variant) in text if state == "archived" else bool(error)
        sent = GATE.partition(b"\r\n\r\n")[2] if isinstance(GATE, bytes) else b""
        held &= sent in [body for body, _ in captures_of(home, f"http://{first}")]
        fine = opened and had == 2 and held and "spam" not in text and peak[0] <= 1536 and took <= SECONDS * 4
        right &= fine and process.returncode in (0, 4)
        what = f"{state} {error[:100]}".strip() + ", the plain answer is kept" * held
        said.append(
            f"{variant} {what}, {peak[0]} MB in all, {took:.0f} s, exit {process.returncode}, {had} good pages".strip()
        )
    return Verdict(right, "; ".join(said))


def measure(process: subprocess.Popen[bytes], word: str, peak: list[int]) -> None:
    """Sum up the memory of all processes of a run, each shared page once, until it has ended."""
    while process.poll() is None:
        total = 0
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ValueError, IndexError):
                if word.encode() in (place / "environ").read_bytes():
                    rollup = (place / "smaps_rollup").read_text()
                    total += int(rollup.partition("Pss:")[2].split()[0])
        peak[0] = max(peak[0], total // 1024)
        time.sleep(0.4)
