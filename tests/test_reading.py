"""The whole way of one page, from bytes to an article."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.commands.explain import show_page
from crawler.text.reading import read_page
from crawler.text.tampering import repair, revert
from tests.replica import dated, media, stories, truecms

URL = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/0a1b.html"
PAGE = (
    '<html><head><meta http-equiv="Content-Type" content="text/html; charset={label}">'
    "<title>三座书屋昨日开放_示例市人民政府</title></head><body><h1>三座书屋昨日开放</h1>"
    "<div>时间：2021-04-06 15:13:48 来源：示例日报 阅读次数：</div><div id=zoom>"
    "<p>　　示例镇三座书屋昨日开放，市民凭身份证就能免费借阅图书。</p><p>　　图书共有九千册。</p></div>{spam}</body></html>"
)
TEXT = "示例镇三座书屋昨日开放，市民凭身份证就能免费借阅图书。\n图书共有九千册。"


@pytest.mark.parametrize(("codec", "label"), [("utf-8", "utf-8"), ("gb18030", "gb2312"), ("utf-8", "gb2312")])
def test_a_page_is_read_whatever_its_label_says(codec: str, label: str) -> None:
    page = read_page(PAGE.format(label=label, spam="").encode(codec), URL)
    assert (page.title, page.text, page.published, page.source, page.repairs, page.removed, page.tampered) == (
        "三座书屋昨日开放", TEXT, datetime(2021, 4, 6, 15, 13, 48, tzinfo=ZoneInfo("Asia/Shanghai")), "示例日报", (), (), False,
    )  # fmt: skip
    assert page.encoding == page.decoded.encoding
    assert page.extracted.text == page.text


def test_injected_spam_makes_a_page_tampered_and_leaves_its_text() -> None:
    spam = "<div style='display:none'><a href='http://a7788.top/'>澳门新葡京官网</a></div>"
    page = read_page(PAGE.format(label="utf-8", spam=spam).encode(), URL)
    assert (page.text, page.tampered, [block.kind for block in page.removed]) == (TEXT, True, ["hidden"])


@pytest.mark.parametrize(
    "body", [b"", b"\x00", b"\xff\xfe", b"<html>", b"%PDF-1.4\n\x80\x81", bytes(range(256))]
)
def test_a_body_that_is_no_page_gives_no_article(body: bytes) -> None:
    page = read_page(body, URL)
    assert (page.published, page.source, page.author, page.removed) == (None, None, None, ())


def test_the_document_with_readings_set_in_comes_out_as_the_paper_wrote_it(shared: Path) -> None:
    body = next((shared / "seed").glob("*.txt")).read_bytes()
    page = read_page(body, URL)
    lines = page.text.split("\n")
    assert (page.title, page.published, page.source, len(lines), lines[0][:4], lines[-1][-8:]) == (
        "筑牢社保基石 托起百姓幸福",
        datetime(2024, 1, 18, 9, 54, 49, tzinfo=ZoneInfo("Asia/Shanghai")),
        "连云港日报",
        9,
        "民之所望",
        ",让养老变“享老”。"[-8:],
    )
    assert "低保渐退缓退等政策,进一步推进低保扩围增效" in page.text
    assert "自己做饭太累了,现在只要下个楼" in page.text
    assert [block.kind for block in page.removed] == ["plain-text"]
    assert page.removed[0].text == body.decode().rstrip().splitlines()[-1].strip()
    assert page.tampered
    steps = page.repairs

    assert revert(repair(page.decoded.text).text, steps) == page.decoded.text


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    read_page(b"<p>" + body, URL)
    read_page(body, URL)


def test_every_page_of_the_replica_is_read_exactly() -> None:
    world = stories.plan(seed=3, today=date(2026, 5, 20), stories=150)
    wrong: list[tuple[str, str, object, object]] = []
    for story in world.stories:
        if story.state(1) == "absent" or story.parts or story.runover:  # one of several pages
            continue
        if story.host == stories.PAPER:
            reply = media.article(story, 1)
        else:
            reply = (dated if story.host == stories.DAILY else truecms).article(world, story, 1)
        page = read_page(reply.body, story.url, reply.content_type)
        told = page.published.isoformat() if page.published else None
        found = page.extracted
        for field, mine, truth in (
            ("title", page.title, story.title_on(1)),
            ("text", page.text, story.text_on(1)),
            # where neither page nor address tells a date, the portal's list does; so for a paper's own source
            ("published", told, story.published if told else None),
            ("source", page.source, story.source if story.host != stories.PAPER else None),
            ("editor", found.editor, story.editor),
            ("document_number", found.document_number, story.document_number),
            ("index_number", found.index_number, story.index_number),
            ("office", found.office, story.office),
            ("images", [list(image) for image in found.images], story.images),
            ("attachments", [list(file) for file in found.attachments], story.attachments),
            ("spam", bool(page.removed), bool(story.spam)),
            ("tampered", page.tampered, bool(story.tampered)),
        ):
            if mine != truth:
                wrong.append((story.url, field, mine, truth))
    assert wrong == []


def test_explain_shows_fields_rules_and_disagreements(capsys: pytest.CaptureFixture[str]) -> None:
    page = PAGE.format(label="utf-8", spam="<p>总值班：李大海　责任编辑：赵一一</p>").replace(
        "<title>三座书屋昨日开放_", '<meta name="PubDate" content="2021-04-05 08:00"><title>低价代办各类证件_'
    )
    show_page(read_page(page.encode(), URL), False)
    shown = capsys.readouterr().out.split("\n")
    assert [line for line in shown if line.startswith(("rule ", "disagree "))] == [
        "rule      body: #zoom",
        "rule      title: h1",
        "rule      published: meta PubDate",
        "rule      source: info line 来源",
        "rule      editor: line below 责任编辑",
        "rule      duty: line below 总值班",
        "rule      source_name: name in source",
        "rule      words: Chinese characters, runs of other letters and digits",
        "rule      language: shares of characters",
        "rule      script: characters of one script alone",
        "disagree  title: h1 says '三座书屋昨日开放', <title> says '低价代办各类证件_示例市人民政府'",
        "disagree  published: meta PubDate says '2021-04-05 08:00', info line 时间 says '2021-04-06 15:13:48'",
    ]
    assert {
        "editor          赵一一",
        "duty            李大海",
        "words           32",
        "script          Hans",
    } <= set(shown)
