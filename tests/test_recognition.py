"""Which platform a page comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals.recognition import CHANNELS, PLATFORMS, Recognised, recognise
from tests.replica import Replica, others

LISTS = Path(__file__).parent / "pages" / "lists"
HOST = "http://www.pingan.example"
MENU = '<div class="nav"><a href="/tzgg/">通知公告</a><a href="/gzdt/">工作动态</a><a href="/zcfg/">政策法规</a></div>'
BLOG = (
    '<link rel="alternate" type="application/rss+xml" href="/feed"><div id="main">'
    '<article><h2><a href="/2024/01/18/sailing/">第一次出海的记录</a></h2><time>2024-01-18</time></article>'
    '<article><h2><a href="/2024/01/09/nets/">补渔网的三种办法</a></h2><time>2024-01-09</time></article>'
    '<article><h2><a href="/2024/01/02/tide/">潮汐表怎么看</a></h2><time>2024-01-02</time></article>'
    '</div><a href="/page/2/">Older posts</a>'
)


@pytest.mark.parametrize("name", sorted(p.stem for p in LISTS.glob("*.html")))
def test_a_saved_list_page_is_of_the_platform_that_reads_it(name: str) -> None:
    url = json.loads((LISTS / f"{name}.json").read_text(encoding="utf-8"))["url"]
    found = recognise((LISTS / f"{name}.html").read_text(encoding="utf-8"), url)
    assert found is not None
    assert found.platform == name.partition("_")[0]


def test_each_portal_of_the_replica_is_told_by_its_pages() -> None:
    replica = Replica(seed=3, stories=20)
    told = {}
    for place in (
        "http://www.lyg.gov.cn/zglygzfmhwz/index.html",
        "http://www.lyg01.net/",
        f"http://{others.HANWEB}/",
        f"http://{others.HANWEB}/col/col101/index.html",
        f"http://{others.JPAAS}/",
        f"http://{others.TRS}/",
        f"http://{others.TRS}/xwzx/gzdt/",
        f"http://{others.PLAIN}/",
        f"http://{others.FEEDS}/",
        f"http://{others.FEEDS}/atom.xml",
        f"http://{others.SITEMAPS}/sitemap.xml",
    ):
        host, _, path = place.removeprefix("http://").partition("/")
        found = recognise(replica.pages(host)[f"/{path}"].body.decode(), place)
        told[place] = found and (found.platform, found.site, [code for code, _ in found.channels][:3])
    assert list(told.values()) == [
        ("truecms", "zglygzfmhwz", ["gcyw", "bmdt", "gsgg"]),
        ("dated", None, ["news/lygxw", "news/tslyg", "news/szbdj"]),
        ("hanweb", None, ["col101", "col102"]),
        ("hanweb", None, ["col101", "col102"]),
        ("hanweb", None, ["col201", "xw/tt"]),
        ("trs", None, ["xwzx/tzgg", "xwzx/gzdt"]),
        ("trs", None, ["xwzx/tzgg", "xwzx/gzdt"]),
        ("plain", None, ["tzgg/", "list.asp?id=3"]),
        ("feeds", None, ["rss.xml", "atom.xml", "news.rdf"]),
        ("feeds", None, ["atom.xml"]),
        ("sitemaps", None, ["sitemap.xml"]),
    ]


def test_what_spoke_for_a_platform_is_said_in_plain_words() -> None:
    page = (
        '<a href="/pingan/html/2024-01/18/node_1.htm">第01版：要闻</a><a href="/pingan/html/2024-01/18/node_2.htm">第02版：民生</a>'
        '<a href="/pingan/html/2024-01/18/content_31.htm">渡口修好了</a><founder-title>渡口修好了</founder-title>'
    )
    assert recognise(page, f"{HOST}/pingan/html/2024-01/18/node_1.htm") == Recognised(
        "founder",
        (("01", "第01版：要闻"), ("02", "第02版：民生")),
        None,
        (
            "the marks <founder-title>, <founder-content>",
            "2 links of the shape YYYY-MM/DD/node_N.htm, such as /pingan/html/2024-01/18/node_1.htm",
            "a link of the shape YYYY-MM/DD/content_ID.htm, such as /pingan/html/2024-01/18/content_31.htm",
        ),
    )


def test_a_blog_is_a_plain_list_whatever_feeds_it_names() -> None:
    found = recognise(BLOG, f"{HOST}/")
    assert found is not None
    assert (found.platform, found.channels[0][0]) == ("plain", "/")
    assert found.evidence == ("3 rows of links to articles, 3 of them dated, such as '第一次出海的记录'",)


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<p>网站维护中</p>",
        MENU,
        '<meta http-equiv="refresh" content="0;url=/index.html">',
        "<article><h1>渡口修好了</h1><p>时间：2024-01-18</p><p>昨日，渡口修好了。</p></article>",
        "<?xml version='1.0'?><note><to>x</to></note>",
        # what leads to other portals says nothing of this one
        '<a href="http://a.example/col/col1/index.html">甲</a><a href="http://a.example/col/col2/index.html">乙</a>',
        '<a href="http://a.example/x/t20240118_1.html">甲</a><a href="http://a.example/x/t20240118_2.html">乙</a>',
        # one address of a shape may be chance
        '<a href="/xw/t20240118_1.html">甲</a>',
        # the articles of a website whose channels are nodes are no printed paper
        '<a href="/content/2024-01/18/content_1.htm">甲</a><a href="/content/2024-01/18/content_2.htm">乙</a>',
    ],
)
def test_a_page_without_lists_is_of_no_platform(page: str) -> None:
    assert recognise(page, f"{HOST}/") is None


@pytest.mark.parametrize(
    ("page", "platform"),
    [
        ('<a href="/col/col1/index.html">甲栏</a><a href="/col/col2/index.html">乙栏</a>', "hanweb"),
        ('<a href="/zw/gcyw/gcyw.html">甲栏</a><a href="/zw/bmdt/bmdt.html">乙栏</a>', "truecms"),
        ('<a href="/a/b/2024/0118/1.shtml">甲</a><a href="/a/b/2024/0118/2.shtml">乙</a>', "dated"),
        ('<a href="/xw/t20240118_1.html">甲</a><a href="/xw/t20240118_2.html">乙</a>', "trs"),
        ('<a href="/Media/rb/2024-01-18/01">甲</a><a href="/Media/rb/2024-01-18/02">乙</a>', "media"),
        ("<rss><channel><title>快讯</title></channel></rss>", "feeds"),
        ("\ufeff<?xml version='1.0'?>\n<feed xmlns='http://www.w3.org/2005/Atom'/>", "feeds"),
        ("<urlset><url><loc>http://www.pingan.example/a/1234.html</loc></url></urlset>", "sitemaps"),
    ],
)
def test_two_addresses_of_a_shape_tell_the_platform(page: str, platform: str) -> None:
    found = recognise(page, f"{HOST}/")
    assert found is not None
    assert found.platform == platform


def test_channels_are_bounded_and_on_the_portals_own_hosts() -> None:
    many = "".join(f'<a href="/col/col{n}/index.html">栏目{n}</a>' for n in range(CHANNELS + 9))
    away = '<a href="http://a.example/col/col9/index.html">外站</a>'
    bare = '<a href="http://pingan.example/col/col999/index.html">同站</a>'
    found = recognise(away + bare + many, f"{HOST}/")
    assert found is not None
    assert found.channels == (("col999", "同站"), *((f"col{n}", f"栏目{n}") for n in range(CHANNELS - 1)))


def test_every_platform_answers_the_questions_that_a_source_asks() -> None:
    asked = {
        name: [hasattr(m, f) for f in ("first", "read", "channel_of", "moved")]
        for name, m in PLATFORMS.items()
    }
    assert asked == dict.fromkeys(PLATFORMS, [True] * 4)


PIECES = st.sampled_from(
    [
        *"<>\"'/&;=#?()[]{}%\\!-:.0129 版年\n\0\ufeff\ud800",
        "<li>",
        "</ul>",
        "<a href='//['>",
        "<datastore>",
        "<?xml?>",
        "<rss>",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from([f"{HOST}/", "http://[x", "", "data:,x"]))
def test_no_page_is_too_odd_to_look_at(page: str, url: str) -> None:
    found = recognise(page, url)
    assert found is None or found.platform in PLATFORMS
