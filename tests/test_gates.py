"""Pages that only a real browser is given: gates that open, gates that do not, lists that their script fills."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crawler.archive import COMPARED, compare
from crawler.browser import NAMES
from crawler.gateway import Gateway
from tests.canary import Canary
from tests.home import ROOT, Home
from tests.replica import Replica
from tests.replica.demo import default_stories
from tests.replica.replies import page

browser = pytest.mark.skipif(
    not any(map(shutil.which, NAMES)), reason="no Chromium on this machine: make chromium"
)

CITY = "www.lyg.gov.cn"
BROWSER = ("-s", "BROWSER_PAGES=9", "-s", "BROWSER_PAUSE_SECONDS=0", "-s", "BROWSER_SECONDS=20")
CRAWL = ("crawl", "lyg_news", "-a", "channel=gcyw", *BROWSER)
LINES = "SELECT state, count(*) FROM listings WHERE state != 'offsite' GROUP BY 1"


def opened(log: bytes) -> list[str]:
    return re.findall(r"A browser opened .*", log.decode())


def gate_all(replica: Replica, fault: str) -> int:
    """Set a gate before every story of a channel; give how many there are."""
    stories = [s for s in default_stories(replica, CITY) if s.channel == "gcyw" and s.state(1) == "present"]
    for story in stories:
        replica.faults[story.host + story.path] = fault
    return len(stories)


def rebuilt_alike(home: Home) -> list[str]:
    built = home.folder / "rebuilt.db"
    assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
    return compare(home.archive, built)


@browser
@pytest.mark.parametrize("fault", ["gate", "gate200"])
def test_a_gate_opens_for_a_browser_and_its_cookie_serves_what_comes_after(home: Home, fault: str) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        count = gate_all(replica, fault)
        done = home.crawl(*CRAWL)
        assert opened(done.stderr) == ["A browser opened 1 pages: gate of www.lyg.gov.cn (1)"]
        assert home.ask("SELECT count(*) FROM articles") == [(count,)]
        assert home.ask(
            "SELECT flags, count(*) FROM captures WHERE kind = 'article' AND status = 200 GROUP BY 1"
        )[-1] == ("browser", 1)
        gated = [asked for asked in replica.requests if asked.host + asked.path in replica.faults]
        assert sum("cookie" in asked.headers for asked in gated) == count
        assert replica.strays == []
    assert rebuilt_alike(home) == [f"{what}: the same" for what in COMPARED]
    assert home.scrapy("verify").returncode == 0
    assert b"__jsl_clearance" not in b"".join(
        line
        for path in home.captures.iterdir()
        for line in path.read_bytes().splitlines()
        if b"ookie:" in line
    )


@browser
def test_a_gate_that_no_browser_passes_is_tried_once_a_night_and_stays_challenged(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        count = gate_all(replica, "gate-shut")
        done = home.crawl(*CRAWL)
        assert opened(done.stderr) == ["A browser opened 1 pages: gate of www.lyg.gov.cn (1)"]
        assert dict(home.ask(LINES)) == {"challenged": count}
        told = "SELECT error, count(*) FROM listings WHERE state = 'challenged' GROUP BY 1"
        why = "a gate answers: status 521; a browser does not pass it either: it goes round and round, last with status 521"
        assert home.ask(told) == [(why, count)]
        gated = [asked for asked in replica.requests if asked.host + asked.path in replica.faults]
        assert count < len(gated) <= count + 5  # the browser does not go round for ever
        replica.faults.clear()
        assert home.crawl(*CRAWL).returncode == 0
        assert dict(home.ask(LINES)) == {"archived": count}


@browser
def test_a_list_that_its_script_fills_is_read_as_a_browser_shows_it(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        assert home.crawl(*CRAWL).returncode == 0
        before = home.ask("SELECT count(*) FROM listings")
        replica.night = 2
        lists = {asked.path for asked in replica.requests if asked.path.endswith("/gcyw/gcyw.html")}
        replica.faults |= {CITY + path: "script" for path in lists}
        done = home.crawl(*CRAWL)
        assert opened(done.stderr) == [
            "A browser opened 1 pages: no lines without script in www.lyg.gov.cn gcyw (1)"
        ]
        assert home.ask("SELECT count(*) FROM listings") > before
        kinds = "SELECT kind, flags FROM captures WHERE flags IN ('browser', 'rendered') ORDER BY id"
        assert home.ask(kinds) == [("other", "browser"), ("list", "rendered")]
    assert rebuilt_alike(home) == [f"{what}: the same" for what in COMPARED]


def test_where_no_browser_is_found_the_run_says_how_to_get_one_and_goes_on(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        count = gate_all(replica, "gate")
        done = home.crawl(*CRAWL, "-s", "CHROMIUM=/nowhere/chromium")
        said = "The gate of www.lyg.gov.cn stays closed: no browser: found no Chromium, wanted CHROMIUM=/nowhere/chromium; on Debian: apt-get install chromium"
        assert done.stderr.decode().count(said) == 1
        assert dict(home.ask(LINES)) == {"challenged": count}


HANGING = "<html><body><p>{}</p><script>while (true) {{}}</script></body></html>".format("。" * 3000)


def left_behind(mark: str) -> list[str]:
    """Name the processes that carry a mark in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (place / "environ").read_bytes():
                found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:4000])
    return found


