"""Issues and editions of the e-paper."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals import Ask, Channel, Found, Line, Portal, media
from crawler.portals.listing import is_own

LISTS = Path(__file__).parent / "pages" / "lists"
HOST = "http://lygrbepaper.lygfb.cn"
PAPER = Portal(name="lygrbepaper.lygfb.cn", platform=media, hosts=("lygrbepaper.lygfb.cn",), home=HOST + "/")
ISSUE = HOST + "/Media/lygrb/2024-01-18"
DAY = (("issue", "2024-01-18"),)


def issue(day: str, *state: tuple[str, str | int]) -> Ask:
    return Ask(f"{HOST}/Media/lygrb/{day}", "issue", None, (), (("issue", day), *state))


@pytest.mark.parametrize("name", sorted(p.name for p in LISTS.glob("media_*.html")))
def test_a_page_of_the_paper_says_what_its_expected_file_says(name: str) -> None:
    expected = json.loads((LISTS / name).with_suffix(".json").read_text(encoding="utf-8"))
    url, kind, channel, _, state = expected["ask"]
    ask = Ask(url, kind, channel, (), tuple(map(tuple, state)))
    found = media.read(ask, (LISTS / name).read_text(encoding="utf-8"), expected["url"], PAPER)
    said = {key: value for key, value in found._asdict().items() if value not in ((), None)}
    assert json.loads(json.dumps(said, default=str)) == expected["found"]


def test_the_last_days_are_asked_for_newest_first() -> None:
    days = ["2024-03-02", "2024-03-01", "2024-02-29", "2024-02-28", "2024-02-27", "2024-02-26", "2024-02-25"]
    assert media.first(PAPER, (), None, None, date(2024, 3, 2)) == [issue(day) for day in days]
    three = Portal(
        name=PAPER.name,
        platform=media,
        hosts=PAPER.hosts,
        home=HOST + "/",
        options={"paper": "cwwb", "days": "3", "today": "2024-03-02"},
    )
    assert [ask.url for ask in media.first(three, (), None, None)] == [
        f"{HOST}/Media/cwwb/{day}" for day in days[:3]
    ]


def test_named_days_and_editions_are_asked_for() -> None:
    want = ("want", "01,A02")
    assert media.first(PAPER, ("01", "A02"), date(2024, 1, 17), date(2024, 1, 18)) == [
        issue("2024-01-18", want),
        issue("2024-01-17", want),
    ]
    assert media.first(PAPER, (), date(2024, 3, 1), None, date(2024, 3, 2)) == [
        issue("2024-03-02"),
        issue("2024-03-01"),
    ]
    assert media.first(PAPER, (), date(2024, 1, 19), date(2024, 1, 18)) == []
    assert len(media.first(PAPER, (), None, date.min)) == 1


def test_only_the_editions_wanted_are_read() -> None:
    text = (LISTS / "media_issue.html").read_text(encoding="utf-8")
    assert media.read(issue("2024-01-18", ("want", "02,09")), text, ISSUE, PAPER) == Found(
        asks=(Ask(ISSUE + "/02", "edition", "02", (), (*DAY, ("name", "第02版：民生"))),),
        channels=(Channel("02", "第02版：民生", ISSUE + "/02"),),
        problems=(f"Found no edition 09, wanted one, at {ISSUE}",),
    )


def test_an_answer_with_another_days_issue_is_not_taken_for_the_one_asked_for() -> None:
    text = (LISTS / "media_issue.html").read_text(encoding="utf-8")
    problem = f"Found the issue of 2024-01-18, wanted that of 2024-01-19, at {ISSUE}"
    assert media.read(issue("2024-01-19"), text, ISSUE, PAPER) == Found(problems=(problem,))


def test_a_page_without_the_known_lists_says_so_and_gives_what_it_has() -> None:
    ask = Ask(ISSUE + "/02", "edition", "02", (), (*DAY, ("name", "第02版：民生")))
    text = '<map><area href="/Media/lygrb/2024-01-18/02/31011" title="新秤"></map><a href="/Media/lygrb/2024-01-17">上一期</a>'
    assert media.read(ask, text, ask.url, PAPER) == Found(
        (Line(ISSUE + "/02/31011", "新秤", date(2024, 1, 18), "02", "第02版：民生"),),
        problems=(f"Found 1 links below the issue, wanted li.item2-menu-item with a link, at {ask.url}",),
    )
    assert media.read(ask, "<p></p>", ask.url, PAPER) == Found(
        problems=(f"Found no article, wanted li.item2-menu-item with a link, at {ask.url}",)
    )
    assert media.read(issue("2024-01-18"), "<p>本日无报</p>", ISSUE, PAPER) == Found(
        problems=(f"Found no edition, wanted li.item with a link, at {ISSUE}",)
    )
    assert media.read(issue("2024-01-18"), "", ISSUE, PAPER) == Found(
        problems=(f"Found an empty page, wanted an issue of the paper, at {ISSUE}",)
    )


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        (ISSUE + "/02/31011", "02"),
        (ISSUE + "/A2/31011.html", "A02"),
        (ISSUE, None),
        (ISSUE + "/02", None),
        (ISSUE + "/02/p.pdf", None),
        ("http://copy.example/Media/lygrb/2024-01-18/02/31011", None),
        ("http://[x", None),
    ],
)
def test_an_article_address_names_its_edition(url: str, channel: str | None) -> None:
    assert media.channel_of(url, PAPER) == channel


PIECES = st.sampled_from(
    [*"<>\"'/&;=#?()[]{}%\\!-:.0129 第版年月日\n\0\ufeff\ud800", "<li>", "</ul>", "<a href='//['>"]
)


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(), kind=st.sampled_from(["issue", "edition"]), url=st.sampled_from([ISSUE, "http://[x", ""])
)
def test_no_page_however_damaged_raises_or_leads_off_the_portal(
    data: st.DataObject, kind: str, url: str
) -> None:
    name = data.draw(st.sampled_from(["media_issue.html", "media_edition.html"]))
    text = (LISTS / name).read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(0, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 200)))
        middle = data.draw(
            st.sampled_from(["", text[start:end] * 2]) | st.lists(PIECES, max_size=4).map("".join)
        )
        text = text[:start] + middle + text[end:]
    found = media.read(issue("2024-01-18")._replace(kind=kind), text, url, PAPER)
    assert all(line.url.startswith(("http://", "https://")) for line in found.lines)
    assert all(is_own(asked.url, PAPER) for asked in found.asks)
