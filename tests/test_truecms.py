"""TrueCMS list pages, further records and home pages."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals import Ask, Channel, Found, Line, Portal, truecms
from crawler.portals.listing import is_own

LISTS = Path(__file__).parent / "pages" / "lists"
CITY = Portal(
    name="www.lyg.gov.cn",
    platform=truecms,
    hosts=("www.lyg.gov.cn",),
    home="https://www.lyg.gov.cn/",
    site="zfw",
    channels=("gcyw", "bmdt"),
)
BUREAU = Portal(
    name="mzj.lyg.gov.cn", platform=truecms, hosts=("mzj.lyg.gov.cn",), home="http://mzj.lyg.gov.cn/"
)
LIST = "https://www.lyg.gov.cn/zfw/gcyw/gcyw.html"
CALL = "https://www.lyg.gov.cn/TrueCMS/messageController/getMessage.do"
COLUMN = "9d1c7a40-51c2-4b0e-8f0a-6a7b8c9d0e1f"
STATE = (("call", CALL), ("column", COLUMN), ("page", LIST))
UUID = "4f6a1c52-7d1f-4c5e-9a34-1f2e3d4c5b"


def article(number: int, channel: str = "gcyw") -> str:
    return f"https://www.lyg.gov.cn/zfw/{channel}/content/{UUID}{number:02x}.html"


def script(total: int, proxy: str = "/TrueCMS/messageController/getMessage.do") -> str:
    return f"<script>$('#msgList').jpage({{totalRecord:'{total}',proxyUrl:'{proxy}',ajaxParam:{{columnId:'{COLUMN}'}}}})</script>"


def list_page(numbers: range, tail: str = "") -> str:
    records = "".join(
        f'<ul><li><a href="{article(n)}">通告{n}</a><span>2024-01-18</span></li></ul>' for n in numbers
    )
    return f'<html><body><div id="initData">{records}</div>{tail}</body></html>'


def answer(numbers: range, total: int | None = None) -> str:
    records = "".join(
        f'<record><![CDATA[<li><a href="{article(n)}">通告{n}</a><span>2024-01-18</span></li>]]></record>'
        for n in numbers
    )
    told = "" if total is None else f"<totalrecord>{total}</totalrecord>"
    return json.dumps({"result": f"<datastore>{told}<recordset>{records}</recordset></datastore>"})


def lines(numbers: range) -> tuple[Line, ...]:
    return tuple(Line(article(n), f"通告{n}", date(2024, 1, 18), "gcyw") for n in numbers)


def more(start: int, **state: str | int) -> Ask:
    """Build the call for further records that begins at `start`."""
    query = f"startrecord={start}&endrecord={start + 49}&perpage=50&contentTemplate=&columnId={COLUMN}"
    headers = (("Referer", LIST), ("X-Requested-With", "XMLHttpRequest"))
    return Ask(f"{CALL}?{query}", "more", "gcyw", headers, (*STATE, *state.items(), ("cursor", start)))


def without_mark(ask: Ask | None) -> Ask | None:
    return ask and ask._replace(state=tuple(pair for pair in ask.state if pair[0] != "mark"))


def ask_of(row: list) -> Ask:
    url, kind, channel, headers, state = row
    return Ask(url, kind, channel, tuple(map(tuple, headers)), tuple(map(tuple, state)))


@pytest.mark.parametrize("name", sorted(p.name for p in LISTS.glob("truecms_*") if p.suffix != ".json"))
def test_a_list_page_says_what_its_expected_file_says(name: str) -> None:
    expected = json.loads((LISTS / name).with_suffix(".json").read_text(encoding="utf-8"))
    portal = CITY if "www.lyg.gov.cn" in expected["url"] else BUREAU
    found = truecms.read(
        ask_of(expected["ask"]), (LISTS / name).read_text(encoding="utf-8"), expected["url"], portal
    )
    said = {key: value for key, value in found._asdict().items() if value not in ((), None)}
    assert json.loads(json.dumps(said, default=str)) == expected["found"]


def test_channels_are_asked_by_rule_and_a_query_of_their_code_is_kept() -> None:
    assert truecms.first(CITY, (), None, None) == [
        Ask(LIST, "list", "gcyw"),
        Ask("https://www.lyg.gov.cn/zfw/bmdt/bmdt.html", "list", "bmdt"),
    ]
    assert truecms.first(CITY, ("szfwj1?id=2",), None, None) == [
        Ask("https://www.lyg.gov.cn/zfw/szfwj1/szfwj1.html?id=2", "list", "szfwj1?id=2")
    ]


def test_a_portal_without_channels_is_asked_for_its_home_page_even_for_named_ones() -> None:
    assert truecms.first(BUREAU, (), None, None) == [Ask("http://mzj.lyg.gov.cn/", "home")]
    wanted = Ask("http://mzj.lyg.gov.cn/", "home", None, (), (("want", "tzgg,none"),))
    assert truecms.first(BUREAU, ("tzgg", "none"), None, None) == [wanted]
    page = '<a href="/smzj/tzgg/tzgg.html">通知公告</a><a href="/smzj/jgsz/jgsz.html">机构设置</a>'
    assert truecms.read(wanted, page, "http://mzj.lyg.gov.cn/", BUREAU) == Found(
        asks=(
            Ask("http://mzj.lyg.gov.cn/smzj/tzgg/tzgg.html", "list", "tzgg", (), (("known", "tzgg,jgsz"),)),
        ),
        channels=(Channel("tzgg", "通知公告", "http://mzj.lyg.gov.cn/smzj/tzgg/tzgg.html"),),
        problems=("Found no link to the column none, wanted one, at http://mzj.lyg.gov.cn/",),
    )


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        (article(1), "gcyw"),
        (article(1).replace(".html", ".shtml").replace("https://", "http://"), "gcyw"),
        ("https://www.lyg.gov.cn/bmdt/content/0A1B2C3D4E5F60718293A4B5C6D7E8F901.htm", "bmdt"),
        ("https://WWW.lyg.gov.cn//zfw/bmdt/content/zwgk_0a1b2c3d4e5f60718293a4b5c6d7e8f9.html", "bmdt"),
        ("https://www.lyg.gov.cn/zfw/gcyw/gcyw.html", None),
        ("https://www.lyg.gov.cn/zfw/gcyw/content/index.html", None),
        ("https://www.lyg.gov.cn.example/zfw/gcyw/content/" + UUID + "01.html", None),
        ("https://lyg.gov.cn/zfw/gcyw/content/" + UUID + "01.html", None),
        ("https://www.lyg.gov.cn/TrueCMS/attachmentController/download.do?id=" + UUID + "01", None),
        ("http://[broken/gcyw/content/" + UUID + "01.html", None),
    ],
)
def test_an_article_address_names_its_channel_and_others_none(url: str, channel: str | None) -> None:
    assert truecms.channel_of(url, CITY) == channel


def test_a_list_that_is_complete_has_no_next_page() -> None:
    found = truecms.read(Ask(LIST, "list", "gcyw"), list_page(range(3), script(3)), LIST, CITY)
    assert found == Found(lines(range(3)), channels=(Channel("gcyw", "gcyw", LIST),), total=3)


def test_several_records_in_one_ul_are_read_like_one_ul_a_record() -> None:
    page = list_page(range(5), script(5)).replace("</ul><ul>", "")
    found = truecms.read(Ask(LIST, "list", "gcyw"), page, LIST, CITY)
    assert found.lines == lines(range(5))


def test_a_record_spread_over_two_items_keeps_its_date() -> None:
    page = list_page(range(3), script(3)).replace("<span>", "</li><li>").replace("</span>", "")
    assert truecms.read(Ask(LIST, "list", "gcyw"), page, LIST, CITY) == Found(
        lines(range(3)), channels=(Channel("gcyw", "gcyw", LIST),), total=3
    )


def test_the_call_for_more_takes_only_the_path_of_its_address() -> None:
    page = list_page(range(60), script(377, "http://10.0.0.1:8001/truecms/messageController/getMessage.do"))
    found = truecms.read(Ask(LIST, "list", "gcyw"), page, LIST, CITY)
    assert found.next is not None
    assert found.next.url == (
        "https://www.lyg.gov.cn/truecms/messageController/getMessage.do"
        f"?startrecord=58&endrecord=107&perpage=50&contentTemplate=&columnId={COLUMN}"
    )


@pytest.mark.parametrize("counts_from", [0, 1])
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("total", [61, 62, 63, 64, 107, 108, 110, 157, 240])
def test_paging_reaches_every_record_wherever_the_server_counts_from(
    counts_from: int, told: bool, total: int
) -> None:
    found = truecms.read(Ask(LIST, "list", "gcyw"), list_page(range(60), script(total)), LIST, CITY)
    got, calls = set(found.lines), 0
    while found.next:
        state = dict(found.next.state)
        start = int(state["cursor"]) - counts_from
        body = answer(range(max(start, 0), min(start + truecms.SIZE, total)), total if told else None)
        found = truecms.read(found.next, body, found.next.url, CITY)
        assert found.problems == ()
        got |= set(found.lines)
        calls += 1
    assert got == set(lines(range(total)))
    assert calls <= -(-(total - 60) // (truecms.SIZE - truecms.OVERLAP)) + 1


def test_an_answer_of_fewer_records_than_asked_for_goes_on_after_them() -> None:
    found = truecms.read(more(58, total=377), answer(range(57, 87)), CALL, CITY)
    assert without_mark(found.next) == more(85, total=377)
    assert found._replace(next=None) == Found(lines(range(57, 87)), total=377)


def test_an_empty_answer_before_the_end_is_a_problem() -> None:
    problem = f"Found the end of the list after 57 of 377 records, wanted all, at {CALL}"
    for body in ('{"result":""}', ';x({"result":"<datastore><recordset><\\/recordset><\\/datastore>"});'):
        assert truecms.read(more(58, total=377), body, CALL, CITY) == Found(total=377, problems=(problem,))
    assert truecms.read(more(58), '{"result":""}', CALL, CITY) == Found()


def test_a_server_that_repeats_itself_ends_the_list() -> None:
    one = truecms.read(more(58, total=377), answer(range(50)), CALL, CITY)
    assert one.next is not None
    two = truecms.read(one.next, answer(range(50)), CALL, CITY)
    problem = f"Found the same 50 lines as in the answer before, wanted further ones, at {CALL}"
    assert two == Found(lines(range(50)), total=377, problems=(problem,))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("\ufeff;raw(" + answer(range(4), 90) + ");", 4),
        ("jQuery172_1(" + answer(range(4), 90).replace("</", "<\\/") + ")", 4),
        (json.loads(answer(range(4), 90))["result"], 4),
    ],
)
def test_further_records_are_read_in_every_wrapping(body: str, count: int) -> None:
    found = truecms.read(more(58, total=377), body, CALL, CITY)
    assert found._replace(next=None) == Found(lines(range(count)), total=90)


def test_an_answer_cut_off_gives_its_whole_records_and_says_so() -> None:
    body = ";raw(" + answer(range(6), 90).replace("</", "<\\/")
    found = truecms.read(
        more(58, total=377), body[: body.index("通告".encode("unicode_escape").decode() + "5")], CALL, CITY
    )
    problem = f"Found 5 whole records and a damaged rest, wanted a datastore, at {CALL}"
    assert found._replace(next=None) == Found(lines(range(5)), total=90, problems=(problem,))


def test_an_error_page_instead_of_records_is_a_problem() -> None:
    problem = f"Found 0 whole records and a damaged rest, wanted a datastore, at {CALL}"
    assert truecms.read(more(58), "<html>404</html>", CALL, CITY) == Found(problems=(problem,))


def test_a_call_that_is_not_answered_leaves_a_known_number_out() -> None:
    assert truecms.missing(more(58, total=377), 60) == (
        f"Found the first 60 lines of gcyw, wanted 377: no answer with further records at {more(58).url}"
    )
    assert truecms.missing(more(58, total=60), 60) is None
    assert truecms.missing(Ask(LIST, "list", "gcyw"), 0) is None


def test_a_list_without_records_is_a_problem_unless_it_says_that_it_is_empty() -> None:
    ask = Ask(LIST, "list", "gcyw")
    problem = f"Found no record and no total, wanted a list, at {LIST}"
    assert truecms.read(ask, "<html><p>维护中</p></html>", LIST, CITY) == Found(problems=(problem,))
    assert truecms.read(ask, list_page(range(0), script(0)), LIST, CITY) == Found(total=0)
    problem = f"Found an empty page, wanted a list of records, at {LIST}"
    assert truecms.read(ask, " ", LIST, CITY) == Found(problems=(problem,))


def test_an_empty_first_screen_with_a_total_is_asked_for_from_the_start() -> None:
    found = truecms.read(Ask(LIST, "list", "gcyw"), list_page(range(0), script(90)), LIST, CITY)
    problem = f"Found no record and a total of 90, wanted a list, at {LIST}"
    assert found == Found((), more(0, total=90), total=90, problems=(problem,))


def test_records_kept_as_text_in_the_hidden_box_are_read() -> None:
    records = f'<ul><li><a href="{article(1)}">通告1</a>2024-01-18</li></ul>'
    page = f'<div id="initData"><textarea>{records.replace("<", "&lt;")}</textarea></div>{script(1)}'
    assert truecms.read(Ask(LIST, "list", "gcyw"), page, LIST, CITY).lines == lines(range(1, 2))


def test_without_any_known_container_links_of_the_article_shape_are_read() -> None:
    page = (
        f'<div class="a"><p><a href="{article(1)}">通告1</a> 2024-01-18</p>'
        '<p><a href="https://mp.weixin.qq.com/s/x">微信</a> 2024-01-17</p></div>'
        f'<div class="b"><a href="{article(9, "bmdt")}">别栏</a></div>'
    )
    assert truecms.read(Ask(LIST, "list", "gcyw"), page, LIST, CITY) == Found(
        (
            Line(article(1), "通告1", date(2024, 1, 18), "gcyw"),
            Line("https://mp.weixin.qq.com/s/x", "微信", date(2024, 1, 17), "gcyw"),
        ),
        channels=(Channel("gcyw", "gcyw", LIST),),
        notes=(f"Found records in links of the article shape, wanted them in #initData, at {LIST}",),
    )


def test_a_list_of_columns_asks_for_their_lists_as_its_sections() -> None:
    page = (
        '<div class="nav"><a href="/zfw/gsgg/gsgg.html">公示公告</a></div><a href="/zfw/bmdt/bmdt.html">部门</a>'
        '<ul><li><a href="/zfw/zcjd2/zcjd2.html">文字解读</a></li><li><a href="/zfw/zcjd3/zcjd3.html">图片解读</a></li></ul>'
    )
    url = "https://www.lyg.gov.cn/zfw/zcjd1/zcjd1.html"
    asks = (
        Ask("https://www.lyg.gov.cn/zfw/zcjd2/zcjd2.html", "list", "zcjd1", (), (("section", "文字解读"),)),
        Ask("https://www.lyg.gov.cn/zfw/zcjd3/zcjd3.html", "list", "zcjd1", (), (("section", "图片解读"),)),
    )
    assert truecms.read(Ask(url, "list", "zcjd1"), page, url, CITY) == Found(asks=asks)
    hidden = f'<div id="initData">{page[page.index("<ul>") :]}</div>{script(2)}'
    assert truecms.read(Ask(url, "list", "zcjd1"), hidden, url, CITY) == Found(asks=asks)
    problem = f"Found no record and no total, wanted a list, at {asks[0].url}"
    assert truecms.read(asks[0], page, asks[0].url, CITY) == Found(problems=(problem,))


def test_the_lines_of_a_section_keep_its_name_from_screen_to_screen() -> None:
    ask = Ask(LIST, "list", "zcjd1", (), (("section", "文字解读"),))
    first = truecms.read(ask, list_page(range(2), script(4)), LIST, CITY)
    section = tuple(line._replace(channel="zcjd1", section="文字解读") for line in lines(range(4)))
    assert first.lines == section[:2]
    assert first.next is not None
    assert truecms.read(first.next, answer(range(4), 4), CALL, CITY) == Found(section, total=4)


@pytest.mark.parametrize(
    "page",
    [
        '<script>location.href="/smzj/index.html"</script>',
        "<script>window.location.replace('/smzj/index.html');</script>",
        "<body onload=\"top.location='/smzj/index.html'\"></body>",
        '<meta http-equiv="Refresh" content="0; url=/smzj/index.html">',
    ],
)
def test_a_home_page_that_sends_on_is_followed_but_not_in_circles(page: str) -> None:
    ask = Ask("http://mzj.lyg.gov.cn/", "home")
    for depth in (1, 2, 3):
        found = truecms.read(ask, page, "http://mzj.lyg.gov.cn/", BUREAU)
        ask = Ask("http://mzj.lyg.gov.cn/smzj/index.html", "home", None, (), (("depth", depth),))
        assert found == Found(asks=(ask,))
    found = truecms.read(ask, page, "http://mzj.lyg.gov.cn/", BUREAU)
    problem = "Found 4 pages that lead on to each other, wanted a list, at http://mzj.lyg.gov.cn/"
    assert found == Found(problems=(problem,))


def test_a_page_that_sends_to_a_foreign_host_is_not_followed() -> None:
    page = '<script>location.href="http://copy.example/zfw/gcyw/gcyw.html"</script>'
    problem = (
        "Found a page that leads on to http://copy.example/zfw/gcyw/gcyw.html, "
        f"wanted one on a host of the portal, at {LIST}"
    )
    assert truecms.read(Ask(LIST, "list", "gcyw"), page, LIST, CITY) == Found(problems=(problem,))


def test_a_list_that_sends_to_the_home_page_is_looked_up_there() -> None:
    home = "https://www.lyg.gov.cn/"
    page = '<a href="/new/gcyw/gcyw.html">港城要闻</a><a href="/zfw/gcyw/gcyw.html">旧</a>'
    state = (("known", "gcyw"), ("depth", 1))
    new = Ask("https://www.lyg.gov.cn/new/gcyw/gcyw.html", "list", "gcyw", (), state)
    answer_at_home = Found(asks=(new,), channels=(Channel("gcyw", "港城要闻", new.url),))
    assert truecms.read(Ask(LIST, "list", "gcyw"), page, home, CITY) == answer_at_home
    by_script = Ask(home, "home", None, (), (("want", "gcyw"), ("gone", LIST), ("depth", 1)))
    script_page = '<script>location="/"</script>'
    assert truecms.read(Ask(LIST, "list", "gcyw"), script_page, LIST, CITY) == Found(asks=(by_script,))
    assert truecms.read(by_script, page, home, CITY) == answer_at_home
    again = new._replace(state=(("known", "gcyw"), ("depth", 3)))
    circle = f"Found the home page again instead of {new.url}, wanted a list, at"
    assert truecms.read(again, page, home, CITY) == Found(problems=(f"{circle} {home}",))


def test_a_list_that_moved_is_found_by_its_code_or_its_name() -> None:
    home = "https://www.lyg.gov.cn/"
    by_code = '<a href="/zfw/gcyw/gcyw.html">旧</a><a href="/new/gcyw/index.html">要闻</a>'
    assert truecms.moved(by_code, home, CITY, "gcyw") == Ask(
        "https://www.lyg.gov.cn/new/gcyw/index.html", "list", "gcyw"
    )
    by_name = '<a href="/zfw/gcyw/gcyw.html">旧址</a><a href="/zfw/yw2024/yw2024.html">港城要闻</a>'
    assert truecms.moved(by_name, home, CITY, "gcyw", "港城要闻") == Ask(
        "https://www.lyg.gov.cn/zfw/yw2024/yw2024.html", "list", "gcyw"
    )
    assert truecms.moved('<a href="/zfw/gcyw/gcyw.html">港城要闻</a>', home, CITY, "gcyw", "港城要闻") is None
    assert truecms.moved("", home, CITY, "gcyw") is None


PIECES = st.sampled_from(
    [
        *"<>\"'/&;=#?()[]{}%\\!-:.0129 年月日\n\0\ufeff\ud800\u200b",
        "<li>",
        "</ul>",
        "<a href='//['>",
        "]]>",
        "<!--",
        "http://",
    ]
)


@st.composite
def mutated(draw: st.DrawFn, prefix: str) -> tuple[str, str]:
    """Draw one of the pages with some places cut out, doubled or written over."""
    name = draw(st.sampled_from(sorted(p.name for p in LISTS.glob(f"{prefix}_*") if p.suffix != ".json")))
    text = (LISTS / name).read_text(encoding="utf-8")
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 300)))
        middle = draw(st.sampled_from(["", text[start:end] * 2]) | st.lists(PIECES, max_size=4).map("".join))
        text = text[:start] + middle + text[end:]
    return name, text


@settings(max_examples=120, deadline=None)
@given(
    page=mutated("truecms"),
    kind=st.sampled_from(["list", "more", "home"]),
    url=st.sampled_from([LIST, CALL, "http://[x", ""]),
)
def test_no_page_however_damaged_raises_or_leads_off_the_portal(
    page: tuple[str, str], kind: str, url: str
) -> None:
    ask = more(58, total=377)._replace(kind=kind)
    found = truecms.read(ask, page[1], url, CITY)
    assert all(line.url.startswith(("http://", "https://")) for line in found.lines)
    asks = [*found.asks, *([found.next] if found.next else [])]
    assert all(is_own(asked.url, CITY) for asked in asks)
    truecms.moved(page[1], url, CITY, "gcyw", "港城要闻")


@settings(max_examples=80, deadline=None)
@given(text=st.lists(PIECES, max_size=60).map("".join), kind=st.sampled_from(["list", "more", "home"]))
def test_no_text_raises(text: str, kind: str) -> None:
    truecms.read(Ask(LIST, kind, None), text, LIST, BUREAU)
