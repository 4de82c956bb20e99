"""Lists of no known platform: what is a line, what is the page's furniture, how a list goes on."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals import Ask, Channel, Found, Line, Portal, dated, plain, truecms
from crawler.portals.listing import page_key, parse_page
from crawler.text import decode
from tests.replica import Replica

LISTS = Path(__file__).parent / "pages" / "lists"
HOST = "http://www.pingan.example"
PORTAL = Portal(name="pingan.example", platform=plain, hosts=("www.pingan.example",), home=HOST + "/")
LIST = HOST + "/tzgg/"
ASK = Ask(LIST, "list", "tzgg/")


def titles(page: str, url: str = LIST) -> list[str]:
    tree = parse_page(page)
    return [row.title for row in plain.find_rows(tree, url)] if tree is not None else []


def lines_of(found: Found) -> dict[str, tuple[str, date | None]]:
    return {page_key(line.url): (line.title, line.listed) for line in found.lines}


@pytest.mark.parametrize("name", ["truecms_records", "truecms_containers", "dated_list"])
def test_a_saved_list_is_read_as_its_platform_reads_it(name: str) -> None:
    expected = json.loads((LISTS / f"{name}.json").read_text(encoding="utf-8"))
    page = (LISTS / f"{name}.html").read_text(encoding="utf-8")
    url, _, channel, *_ = expected["ask"]
    found = plain.read(Ask(url, "list", channel), page, expected["url"], PORTAL)
    assert {key: (title, str(day) if day else None) for key, (title, day) in lines_of(found).items()} == {
        page_key(place): (title, day) for place, title, day, *_ in expected["found"]["lines"]
    }


@pytest.mark.parametrize(
    ("host", "module", "site"),
    [
        ("www.lyg.gov.cn", truecms, "zglygzfmhwz"),
        ("mzj.lyg.gov.cn", truecms, "lygmzj"),
        ("www.lyg01.net", dated, ""),
    ],
)
def test_every_list_of_the_replica_is_read_as_its_platform_reads_it(
    host: str, module: ModuleType, site: str
) -> None:
    replica = Replica(seed=3, today=date(2024, 3, 20), stories=150)
    hosts = (host, host.removeprefix("www."))
    exact = Portal(name=host, platform=module, hosts=hosts, home=f"http://{host}/{site}", site=site)
    wanted: dict[tuple[str, str], tuple[str, date | None]] = {}
    had: dict[tuple[str, str], tuple[str, date | None]] = {}
    for path, reply in replica.pages(host).items():
        url = f"http://{host}{path}"
        folder = path.rpartition("/")[0].strip("/")
        if reply.content_type != "text/html" or "/" not in folder or plain.is_article(url):
            continue  # robots.txt, a home page, an article
        text = decode(reply.body, reply.content_type).text
        code = folder if module is dated else folder.rpartition("/")[2]
        found = lines_of(module.read(Ask(url, "list", code), text, url, exact))
        wanted |= {(path, key): line for key, line in found.items()}
        read = lines_of(plain.read(Ask(url, "list", code), text, url, exact))
        # A date that only an address tells is known to `plain`, too.
        had |= {
            (path, key): (title, day and found.get(key, (title, day))[1])
            for key, (title, day) in read.items()
        }
    assert len(wanted) > 15
    assert had == wanted


def test_rows_with_dates_go_before_menus_side_columns_and_footers() -> None:
    page = (
        '<div class="nav"><ul><li><a href="/a/">政务公开栏目之一</a></li><li><a href="/b/">政务公开栏目之二</a></li></ul></div>'
        '<div class="hot"><ul><li><a href="/x/1001.html">热门文章的标题很长很长之一</a></li>'
        '<li><a href="/x/1002.html">热门文章的标题很长很长之二</a></li><li><a href="/x/1003.html">热门文章的标题很长很长之三</a></li></ul></div>'
        '<table><tr><td>1</td><td><a href="/tzgg/77.html">渡口恢复通航</a></td><td>01-18</td></tr>'
        '<tr><td>2</td><td><a href="/tzgg/78.html">老街路灯全部更换</a></td><td>01-17</td></tr></table>'
        '<div class="footer"><a href="/about/1000001.html">网站标识码说明与备案信息</a></div>'
    )
    assert titles(page) == ["渡口恢复通航", "老街路灯全部更换"]


def test_lines_without_dates_are_told_by_titles_and_addresses() -> None:
    rows = "".join(
        f'<div class="r"><a href="show.asp?id={n}">海堤加固工程第{n}标段开工</a></div>' for n in range(11, 15)
    )
    page = f'<div class="m"><a href="/a/">机构</a><a href="/b/">领导</a><a href="/c/">信箱</a></div><div>{rows}</div>'
    assert titles(page) == [f"海堤加固工程第{n}标段开工" for n in range(11, 15)]
    assert (
        titles(
            '<ul><li><a href="/a/">机构职能</a></li><li><a href="/b/">领导信息</a></li><li><a href="/c/">内设机构</a></li></ul>'
        )
        == []
    )


def test_a_row_may_have_a_picture_a_column_and_a_second_link() -> None:
    page = (
        '<ul><li><a href="/tzgg/101.html"><img src="1.png"></a><h3><a href="/tzgg/101.html">渔港换新颜</a></h3>'
        '<a href="/tzgg/101.html">查看详情</a><span>2024-01-18</span></li>'
        '<li>[<a href="/gz/">港务</a>] <a href="/tzgg/102.html" title="航标灯全部改用太阳能">航标灯全…</a> <i>2024/1/17</i></li>'
        '<li><a href="/tzgg/103.html">岸线管理办法印发</a> <a href="/tzgg/104.html">一图读懂</a> [2024年1月16日]</li></ul>'
    )
    assert plain.read(ASK, page, LIST, PORTAL).lines == (
        Line(HOST + "/tzgg/101.html", "渔港换新颜", date(2024, 1, 18), "tzgg/"),
        Line(HOST + "/tzgg/102.html", "航标灯全部改用太阳能", date(2024, 1, 17), "tzgg/"),
        Line(HOST + "/tzgg/103.html", "岸线管理办法印发", date(2024, 1, 16), "tzgg/"),
        Line(HOST + "/tzgg/104.html", "一图读懂", date(2024, 1, 16), "tzgg/"),
    )


ROWS = '<ul><li><a href="/tzgg/101.html">渔港换新颜</a> 2024-01-18</li><li><a href="/tzgg/102.html">航标灯改用太阳能</a> 2024-01-17</li></ul>'


@pytest.mark.parametrize(
    ("pager", "page", "place"),
    [
        ('<a href="p2.html">下一页</a>', 1, "/tzgg/p2.html"),
        ('<a href="/tzgg/">1</a><b>2</b><a href="?page=3">3</a><a href="?page=4">4</a>', 2, "/tzgg/?page=3"),
        ('<a href="/tzgg/page/2/">Older posts »</a>', 1, "/tzgg/page/2/"),
        (
            "<script>createPageHTML('page_div', 9, 1, 'index', 'shtml', 130);</script>",
            1,
            "/tzgg/index_2.shtml",
        ),
        ("<script>createPageHTML(9, 0, 'index', 'html');</script>", 1, "/tzgg/index_1.html"),
        ("<script>createPageHTML('page_div', 9, 9, 'index', 'shtml', 130);</script>", 9, None),
        ('<a href="http://a.example/tzgg/p2.html">下一页</a>', 1, None),
        ('<a href="/tzgg/">下一页</a>', 1, None),
        ('<a href="/xw/2.html">2</a>', 1, None),
        ("<span>下一页</span>", 1, None),
    ],
)
def test_a_list_goes_on_by_its_pager(pager: str, page: int, place: str | None) -> None:
    found = plain.read(ASK._replace(state=(("page", page),)), ROWS + pager, LIST, PORTAL)
    assert (found.next.url if found.next else None) == (HOST + place if place else None)
    if found.next:
        assert dict(found.next.state)["page"] == page + 1


def test_a_further_page_is_read_in_the_way_of_the_first() -> None:
    hot = "".join(
        f'<li><a href="/x/{n}.html">热门文章的标题很长很长{n}</a> 2024-01-01</li>' for n in range(900, 906)
    )
    first = f'<div class="side"><ul>{hot}</ul></div><div class="main">{ROWS * 5}</div><a href="p2.html">下一页</a>'
    last = f'<div class="side"><ul>{hot}</ul></div><div class="main"><ul><li><a href="/tzgg/9.html">建港</a></li></ul></div>'
    found = plain.read(ASK, first, LIST, PORTAL)
    assert found.next is not None
    assert [line.title for line in plain.read(found.next, last, found.next.url, PORTAL).lines] == ["建港"]


def test_a_home_page_tells_the_channels_of_its_menu_and_of_its_blocks() -> None:
    page = (
        '<div class="nav"><a href="/">首页</a><a href="/tzgg/">通知公告</a><a href="/list.asp?id=3">街道信息</a>'
        '<a href="http://www.other.example/">政务服务</a><a href="/login.html">登录</a><a href="/map.html">网站地图</a></div>'
        '<div><h3>部门动态</h3><a href="/bmdt/">更多&gt;&gt;</a><ul><li><a href="/bmdt/101.html">渔港换新颜的十年</a> 2024-01-18</li></ul></div>'
    )
    channels = (
        Channel("tzgg/", "通知公告", HOST + "/tzgg/"),
        Channel("list.asp?id=3", "街道信息", HOST + "/list.asp?id=3"),
        Channel("bmdt/", "部门动态", HOST + "/bmdt/"),
    )
    asks = tuple(Ask(channel.url, "list", channel.code) for channel in channels)
    assert plain.read(Ask(PORTAL.home, "home"), page, PORTAL.home, PORTAL) == Found(
        asks=asks, channels=channels
    )
    assert plain.moved(page, PORTAL.home, PORTAL, "gg/", "通知公告") == Ask(HOST + "/tzgg/", "list", "gg/")
    assert plain.moved(page, PORTAL.home, PORTAL, "gg/", "公示") is None


def test_the_blocks_of_a_channels_front_page_are_its_sections() -> None:
    page = '<div><h3>水务</h3><a href="/zwgk/sw/">更多</a></div><div><h3>林业</h3><a href="/zwgk/ly/">更多</a><a href="/x/">更多</a></div>'
    found = plain.read(Ask(HOST + "/zwgk/", "list", "zwgk/"), page, HOST + "/zwgk/", PORTAL)
    assert found.asks == (
        Ask(HOST + "/zwgk/sw/", "list", "zwgk/", (), (("section", "水务"), ("level", 1))),
        Ask(HOST + "/zwgk/ly/", "list", "zwgk/", (), (("section", "林业"), ("level", 1))),
    )


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("", f"Found an empty page, wanted rows of links, at {LIST}"),
        ("<p>维护中</p>", f"Found no rows of links to articles, wanted a list, at {LIST}"),
        (
            '<script>location.href="http://a.example/"</script>',
            f"Found a page that leads on to http://a.example/, wanted one on a host of the portal, at {LIST}",
        ),
    ],
)
def test_a_page_without_rows_says_so(page: str, problem: str) -> None:
    assert plain.read(ASK, page, LIST, PORTAL) == Found(problems=(problem,))


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        (HOST + "/tzgg/202401/t20240118_9.html", "tzgg/"),
        (HOST + "/show.asp?id=12", "/"),
        (HOST + "/tzgg/", None),
        (HOST + "/list.asp?id=3", None),
        (HOST + "/col/123.html", None),
        (HOST + "/upload/2024/0118/1234.pdf", None),
        ("http://a.example/tzgg/1234.html", None),
        ("http://[x", None),
    ],
)
def test_an_address_with_figures_is_an_articles(url: str, channel: str | None) -> None:
    assert plain.channel_of(url, PORTAL) == channel


def test_channels_are_asked_for_by_their_paths() -> None:
    assert plain.first(PORTAL, ("tzgg/", "list.asp?id=3"), None, None) == [
        ASK,
        Ask(HOST + "/list.asp?id=3", "list", "list.asp?id=3"),
    ]
    assert plain.first(PORTAL, (), None, None) == [Ask(PORTAL.home, "home")]
    assert plain.list_url(PORTAL, "http://b.pingan.example/x/") == "http://b.pingan.example/x/"


PIECES = st.sampled_from(
    [
        *"<>\"'/&;=#?()[]{}%\\!-:.0129 版年\n\0\ufeff\ud800",
        "<li>",
        "</ul>",
        "<tr>",
        "<a href='//['>",
        "<a href=/a/123.html>",
        "2024-01-18",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(["home", "list"]))
def test_no_page_is_too_odd_to_read(page: str, kind: str) -> None:
    found = plain.read(Ask(LIST, kind, "tzgg/"), page, LIST, PORTAL)
    assert isinstance(found, Found)
    assert all(line.url.startswith("http") for line in found.lines)
