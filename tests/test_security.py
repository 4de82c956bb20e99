"""What a portal, or who broke into one, cannot make the crawl do; and what others on the machine cannot read."""

from __future__ import annotations

import gzip
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import pytest

from tests.canary import Canary
from tests.home import ROOT, Home
from tests.replica import Replica
from tests.replica.demo import default_stories
from tests.replica.replies import Reply

CITY = "www.lyg.gov.cn"
DAILY = "www.lyg01.net"
NO_FILES = ("-s", "ATTACHMENT_MAXSIZE=0", "-s", "IMAGE_MAXSIZE=0")
GCYW = ("crawl", "lyg_news", "-a", "channel=gcyw", *NO_FILES)


# --- addresses that are never asked ---


FORMS = {
    "the address of this machine": "http://127.0.0.1:{port}/{mark}",
    "another address of this machine": "http://127.8.9.10:{port}/{mark}",
    "its name": "http://localhost:{port}/{mark}",
    "its name with a dot": "http://localhost.:{port}/{mark}",
    "one number": "http://2130706433:{port}/{mark}",
    "a hexadecimal number": "http://0x7f000001:{port}/{mark}",
    "octal parts": "http://0177.0.0.01:{port}/{mark}",
    "too few parts": "http://127.1:{port}/{mark}",
    "zero": "http://0:{port}/{mark}",
    "any address": "http://0.0.0.0:{port}/{mark}",
    "IPv6": "http://[::1]:{port}/{mark}",
    "IPv4 in IPv6": "http://[::ffff:127.0.0.1]:{port}/{mark}",
    "IPv4 in IPv6, hexadecimal": "http://[::ffff:7f00:1]:{port}/{mark}",
    "IPv6 with a zone": "http://[fe80::1%25lo]:{port}/{mark}",
    "full-width digits": "http://１２７.０.０.１:{port}/{mark}",
    "circled digits": "http://①②⑦.⓪.⓪.①:{port}/{mark}",
    "percent signs": "http://%31%32%37.0.0.1:{port}/{mark}",
    "the portal as a user": "http://www.lyg.gov.cn@127.0.0.1:{port}/{mark}",
    "the portal as user and password": "http://www.lyg.gov.cn:80@127.0.0.1:{port}/{mark}",
    "the portal behind a backslash": "http://127.0.0.1:{port}\\@www.lyg.gov.cn/{mark}",
    "the portal behind a hash sign": "http://127.0.0.1:{port}#@www.lyg.gov.cn/{mark}",
    "the portal with another port": "http://www.lyg.gov.cn:{port}/{mark}",
    "the portal with a dot": "http://www.lyg.gov.cn.:{port}/{mark}",
    "a host below the portal": "http://a.www.lyg.gov.cn/{mark}",
    "a host that begins like the portal": "http://www.lyg.gov.cn.127.0.0.1.example/{mark}",
    "the data of a cloud": "http://169.254.169.254/{mark}",
    "a private network": "http://192.168.1.1/{mark}",
    "no scheme": "//127.0.0.1:{port}/{mark}",
    "https": "https://127.0.0.1:{port}/{mark}",
    "ftp": "ftp://127.0.0.1:{port}/{mark}",
    "gopher": "gopher://127.0.0.1:{port}/{mark}",
    "a file": "file:///etc/{mark}",
    "data": "data:text/html,{mark}",
}
"""Ways of writing an address that must not be asked; an article redirects to each."""

INSIDE = "http://127.0.0.1:{port}/{mark}"


def sends(target: str, status: int = 302) -> Reply:
    return Reply(b"", status=status, headers=(("Location", target.encode().decode("latin-1")),))