def hang(replica: Replica, home: Home) -> str:
    """Put a page that never ends its script behind a gate; give a mark that all processes of the run carry."""
    story = next(s for s in default_stories(replica, CITY) if s.channel == "gcyw" and s.state(1) == "present")
    replica.pages(CITY)[story.path] = page(HANGING, status=521)
    mark = home.env["MARK"] = f"mark-{home.folder}"
    return mark


@browser
def test_a_page_that_hangs_the_browser_is_closed_and_the_run_goes_on(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        mark = hang(replica, home)
        done = home.crawl(*CRAWL, "-s", "BROWSER_SECONDS=6")
        assert opened(done.stderr) == ["A browser opened 1 pages: gate of www.lyg.gov.cn (1)"]
        told = "SELECT error FROM listings WHERE state = 'challenged'"
        assert [error[:64] for (error,) in home.ask(told)] == [
            "a gate answers: status 521; the browser had no page after 6 seco"
        ]
        assert home.ask("SELECT count(*) > 5 FROM articles") == [(1,)]
    assert left_behind(mark) == []


@browser
def test_a_run_that_is_ended_while_its_browser_hangs_leaves_no_process_behind(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        mark = hang(replica, home)
        words = home.command(CRAWL[0], *home.quick, *CRAWL[1:], "-s", "BROWSER_SECONDS=300")
        run = subprocess.Popen(words, cwd=ROOT, env=home.env, stderr=subprocess.DEVNULL)
        try:
            ends = time.monotonic() + 60
            while len([asked for asked in replica.requests if asked.status == 521]) < 2:
                assert time.monotonic() < ends
                time.sleep(0.2)
            assert any("chromium" in line for line in left_behind(mark))
            run.send_signal(signal.SIGTERM)
            run.communicate(timeout=60)
        finally:
            if run.poll() is None:
                run.kill()
                run.communicate(timeout=20)
        assert home.ask("SELECT outcome FROM runs") == [("partial",)]
    assert left_behind(mark) == []


# what a browser may reach

FOREIGN = """<html><body><p>{padding}</p><script>
const away = ["http://127.0.0.1:{port}/fetch", "http://localhost:{port}/fetch", "http://[::1]:{port}/fetch",
  "http://2130706433:{port}/", "http://0x7f000001:{port}/", "http://127.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
  "http://rebound.example:{port}/", "https://127.0.0.1:{port}/", "http://169.254.169.254/latest/meta-data/",
  "http://www.lyg.gov.cn:{port}/port", "ftp://127.0.0.1:{port}/", "file:///etc/passwd"];
for (const address of away) {{
  fetch(address, {{mode: "no-cors"}}).catch(() => 0);
  try {{ navigator.sendBeacon(address, "x") }} catch (e) {{}}
  for (const [name, field] of [["img", "src"], ["iframe", "src"], ["script", "src"], ["link", "href"], ["object", "data"]]) {{
    const made = document.createElement(name);
    if (name === "link") made.rel = "prefetch";
    made[field] = address;
    document.body.append(made);
  }}
  try {{ new EventSource(address) }} catch (e) {{}}
  try {{ window.open(address) }} catch (e) {{}}
}}
try {{ new WebSocket("ws://127.0.0.1:{port}/socket") }} catch (e) {{}}
try {{ new Worker("http://127.0.0.1:{port}/worker.js") }} catch (e) {{}}
try {{ new RTCPeerConnection({{iceServers: [{{urls: "stun:127.0.0.1:{port}"}}]}}).createDataChannel("x") }} catch (e) {{}}
setTimeout(() => location.href = "http://127.0.0.1:{port}/moved", 300);
</script></body></html>"""


@browser
def test_whatever_a_page_does_in_the_browser_it_reaches_no_host_but_those_of_the_spider(
    home: Home, canary: Canary
) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        story = next(
            s for s in default_stories(replica, CITY) if s.channel == "gcyw" and s.state(1) == "present"
        )
        hostile = FOREIGN.format(port=canary.server_port, padding="。" * 3000)
        replica.pages(CITY)[story.path] = page(hostile, status=521)
        done = home.crawl(*CRAWL)
        assert opened(done.stderr) == ["A browser opened 1 pages: gate of www.lyg.gov.cn (1)"]
        assert re.search(r"The browser was refused \d+ hosts: .*127\.0\.0\.1", done.stderr.decode())
        assert (canary.asked, replica.strays) == ([], [])


HEADS = [
    "GET http://127.0.0.1:{port}/ HTTP/1.1",
    "GET http://localhost:{port}/ HTTP/1.1",
    "GET http://[::1]:{port}/ HTTP/1.1",
    "GET http://own.example:{port}/ HTTP/1.1",
    "GET http://own.example@127.0.0.1:{port}/ HTTP/1.1",
    "GET http://127.0.0.1:{port}#@own.example/ HTTP/1.1",
    "GET http://own.example.evil.example/ HTTP/1.1",
    "GET http://2130706433/ HTTP/1.1",
    "GET file:///etc/passwd HTTP/1.1",
    "GET ftp://own.example/ HTTP/1.1",
    "GET / HTTP/1.1\r\nHost: own.example",
    "CONNECT 127.0.0.1:{port} HTTP/1.1",
    "CONNECT own.example:{port} HTTP/1.1",
    "CONNECT own.example:22 HTTP/1.1",
    "CONNECT own.example HTTP/1.1",
    "CONNECT localhost:443 HTTP/1.1",
    "CONNECT [::ffff:127.0.0.1]:443 HTTP/1.1",
    "CONNECT : HTTP/1.1",
    "GET http://own.example:99999/ HTTP/1.1",
    "DELETE http://own.example/ HTTP/1.1",
    "GET",
]


@pytest.mark.parametrize("head", HEADS)
def test_the_gateway_refuses_what_no_spider_may_ask(
    head: str, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a name that the spider may ask resolves to this machine: rebinding
    answers = [(2, 1, 6, "", ("127.0.0.1", 80))]
    said = asyncio.run(ask_gateway(head.format(port=canary.server_port), answers, monkeypatch))
    assert (said.split(b"\r\n")[0], canary.asked) == (b"HTTP/1.1 403 Forbidden", [])


def test_the_gateway_carries_one_request_a_connection_to_the_address_it_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        got.append(await reader.read(100))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nthe page")
        writer.close()

    async def run() -> bytes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        open_connection = asyncio.open_connection
        answers = [(2, 1, 6, "", ("127.0.0.1", 80))]

        def connect(host: str, wanted: int, **more: Any) -> Any:
            asked.append((host, wanted))
            return open_connection(host, port if wanted == 80 else wanted, **more)

        monkeypatch.setattr("crawler.gateway.asyncio.open_connection", connect)
        smuggled = "POST http://own.example/a?b HTTP/1.1\r\nContent-Length: 3\r\nProxy-Connection: keep-alive\r\n\r\nabcGET http://evil.example/ HTTP/1.1"
        try:
            return await ask_gateway(
                smuggled, answers, monkeypatch, trusted={"own.example"}, connect=open_connection
            )
        finally:
            server.close()

    got: list[bytes] = []
    asked: list[tuple[str, int]] = []
    assert asyncio.run(run()) == b"HTTP/1.1 200 OK\r\n\r\nthe page"
    assert got == [b"POST /a?b HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", b"abc"]
    assert asked == [("127.0.0.1", 80)]


async def ask_gateway(
    head: str,
    answers: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    trusted: Collection[str] = (),
    connect: Any = asyncio.open_connection,
) -> bytes:
    async def resolve(*asked: Any, **more: Any) -> list[Any]:
        return answers

    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    gateway = Gateway({"own.example"}, trusted, seconds=10)
    address = urlsplit(await gateway.open())
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    try:
        reader, writer = await connect(address.hostname, address.port)
        writer.write(head.encode() + b"\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return bytes(said)
    finally:
        await gateway.close()
