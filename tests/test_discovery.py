"""Portals found from any address that a person has at hand: what is looked at, and what the entry says then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse

from crawler.archive import now
from crawler.checkup import FAIL, ODD, OK
from crawler.discovery import Discovery, choose_channels
from crawler.portals import Portal
from tests.replica import Replica, others

Answer = Callable[[str], tuple[int, bytes, str]]
"""What an address is answered with: status, body, where it leads."""


def discover(answer: Answer, address: str, platform: str | None = None) -> Discovery:
    """Look at a portal that answers without a network; its robots.txt are asked for as a crawl does."""
    found = Discovery(address=address, platform=platform)
    seen: set[str] = set()

    async def download(request: Request) -> HtmlResponse:
        url, status, body = request.url, 301, b""
        while status in (301, 302):
            robots = urljoin(url, "/robots.txt")
            if robots not in seen:
                seen.add(robots)
                code, said, _ = answer(robots)
                found.answered(HtmlResponse(robots, status=code, body=said))
            status, body, further = answer(url)
            url = urljoin(url, further)
        response = HtmlResponse(url, status=status, body=body, request=request)
        found.answered(response)
        return response

    found.crawler = SimpleNamespace(engine=SimpleNamespace(download_async=download))
    asyncio.run(found.discover())
    return found


def entry_of(found: Discovery) -> Portal:
    assert found.lacks() is None, found.findings
    return replace(found.about, channels=choose_channels(found))


def said(portal: Portal) -> tuple[str, str, tuple[str, ...]]:
    return portal.platform.__name__.rpartition(".")[2], portal.home, portal.channels


@cache
def replica() -> Replica:
    return Replica(seed=3, stories=30)


def of_replica(url: str, without: tuple[str, ...] = ()) -> tuple[int, bytes, str]:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    if target in without:
        return 404, b"", ""
    reply = replica().answer(parts.scheme, parts.hostname or "", target, {})
    return reply.status, reply.body, dict(reply.headers).get("Location", "")


class Known(NamedTuple):
    """A portal of the replica, and what its entry must say, whichever of its addresses was given."""

    platform: str
    home: str
    channels: tuple[str, ...]
    addresses: tuple[str, ...]


def article_of(host: str) -> str:
    """Give the address of an article that the host still has."""
    stories = [*replica().truth, *replica().others.stories]
    return next(
        story.url
        for story in reversed(stories)
        if story.host == host and of_replica(story.url.replace("https:", "http:"))[0] in (200, 301)
    )


PAPER = f"http://{others.FOUNDER}/"
CITY = ("gcyw", "bmdt", "gsgg", "zcjd1", "mtbd", "shms", "tpxw2020", "gzdt_msss2023", "zwdc1", "zfdsj1")
PORTALS = {
    "truecms": Known(
        "truecms",
        "http://www.lyg.gov.cn/",
        (*CITY, "xwfbh", "szfwj1", "szfbgswj1"),
        ("http://www.lyg.gov.cn/", article_of("www.lyg.gov.cn")),
    ),
    "dated": Known(
        "dated",
        "http://www.lyg01.net/",
        ("news/lygxw", "news/tslyg", "news/szbdj", "zx/xqxw", "video/wslyg", "temp/zt2021/llgn"),
        ("http://www.lyg01.net/", article_of("www.lyg01.net")),
    ),
    "media": Known(
        "media",
        "http://lygrbepaper.lygfb.cn/",
        (),
        (
            "http://lygrbepaper.lygfb.cn/",
            article_of("lygrbepaper.lygfb.cn"),
            "http://lygrbepaper.lygfb.cn/Media/lygrb/2020-01-01",
        ),
    ),
    "hanweb": Known(
        "hanweb",
        f"http://{others.HANWEB}/",
        ("col101", "col102"),
        (f"http://{others.HANWEB}/", article_of(others.HANWEB)),
    ),
    "jpaas": Known(
        "hanweb",
        f"http://{others.JPAAS}/",
        ("col201", "xw/tt"),
        (f"http://{others.JPAAS}/", article_of(others.JPAAS)),
    ),
    "trs": Known(
        "trs",
        f"http://{others.TRS}/",
        ("xwzx/tzgg", "xwzx/gzdt"),
        (f"http://{others.TRS}/", article_of(others.TRS), f"http://{others.TRS}/xwzx/tzgg/index_1.html"),
    ),
    "founder": Known(
        "founder",
        PAPER,
        (),
        (PAPER, article_of(others.FOUNDER), urljoin(article_of(others.FOUNDER), "node_2.htm")),
    ),
    "plain": Known(
        "plain",
        f"http://{others.PLAIN}/",
        ("tzgg/", "list.asp?id=3"),
        (
            f"http://{others.PLAIN}/",
            article_of(others.PLAIN),
            f"http://{others.PLAIN}/tzgg/p2.html",
            f"http://{others.PLAIN}/list.asp?id=3&page=2",
            f"http://{others.PLAIN}/nowhere.html",
        ),
    ),
    "feeds": Known(
        "feeds",
        f"http://{others.FEEDS}/",
        ("rss.xml", "atom.xml", "news.rdf"),
        (f"http://{others.FEEDS}/", article_of(others.FEEDS)),
    ),
    "sitemaps": Known(
        "sitemaps",
        f"http://{others.SITEMAPS}/sitemap.xml",
        ("sitemap.xml",),
        (
            f"http://{others.SITEMAPS}/",
            article_of(others.SITEMAPS),
            f"http://{others.SITEMAPS}/sitemap.xml",
        ),
    ),
}


@pytest.mark.parametrize("name", PORTALS)
def test_every_address_of_a_portal_leads_to_one_entry(name: str) -> None:
    known = PORTALS[name]
    found = {address: said(entry_of(discover(of_replica, address))) for address in known.addresses}
    assert found == dict.fromkeys(known.addresses, (known.platform, known.home, known.channels))


def test_a_list_or_a_feed_is_the_home_of_its_portal_where_its_address_is_given() -> None:
    lists = f"http://{others.TRS}/xwzx/tzgg/", f"http://{others.FEEDS}/rss.xml"
    assert [said(entry_of(discover(of_replica, url))) for url in lists] == [
        ("trs", lists[0], ("xwzx/gzdt", "xwzx/tzgg")),
        ("feeds", lists[1], ("rss.xml",)),
    ]


def test_a_paper_without_a_home_page_is_carried_by_one_of_its_issues() -> None:
    article = article_of(others.FOUNDER)
    node = urljoin(article, "node_1.htm")

    def answer(url: str) -> tuple[int, bytes, str]:
        return of_replica(url, ("/",))

    assert said(entry_of(discover(answer, urljoin(article, "node_2.htm")))) == (
        "founder",
        urljoin(article, "node_2.htm"),
        (),
    )
    assert said(entry_of(discover(answer, article))) == ("founder", node, ())


DAY = f"{now() - timedelta(days=1):%Y-%m/%d}"
NODES = '<a href="node_1.htm">第01版：要闻</a><a href="node_2.htm">第02版：民生</a><a href="content_7.htm">渡口恢复通航</a>'
STORY = (
    "<title>渡口恢复通航</title><h1>渡口恢复通航</h1><p>2026-11-27</p><div class=content><p>渡口昨日恢复通航，"
    "两岸居民往来方便，首日运送旅客三百余人次，摆渡船四艘。</p></div>"
)
HOST = "http://a.example/"


def of_pages(pages: dict[str, str]) -> Answer:
    """Answer with pages by their path; ``*`` is every article."""

    def answer(url: str) -> tuple[int, bytes, str]:
        path = url.removeprefix(HOST)
        text = pages.get(path) or (STORY if path.startswith("s/") or "content_" in path else None)
        return (404, b"", "") if text is None else (200, text.encode(), "")

    return answer


def test_a_group_with_two_papers_is_entered_by_the_paper_whose_address_is_given() -> None:
    pages = {
        "": f'<a href="/rb/html/{DAY}/node_1.htm">日报</a><a href="/wb/html/{DAY}/node_1.htm">晚报</a>',
        **{f"{paper}/html/{DAY}/node_{n}.htm": NODES for paper in ("rb", "wb") for n in (1, 2)},
    }
    answer = of_pages(pages)
    assert [
        said(entry_of(discover(answer, f"{HOST}{place}", "founder")))[1]
        for place in ("", f"rb/html/{DAY}/content_7.htm", f"wb/html/{DAY}/content_7.htm")
    ] == [HOST, HOST, f"{HOST}wb/html/{DAY}/node_1.htm"]


def test_a_home_page_of_frames_or_one_link_leads_to_its_paper() -> None:
    for front in (
        f'<frameset><frame src="/rb/html/{DAY}/node_1.htm"></frameset>',
        f'<p><a href="/rb/html/{DAY}/node_1.htm">今日报纸</a></p>',
    ):
        answer = of_pages({"": front, f"rb/html/{DAY}/node_1.htm": NODES})
        assert said(entry_of(discover(answer, HOST))) == ("founder", HOST, ())


SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
MAP = f"<urlset {SPACE}><url><loc>{HOST}s/20261127/1.html</loc><lastmod>2026-11-27</lastmod></url></urlset>"
INDEX = f"<sitemapindex {SPACE}><sitemap><loc>{HOST}m/1.xml</loc></sitemap></sitemapindex>"
FEED = f"<rss><channel><title>快讯</title><item><title>渡口</title><link>{HOST}s/20261127/1.html</link></item></channel></rss>"


@pytest.mark.parametrize("address", [HOST, f"{HOST}s/20261127/1.html", f"{HOST}nowhere/"])
@pytest.mark.parametrize(
    ("pages", "channels", "told"),
    [
        (
            {
                "robots.txt": f"User-agent: *\nSitemap: {HOST}m/1.xml\nSitemap: http://b.example/2.xml",
                "m/1.xml": MAP,
            },
            ("m/1.xml",),
            f"sitemaps: robots.txt names the sitemap {HOST}m/1.xml",
        ),
        ({"sitemap.xml": MAP}, ("sitemap.xml",), f"sitemaps: there is the sitemap {HOST}sitemap.xml"),
        (
            {"sitemap_index.xml": INDEX, "m/1.xml": MAP},
            ("sitemap_index.xml",),
            f"sitemaps: there is the sitemap {HOST}sitemap_index.xml",
        ),
    ],
)
def test_a_sitemap_is_found_from_any_address_where_nothing_better_is(
    address: str, pages: dict[str, str], channels: tuple[str, ...], told: str
) -> None:
    found = discover(of_pages({"": "<p>欢迎</p>", **pages}), address)
    assert said(entry_of(found)) == ("sitemaps", HOST, channels)
    assert [each.said for each in found.findings if each.what == "platform"] == [told]


ROWS = "".join(
    f'<li><a href="/s/2026112{n}/1.html">第{n}号渡口恢复通航</a> 2026-11-2{n}</li>' for n in range(1, 5)
)
LIST = f'<div class="nav"><a href="/x/">通知公告</a><a href="/y/">工作动态</a><a href="/z/">政策法规</a></div><ul>{ROWS}</ul>'


def test_lists_go_before_a_feed_and_a_sitemap_and_those_are_named_beside() -> None:
    pages = {
        "": f'<link rel="alternate" type="application/rss+xml; charset=utf-8" href="/rss.xml">{LIST}',
        "x/": LIST,
        "rss.xml": FEED,
        "robots.txt": f"Sitemap: {HOST}m/1.xml",
        "m/1.xml": MAP,
    }
    found = discover(of_pages(pages), HOST)
    assert said(entry_of(found)) == ("plain", HOST, ("x/",))
    told = {each.what: each.said for each in found.findings}
    assert told["feeds"] == f"1 feed is named, such as {HOST}rss.xml; --platform feeds reads them instead"
    assert told["robots"] == f"a.example: 33 bytes, obeyed; names the sitemap {HOST}m/1.xml"
    for platform, channels in (("feeds", ("rss.xml",)), ("sitemaps", ("m/1.xml",))):
        found = discover(of_pages(pages), HOST, platform)
        assert said(entry_of(found)) == (platform, HOST, channels)
        assert {each.verdict for each in found.findings} == {OK}


def test_a_feed_is_read_where_the_lists_of_its_page_are_not() -> None:
    page = f'<a href="/rss.xml">RSS订阅</a>{LIST}'  # its lists answer 404
    found = discover(of_pages({"": page, "rss.xml": FEED}), HOST)
    assert said(entry_of(found)) == ("feeds", HOST, ("rss.xml",))


def test_a_plain_list_without_a_menu_is_its_portals_one_channel() -> None:
    found = discover(of_pages({"x/": f"<ul>{ROWS}</ul>"}), f"{HOST}x/")
    assert said(entry_of(found)) == ("plain", f"{HOST}x/", ("x/",))


@pytest.mark.parametrize("robots", [None, 502])
def test_a_host_that_does_not_answer_is_asked_once(robots: int | None) -> None:
    asked: list[str] = []

    async def refuse(request: Request) -> HtmlResponse:
        asked.append(request.url)
        if robots:
            found.answered(HtmlResponse(f"{HOST}robots.txt", status=robots))
        raise ConnectionRefusedError

    found = Discovery(address=f"{HOST}s/20261127/1.html")
    found.crawler = SimpleNamespace(engine=SimpleNamespace(download_async=refuse))
    asyncio.run(found.discover())
    assert (asked, found.lacks(), found.reached) == (
        [f"{HOST}s/20261127/1.html"],
        "no home page",
        bool(robots),
    )
    told = [(each.verdict, each.what) for each in found.findings]
    assert told == [(FAIL, "home"), *([] if robots is None else [(FAIL, "robots")])]


def test_a_list_that_goes_on_out_of_reach_is_taken_and_told_of() -> None:
    pages = {"": LIST, "x/": f"{LIST}<a href='javascript:goPage(2)'>下一页</a>"}
    found = discover(of_pages(pages), HOST)
    assert said(entry_of(found)) == ("plain", HOST, ("x/",))
    told = [(each.verdict, each.said) for each in found.summary() if each.what in ("lists", "list x/")]
    beyond = f"Found the link '下一页' that leads nowhere, wanted the address of page 2, at {HOST}x/"
    assert told == [
        ("ok", "1 channels read, 4 lines, the newest of 2026-11-24"),
        (ODD, f"4 lines, newest 2026-11-24, its further pages are out of reach, utf-8; {beyond}"),
    ]