def shows(head: str = "", body: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    text = "<p>　　本市水利工程昨日在海州区开工，全长九公里，计划明年五月建成通车，两岸居民多有称赞。</p>" * 6
    title = "海州区水利工程昨日开工建设"
    page = f"<html><head><title>{title}</title>{head}</head><body><h1>{title}</h1><div id=zoom>{text}{body}</div></body></html>"
    return Reply(page.encode(), headers=headers)


def lists(*lines: str, after: str = "", head: str = "") -> Reply:
    """Give a list of these addresses."""
    items = "".join(
        f'<li><a href="{line}" title="第{number}号工程昨日开工建设">第{number}号工程昨日开工建设</a><span>2026-11-01</span></li>'
        for number, line in enumerate(lines)
    )
    return Reply(
        f'<html><head><title>列表</title>{head}</head><body><div id="initData"><ul>{items}</ul></div>{after}</body></html>'.encode()
    )


ARTICLES: dict[str, Callable[[str], Reply]] = {
    "a permanent redirect": lambda to: sends(to, 301),
    "a redirect with the method kept": lambda to: sends(to, 307),
    "a permanent redirect with the method kept": lambda to: sends(to, 308),
    "meta refresh": lambda to: Reply(f"<meta http-equiv=refresh content='0;url={to}'>正在跳转".encode()),
    "a script that leads on": lambda to: Reply(f"<script>location.href='{to}'</script>正在跳转".encode()),
    "a Refresh field": lambda to: shows(headers=(("Refresh", f"0;url={to}"),)),
    "a Link field": lambda to: shows(headers=(("Link", f"<{to}>; rel=canonical"),)),
    "a canonical address": lambda to: shows(f"<link rel=canonical href='{to}'>"),
    "a base address": lambda to: shows(
        f"<base href='{to}/'><link rel=stylesheet href=a.css>",
        "<img src=a.png><a href=a.pdf>附件.pdf</a><a href=2.html>下一页</a>",
    ),
    "a style sheet": lambda to: shows(f"<link rel=stylesheet href='{to}'>"),
    "an imported style sheet": lambda to: shows(f"<style>@import url('{to}');</style>"),
    "a picture": lambda to: shows(body=f"<img src='{to}.png'>"),
    "an attachment": lambda to: shows(body=f"<a href='{to}.pdf'>附件：名单.pdf</a>"),
    "a further page": lambda to: shows(body=f"<a href='{to}'>下一页</a>"),
    "frames and plugins": lambda to: shows(
        body=f"<iframe src='{to}'></iframe><embed src='{to}'><video src='{to}'></video>"
    ),
    "a service of the page": lambda to: shows(
        f"<script>fetch('{to}')</script><link rel=preload href='{to}'>"
    ),
}
"""Ways in which an article's page names an address."""

THROUGH: dict[str, tuple[str, str]] = {
    "a style sheet that redirects": ("<link rel=stylesheet href='/{mark}.css'>", ".css"),
    "a picture that redirects": ("<img src='/{mark}.png'>", ".png"),
    "an attachment that redirects": ("<a href='/{mark}.pdf'>附件：名单.pdf</a>", ".pdf"),
}
"""Files of the portal's own that lead away."""

LISTS: dict[str, tuple[str, Callable[[str, str], Reply]]] = {
    "a list that redirects": ("bmdt", lambda to, line: sends(to)),
    "a line of a list": ("gsgg", lambda to, line: lists(to, line)),
    "the next page of a list": ("zcjd1", lambda to, line: lists(line, after=f"<a href='{to}'>下一页</a>")),
    "the base address of a list": ("mtbd", lambda to, line: lists("a.html", head=f"<base href='{to}/'>")),
    "the call of a list": (
        "shms",
        lambda to, line: lists(
            line,
            after=f"<script>var a={{columnId:'0123456789ab',totalRecord:\"90\",proxyUrl:'{to}'}}</script>",
        ),
    ),
    "the call of a list, behind an at sign": (
        "tpxw2020",
        lambda to, line: lists(
            line,
            after=f"<script>var a={{columnId:'0123456789ab',totalRecord:\"90\",proxyUrl:'@{to[7:]}'}}</script>",
        ),
    ),
    "a list that sends its reader on": (
        "zwdc1",
        lambda to, line: Reply(f"<meta http-equiv=refresh content='0;url={to}'>".encode()),
    ),
}


class Way(NamedTuple):
    name: str
    mark: str
    asked: tuple[str, str]
    """Host and path of the page that names the address."""


class Breach(NamedTuple):
    ways: dict[str, Way]
    served: set[tuple[str, str]]
    heard: list[str]


NAMES = [
    *(f"a redirect to {name}" for name in FORMS),
    *ARTICLES,
    *THROUGH,
    *LISTS,
    "a further page that redirects",
    "robots.txt that redirects",
    "a site map in robots.txt",
]


def plant(replica: Replica, port: int) -> dict[str, Way]:
    """Put each way into a page of its own."""
    pages = replica.pages(CITY)
    taken = {code for code, _ in LISTS.values()}
    stories = iter(
        [
            story
            for story in default_stories(replica, CITY)
            if story.channel not in taken and story.state(1) == "present" and not story.parts
        ]
    )
    ways: dict[str, Way] = {}

    def note(name: str, host: str, path: str) -> str:
        mark = f"way{len(ways):02}"
        ways[name] = Way(name, mark, (host, path))
        return mark

    for name, form in FORMS.items():
        path = next(stories).path
        mark = note(f"a redirect to {name}", CITY, path)
        pages[path] = sends(form.format(port=port, mark=mark))
    for name, make in ARTICLES.items():
        path = next(stories).path
        pages[path] = make(INSIDE.format(port=port, mark=note(name, CITY, path)))
    for name, (tag, end) in THROUGH.items():
        path = next(stories).path
        mark = note(name, CITY, path)
        pages[path] = shows(tag.format(mark=mark), tag.format(mark=mark))
        pages[f"/{mark}{end}"] = sends(INSIDE.format(port=port, mark=mark))
    path = next(stories).path
    mark = note("a further page that redirects", CITY, path)
    further = re.sub(r"(\.\w+)$", r"_2\1", path)
    pages[path] = shows(body=f"<a href='{further}'>下一页</a>")
    pages[further] = sends(INSIDE.format(port=port, mark=mark))
    for name, (code, build) in LISTS.items():
        path = f"/zglygzfmhwz/{code}/{code}.html"
        line = next(story.path for story in default_stories(replica, CITY) if story.channel == code)
        pages[path] = build(INSIDE.format(port=port, mark=note(name, CITY, path)), line)
    mark = note("robots.txt that redirects", DAILY, "/robots.txt")
    replica.pages(DAILY)["/robots.txt"] = sends(INSIDE.format(port=port, mark=mark))
    mark = note("a site map in robots.txt", CITY, "/robots.txt")
    inside = INSIDE.format(port=port, mark=mark)
    pages["/robots.txt"] = Reply(f"User-agent: *\nSitemap: {inside}\n".encode(), "text/plain")
    return ways


@pytest.fixture(scope="module")
def breach(make_home: Callable[[], Home]) -> Iterator[Breach]:
    """Run one crawl over pages that name every forbidden address; what goes to this machine goes past the proxy."""
    with ExitStack() as stack:
        replica = stack.enter_context(Replica(seed=5, stories=260))
        canary = stack.enter_context(Canary())
        canaries = [canary]
        for host in ("127.8.9.10", "::1"):
            with suppress(OSError):  # a machine without IPv6
                canaries.append(stack.enter_context(Canary(host, canary.server_port)))
        with urlopen(f"http://127.0.0.1:{canary.server_port}/control", timeout=10) as answer:
            assert answer.status == 200
        assert canary.asked == ["a connection", "/control"]
        canary.asked.clear()
        ways = plant(replica, canary.server_port)
        home = make_home().through(replica)
        past = "127.0.0.1,127.8.9.10,127.1,localhost,localhost.,2130706433,0x7f000001,0177.0.0.01,0,0.0.0.0,::1,192.168.1.1,169.254.169.254"
        home.env |= {"no_proxy": past, "NO_PROXY": past}
        done = home.crawl("crawl", "lyg_news")
        assert home.ask("SELECT outcome FROM runs") == [("partial",)], done.stderr
        served = {(request.host, request.path.partition("?")[0]) for request in replica.requests}
        yield Breach(ways, served, [*replica.strays, *(path for each in canaries for path in each.asked)])


@pytest.mark.parametrize("name", NAMES)
def test_no_way_leads_to_a_forbidden_address(breach: Breach, name: str) -> None:
    way = breach.ways[name]
    assert way.asked in breach.served  # the page that names it was read
    assert [heard for heard in breach.heard if way.mark in heard] == []


def test_nothing_at_all_was_heard(breach: Breach) -> None:
    assert breach.heard == []
    assert len(breach.ways) == len(NAMES) > 40


# --- traps ---


class Trap(Replica):
    """A portal whose list of one channel has no end: each page links the next."""

    kind = "calendar"
    number = 0

    def answer(self, scheme: str, host: str, target: str, headers: dict[str, str]) -> Reply:
        if host != CITY or "/gcyw/" not in target or "content" in target:
            return super().answer(scheme, host, target, headers)
        self.number += 1
        at = self.number
        onward = {
            "calendar": f"/zglygzfmhwz/gcyw/gcyw.html?month={at}",
            "session": f"/zglygzfmhwz/gcyw/gcyw.html;jsessionid={at:032x}",
            "growing": "more/gcyw.html",
        }[self.kind]
        own = f"/zglygzfmhwz/gcyw/content/{at:08x}-2a0e-4fa4-83f2-a9338d401663.html"
        reply = lists(own, after=f"<div class=page><a href='{onward}'>下一页</a></div>")
        return reply._replace(body=reply.body.replace("第0号".encode(), f"第{at}号".encode()))


@pytest.mark.parametrize("kind", ["calendar", "session", "growing"])
def test_a_list_without_end_ends_by_its_bound_and_is_told(make_home: Callable[[], Home], kind: str) -> None:
    with Trap(seed=3, stories=30) as replica:
        replica.kind = kind
        home = make_home().through(replica)
        home.crawl(*GCYW, "-a", "full=1", "-s", "LIST_PAGES=12")
        alarms = [alarm for (told,) in home.ask("SELECT alarms FROM runs") for alarm in json.loads(told)]
    told = [(alarm["rule"], alarm["what"]) for alarm in alarms if alarm["rule"] in ("many pages", "trap")]
    assert replica.number <= 12
    if told:
        whole = "found no end of the list after 12 pages, the rest was not asked for (LIST_PAGES)"
        folder = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/" + "more/" * 6 + "gcyw.html"
        grown = f"found the folder 'more' 6 times in {folder}; the rest was not asked for"
        assert told == [
            ("trap", grown if kind == "growing" else f"{whole}; 12 lines in all, as a calendar has")
        ]
    else:  # the pages' addresses are one and the same
        assert replica.number <= 2
    assert home.ask("SELECT outcome FROM runs") == [("partial",)]


def test_a_list_of_too_many_lines_is_taken_up_to_its_bound_and_is_told(make_home: Callable[[], Home]) -> None:
    with Replica(seed=3, stories=30) as replica:
        home = make_home().through(replica)
        lines = [f"/zglygzfmhwz/gcyw/content/{n:08x}-2a0e-4fa4-83f2-a9338d401663.html" for n in range(60)]
        replica.pages(CITY)["/zglygzfmhwz/gcyw/gcyw.html"] = lists(*lines)
        home.crawl(*GCYW, "-s", "LIST_LINES=20")
    alarms = json.loads(home.ask("SELECT alarms FROM runs")[0][0])
    assert [alarm["what"] for alarm in alarms if alarm["rule"] == "many lines"] == [
        "found 60 lines on one page, the first 20 were taken up (LIST_LINES)"
    ]
    assert home.ask("SELECT count(*) FROM listings") == [(20,)]


def test_an_address_that_is_too_long_is_not_asked_and_says_so(make_home: Callable[[], Home]) -> None:
    with Replica(seed=3, stories=30) as replica:
        home = make_home().through(replica)
        long = "/zglygzfmhwz/gcyw/content/00000001-2a0e-4fa4-83f2-a9338d401663.html?a=" + "1" * 3000
        replica.pages(CITY)["/zglygzfmhwz/gcyw/gcyw.html"] = lists(long)
        home.crawl(*GCYW)
        assert not [request for request in replica.requests if len(request.path) > 2000]
    ((state, error),) = home.ask("SELECT state, error FROM listings")
    assert state == "failed"
    assert re.match(r"refused address: found 3\d{3} characters, wanted 2083 at most: ", error)


# --- what others may read, and secrets ---

SECRETS = ("geheim-proxy", "geheim-hook", "geheim-cookie")


def test_no_secret_is_in_the_archive_its_captures_its_logs_or_what_is_printed(
    make_home: Callable[[], Home],
) -> None:
    with Replica(seed=3, stories=30) as replica:
        home = make_home().through(replica)
        proxy = replica.url.replace("//", "//someone:geheim-proxy@")
        home.env |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), proxy)
        home.env |= {"NOTIFY": "json://someone:geheim-hook@127.0.0.1:9/", "no_proxy": "127.0.0.1"}
        story = default_stories(replica, CITY)[0]
        page = replica.pages(CITY)[story.path]
        replica.pages(CITY)[story.path] = page._replace(
            headers=(("Set-Cookie", "session=geheim-cookie; path=/"),)
        )
        gone = default_stories(replica, DAILY)[0]
        replica.faults[DAILY + gone.path] = "cut"
        done = home.crawl("nightly", "-s", "LOG_LEVEL=DEBUG", *NO_FILES)
        sent = [request.headers.get("proxy-authorization") for request in replica.requests]
        assert any(sent)  # the proxy got what it wants
    assert b"was not delivered" in done.stderr
    kept = {
        path: gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
        for path in home.folder.rglob("*")
        if path.is_file()
    }
    assert {"archive.db", "archive.db.undelivered.json", "nightly.log"} <= {path.name for path in kept}
    kept |= {Path("printed"): done.stdout, Path("said"): done.stderr}
    for secret in (*SECRETS, "c29tZW9uZTpnZWhlaW0tcHJveHk="):  # user and password as the field has them
        assert [str(path) for path, body in kept.items() if secret.encode() in body] == []


