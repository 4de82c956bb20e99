"""Portals as data: entries, their mistakes, what a run makes of them, and how a new one is added."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tomllib
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from scrapy import Request
from scrapy.core.downloader import Downloader, Slot
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, UsageError
from scrapy.http import HtmlResponse, Response
from scrapy.settings import Settings
from scrapy.utils.misc import load_object
from scrapy.utils.project import get_project_settings

from crawler.checkup import FAIL
from crawler.commands.crawl import Command as CrawlCommand
from crawler.commands.portal import Command as PortalCommand
from crawler.discovery import Discovery, choose_channels, expect, lay_out, save, write_entry
from crawler.extensions import AutoThrottle
from crawler.middlewares import ExactHosts
from crawler.portals import Portal, media, truecms
from crawler.portals.entries import (
    KEYS,
    Entry,
    EntryError,
    by_name,
    find_lines,
    prove,
    read_entries,
    read_entry,
    spider_names,
)
from crawler.replay import Run, portal_of
from crawler.settings import DOWNLOADER
from crawler.sources import Window, keep_pauses, share, slots_of
from crawler.text import read_page
from spiders.lyg_epaper import LygEpaper
from spiders.lyg_minzheng import LygMinzheng
from spiders.lyg_news import LygNews
from spiders.portals import Portals
from tests.home import ROOT, Home
from tests.replica import Replica

SAVED = Path(__file__).parent / "pages" / "portals"
SPIDERS = {"portals", "lyg_news"}
WHOLE = """\
title = "连云港市教育局"
operator = "连云港市教育局"
platform = "truecms"
hosts = ["jyj.lyg.gov.cn", "www.jyj.lyg.gov.cn"]
home = "http://jyj.lyg.gov.cn/"
site = "lygjyj"
channels = [
    "tzgg",  # 通知公告
    "gzdt",
]
on_request = ["zfwj?id=2"]
source = "市教育局"
delay = 1.5
concurrency = 2
zone = "Asia/Urumqi"
licence = "转载请注明来源"
proven = 2026-11-28

