"""Mojibake and noise: what was read with the wrong table is read again, what is clean stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.text import evidence, repair, revert
from crawler.text.mirror import read_pairs
from tests.bench.mojibake import CASES, FRAME, misread

SPECIMENS = Path(__file__).parent / "cases"


def cases(kind: str) -> list[Any]:
    found = json.loads((SPECIMENS / f"mojibake-{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in found]


@pytest.mark.parametrize("case", [*cases("in-the-wild"), *cases("synthetic")])
def test_a_garbled_text_comes_back(case: dict[str, Any]) -> None:
    found = repair(case["captured"])
    steps = [[step.fixer, step.certainty, len(step.edits)] for step in found.steps]
    assert {"text": found.text, "steps": steps} == {"text": case["text"], "steps": case["steps"]}
    assert revert(found.text, found.steps) == case["captured"]


@pytest.mark.parametrize("case", cases("negative"))
def test_a_clean_text_is_left_alone(case: dict[str, Any]) -> None:
    assert repair(case["text"]) == (case["text"], ())


TITLES = ("连云港市人民政府关于印发通知", "全市城乡低保标准提高", "我市新建书屋二十座", "本报讯记者")


@pytest.mark.parametrize("ways", CASES.values(), ids=CASES)
@pytest.mark.parametrize("title", TITLES)
def test_every_lossless_misreading_comes_back_alone_and_in_a_page(title: str, ways: tuple[str, ...]) -> None:
    try:
        captured = misread(title, *ways)
    except UnicodeError:
        pytest.skip("bytes are lost this way")
    assert repair(captured).text == title
    assert repair(FRAME.format(captured)).text == FRAME.format(title)


def test_what_is_gone_is_counted_and_stays() -> None:
    text = "昨日锟斤拷锟斤拷召开会议，市里召开????会议。"
    found = repair(text)
    assert found.text == text
    assert [(step.fixer, step.certainty) for step in found.steps] == [("mojibake", "lost")]
    assert [(edit.before, edit.after) for edit in found.steps[0].edits] == [
        ("锟斤拷锟斤拷", "锟斤拷锟斤拷"),
        ("????", "????"),
    ]
    assert repair(found.text) == found


PIECES = (
    "杩炰簯 涓浗 娓棩 鎶ユ姤 盲赂颅 氓聸陆 脰脨 鹿煤 Äê ÔÂ ÐÂÎÅ ÖÐ¹ú ä¸\xad å›½ Ã¤Â¸Â\xad â€œ Â· Ã© é» "
    "笢弊 佽鏍 い地 \ue5ee鐇 る ㄛ ﹝ 锟斤拷 烫烫烫 ???? ? \ufffd\ufffd\ufffd 锛? 銆? € ™ &#20302; &#230;&#184; &amp; "
    "\u200b \u00ad \u0336 раypal ＷｅＣ ⽂ z8~6Oq5~7lz,;2q 时(shí) 全市 低保 會議 , 。 < > 5 A é ü \U00020000"
)
PARTS = st.one_of(st.sampled_from([*PIECES.split(" "), "\n", " "]), st.text(max_size=2))


@settings(max_examples=250, deadline=None)
@given(st.lists(PARTS, max_size=30).map("".join))
def test_a_repair_can_be_undone_and_is_complete(text: str) -> None:
    found = repair(text)
    assert revert(found.text, found.steps) == text
    again = repair(found.text)
    assert again.text == found.text
    assert all(edit.before == edit.after for step in again.steps for edit in step.edits)


@pytest.mark.parametrize("field", ["他才能生存下來。", "公司也在挑你。", "飛行歸因於作用在飛機上的幾個力。"])
def test_a_field_of_nearly_all_private_characters_comes_back(field: str) -> None:
    page = "<h2>{}</h2><p>市里召开会议。</p>"
    assert repair(page.format(field.encode("big5").decode("gb18030"))).text == page.format(field)


@pytest.mark.parametrize("codec", ["big5", "big5hkscs"])
def test_one_of_the_tables_of_big5_serves_for_a_whole_text(codec: str) -> None:
    text = "邻市建立水情共享机制，记者沈斌报道了这件事情的起因。"
    assert repair(text.encode("gbk").decode(codec)).text == text


def test_a_table_of_all_hanzi_is_no_misreading() -> None:
    chart = bytes(n for lead in (0xC1, 0xC2, 0xC3) for trail in range(0xA1, 0xFF) for n in (lead, trail))
    assert repair(chart.decode("gb18030")).steps == ()


MARKUP = (
    "<script>var a=b&&c||'x';d=/[~`!?]{9}/;</script>",
    "&nbsp;&nbsp;&ldquo;通知&rdquo;&nbsp;&hellip;&hellip;",
    "&#8226;&#160;&#12288;",
    "<a href='?a=1&amp;b=2'>下载v2.0.1-beta</a> » 第5×3页",
    "\ufeff<p>\u200b</p>",
    "Москва, naïve café",
    "GDP增长5％",
    "一艘船、秸秆还田、忐忑不安，穷困潦倒。",
    "这些烫伤的人？？真的吗??",
    "王丄、丁怡博、龚洁强",
)


@pytest.mark.parametrize("text", MARKUP)
def test_the_gate_stays_closed_at_honest_markup(text: str) -> None:
    page = f"<html><body><p>昨日，市里召开会议。</p>{text}<p>会议指出，要抓好落实。</p></body></html>"
    assert evidence.look(page) == 0


GARBLED = st.sampled_from(["市里召开会议", "连云港日报", "低保标准"]).flatmap(
    lambda text: st.sampled_from(
        [
            text.encode().decode("latin-1"),
            text.encode().decode("gb18030", "ignore"),
            text.encode("gbk").decode("latin-1"),
            text.encode("gbk").decode("big5", "ignore"),
            "".join(f"&#{ord(char)};" for char in text),
            "\u200b".join(text),
            "\u0336".join(text),
            text,
        ]
    )
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(GARBLED, st.sampled_from([*MARKUP, "，", "\n", "😀", ""])), max_size=8))
def test_a_page_of_several_kinds_of_damage_can_be_undone(parts: list[tuple[str, str]]) -> None:
    page = "".join(f"<p>{one}{other}</p>" for one, other in parts)
    found = repair(page)
    assert revert(found.text, found.steps) == page
    again = repair(found.text)
    assert again.text == found.text


@pytest.mark.parametrize("codec", ["gbk", "gb18030", *evidence.BIG5])
def test_all_pairs_of_a_codec_are_read_at_once_as_each_by_itself(codec: str) -> None:
    pairs = {
        lead << 8 | trail for lead in range(0x81, 0xFF) for trail in (*range(0x40, 0x7F), *range(0x80, 0xFF))
    }
    alone = {code: code.to_bytes(2, "big").decode(codec, "ignore") for code in sorted(pairs)}
    assert read_pairs(codec) == {
        code: char for code, char in alone.items() if len(char) == 1 and char >= "\x80"
    }
