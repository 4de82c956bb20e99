"""TRS: folders, their paging scripts, dated articles."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals import Ask, Channel, Found, Line, Portal, trs

HOST = "http://www.taishan.example"
PORTAL = Portal(name="taishan.example", platform=trs, hosts=("www.taishan.example",), home=HOST + "/")
LIST = HOST + "/xwzx/tzgg/"
ASK = Ask(LIST, "list", "xwzx/tzgg")
ROWS = (
    '<div class="right"><ul><li><a href="../gzdt/202401/t20240118_8.html">侧栏里的另一条消息</a> 2024-01-18</li>'
    '<li><a href="../gzdt/202401/t20240117_7.html">侧栏里的又一条消息</a> 2024-01-17</li><li><a href="../gzdt/202401/t20240116_6.html">侧栏里的第三条</a> 2024-01-16</li></ul></div>'
    '<ul class="list"><li><a href="./202401/t20240118_1.html">渡口通告</a><span>2024-01-19</span></li>'
    '<li><a href="./t20240117_2.html">航标通告</a></li><li><a href="http://a.example/t20240116_3.html">外站通告</a><span>2024-01-16</span></li></ul>'
)
LINES = (
    Line(LIST + "202401/t20240118_1.html", "渡口通告", date(2024, 1, 19), "xwzx/tzgg"),
    Line(LIST + "t20240117_2.html", "航标通告", date(2024, 1, 17), "xwzx/tzgg"),
    Line("http://a.example/t20240116_3.html", "外站通告", date(2024, 1, 16), "xwzx/tzgg"),
)


def test_a_folder_is_read_by_its_own_rows_and_not_by_a_side_column() -> None:
    found = trs.read(ASK, f"<title>通知公告_泰山</title>{ROWS}", LIST, PORTAL)
    assert found == Found(LINES, channels=(Channel("xwzx/tzgg", "通知公告", LIST),))


def test_a_story_outside_the_rows_is_a_line_where_it_is_of_the_channel() -> None:
    top = (
        '<div class="big"><a href="202401/t20240120_4.html"><img src="a.png" alt="头条：大堤合龙"></a></div>'
    )
    found = trs.read(ASK, top + ROWS, LIST, PORTAL)
    assert found.lines == (
        *LINES,
        Line(LIST + "202401/t20240120_4.html", "头条：大堤合龙", date(2024, 1, 20), "xwzx/tzgg"),
    )


@pytest.mark.parametrize(
    ("script", "here", "place"),
    [
        ('createPageHTML(3, 0, "index", "html");', "", "index_1.html"),
        ('createPageHTML(3, 1, "index", "html");', "index_1.html", "index_2.html"),
        ('createPageHTML(3, 2, "index", "html");', "index_2.html", None),
        ("createPageHTML('page_div', 3, 1, 'index', 'shtml', 55);", "", "index_2.shtml"),
        ("createPageHTML('page_div', 3, 3, 'index', 'shtml', 55);", "index_3.shtml", None),
        ("var currentPage = 0; var countPage = 3;\n", "index.shtml", "index_1.shtml"),
        ("var currentPage = 2; var countPage = 3;\n", "index_2.html", None),
    ],
)
def test_a_list_goes_on_by_its_paging_script(script: str, here: str, place: str | None) -> None:
    found = trs.read(ASK, f"{ROWS}<script>{script}</script>", LIST + here, PORTAL)
    assert found.next == (Ask(LIST + place, "list", "xwzx/tzgg", (), (("page", 2),)) if place else None)


def test_a_home_page_tells_the_folders_of_its_menu_and_of_its_stories() -> None:
    page = (
        '<div class="nav"><a href="/">首页</a><a href="/xwzx/tzgg/">通知公告</a><a href="/xwzx/gzdt/index.html">工作动态</a>'
        '<a href="http://a.example/x/">外站</a></div><a href="/zwgk/fgwj/202401/t20240118_1.html">办法</a>'
    )
    found = trs.read(Ask(PORTAL.home, "home"), page, PORTAL.home, PORTAL)
    assert found.channels == (
        Channel("xwzx/tzgg", "通知公告", LIST),
        Channel("xwzx/gzdt", "工作动态", HOST + "/xwzx/gzdt/index.html"),
        Channel("zwgk/fgwj", "zwgk/fgwj", HOST + "/zwgk/fgwj/"),
    )
    assert found.asks == tuple(Ask(channel.url, "list", channel.code) for channel in found.channels)
    assert trs.first(PORTAL, ("xwzx/tzgg",), None, None) == [ASK]
    assert trs.moved(page, PORTAL.home, PORTAL, "gg", "通知公告") == Ask(LIST, "list", "gg")
    assert trs.moved(page, PORTAL.home, PORTAL, "xwzx/tzgg") is None


def test_the_folders_below_one_without_a_list_are_its_sections() -> None:
    page = '<div class="menu"><a href="/zwgk/sw/">水务</a><a href="/zwgk/ly/">林业</a><a href="/xwzx/">新闻</a></div>'
    found = trs.read(Ask(HOST + "/zwgk/", "list", "zwgk"), page, HOST + "/zwgk/", PORTAL)
    asks = [(HOST + "/zwgk/sw/", "水务"), (HOST + "/zwgk/ly/", "林业")]
    assert found.asks == tuple(Ask(url, "list", "zwgk", (), (("section", name),)) for url, name in asks)
    section = trs.read(Ask(LIST, "list", "zwgk", (), (("section", "公告"),)), ROWS, LIST, PORTAL)
    assert {(line.channel, line.section) for line in section.lines} == {("zwgk", "公告")}


@pytest.mark.parametrize("kind", ["home", "list"])
def test_a_page_with_nothing_says_so(kind: str) -> None:
    assert trs.read(ASK._replace(kind=kind), "", LIST, PORTAL).problems == (
        f"Found an empty page, wanted links to articles, at {LIST}",
    )
    wanted = {
        "home": f"Found neither a folder with a list nor an article tYYYYMMDD_ID.html at {LIST}",
        "list": f"Found no row with a link to an article, wanted tYYYYMMDD_ID.html, at {LIST}",
    }
    assert trs.read(ASK._replace(kind=kind), "<p>x</p>", LIST, PORTAL) == Found(problems=(wanted[kind],))


@pytest.mark.parametrize(
    ("place", "channel"),
    [
        ("/xwzx/tzgg/202401/t20240118_1.html", "xwzx/tzgg"),
        ("/xwzx/tzgg/t20240118_1.shtml", "xwzx/tzgg"),
        ("/t20240118_1.htm", ""),
        ("/xwzx/tzgg/index_1.html", None),
        ("/xwzx/tzgg/", None),
    ],
)
def test_an_article_address_names_its_folder(place: str, channel: str | None) -> None:
    assert trs.channel_of(HOST + place, PORTAL) == channel
    assert trs.channel_of("http://a.example" + place, PORTAL) is None


PIECES = st.sampled_from(
    [
        *"<>\"'/&;=#?()[]{}%\\!-:.0129 版\n\0\ud800",
        "<li>",
        "<a href='t20240118_1.html'>",
        "<script>",
        "createPageHTML(9,0,'index','html'",
        "countPage = 9;",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(["home", "list"]))
def test_no_page_is_too_odd_to_read(text: str, kind: str) -> None:
    assert isinstance(trs.read(ASK._replace(kind=kind), text, LIST, PORTAL), Found)