[options]
paper = "x"
"""
LEAST = 'title = "甲"\nplatform = "plain"\nhosts = ["a.example"]\nhome = "http://a.example/"\nchannels = "discover"\n'


def read(text: str, name: str = "jyj.lyg.gov.cn") -> Entry:
    """Read an entry from its text."""
    return read_entry(Path(f"/e/{name}.toml"), text.encode(), SPIDERS)


# --- entries ---


def test_an_entry_says_all_that_a_portal_is() -> None:
    assert read(WHOLE).portal == Portal(
        name="jyj.lyg.gov.cn",
        title="连云港市教育局",
        operator="连云港市教育局",
        spider="portals",
        platform=truecms,
        hosts=("jyj.lyg.gov.cn", "www.jyj.lyg.gov.cn"),
        home="http://jyj.lyg.gov.cn/",
        site="lygjyj",
        channels=("tzgg", "gzdt"),
        on_request=("zfwj?id=2",),
        source="市教育局",
        options={"paper": "x"},
        delay=1.5,
        concurrency=2,
        zone=ZoneInfo("Asia/Urumqi"),
        licence="转载请注明来源",
        proven=date(2026, 11, 28),
    )


def test_the_portals_of_the_three_sources_are_what_they_were() -> None:
    found = [
        (portal.name, portal.platform.__name__.rpartition(".")[2], portal.hosts, portal.home, portal.site)
        for source in (LygNews, LygMinzheng, LygEpaper)
        for portal in source.portals
    ]
    assert found == [
        ("lyg01.net", "dated", ("www.lyg01.net", "lyg01.net"), "http://www.lyg01.net/", ""),
        ("www.lyg.gov.cn", "truecms", ("www.lyg.gov.cn",), "http://www.lyg.gov.cn/", "zglygzfmhwz"),
        ("mzj.lyg.gov.cn", "truecms", ("mzj.lyg.gov.cn",), "http://mzj.lyg.gov.cn/", ""),
        ("lygrbepaper.lygfb.cn", "media", ("lygrbepaper.lygfb.cn",), "http://lygrbepaper.lygfb.cn/", ""),
    ]
    city = by_name()["www.lyg.gov.cn"]
    assert (len(city.channels), city.on_request) == (11, ("szfwj1", "szfbgswj1"))
    paper = by_name()["lygrbepaper.lygfb.cn"]
    assert (paper.source, paper.options) == ("连云港日报", {"paper": "lygrb", "days": "7"})


def test_no_bureau_is_crawled_at_night_before_it_was_seen_to_work() -> None:
    assert {portal.name for portal in Portals.portals} >= {
        "mzzj.lyg.gov.cn",
        "hbj.lyg.gov.cn",
        "qidong.gov.cn",
    }
    assert Portals.by_itself() == tuple(portal for portal in Portals.portals if portal.proven)
    assert LygMinzheng.by_itself() == LygMinzheng.portals
    # each entry says in a remark how its host is known
    unproven = [
        path
        for path in (ROOT / "data" / "portals").glob("*.toml")
        if by_name()[path.stem].spider == "portals"
    ]
    assert [path.name for path in unproven if not path.read_text().startswith("# ")] == []


MISTAKES = [
    ('title = "甲"\ntitle = "乙"\n', "2: found no TOML (Cannot overwrite a value), wanted KEY = VALUE"),
    ('title = "甲\n', "1: found no TOML (Illegal character '\\n'), wanted KEY = VALUE"),
    (LEAST + "hots = 1\n", f"6: found the unknown key 'hots', wanted some of {', '.join(KEYS)}"),
    (LEAST.replace('title = "甲"\n', ""), f": found no 'title', wanted {KEYS['title'].wanted}"),
    (LEAST.replace('"甲"', "7"), f"1: found title = 7, wanted {KEYS['title'].wanted}"),
    (
        LEAST.replace("plain", "wordpress"),
        f"2: found platform = 'wordpress', wanted {KEYS['platform'].wanted}",
    ),
    (
        LEAST.replace('["a.example"]', '[\n"a.example",\n"A.example",\n]'),
        f"5: found 'A.example' in hosts, wanted {KEYS['hosts'].wanted}",
    ),
    (
        LEAST.replace('["a.example"]', '["a.example", "127.0.0.1"]'),
        f"3: found '127.0.0.1' in hosts, wanted {KEYS['hosts'].wanted}",
    ),
    (LEAST.replace('["a.example"]', "[]"), f"3: found hosts = [], wanted {KEYS['hosts'].wanted}"),
    (
        LEAST.replace('["a.example"]', '["a.example",\n "a.example"]'),
        "4: found the host 'a.example' twice, wanted it once",
    ),
    (
        LEAST.replace("http://a.example/", "http://b.example/"),
        "4: found the host b.example, wanted one of the hosts of the entry",
    ),
    (
        LEAST.replace("http://a.example/", "http://u@a.example/"),
        f"4: found home = 'http://u@a.example/', wanted {KEYS['home'].wanted}",
    ),
    (
        LEAST.replace('"discover"', '["x",\n"y",\n"x"]'),
        "7: found the channel 'x' twice, wanted it once",
    ),
    (
        LEAST.replace('"discover"', '["x"]\non_request = ["y", "x"]'),
        "6: found the channel 'x' twice, wanted it once",
    ),
    (LEAST.replace('"discover"', '["x,y"]'), f"5: found 'x,y' in channels, wanted {KEYS['channels'].wanted}"),
    (LEAST.replace('"discover"', '"all"'), f"5: found channels = 'all', wanted {KEYS['channels'].wanted}"),
    (LEAST + "delay = true\n", f"6: found delay = True, wanted {KEYS['delay'].wanted}"),
    (LEAST + "concurrency = 9\n", f"6: found concurrency = 9, wanted {KEYS['concurrency'].wanted}"),
    (LEAST + 'zone = "China"\n', f"6: found zone = 'China', wanted {KEYS['zone'].wanted}"),
    (LEAST + 'proven = "2026-11-28"\n', f"6: found proven = '2026-11-28', wanted {KEYS['proven'].wanted}"),
    (LEAST + 'spider = "lyg_new"\n', "6: found the spider 'lyg_new', wanted one of lyg_news, portals"),
    (LEAST + "[options]\ndays = 7\n", f"7: found 7 in options, wanted {KEYS['options'].wanted}"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_in_an_entry_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(EntryError) as wrong:
        read(text)
    where = "/e/jyj.lyg.gov.cn.toml"
    assert str(wrong.value).splitlines() == [f"{where}{said}" if said.startswith(":") else f"{where}:{said}"]


def test_all_mistakes_of_all_entries_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.example.toml").write_text(LEAST)
    (tmp_path / "b.example.toml").write_text("# the same again\n" + LEAST)
    (tmp_path / "C.toml").write_text(LEAST.replace("a.example", "c.example"))
    (tmp_path / "d.toml").write_bytes(b'title = "\xff"\n')
    (tmp_path / "e.toml").write_text("zone = 8\n")
    with pytest.raises(EntryError) as wrong:
        read_entries(tmp_path, SPIDERS)
    assert str(wrong.value).splitlines() == [
        f"{tmp_path}/C.toml: found the name 'C', wanted small letters, digits, dots and dashes",
        f"{tmp_path}/d.toml:1: found the byte 0xff, wanted UTF-8",
        f"{tmp_path}/e.toml:1: found zone = 8, wanted {KEYS['zone'].wanted}",
        *(
            f"{tmp_path}/e.toml: found no {key!r}, wanted {KEYS[key].wanted}"
            for key in ("title", "platform", "hosts", "home", "channels")
        ),
        f"{tmp_path}/b.example.toml:4: found the host a.example, which {tmp_path}/a.example.toml has, "
        "wanted one entry a host",
    ]


def test_lines_are_found_in_every_form_of_toml() -> None:
    text = (
        'a.b = 1  # c = 2\n\n\'d e\' = """\nf = [\n"""\ng = [[1, 2],\n  {x = 1, y = [3]}, # ]\n  \'#\',\n]\n'
        "[t.\"u\"]\nh = 1979-05-27T07:32:00Z\n[[v]]\ni = 'k'\n[w]\n"
    )
    tomllib.loads(text)
    assert find_lines(text) == {
        ("a", "b"): 1,
        ("d e",): 3,
        ("g",): 6,
        ("g", 0): 6,
        ("g", 1): 7,
        ("g", 2): 8,
        ("t", "u"): 10,
        ("t", "u", "h"): 11,
        ("v",): 12,
        ("v", "i"): 13,
        ("w",): 14,
    }


@pytest.mark.parametrize(
    "path", sorted((ROOT / "data" / "portals").glob("*.toml")), ids=lambda path: path.stem
)
def test_each_key_of_our_entries_is_found_on_its_line(path: Path) -> None:
    rows = path.read_text(encoding="utf-8").splitlines()
    lines = find_lines(path.read_text(encoding="utf-8"))
    for place, line in lines.items():
        assert str(place[-1] if isinstance(place[-1], str) else '"') in rows[line - 1]
    assert [place[0] for place in lines if len(place) == 1] == [
        *tomllib.loads(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("text", [WHOLE, WHOLE.replace("proven = 2026-11-28\n", ""), LEAST])
def test_proving_an_entry_changes_one_line(text: str, end: str) -> None:
    text = text.replace("\n", end)
    proven = prove(read(text), text.encode(), date(2027, 1, 2)).decode()
    assert read(proven).portal.proven == date(2027, 1, 2)
    assert [line for line in proven.split(end) if not line.startswith("proven")] == [
        line for line in text.split(end) if not line.startswith("proven")
    ]
    assert proven.count("proven = 2027-01-02" + end) == 1


# --- what a run makes of them ---


def test_an_entry_makes_a_crawl_slower_and_never_faster() -> None:
    slow, wide, plain_one, quick = (
        Portal(name=name, platform=truecms, hosts=(f"{name}.example",), home="", **said)
        for name, said in {
            "slow": {"delay": 3.0},
            "wide": {"delay": 1, "concurrency": 2},
            "plain": {},
            "quick": {"delay": 0.1},
        }.items()
    )
    settings = Settings({"DOWNLOAD_DELAY": 0.25, "DOWNLOAD_SLOTS": {"slow.example": {"delay": 9}}})
    assert slots_of((slow, wide, plain_one, quick), settings) == {
        "slow.example": {"delay": 9},
        "wide.example": {"delay": 1, "jitter": 0.0, "concurrency": 2},
        "quick.example": {"delay": 0.25, "jitter": 0.0},
    }


def test_the_downloader_keeps_the_pause_that_an_entry_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal(name="a", platform=truecms, hosts=("a.example",), home="", delay=3.0, concurrency=2)
    monkeypatch.setattr(Portals, "portals", (portal,))
    settings = {
        "DOWNLOAD_DELAY": 0.25,
        "AUTOTHROTTLE_ENABLED": True,
        "TWISTED_REACTOR_ENABLED": False,
        "DOWNLOAD_HANDLERS": dict.fromkeys(("http", "https", "file", "data", "ftp", "s3")),
    }
    crawler = Crawler(Portals, settings)
    crawler._apply_settings()

    async def ask() -> list[Slot]:
        downloader = Downloader(crawler)
        crawler.engine = SimpleNamespace(downloader=downloader)
        throttle = AutoThrottle(crawler)
        throttle._spider_opened(crawler.spider)
        slots = []
        for host in ("a.example", "b.example"):
            request = Request(f"http://{host}/", meta={"download_slot": host, "download_latency": 0.01})
            slots.append(downloader._get_slot(request)[1])
            for _ in range(20):  # a host that answers fast, again and again
                throttle._response_downloaded(Response(request.url), request, crawler.spider)
        downloader.close()
        return slots

    slots = asyncio.run(ask())
    assert [(slot.delay, slot.jitter, slot.concurrency) for slot in slots] == [
        (3.0, 0.0, 2),
        (pytest.approx(0.25, abs=0.01), 0.5, crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")),
    ]


def test_a_portal_of_which_enough_is_under_way_is_given_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("a", "b", "c")
    portals = tuple(
        Portal(name=name, platform=truecms, hosts=(f"{name}.example",), home="", proven=date(2026, 11, 1))
        for name in names
    )
    monkeypatch.setattr(Portals, "portals", portals)
    spider = Portals()
    under_way = [
        Request(f"http://{host}.example/{number}") for host, n in (("a", 4), ("b", 3)) for number in range(n)
    ]
    downloader = SimpleNamespace(active=set(under_way))
    spider.crawler = SimpleNamespace(engine=SimpleNamespace(downloader=downloader))  # type: ignore[assignment]
    assert spider.free() == ("b", "c")
    assert [share(names[:n]) for n in (0, 1, 2, 3)] == [32, 32, 16, 10]
    assert share([str(n) for n in range(100)]) == 4


def test_a_run_of_many_portals_has_more_under_way_unless_the_command_says_how_many() -> None:
    portals = [Portal(name=f"{n}", platform=truecms, hosts=(f"{n}.example",), home="") for n in range(100)]
    found = []
    for count, priority in ((1, "project"), (8, "project"), (100, "project"), (100, "cmdline")):
        settings = Settings()
        settings.set("CONCURRENT_REQUESTS", 16, priority=priority)
        keep_pauses(portals[:count], settings)
        found.append(settings.getint("CONCURRENT_REQUESTS"))
    assert found == [16, 32, 64, 16]


def test_a_host_is_asked_one_thing_at_a_time_even_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal(name="a", platform=truecms, hosts=("a.example",), home="")
    monkeypatch.setattr(Portals, "portals", (portal,))
    settings = {
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY": 0,
        "TWISTED_REACTOR_ENABLED": False,
        "DOWNLOAD_HANDLERS": dict.fromkeys(("http", "https", "file", "data", "ftp", "s3")),
    }
    crawler = Crawler(Portals, settings)
    crawler._apply_settings()
    under_way: list[str] = []
    most = 0

    async def download(request: Request) -> Response:
        nonlocal most
        under_way.append(request.url)
        most = max(most, len(under_way))
        await asyncio.sleep(0.005)
        under_way.remove(request.url)
        return Response(request.url)

    async def ask() -> None:
        downloader = load_object(DOWNLOADER)(crawler)
        downloader.handlers.download_request_async = download  # type: ignore[method-assign]
        requests = [Request(f"http://a.example/{number}") for number in range(5)]
        await asyncio.gather(*(downloader._enqueue_request(request) for request in requests))
        downloader.close()

    asyncio.run(ask())
    assert most == 1


def test_a_printed_time_is_one_of_the_portals_zone() -> None:
    page = "<h1>书屋昨日开放</h1>{}<div id=zoom><p>书屋昨日开放，市民免费借阅，馆藏九千册。</p></div>"
    info = page.format("<div>时间：2021-04-06 15:13:48 来源：示例日报</div>")
    told = page.format("<meta name=PubDate content='2021-04-06T15:13:48+08:00'>")
    day = page.format("<div>时间：2021-04-06 来源：示例日报</div>")
    zone = ZoneInfo("Asia/Urumqi")
    found = [
        read_page(text.encode(), "http://a.example/1.html", zone=zone).published for text in (info, told, day)
    ]
    assert [each.isoformat() for each in found if each] == [
        "2021-04-06T17:13:48+08:00",
        "2021-04-06T15:13:48+08:00",
        "2021-04-06",
    ]


def test_a_paper_has_the_days_of_its_own_zone() -> None:
    zone = ZoneInfo("Pacific/Kiritimati")  # where the day begins
    paper = Portal(name="p", platform=media, hosts=("p.example",), home="http://p.example/", zone=zone)
    before = datetime.now(zone).date()
    url = media.first(paper, (), None, None)[0].url
    assert url.rpartition("/")[2] in {before.isoformat(), datetime.now(zone).date().isoformat()}


def test_a_run_takes_the_portals_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (
        Portal(
            name=name,
            platform=truecms,
            hosts=(name,),
            home=f"http://{name}/",
            proven=proven,
            channels=("x",),
        )
        for name, proven in (("old.example", date(2026, 1, 1)), ("new.example", None))
    )
    monkeypatch.setattr(Portals, "portals", (old, new))
    by_itself, named = Portals(), Portals(portal="new.example")
    assert (by_itself.asked, by_itself.hosts) == ((old,), frozenset({"old.example"}))
    assert (named.asked, named.hosts, [*named.by_name]) == (
        (new,),
        frozenset({"new.example"}),
        ["old.example", "new.example"],
    )
    assert named.hosts_of("old.example") == frozenset({"old.example"})
    assert Window.read((old, new), portal="new.example, old.example").portals == (
        "new.example",
        "old.example",
    )
    with pytest.raises(ValueError, match=r"unknown portal: found x, wanted some of new.example, old.example"):
        Portals(portal="x")
    with pytest.raises(ValueError, match="unknown channel: found y, wanted some of x"):
        Portals(portal="old.example", channel="y")


def test_a_source_shares_the_hosts_of_its_portals() -> None:
    every = frozenset(host for portal in LygNews.portals for host in portal.hosts)
    one = LygNews(portal="lyg01.net")
    assert (one.hosts, one.hosts_of("lyg01.net")) == (every, every)
    assert [portal.name for portal in one.asked] == ["lyg01.net"]


def test_a_portal_leads_to_no_host_of_another_portal(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (
        Portal(name=name, platform=truecms, hosts=(name,), home=f"http://{name}/", proven=date(2026, 1, 1))
        for name in ("one.example", "other.example")
    )
    monkeypatch.setattr(Portals, "portals", (one, other))
    crawler = SimpleNamespace(
        spider=Portals(),
        settings=Settings({"URLLENGTH_LIMIT": 2083}),
        stats=SimpleNamespace(inc_value=lambda name: None),
        get_extension=lambda kind: None,
    )
    gate = ExactHosts(crawler)
    meta = {"context": {"kind": "article", "portal": "one.example"}}
    assert gate.process_request(Request("http://one.example/1.html", meta=meta)) is None
    assert gate.process_request(Request("http://other.example/robots.txt")) is None
    with pytest.raises(IgnoreRequest, match=r"found http://other.example/1.html, wanted .* one.example$"):
        gate.process_request(Request("http://other.example/1.html", meta=meta))


def test_lists_of_a_portal_without_an_entry_are_left_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    source = SimpleNamespace(name="portals", by_name={})
    record = SimpleNamespace(kind="list", url="http://gone.example/x/", context={"portal": "gone.example"})
    assert Run.answer(SimpleNamespace(source=source), record, None) is None
    assert [entry.getMessage() for entry in caplog.records] == [
        "http://gone.example/x/: found a list of the portal 'gone.example', which no entry of portals declares; "
        "it is kept, not replayed"
    ]


# --- saved pages ---


@pytest.mark.parametrize("folder", sorted(path.name for path in SAVED.iterdir() if path.is_dir()))
def test_the_saved_pages_of_a_portal_give_what_their_file_says(folder: str) -> None:
    check_saved(by_name()[folder], SAVED / folder)


def check_saved(portal: Portal, folder: Path) -> dict[str, dict[str, object]]:
    """Read the saved pages of a portal and hold them against the file beside them."""
    text = (folder / "expected.json").read_text(encoding="utf-8")
    expected = json.loads(text)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*expected, "expected.json"])
    found = expect(portal, {name: (folder / name).read_bytes() for name in expected}, expected)
    assert found == expected
    assert lay_out(found) == text
    return expected


# --- scrapy portal ---


class Added(NamedTuple):
    """A portal that was added, proven and crawled on the replica."""

    home: Home
    replica: Replica
    entries: Path
    pages: Path
    done: dict[str, subprocess.CompletedProcess[bytes]]
    entry: str
    """The entry as it was added."""


QUICK = ("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0", "-s", "RETRY_BACKOFF_SECONDS=0.05")
BUREAU = "mzj.lyg.gov.cn"


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Added]:
    """Add the bureau of the replica, check and prove it, crawl it, and rebuild its archive."""
    folder = tmp_path_factory.mktemp("added")
    directory, pages = folder / "portals", folder / "pages"
    done = {}
    with Replica(seed=3, stories=40) as replica:
        home = Home(folder).through(replica)
        home.env |= {"PORTALS_DIR": str(directory)}
        done["add"] = home.scrapy("portal", *QUICK, "add", f"http://{BUREAU}", "--pages", str(pages))
        path = directory / f"{BUREAU}.toml"
        entry = path.read_text(encoding="utf-8") if path.exists() else ""
        done["prove"] = home.scrapy("portal", *QUICK, "check", BUREAU, "--prove")
        if path.exists():
            with path.open("a", encoding="utf-8") as to:
                to.write('zone = "Asia/Urumqi"\n')
        done["night"] = home.crawl("nightly", "--quiet")  # no other source has an entry here
        done["rebuild"] = home.scrapy("rebuild", "--dry-run")
        yield Added(home, replica, directory, pages, done, entry)


def test_a_portal_is_added_by_its_address(added: Added) -> None:
    done = added.done["add"]
    assert done.returncode == 0, done.stderr.decode()
    rows = [line for line in added.entry.splitlines() if not line.startswith("#")]
    assert rows == [
        'title = "连云港市民政局"',
        'operator = "连云港市民政局"',
        'platform = "truecms"',
        f'hosts = ["{BUREAU}"]',
        f'home = "http://{BUREAU}/"',
        'site = "lygmzj"',
        "channels = [",
        '    "tzgg",  # 通知公告',
        '    "gzdt",  # 工作动态',
        '    "zcfg",  # 政策法规',
        '    "shjz",  # 社会救助',
        '    "ylfw",  # 养老服务',
        "]",
    ]
    said = done.stdout.decode().splitlines()
    found = [line.split(None, 3)[:3] for line in said[: said.index("")]]
    assert found == [
        ["ok", BUREAU, what] for what in ("certificate", "home", "platform", "lists", "robots", "article")
    ]
    assert (
        said[-1]
        == '    channels = ["tzgg" 通知公告, "gzdt" 工作动态, "zcfg" 政策法规, "shjz" 社会救助, "ylfw" 养老服务]'
    )
    assert len(said) <= 24
    assert added.replica.strays == []
    portal = read_entry(Path(f"{BUREAU}.toml"), added.entry.encode(), spider_names()).portal
    expected = check_saved(portal, added.pages / BUREAU)
    assert {name: each["kind"] for name, each in expected.items()} == {
        "home.html": "home",
        "list.html": "list",
        "article.html": "article",
    }
    assert expected["home.html"]["platform"] == "truecms"
    assert expected["list.html"]["lines"]
    assert expected["article.html"]["text"]
    assert sorted(path.name for path in (*added.entries.iterdir(), *added.pages.iterdir())) == [
        BUREAU,
        f"{BUREAU}.toml",
    ]


HOME = "http://a.example/"
LINKS = "".join(f'<li><a href="/s/{code}/{code}.html">{code}</a></li>' for code in ("tzgg", "gzdt", "leer"))
ARTICLE = (
    "<meta name=ArticleTitle content=书屋昨日开放><meta name=PubDate content='2026-11-27 09:30'>"
    "<h1>书屋昨日开放</h1><div id=zoom><p>书屋昨日开放，市民免费借阅，馆藏九千册图书。</p></div>"
)
STORY = "/s/tzgg/content/24b0fd4f-2226-43c0-8815-a0ec784ffef2.html"
PAGES = {
    HOME: '<script>location.href="/s/index.html"</script>',
    f"{HOME}s/index.html": f"<title>甲市教育局 - 网站首页</title><ul>{LINKS}</ul><p>主办单位：甲市教育局　电话</p>",
    f"{HOME}s/tzgg/tzgg.html": f'<div id=initData><ul><li><a href="{STORY}">书屋昨日开放</a><span>2026-11-27</span></li></ul></div>',
    f"{HOME}s/gzdt/gzdt.html": f'<div id=initData><ul><li><a href="{STORY}">书屋昨日开放</a></li></ul></div>',
    f"{HOME}s/leer/leer.html": "<p>改版中</p>",
    f"{HOME}{STORY[1:]}": ARTICLE,
}


def discover(pages: dict[str, str]) -> Discovery:
    """Look at a portal whose pages are given, without a network."""
    found = Discovery(address=HOME)

    async def answer(request: Request) -> HtmlResponse:
        body = pages.get(request.url)
        return HtmlResponse(
            request.url, status=200 if body is not None else 404, body=(body or "").encode(), request=request
        )

    found.crawler = SimpleNamespace(engine=SimpleNamespace(download_async=answer))
    asyncio.run(found.discover())
    return found


def test_what_can_be_read_of_a_portal_becomes_its_entry() -> None:
    found = discover(PAGES)
    assert found.lacks() is None
    assert choose_channels(found) == ("tzgg", "gzdt")  # one that gives nothing stays out
    portal = replace(found.about, channels=choose_channels(found))
    assert write_entry(portal, {"tzgg": "通知\n公告"}, ("甲", "乙"), date(2026, 11, 28)).splitlines() == [
        "# Looked at on 2026-11-28: 甲; 乙",
        'title = "甲市教育局"',
        'operator = "甲市教育局"',
        'platform = "truecms"',
        'hosts = ["a.example"]',
        f'home = "{HOME}"',
        'site = "s"',
        "channels = [",
        '    "tzgg",  # 通知 公告',
        '    "gzdt",  # gzdt',
        "]",
    ]


def test_channels_that_are_elsewhere_than_by_rule_are_discovered_every_night() -> None:
    moved = {url: text.replace("/s/gzdt/gzdt.html", "/s/x/gzdt/gzdt.html") for url, text in PAGES.items()}
    moved[f"{HOME}s/x/gzdt/gzdt.html"] = moved.pop(f"{HOME}s/gzdt/gzdt.html")
    found = discover(moved)
    assert (sorted(found.lists), choose_channels(found)) == (["gzdt", "tzgg"], ())


@pytest.mark.parametrize(
    ("pages", "lack"),
    [
        ({}, "no home page"),
        ({HOME: "<p>维护中</p>"}, "no platform"),
        ({HOME: PAGES[f"{HOME}s/index.html"]}, "no list that can be read"),
        ({**PAGES, f"{HOME}{STORY[1:]}": "<p></p>"}, "no article that can be read"),
        (
            {
                HOME: '<script>location.href="/a.html"</script>',
                f"{HOME}a.html": '<script>location.href="/b.html"</script>',
                f"{HOME}b.html": '<script>location.href="/a.html"</script>',
            },
            "no home page",
        ),
    ],
)
def test_a_portal_that_cannot_be_read_is_no_entry(pages: dict[str, str], lack: str) -> None:
    found = discover(pages)
    assert found.lacks() == lack
    assert FAIL in {each.verdict for each in found.findings}


def test_an_entry_and_its_pages_are_written_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = discover(PAGES)
    portal = replace(found.about, channels=("tzgg",))
    entry = write_entry(portal, {}, ("甲",), date(2026, 11, 28))
    directory, pages = tmp_path / "portals", tmp_path / "pages"
    move = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.suffix == ".toml":
            raise OSError("no space left")
        return move(path, target)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", refuse)
        with pytest.raises(OSError, match="no space left"):
            save(portal, entry, found, directory, pages)
    with pytest.raises(EntryError, match="found platform = 'x'"):
        save(portal, entry.replace("truecms", "x"), found, directory, pages)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    written = save(portal, entry, found, directory, pages)
    assert sorted(written) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    check_saved(read_entries(directory, SPIDERS)[0].portal, pages / portal.name)
    with pytest.raises(FileExistsError, match="the portal is there already"):
        save(portal, entry, found, directory, pages)


WANTED = "wanted an address of a portal as http(s)://HOST/…, with the name of a host and no other port than 80 and 443"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            f"https://{BUREAU}/a",
            f"found an entry for {BUREAU}, data/portals/{BUREAU}.toml, wanted none; scrapy portal check {BUREAU} looks at it",
        ),
        (
            "http://nantong.gov.cn",
            "found an entry for nantong.gov.cn, data/portals/nantong.gov.cn.toml, wanted none; "
            "scrapy portal check nantong.gov.cn looks at it",
        ),
        (
            "http://127.0.0.1/",
            f"found 'http://127.0.0.1/', {WANTED}",
        ),
        ("ftp://a.example/", f"found 'ftp://a.example/', {WANTED}"),
        ("http://a.example:8080/", f"found 'http://a.example:8080/', {WANTED}"),
        ("http://a.example:x/", f"found 'http://a.example:x/', {WANTED}"),
        ("连云港市民政局", f"found '连云港市民政局', {WANTED}"),
        ("", f"found '', {WANTED}"),
        (
            f" {BUREAU.upper()}#top",
            f"found an entry for {BUREAU}, data/portals/{BUREAU}.toml, wanted none; scrapy portal check {BUREAU} looks at it",
        ),
    ],
)
def test_a_portal_that_has_an_entry_or_can_have_none_is_not_looked_at(address: str, said: str) -> None:
    with pytest.raises(UsageError) as wrong:
        PortalCommand().run(["add", address], Namespace())
    assert str(wrong.value) == f"portal: {said}"


def test_an_unproven_portal_is_crawled_by_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    unproven = Portal(name="a", platform=truecms, hosts=("a.example",), home="http://a.example/")
    monkeypatch.setattr(Portals, "portals", (unproven,))
    command = CrawlCommand()
    loader = SimpleNamespace(list=lambda: ["portals"], load=lambda name: Portals)
    command.crawler_process = SimpleNamespace(spider_loader=loader)
    with pytest.raises(UsageError, match="no portal of portals is proven, wanted -a portal=NAME,NAME"):
        command.run(["portals"], Namespace(spargs={}))


def test_a_saved_page_finds_the_portal_of_an_entry() -> None:
    url = "https://hbj.lyg.gov.cn/lygshbj/snhbdt/content/09ea06c9-bf72-4cf7-a94c-fa6e915eebac.html"
    found = portal_of(url, get_project_settings())
    assert found == (by_name()["hbj.lyg.gov.cn"], "snhbdt", frozenset({"hbj.lyg.gov.cn"}))
    assert portal_of("http://a.example/", get_project_settings()) is None


def test_a_portal_that_wholly_works_is_proven_in_its_entry(added: Added) -> None:
    done = added.done["prove"]
    assert done.returncode == 0, done.stdout.decode()
    now = (
        (added.entries / f"{BUREAU}.toml").read_text(encoding="utf-8").removesuffix('zone = "Asia/Urumqi"\n')
    )
    proven = [line for line in now.splitlines() if line not in added.entry.splitlines()]
    assert [line.partition(" = ")[0] for line in proven] == ["proven"]
    assert now.replace(proven[0] + "\n", "") == added.entry
    assert f"proven on {proven[0].partition(' = ')[2]}" in done.stderr.decode()


def test_a_portal_of_an_entry_is_crawled_as_its_entry_says(added: Added) -> None:
    assert added.done["night"].returncode in (0, 4), added.done["night"].stderr.decode()[-2000:]
    ask = added.home.ask
    assert ask("SELECT DISTINCT portal FROM articles") == [(BUREAU,)]
    assert ask("SELECT DISTINCT spider FROM runs") == [("portals",)]
    truth = {
        story.url: datetime.fromisoformat(story.published)
        for story in added.replica.expected(BUREAU)
        if "T" in story.published
    }
    found = {
        url: datetime.fromisoformat(said)
        for url, said in ask("SELECT url, published FROM articles WHERE length(published) > 10")
        if url in truth
    }
    assert len(found) >= 5
    ahead = {found[url] - truth[url] for url in found}
    assert ahead == {timedelta(hours=2)}  # what is printed is the time of Ürümqi


def test_a_rebuild_knows_the_portals_of_entries(added: Added) -> None:
    done = added.done["rebuild"]
    assert done.returncode == 0, done.stderr.decode()
    told = done.stdout.decode()
    assert "articles: the same" in told


def test_a_wrong_entry_ends_a_night_before_it_begins(tmp_path: Path, make_home: Callable[[], Home]) -> None:
    home = make_home()
    wrong = tmp_path / "portals"
    wrong.mkdir()
    (wrong / "a.example.toml").write_text(LEAST + "hots = 1\n")
    home.env |= {"PORTALS_DIR": str(wrong)}
    done = home.scrapy("nightly")
    assert (done.returncode, done.stdout) == (9, b"")
    assert done.stderr.decode().splitlines() == [
        f"scrapy: {wrong}/a.example.toml:6: found the unknown key 'hots', wanted some of {', '.join(KEYS)}"
    ]
    assert not home.archive.exists()