def test_what_a_run_writes_is_not_for_everybody(make_home: Callable[[], Home]) -> None:
    home = make_home()
    home.env |= {"NOTIFY": "json://127.0.0.1:9/", "no_proxy": "127.0.0.1"}
    before = os.umask(0)  # as some containers start programs
    try:
        with Replica(seed=3, stories=30) as replica:
            home.through(replica).env |= {"no_proxy": "127.0.0.1"}
            home.crawl("nightly", *NO_FILES)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.folder.rglob("*")}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o002} == {}
    assert oct(modes["archive.db.undelivered.json"]) == "0o600"
    assert oct(modes["nightly.log"]) == "0o640"


def test_every_setting_that_bounds_is_told_in_the_model() -> None:
    told = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    names = re.findall(
        r"^([A-Z_]+(?:_MAXSIZE|_LIMIT|_LIMIT_MB|_TIMEOUT|_TIMES|_SECONDS|_PAGES|_LINES))\b",
        (ROOT / "crawler" / "settings.py").read_text(encoding="utf-8"),
        re.M,
    )
    bounds = [
        name
        for name in names
        if not name.startswith(("ARCHIVE_", "RETRY_", "BROWSER_PAUSE", "MEMUSAGE_CHECK", "DISK_CHECK"))
    ]
    assert [name for name in bounds if f"`{name}`" not in told] == []


def test_every_test_that_the_model_names_is_there() -> None:
    told = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    for file, name in re.findall(r"`(test_\w+\.py)::(test_\w+)`", told):
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), (file, name)
