"""Hanweb: datastores, their next groups, the call by numbers."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals import Ask, Channel, Found, Line, Portal, hanweb

HOST = "http://www.hanhai.example"
PORTAL = Portal(name="hanhai.example", platform=hanweb, hosts=("www.hanhai.example",), home=HOST + "/")
LIST = HOST + "/col/col101/index.html"
CALL = HOST + "/module/web/jpage/dataproxy.jsp"
ASK = Ask(LIST, "list", "col101")
HEADERS = (("Referer", LIST), ("X-Requested-With", "XMLHttpRequest"))
HEX = "0123456789abcdef0123456789abcdef"


def record(number: int, day: str = "2024-01-18", title: str = "") -> str:
    place = f"/art/2024/1/18/art_101_{number}.html"
    return f'<record><![CDATA[<li><a href="{place}" title="{title or f"第{number}号渡口"}">渡口…</a><b>{day}</b></li>]]></record>'


def line(number: int, day: date | None = date(2024, 1, 18)) -> Line:
    return Line(f"{HOST}/art/2024/1/18/art_101_{number}.html", f"第{number}号渡口", day, "col101")


def store(*records: str, total: int | None = None, group: str = "") -> str:
    told = f"<totalrecord>{total}</totalrecord>" if total is not None else ""
    link = f'<nextgroup><![CDATA[<a href="{group}"></a>]]></nextgroup>' if group else ""
    return f"<datastore>{told}{link}<recordset>{''.join(records)}</recordset></datastore>"


def page(content: str, script: str = "") -> str:
    return f'<title>要闻-海港</title><div id="325"><script type="text/xml">{content}</script></div><script>{script}</script>'


def test_a_list_is_read_from_its_datastore_and_goes_on_by_its_next_group() -> None:
    group = "/module/web/jpage/dataproxy.jsp?page=1&amp;columnid=101&amp;unitid=325&amp;webname=海港"
    found = hanweb.read(
        ASK, page(store(record(1), record(2), record(1), group=group), "totalRecord:9"), LIST, PORTAL
    )
    query = "page=1&columnid=101&unitid=325&webname=%E6%B5%B7%E6%B8%AF"
    state = (("call", CALL), ("page", LIST), ("total", 9), ("group", 1))
    assert found == Found(
        (line(1), line(2)),
        Ask(f"{CALL}?{query}", "more", "col101", HEADERS, state),
        (),
        (Channel("col101", "要闻", LIST),),
        9,
    )
    assert found.next is not None
    answer = store(record(2), record(3), total=9, group="./dataproxy.jsp?page=2&columnid=101")
    more = hanweb.read(found.next, answer, found.next.url, PORTAL)
    assert (more.lines, more.total, more.problems) == ((line(2), line(3)), 9, ())
    assert more.next is not None
    assert (more.next.url, dict(more.next.state)["group"]) == (f"{CALL}?page=2&columnid=101", 2)
    # a group that leads back is the end
    back = hanweb.read(
        more.next,
        store(record(4), total=9, group="./dataproxy.jsp?page=1&columnid=101"),
        more.next.url,
        PORTAL,
    )
    assert (back.lines, back.next) == ((line(4),), None)
    assert hanweb.read(more.next, store(total=9), more.next.url, PORTAL) == Found(total=9)


def test_a_list_without_a_next_group_goes_on_by_what_its_script_says() -> None:
    script = (
        "$('#7').jpage({perPage:2,totalRecord:9,proxyUrl:'/module/web/jpage/dataproxy.jsp',"
        "ajaxParam:{appid:1,webid:3,path:'/',columnid:101,unitid:'7',permissiontype:0}});"
    )
    found = hanweb.read(ASK, page(store(record(1), record(2), record(3), record(4)), script), LIST, PORTAL)
    assert found.next is not None
    assert found.next.url == (
        f"{CALL}?startrecord=2&endrecord=46&perpage=15&appid=1&webid=3&path=%2F&columnid=101&unitid=7&permissiontype=0"
    )
    answer = store(*(record(n) for n in range(2, 8)), total=9)
    more = hanweb.read(found.next, answer, found.next.url, PORTAL)
    assert more.lines == tuple(line(n) for n in range(2, 8))
    assert more.next is not None
    assert more.next.url.startswith(f"{CALL}?startrecord=5&endrecord=49&perpage=15&")
    same = hanweb.read(more.next, answer, more.next.url, PORTAL)
    problem = f"Found the same 6 lines as in the answer before, wanted further ones, at {more.next.url}"
    assert (same.next, same.problems) == (None, (problem,))
    whole = hanweb.read(more.next, store(*(record(n) for n in range(5, 10)), total=9), more.next.url, PORTAL)
    assert (len(whole.lines), whole.next, whole.problems) == (5, None, ())


def test_the_datastore_of_the_column_is_read_and_not_that_of_a_side_column() -> None:
    group = "/x/dataproxy.jsp?page=1&columnid={}"
    side = store(record(7), record(8), record(9), group=group.format(55))
    own = store(record(1), group=group.format(101))
    assert hanweb.read(ASK, page(side) + page(own), LIST, PORTAL).lines == (line(1),)


def test_records_may_be_table_rows_without_a_date_or_without_an_address() -> None:
    row = f'<record><![CDATA[<tr><td>1</td><td><a href="/col/col101/art/2024/art_{HEX}.html">防波堤合龙</a></td></tr>]]></record>'
    blank = "<record><![CDATA[<li><a>标题</a><b>2024-01-18</b></li>]]></record>"
    found = hanweb.read(ASK, page(store(row, record(1, ""), blank, total=3)), LIST, PORTAL)
    assert found.lines == (
        Line(f"{HOST}/col/col101/art/2024/art_{HEX}.html", "防波堤合龙", None, "col101"),
        line(1),
    )
    assert found.problems == (
        f"Found 1 of 3 records without a link that leads anywhere, wanted an address in href or onclick, at {LIST}",
    )


def test_a_list_without_a_datastore_is_read_by_its_rows() -> None:
    text = (
        '<ul class="side"><li><a href="/col/col9/index.html">栏目</a></li></ul><ul>'
        '<li><a href="/art/2024/1/18/art_101_1.html">第1号渡口</a> 2024-01-18</li>'
        '<li><a href="/art/2024/1/18/art_101_2.html">第2号渡口</a> 2024-01-18</li></ul><a href="?uid=7&pageNum=2">下一页</a>'
    )
    found = hanweb.read(ASK, text, LIST, PORTAL)
    assert found.lines == (line(1), line(2))
    assert found.notes == (f"Found records in rows of the page, wanted them in a datastore, at {LIST}",)
    assert found.next == Ask(f"{LIST}?uid=7&pageNum=2", "list", "col101", (), (("page", 2),))


def test_a_home_page_tells_its_columns_and_those_of_its_stories() -> None:
    text = (
        '<a href="/col/col101/index.html">要闻</a><a href="/col/col102/">更多</a><a href="http://a.example/col/col1/index.html">外站</a>'
        f'<a href="/art/2024/1/18/art_103_1.html">渡口</a><a href="/xw/tt/art/2024/art_{HEX}.html">头条</a><a href="/xw/tt/index.html">头条新闻</a>'
    )
    found = hanweb.read(Ask(PORTAL.home, "home"), text, PORTAL.home, PORTAL)
    assert found.channels == (
        Channel("col101", "要闻", f"{HOST}/col/col101/index.html"),
        Channel("col102", "col102", f"{HOST}/col/col102/"),
        Channel("xw/tt", "头条新闻", f"{HOST}/xw/tt/index.html"),
        Channel("col103", "col103", f"{HOST}/col/col103/index.html"),
    )
    assert found.asks == tuple(Ask(channel.url, "list", channel.code) for channel in found.channels)
    assert hanweb.first(PORTAL, ("col101", "xw/tt"), None, None) == [
        ASK,
        Ask(f"{HOST}/xw/tt/index.html", "list", "xw/tt"),
    ]
    assert hanweb.moved(text, PORTAL.home, PORTAL, "col7", "要闻") == Ask(LIST, "list", "col7")
    assert hanweb.moved(text, PORTAL.home, PORTAL, "col101", "要闻") is None


@pytest.mark.parametrize(
    ("ask", "text", "problem"),
    [
        (ASK, "", f"Found an empty page, wanted a list of records, at {LIST}"),
        (ASK, "<p>维护中</p>", f"Found no record, wanted a datastore with some, at {LIST}"),
        (
            ASK._replace(kind="home"),
            "<p>维护中</p>",
            f"Found a page without a link to a column, wanted /col/colN/index.html, at {LIST}",
        ),
        (
            ASK._replace(kind="more"),
            "<html>404</html>",
            f"Found 0 whole records and a damaged rest, wanted a datastore, at {LIST}",
        ),
    ],
)
def test_what_is_missing_is_said(ask: Ask, text: str, problem: str) -> None:
    assert hanweb.read(ask, text, LIST, PORTAL) == Found(problems=(problem,))


@pytest.mark.parametrize(
    ("place", "channel"),
    [
        ("/art/2024/1/18/art_101_1.html", "col101"),
        (f"/col/col101/art/2024/art_{HEX}.html", "col101"),
        (f"/xw/tt/art/2024/art_{HEX}.html", "xw/tt"),
        (f"/art/2024/art_{HEX}.html", ""),
        ("/col/col101/index.html", None),
        ("/art/2024/1/18/1.html", None),
    ],
)
def test_an_article_address_names_its_column(place: str, channel: str | None) -> None:
    assert hanweb.channel_of(HOST + place, PORTAL) == channel
    assert hanweb.channel_of("http://a.example" + place, PORTAL) is None


PIECES = st.sampled_from(
    [
        *"<>\"'/&;=#?()[]{}%\\!-:.0129 版\n\0\ud800",
        "<datastore>",
        "</datastore>",
        "<record>",
        "</record>",
        "<![CDATA[",
        "]]>",
        "<nextgroup>",
        "href='?page=9'",
        "totalRecord:9",
        "columnid:1",
        "unitid:2",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(["home", "list", "more"]))
def test_no_page_is_too_odd_to_read(text: str, kind: str) -> None:
    state = (("call", CALL), ("page", LIST), ("extra", "columnid=1"))
    assert isinstance(hanweb.read(Ask(LIST, kind, "col101", (), state), text, LIST, PORTAL), Found)


# --- parts that are built

CALL_UNIT = HOST + "/api-gateway/jpaas-publish-server/front/page/build/unit"


def unit(tag: str, page: str, more: str = "") -> str:
    return f"""<script url="/api-gateway/jpaas-publish-server/front/page/build/unit" src="/x/unitbuild.js?v=3"
        queryData="{{'webId':'9','pageType':'column','tagId':'{tag}','editType':'null','pageId':'{page}'}}"{more}></script>"""


def built(*numbers: int, count: int | None = None, rows: int = 2) -> str:
    items = "".join(
        f'<li><a href="/xw/tt/art/2024/art_{number:032x}.html" title="第{number}号渡口恢复通航">渡口…</a><span>2024-01-18</span></li>'
        for number in numbers
    )
    told = "" if count is None else f"<div rows='{rows}' count='{count}' pageNo='1'></div>"
    return json.dumps({"success": True, "data": {"html": f"<ul>{items}</ul>{told}"}})


def urls(found: Found) -> list[int]:
    return [int(line.url[-37:-5], 16) for line in found.lines]


def test_a_list_that_is_built_is_asked_for_part_by_part_and_page_by_page() -> None:
    place = HOST + "/xw/tt/index.html"
    page = "<title>要闻-海港</title>" + unit("导航", "1") + unit("当前栏目list", "7")
    found = hanweb.read(Ask(place, "list", "xw/tt"), page, place, PORTAL)
    (first,) = found.asks
    assert (found.lines, found.channels, found.problems) == ((), (Channel("xw/tt", "要闻", place),), ())
    query = (
        "webId=9&pageType=column&tagId=%E5%BD%93%E5%89%8D%E6%A0%8F%E7%9B%AElist&editType=null&pageId=7"
        "&paramJson=%7B%22pageNo%22%3A1%2C%22pageSize%22%3A20%7D"
    )
    assert (first.url, first.kind, first.channel) == (f"{CALL_UNIT}?{query}", "more", "xw/tt")
    assert first.headers == (("Referer", place), ("X-Requested-With", "XMLHttpRequest"))
    one = hanweb.read(first, built(1, 2, count=3), first.url, PORTAL)
    assert one.lines[0] == Line(
        f"{HOST}/xw/tt/art/2024/art_{1:032x}.html", "第1号渡口恢复通航", date(2024, 1, 18), "xw/tt"
    )
    assert (urls(one), one.total, one.problems) == ([1, 2], 3, ())
    assert one.next is not None
    assert one.next.url == first.url.replace("pageNo%22%3A1", "pageNo%22%3A2")
    two = hanweb.read(one.next, built(3, count=3), one.next.url, PORTAL)
    assert (urls(two), two.next, two.problems) == ([3], None, ())
    # the same page again is no further one
    again = hanweb.read(one.next, built(1, 2, count=9), one.next.url, PORTAL)
    assert again.next is None
    assert again.problems == (
        f"Found the same 2 lines as on the page before, wanted further ones, at {one.next.url}",
    )


def test_a_list_that_does_not_say_how_long_it_is_ends_with_an_empty_page() -> None:
    place = HOST + "/xw/tt/index.html"
    (first,) = hanweb.read(Ask(place, "list", "xw/tt"), unit("list", "7"), place, PORTAL).asks
    one = hanweb.read(first, built(1, 2), first.url, PORTAL)
    assert one.next is not None
    two = hanweb.read(one.next, built(3), one.next.url, PORTAL)
    assert two.next is not None
    assert hanweb.read(two.next, built(), two.next.url, PORTAL) == Found()


def test_the_next_part_is_asked_for_where_one_is_no_list() -> None:
    place = HOST + "/xw/tt/index.html"
    page = unit("列表甲", "1") + unit("列表乙", "2")
    (first,) = hanweb.read(Ask(place, "list", "xw/tt"), page, place, PORTAL).asks
    (second,) = hanweb.read(first, built(), first.url, PORTAL).asks
    assert "pageId=2&" in second.url
    assert urls(hanweb.read(second, built(5, count=1), second.url, PORTAL)) == [5]
    assert hanweb.read(second, built(), second.url, PORTAL).problems == (
        f"Found no part that is a list, wanted rows of links to articles, at {second.url}",
    )
    for answer in ("", "<html>", "[]", '{"data":{"html":1}}', "[" * 9000):
        assert hanweb.read(second, answer, second.url, PORTAL).problems == (
            f"Found no part of a page, wanted JSON with data.html, at {second.url}",
        )


def test_records_that_no_call_is_told_for_are_out_of_reach() -> None:
    found = hanweb.read(ASK, page(store(record(1), record(2)), "totalRecord:9"), LIST, PORTAL)
    assert (len(found.lines), found.next, found.problems) == (2, None, ())
    assert found.beyond == (
        "Found 2 of 9 records, and neither a next group nor columnid and unitid, "
        f"wanted a way to the others, at {LIST}"
    )
