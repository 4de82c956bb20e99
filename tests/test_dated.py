"""Channel pages of the Daily group's site, whose addresses carry channel and date."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals import Ask, Channel, Found, Line, Portal, dated
from crawler.portals.listing import is_own

LISTS = Path(__file__).parent / "pages" / "lists"
DAILY = Portal(
    name="lyg01.net",
    platform=dated,
    hosts=("www.lyg01.net", "lyg01.net"),
    home="http://www.lyg01.net/",
    channels=("news/lygxw", "zx/xqxw"),
)
LIST = "http://www.lyg01.net/news/lygxw/"
ARTICLE = "http://www.lyg01.net/news/lygxw/2025/1226/382539.shtml"
LINE = Line(ARTICLE, "越冬的鸟", date(2025, 12, 26), "news/lygxw")
LINK = f'<ul><li><a href="{ARTICLE}">越冬的鸟</a></li></ul>'


@pytest.mark.parametrize("name", sorted(p.name for p in LISTS.glob("dated_*.html")))
def test_a_channel_page_says_what_its_expected_file_says(name: str) -> None:
    expected = json.loads((LISTS / name).with_suffix(".json").read_text(encoding="utf-8"))
    url, kind, channel, _, _ = expected["ask"]
    text = (LISTS / name).read_text(encoding="utf-8")
    found = dated.read(Ask(url, kind, channel), text, expected["url"], DAILY)
    said = {key: value for key, value in found._asdict().items() if value not in ((), None)}
    assert json.loads(json.dumps(said, default=str)) == expected["found"]


def test_channels_are_asked_in_their_folders_and_else_the_home_page() -> None:
    assert dated.first(DAILY, (), None, None) == [
        Ask(LIST, "list", "news/lygxw"),
        Ask("http://www.lyg01.net/zx/xqxw/", "list", "zx/xqxw"),
    ]
    assert dated.first(DAILY, ("temp/zt2021/llgn",), None, None) == [
        Ask("http://www.lyg01.net/temp/zt2021/llgn/", "list", "temp/zt2021/llgn")
    ]
    some = Portal(name="lyg01.net", platform=dated, hosts=DAILY.hosts, home=DAILY.home)
    assert dated.first(some, (), None, None) == [Ask("http://www.lyg01.net/", "home")]


@pytest.mark.parametrize(
    ("url", "channel", "day"),
    [
        (ARTICLE, "news/lygxw", date(2025, 12, 26)),
        (ARTICLE.replace("www.", ""), "news/lygxw", date(2025, 12, 26)),
        ("http://www.lyg01.net/temp/zt2021/llgn/2021/0305/2.shtml", "temp/zt2021/llgn", date(2021, 3, 5)),
        ("http://www.lyg01.net/news/lygxw/2025/1340/382539.shtml", "news/lygxw", None),
        ("http://bbs.lyg01.net/news/lygxw/2025/1226/382539.shtml", None, date(2025, 12, 26)),
        (LIST, None, None),
        ("http://www.lyg01.net/news/lygxw/index_2.shtml", None, None),
    ],
)
def test_an_article_address_names_channel_and_day(url: str, channel: str | None, day: date | None) -> None:
    assert (dated.channel_of(url, DAILY), dated.date_of(url)) == (channel, day)


@pytest.mark.parametrize(
    ("url", "paging", "next_url"),
    [
        (LIST, '<a href="index_2.shtml">下一页</a>', LIST + "index_2.shtml"),
        (LIST, '<a rel="next" href="?page=2">2</a>', LIST + "?page=2"),
        (LIST, '<a href="index_2.shtml">2</a><a href="index_9.shtml">末页</a>', LIST + "index_2.shtml"),
        (LIST, '<a href="index_1.shtml">2</a><a href="index_2.shtml">3</a>', LIST + "index_1.shtml"),
        (
            LIST + "index_2.shtml",
            '<a href="index.shtml">1</a><a href="index_3.shtml">3</a>',
            LIST + "index_3.shtml",
        ),
        (
            LIST + "index_3.shtml",
            '<a href="index_2.shtml">上一页</a><a href="index_3.shtml">下一页</a>',
            None,
        ),
        (
            LIST + "index_1.shtml",
            '<script>createPageHTML(3, 1, "index", "shtml");</script>',
            LIST + "index_2.shtml",
        ),
        (LIST + "index_2.shtml", '<script>createPageHTML(3, 2, "index", "shtml");</script>', None),
        (LIST, '<a href="http://copy.example/index_2.shtml">下一页</a>', None),
        (LIST, '<a class="disabled" href="#">下一页</a>', None),
    ],
)
def test_the_next_page_is_found(url: str, paging: str, next_url: str | None) -> None:
    found = dated.read(Ask(url, "list", "news/lygxw", (), (("page", 2),)), LINK + paging, url, DAILY)
    further = Ask(next_url, "list", "news/lygxw", (), (("page", 3),)) if next_url else None
    assert found == Found((LINE,), further)


def test_a_next_page_that_leads_nowhere_is_out_of_reach() -> None:
    ask = Ask(LIST, "list", "news/lygxw", (), (("page", 2),))
    found = dated.read(ask, LINK + '<a href="javascript:go(2)">下一页</a>', LIST, DAILY)
    beyond = f"Found the link '下一页' that leads nowhere, wanted the address of page 3, at {LIST}"
    assert found == Found((LINE,), beyond=beyond)


def test_a_list_that_never_ends_is_ended() -> None:
    ask = Ask(LIST, "list", "news/lygxw", (), (("page", dated.PAGES),))
    found = dated.read(ask, LINK + '<a href="index_2.shtml">下一页</a>', LIST, DAILY)
    problem = f"Found {dated.PAGES} pages of news/lygxw, wanted an end of the list, at {LIST}"
    assert found == Found((LINE,), problems=(problem,))


def test_a_page_without_articles_is_a_problem() -> None:
    ask = Ask(LIST, "list", "news/lygxw")
    wanted = f"wanted /CHANNEL/SUB/YYYY/MMDD/ID.shtml, at {LIST}"
    assert dated.read(ask, "<p>改版中</p>", LIST, DAILY) == Found(
        problems=(f"Found no link to an article, {wanted}",)
    )
    assert dated.read(ask, "", LIST, DAILY) == Found(
        problems=(f"Found an empty page, wanted links to articles, at {LIST}",)
    )
    assert dated.read(ask, '<script>location.href="/news/lyg/"</script>', LIST, DAILY) == Found(
        asks=(Ask("http://www.lyg01.net/news/lyg/", "list", "news/lygxw", (), (("depth", 1),)),)
    )


def test_a_page_with_articles_of_other_channels_only_says_so() -> None:
    ask = Ask("http://www.lyg01.net/news/tslyg/", "list", "news/tslyg")
    problem = f"Found 1 lines of other channels, wanted some of news/tslyg, at {ask.url}"
    assert dated.read(ask, LINK, ask.url, DAILY) == Found(
        (LINE,), channels=(Channel("news/tslyg", "news/tslyg", ask.url),), problems=(problem,)
    )


def test_a_channel_that_moved_is_found_by_its_folder_or_its_name() -> None:
    home = "http://www.lyg01.net/"
    page = '<a href="/news/lygxw/">旧</a><a href="/news/lygxw/index.shtml">新闻</a><a href="/xw/bd/">本地</a>'
    assert dated.moved(page, home, DAILY, "news/lygxw") == Ask(LIST + "index.shtml", "list", "news/lygxw")
    assert dated.moved(page, home, DAILY, "news/old", "本地") == Ask(home + "xw/bd/", "list", "news/old")
    assert dated.moved(page, home, DAILY, "news/old") is None
    assert dated.moved("", home, DAILY, "news/old", "本地") is None


PIECES = st.sampled_from(
    [
        *"<>\"'/&;=#?()[]{}%\\!-:.0129 年月日\n\0\ufeff\ud800",
        "<li>",
        "</ul>",
        "<a href='//['>",
        "2025/1399/1.shtml",
    ]
)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["list", "home"]), url=st.sampled_from([LIST, "http://[x", ""]))
def test_no_page_however_damaged_raises_or_leads_off_the_portal(
    data: st.DataObject, kind: str, url: str
) -> None:
    name = data.draw(st.sampled_from(["dated_list.html", "dated_home.html"]))
    text = (LISTS / name).read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(0, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 200)))
        middle = data.draw(
            st.sampled_from(["", text[start:end] * 2]) | st.lists(PIECES, max_size=4).map("".join)
        )
        text = text[:start] + middle + text[end:]
    found = dated.read(Ask(LIST, kind, "news/lygxw"), text, url, DAILY)
    assert all(line.url.startswith(("http://", "https://")) for line in found.lines)
    asks = [*found.asks, *([found.next] if found.next else [])]
    assert all(is_own(asked.url, DAILY) for asked in asks)
    dated.moved(text, url, DAILY, "news/old", "本地")
