"""Feeds and sitemaps: XML that is a list."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals import Ask, Channel, Found, Line, Portal, feeds, sitemaps

HOST = "http://www.dingyue.example"
PORTAL = Portal(name="dingyue.example", platform=feeds, hosts=("www.dingyue.example",), home=HOST + "/")
FEED = HOST + "/xw/rss.xml"
ASK = Ask(FEED, "list", "xw/rss.xml")
MAP = HOST + "/sitemap.xml"
MAP_ASK = Ask(MAP, "list", "sitemap.xml")
MAPS = Portal(name="dingyue.example", platform=sitemaps, hosts=PORTAL.hosts, home=PORTAL.home)


def test_rss_2_gives_its_items_with_their_days_in_shanghai() -> None:
    text = (
        '<?xml version="1.0" encoding="gb2312"?><rss version="2.0"><channel><title>快讯</title><link>/</link>'
        "<item><title><![CDATA[渡口&amp;航标 <b>换新</b>]]></title><link> ../a/1.html </link><pubDate>Wed, 17 Jan 2024 16:30:00 GMT</pubDate></item>"
        "<item><title>堤岸 &lt;b&gt;加固&lt;/b&gt;</title><guid>http://www.dingyue.example/a/2.html</guid><pubDate>2024-01-16 08:00:00</pubDate></item>"
        "<item><title>又一次</title><link>../a/1.html</link></item>"
        "<item><title>外站</title><link>http://a.example/3.html</link></item>"
        "<item><title>无址</title><guid isPermaLink='false'>17</guid></item></channel></rss>"
    )
    assert feeds.read(ASK, text, FEED, PORTAL) == Found(
        (
            Line(HOST + "/a/1.html", "渡口&航标 换新", date(2024, 1, 18), "xw/rss.xml"),
            Line(HOST + "/a/2.html", "堤岸 加固", date(2024, 1, 16), "xw/rss.xml"),
            Line("http://a.example/3.html", "外站", None, "xw/rss.xml"),
        ),
        channels=(Channel("xw/rss.xml", "快讯", FEED),),
        problems=(f"Found 1 of 5 items without an address, wanted a link, at {FEED}",),
    )


def test_atom_gives_its_alternate_links_below_its_base_and_its_next_page() -> None:
    text = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/posts/"><title>调研</title><link rel="self" href="/x"/><link rel="next" href="/p2.xml"/>'
        '<entry xml:base="2024/"><title type="html">&lt;i&gt;渡口&lt;/i&gt;</title><link rel="edit" href="/e"/><link href="1.html"/>'
        "<published>2024-01-17T23:30:00Z</published><updated>2024-01-20T00:00:00+08:00</updated></entry>"
        "<entry><title>堤岸</title><id>http://www.dingyue.example/posts/2.html</id><updated>2024-01-16</updated></entry></feed>"
    )
    assert feeds.read(ASK, text, FEED, PORTAL) == Found(
        (
            Line(HOST + "/posts/2024/1.html", "渡口", date(2024, 1, 18), "xw/rss.xml"),
            Line(HOST + "/posts/2.html", "堤岸", date(2024, 1, 16), "xw/rss.xml"),
        ),
        Ask(HOST + "/p2.xml", "list", "xw/rss.xml", (), (("page", 2),)),
        channels=(Channel("xw/rss.xml", "调研", FEED),),
    )


def test_rss_1_gives_what_its_items_are_about() -> None:
    text = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        '<channel><title>公报</title></channel><item rdf:about="http://www.dingyue.example/a/1.html"><title>渡口</title><dc:date>2024-01-18T08:00:00+08:00</dc:date></item></rdf:RDF>'
    )
    assert feeds.read(ASK, text, FEED, PORTAL).lines == (
        Line(HOST + "/a/1.html", "渡口", date(2024, 1, 18), "xw/rss.xml"),
    )


def test_entities_are_neither_expanded_nor_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    bomb = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 20))
    text = (
        f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a SYSTEM "{(tmp_path / "secret").as_uri()}"><!ENTITY b0 "x">{bomb}]>'
        "<rss><channel><item><title>渡&a;口&b19;</title><link>/a/1.html</link></item></channel></rss>"
    )
    assert feeds.read(ASK, text, FEED, PORTAL).lines == (
        Line(HOST + "/a/1.html", "渡口", None, "xw/rss.xml"),
    )


def test_damaged_xml_gives_what_can_be_told_apart() -> None:
    text = "<rss><channel><item><title>渡口&nbsp;通航</title><link>/a/1.html</link></item><item><title>堤岸<link>/a/2"
    assert [line.url for line in feeds.read(ASK, text, FEED, PORTAL).lines][:1] == [HOST + "/a/1.html"]


def test_a_home_page_names_its_feeds() -> None:
    page = (
        '<link rel="alternate" type="application/rss+xml" title="快讯" href="/xw/rss.xml"><link rel="alternate" type="application/rss+xml" href="/xw/rss.xml">'
        '<link rel="alternate" type="application/atom+xml" href="http://a.example/atom.xml"><a href="/xw/">新闻</a>'
    )
    channel = Channel("xw/rss.xml", "快讯", FEED)
    assert feeds.read(Ask(PORTAL.home, "home"), page, PORTAL.home, PORTAL) == Found(
        asks=(ASK,), channels=(channel,)
    )
    assert feeds.first(PORTAL, ("xw/rss.xml",), None, None) == [ASK]
    assert feeds.first(PORTAL, (), None, None) == [Ask(PORTAL.home, "home")]
    assert feeds.moved(page, PORTAL.home, PORTAL, "old.xml") == Ask(FEED, "list", "old.xml")
    assert feeds.moved(page, PORTAL.home, PORTAL, "xw/rss.xml") is None
    assert feeds.read(ASK, page, FEED, PORTAL) == Found(
        problems=(f"Found no feed, wanted RSS or Atom, at {FEED}",)
    )


def sitemap(*entries: tuple[str, str], kind: str = "urlset", name: str = "url") -> str:
    inner = "".join(f"<{name}><loc>{place}</loc><lastmod>{day}</lastmod></{name}>" for place, day in entries)
    return f'<{kind} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inner}</{kind}>'


def test_an_index_is_followed_one_sitemap_after_the_other_the_newest_first() -> None:
    index = sitemap(
        (HOST + "/1.xml", "2023-12-01"), (HOST + "/2.xml", "2024-01-18"), ("http://a.example/3.xml", "2024-01-19"), (HOST + "/4.xml", ""),
        kind="sitemapindex", name="sitemap",
    )  # fmt: skip
    rest = f"{HOST}/1.xml {HOST}/4.xml"
    found = sitemaps.read(MAP_ASK, index, MAP, MAPS)
    second = Ask(HOST + "/2.xml", "list", "sitemap.xml", (), (("level", 1), ("rest", rest)))
    assert found == Found(asks=(second,), channels=(Channel("sitemap.xml", "sitemap.xml", MAP),))
    lines = sitemaps.read(second, sitemap((HOST + "/a/1001.html", "2024-01-18")), second.url, MAPS)
    assert lines.next == Ask(
        HOST + "/1.xml", "list", "sitemap.xml", (), (("level", 1), ("rest", HOST + "/4.xml"))
    )
    # what has no articles says nothing of the next one, which is asked for all the same
    empty = sitemaps.read(second, sitemap((HOST + "/a/", "2024-01-18")), second.url, MAPS)
    assert (empty.lines, empty.next, empty.asks) == ((), None, (lines.next,))
    since = sitemaps.first(MAPS, (), date(2024, 1, 1), None)
    assert since == [MAP_ASK._replace(state=(("since", "2024-01-01"),))]
    assert [dict(ask.state)["rest"] for ask in sitemaps.read(since[0], index, MAP, MAPS).asks] == [
        f"{HOST}/4.xml"
    ]


def test_a_sitemap_gives_its_articles_the_newest_first() -> None:
    text = sitemap(
        (HOST + "/", "2024-01-20"), (HOST + "/xw/", "2024-01-20"), (HOST + "/xw/1001.html", "2024-01-16"),
        (HOST + "/xw/1002.html", "2024-01-17T20:00:00Z"), (HOST + "/f/1003.pdf", "2024-01-20"),
        ("http://a.example/1004.html", "2024-01-20"), (HOST + "/xw/1001.html", "2024-01-16"),
    )  # fmt: skip
    assert sitemaps.read(MAP_ASK, text, MAP, MAPS) == Found(
        (
            Line(HOST + "/xw/1002.html", "", date(2024, 1, 18), "sitemap.xml"),
            Line(HOST + "/xw/1001.html", "", date(2024, 1, 16), "sitemap.xml"),
        ),
        channels=(Channel("sitemap.xml", "sitemap.xml", MAP),),
        notes=(f"Found 1 of 7 entries that lead to other hosts, wanted the portal's, at {MAP}",),
    )


def test_a_sitemap_of_news_has_titles() -> None:
    text = (
        '<urlset xmlns:n="http://www.google.com/schemas/sitemap-news/0.9" xmlns:i="http://www.google.com/schemas/sitemap-image/1.1"><url>'
        f"<loc>{HOST}/about</loc><i:image><i:title>图</i:title></i:image><lastmod>2024-01-20</lastmod>"
        "<n:news><n:publication_date>2024-01-18</n:publication_date><n:title>渡口</n:title></n:news></url></urlset>"
    )
    assert sitemaps.read(MAP_ASK, text, MAP, MAPS).lines == (
        Line(HOST + "/about", "渡口", date(2024, 1, 18), "sitemap.xml"),
    )


def test_a_large_sitemap_is_asked_for_again_for_its_older_addresses() -> None:
    text = sitemap(
        *((f"{HOST}/xw/{n}.html", f"2024-01-{1 + n % 28:02}") for n in range(1000, 1000 + sitemaps.LINES + 3))
    )
    found = sitemaps.read(MAP_ASK, text, MAP, MAPS)
    assert found.next == MAP_ASK._replace(state=(("start", sitemaps.LINES),))
    assert (len(found.lines), found.lines[0].listed) == (sitemaps.LINES, date(2024, 1, 28))
    last = sitemaps.read(found.next, text, MAP, MAPS)
    assert (len(last.lines), last.next, {line.listed for line in last.lines}) == (3, None, {date(2024, 1, 1)})
    assert {line.url for line in last.lines}.isdisjoint(line.url for line in found.lines)


@pytest.mark.parametrize(
    ("state", "text", "problem"),
    [
        ((), "<p>404</p>", f"Found no sitemap, wanted urlset or sitemapindex, at {MAP}"),
        ((), "", f"Found no sitemap, wanted urlset or sitemapindex, at {MAP}"),
        (
            (("level", 3),),
            sitemap((HOST + "/2.xml", ""), kind="sitemapindex", name="sitemap"),
            f"Found 4 indexes within one another, wanted a sitemap, at {MAP}",
        ),
    ],
)
def test_what_is_missing_is_said(state: tuple[tuple[str, int], ...], text: str, problem: str) -> None:
    assert sitemaps.read(MAP_ASK._replace(state=state), text, MAP, MAPS) == Found(problems=(problem,))


PIECES = st.sampled_from(
    [
        *"<>\"'/&;=#?[]%!-:.0129 版\n\0\ud800",
        "<rss>",
        "<item>",
        "</item>",
        "<link>",
        "<![CDATA[",
        "]]>",
        "<!DOCTYPE a [",
        "<urlset>",
        "<url>",
        "<loc>",
        "<?xml version='1.0'?>",
        "<feed>",
        "<entry>",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(["home", "list"]))
def test_no_text_is_too_odd_to_read(text: str, kind: str) -> None:
    for module, portal in ((feeds, PORTAL), (sitemaps, MAPS)):
        assert isinstance(module.read(Ask(FEED, kind, "x"), text, FEED, portal), Found)
