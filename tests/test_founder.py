"""Founder e-papers: the newest issue, the days around it, nodes and their articles."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals import Ask, Channel, Found, Line, Portal, founder

HOST = "http://paper.fangzheng.example"
PORTAL = Portal(
    name="paper.fangzheng.example", platform=founder, hosts=("paper.fangzheng.example",), home=HOST + "/"
)
FOLDER = HOST + "/rb/html/2024-01/18/"
DAY = (("issue", "2024-01-18"),)
NODES = (
    '<ul><li><a href="node_1.htm">第01版：要闻</a><a href="../../../rb1.pdf"></a></li>'
    '<li><a href="node_2.htm">第A2版：民生</a><a href="../../../rb2.pdf"></a></li></ul><a href="node_2.htm">下一版</a>'
    '<a href="../17/node_1.htm">上一期</a>'
)
ARTICLES = (
    '<map><area href="content_11.htm" title="渡口恢复通航"><area href="content_12.htm"></map>'
    '<a href="content_11.htm?div=-1">渡口恢复…</a><a href="content_12.htm?div=-1">航标灯换新</a>'
    '<a href="../17/content_9.htm">昨日旧闻</a><a href="http://a.example/html/2024-01/18/content_1.htm">外站</a>'
)


def home(*state: tuple[str, str | int]) -> Ask:
    return Ask(PORTAL.home, "home", None, (), state)


def test_the_home_page_is_asked_with_the_days_that_are_wanted() -> None:
    assert founder.first(PORTAL, (), None, None, date(2024, 3, 2)) == [
        home(("first", "2024-02-25"), ("last", "2024-03-02"))
    ]
    assert founder.first(PORTAL, ("01", "A02"), date(2024, 1, 17), date(2024, 1, 18)) == [
        home(("first", "2024-01-17"), ("last", "2024-01-18"), ("want", "01,A02"))
    ]
    assert founder.first(PORTAL, (), date(2024, 1, 19), date(2024, 1, 18)) == []
    assert founder.first(PORTAL, (), None, date.min)[0].state[0] == ("first", "0001-01-01")


@pytest.mark.parametrize(
    ("page", "places"),
    [
        (
            '<meta http-equiv="refresh" content="0;URL=rb/html/2024-01/18/node_1.htm">',
            [
                "/rb/html/2024-01/19/node_1.htm",
                "/rb/html/2024-01/18/node_1.htm",
                "/rb/html/2024-01/17/node_1.htm",
            ],
        ),
        (
            '<script>location.href="/pc/layout/202401/18/node_01.html"</script>',
            [
                "/pc/layout/202401/19/node_01.html",
                "/pc/layout/202401/18/node_01.html",
                "/pc/layout/202401/17/node_01.html",
            ],
        ),
        (
            '<a href="/html/2024-01/16/node_9.htm">往期</a><a href="/html/2024-01/18/node_1334.htm">今日</a>',
            [
                "/html/2024-01/19/node_1334.htm",
                "/html/2024-01/18/node_1334.htm",
                "/html/2024-01/17/node_1334.htm",
            ],
        ),
    ],
)
def test_the_newest_issue_tells_the_addresses_of_the_others(page: str, places: list[str]) -> None:
    ask = home(("first", "2024-01-17"), ("last", "2024-01-19"), ("want", "01"))
    days = ("2024-01-19", "2024-01-18", "2024-01-17")
    assert founder.read(ask, page, PORTAL.home, PORTAL) == Found(
        asks=tuple(
            Ask(HOST + place, "issue", None, (), (("issue", day), ("want", "01")))
            for place, day in zip(places, days, strict=True)
        )
    )


def test_an_issue_gives_its_nodes_and_the_articles_and_the_pdf_of_its_first() -> None:
    found = founder.read(
        Ask(FOLDER + "node_1.htm", "issue", None, (), DAY), NODES + ARTICLES, FOLDER + "node_1.htm", PORTAL
    )
    assert found == Found(
        (
            Line(FOLDER + "content_11.htm", "渡口恢复通航", date(2024, 1, 18), "01", "第01版：要闻"),
            Line(FOLDER + "content_12.htm", "航标灯换新", date(2024, 1, 18), "01", "第01版：要闻"),
        ),
        asks=(Ask(FOLDER + "node_2.htm", "edition", "A02", (), (*DAY, ("name", "第A2版：民生"))),),
        channels=(
            Channel("01", "第01版：要闻", FOLDER + "node_1.htm"),
            Channel("A02", "第A2版：民生", FOLDER + "node_2.htm"),
        ),
        attachments=((HOST + "/rb/rb1.pdf", "第01版：要闻 PDF"),),
    )


def test_only_the_nodes_wanted_are_read() -> None:
    ask = Ask(FOLDER + "node_1.htm", "issue", None, (), (*DAY, ("want", "A02,09")))
    assert founder.read(ask, NODES + ARTICLES, ask.url, PORTAL) == Found(
        asks=(Ask(FOLDER + "node_2.htm", "edition", "A02", (), (*DAY, ("name", "第A2版：民生"))),),
        channels=(Channel("A02", "第A2版：民生", FOLDER + "node_2.htm"),),
        problems=(f"Found no node 09, wanted one, at {ask.url}",),
    )


def test_a_further_node_is_read_under_its_own_name() -> None:
    ask = Ask(FOLDER + "node_2.htm", "edition", "A02", (), (*DAY, ("name", "第A2版：民生")))
    found = founder.read(ask, NODES + ARTICLES, ask.url, PORTAL)
    assert [(line.title, line.channel, line.section) for line in found.lines] == [
        ("渡口恢复通航", "A02", "第A2版：民生"),
        ("航标灯换新", "A02", "第A2版：民生"),
    ]
    assert (found.asks, found.attachments) == ((), ((HOST + "/rb/rb2.pdf", "第A2版：民生 PDF"),))
    assert founder.read(ask, NODES, ask.url, PORTAL).notes == (
        f"Found no article, wanted links content_ID.htm, at {ask.url}",
    )


def test_nodes_without_a_number_in_their_names_are_told_by_their_addresses() -> None:
    page = '<a href="node_03.htm">要闻</a><a href="node_B02.htm">副刊</a><a href="node_1334.htm">广告</a><a href="content_1.htm">渡口</a>'
    found = founder.read(
        Ask(FOLDER + "node_03.htm", "issue", None, (), DAY), page, FOLDER + "node_03.htm", PORTAL
    )
    assert [(channel.code, channel.name) for channel in found.channels] == [
        ("03", "要闻"),
        ("B02", "副刊"),
        ("04", "广告"),
    ]


@pytest.mark.parametrize(
    ("ask", "page", "url", "problem"),
    [
        (home(), "", PORTAL.home, f"Found an empty page, wanted an issue of the paper, at {PORTAL.home}"),
        (
            home(),
            "<p>维护中</p>",
            PORTAL.home,
            f"Found no way to an issue, wanted YYYY-MM/DD/node_N.htm or YYYYMM/DD/node_N.html, at {PORTAL.home}",
        ),
        (
            Ask(FOLDER + "node_1.htm", "issue", None, (), DAY),
            NODES,
            HOST + "/rb/html/2024-01/17/node_1.htm",
            f"Found the issue of 2024-01-17, wanted that of 2024-01-18, at {HOST}/rb/html/2024-01/17/node_1.htm",
        ),
        (
            Ask(FOLDER + "node_1.htm", "issue", None, (), DAY),
            "<p>本日无报</p>",
            FOLDER + "node_1.htm",
            f"Found neither a node nor an article, wanted node_N or content_ID, at {FOLDER}node_1.htm",
        ),
    ],
)
def test_what_is_missing_is_said(ask: Ask, page: str, url: str, problem: str) -> None:
    assert founder.read(ask, page, url, PORTAL) == Found(problems=(problem,))


@pytest.mark.parametrize(
    ("place", "channel"),
    [
        ("/rb/html/2024-01/18/content_603581.htm", ""),
        ("/pc/con/202401/18/content_1586943.html", ""),
        ("/pc/con/202401/18/c127.html", ""),
        ("/html/2024-01/18/nw.D110000rb_20240118_1-01.htm", ""),
        ("/rb/html/2024-01/18/node_1.htm", None),
        ("/content_1.htm", None),
    ],
)
def test_an_article_address_has_its_day(place: str, channel: str | None) -> None:
    assert founder.channel_of(HOST + place, PORTAL) == channel
    assert founder.channel_of("http://a.example" + place, PORTAL) is None


PIECES = st.sampled_from(
    [
        *"<>\"'/&;=#?()[]{}%\\!-:.0129 第版\n\0\ud800",
        "<li>",
        "<a href='node_1.htm'>",
        "<a href='content_1.htm'>",
        "<a href='//['>",
        "<a href='/html/2024-02/31/node_1.htm'>",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(["home", "issue", "edition"]))
def test_no_page_is_too_odd_to_read(text: str, kind: str) -> None:
    state = (("first", "2024-01-17"), ("last", "2024-01-18"), *DAY)
    ask = Ask(FOLDER + "node_1.htm", kind, "01", (), state)
    assert isinstance(founder.read(ask, text, ask.url, PORTAL), Found)
