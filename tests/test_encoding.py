"""Decoding: which evidence wins, what damage costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.text.encoding import Damage, Decoded, codec_of, declared, decode
from tests.bench.decoding import lost

NEWS = (
    "昨日，市里召开会议，研究部署今年农村道路的养护工作。会议指出，去年全市新建道路三百多公里，"
    "群众出行条件明显改善；今年还要继续加大投入，让每个村子都通上好路。"
)
OLD = "昨日，市裡召開會議，研究部署今年農村道路的養護工作。會議指出，去年全市新建道路三百多公里。"


CASES = Path(__file__).parent / "cases"


def cases(kind: str) -> list[Any]:
    rows = json.loads((CASES / f"encoding-{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(row, id=row["name"]) for row in rows]


@pytest.mark.parametrize("case", [*cases("in-the-wild"), *cases("synthetic"), *cases("negative")])
def test_bytes_say_what_the_case_says(case: dict[str, Any]) -> None:
    found = decode(bytes.fromhex(case["body"]))
    damage = [[at.offset, at.bytes.hex()] for at in found.damage]
    assert (found.text, found.encoding, damage) == (case["text"], case["encoding"], case["damage"])


def page(text: str, head: str = "") -> str:
    return f"<html><head>{head}<title>{text[:12]}</title></head><body><p>{text}</p></body></html>"


@pytest.mark.parametrize(
    ("codec", "text"), [("utf-8", NEWS), ("gb18030", NEWS), ("big5", OLD), ("gb18030", OLD), ("utf-8", OLD)]
)
@pytest.mark.parametrize(
    "head",
    [
        "",
        "<meta charset=utf-8>",
        '<meta http-equiv="Content-Type" content="text/html; charset=gb2312">',
        '<script src="a.js" charset="utf-8"></script><meta charset="gbk">',
        '<script src="a.js" charset="big5"></script>',
        "<!-- <meta charset=shift_jis> -->",
        '<meta charset="base64">',
    ],
)
def test_a_page_is_read_right_whatever_its_label_says(codec: str, text: str, head: str) -> None:
    found = decode(page(text, head).encode(codec))
    assert (found.text, found.encoding, found.damage) == (page(text, head), codec, ())


@pytest.mark.parametrize(
    "header", [None, "text/html", "text/html; charset=gb2312", "text/html;charset=UTF-8"]
)
def test_a_header_cannot_spoil_a_page(header: str | None) -> None:
    bodies = [page(NEWS).encode("utf-8"), page(NEWS).encode("gb18030")]
    assert [decode(body, header).encoding for body in bodies] == ["utf-8", "gb18030"]


@pytest.mark.parametrize(
    "label",
    [
        "base64",
        "rot13",
        "unicode-escape",
        "raw_unicode_escape",
        "utf-7",
        "idna",
        "punycode",
        "hex",
        "zlib",
        "utf-16",
        "mbcs",
        "uu",
        "undefined",
        "utf_8_sig",
        "hz",
        "../x",
    ],
)
def test_labels_that_browsers_do_not_know_name_no_codec(label: str) -> None:
    assert codec_of(label) is None
    assert decode(b"plain text", f"text/html; charset={label}") == Decoded(
        "plain text", "utf-8", "ASCII, nothing declared"
    )


def test_labels_mean_what_they_mean_to_browsers() -> None:
    labels = [
        "GB2312",
        "gbk",
        "x-gbk",
        "big5-hkscs",
        "latin1",
        "ascii",
        "sjis",
        "euc-kr",
        "utf8",
        "windows-1251",
    ]
    assert [codec_of(label) for label in labels] == [
        "gb18030", "gb18030", "gb18030", "big5", "cp1252", "cp1252", "cp932", "cp949", "utf-8", "cp1251",
    ]  # fmt: skip


def test_only_the_page_itself_declares_its_charset() -> None:
    body = b"""<?xml version="1.0" encoding="GBK"?><html><head>
    <script charset='utf-8' src="x.js"></script><link charset="big5" href="x.css">
    <script>document.write('<meta charset="koi8-r">')</script>
    <META HTTP-EQUIV=content-type CONTENT='text/html;charset=gb2312'>"""
    assert declared(body, 'text/html; charset="utf-8"') == (
        ("header", "utf-8", "utf-8"),
        ("xml", "GBK", "gb18030"),
        ("meta", "gb2312", "gb18030"),
    )


def test_a_damaged_byte_costs_one_character() -> None:
    body = bytearray(NEWS.encode("gb18030"))
    place = body.index("群众".encode("gb18030"))
    body[place] = 0xFF
    found = decode(bytes(body))
    assert found.text == NEWS.replace("群众", "\ufffd众", 1)
    assert found.damage == (Damage(place, b"\xff\xba"),)


def test_a_lost_byte_does_not_shift_the_rest_of_the_line() -> None:
    body = NEWS.encode("gb18030")
    place = body.index("群众".encode("gb18030"))
    found = decode(body[:place] + body[place + 1 :])
    assert found.text == NEWS.replace("群众", "\ufffd众", 1)
    assert [len(damage.bytes) for damage in found.damage] == [1]


@pytest.mark.parametrize("codec", ["big5", "gb18030"])
def test_a_byte_lost_or_added_anywhere_costs_two_characters_at_most(codec: str) -> None:
    text = page(OLD)
    body = text.encode(codec)
    bad = []
    for place in range(body.index(b"<p>"), len(body) - 30):
        for damaged in (body[:place] + body[place + 1 :], body[:place] + b"\xe9" + body[place:]):
            found = decode(damaged).text
            if lost(text, found) > 2:
                bad.append((place, found))
    assert len(bad) <= 2, bad


@pytest.mark.parametrize("codec", ["big5", "gb18030"])
@pytest.mark.parametrize("letter", ["A", "T", "[", "_", "k", "|"])
def test_a_letter_between_characters_is_no_slip(codec: str, letter: str) -> None:
    for place in range(1, len(OLD)):
        text = page(OLD[:place] + letter + OLD[place:])
        assert decode(text.encode(codec))[:2] == (text, codec)


def test_damaged_utf8_stays_utf8() -> None:
    body = NEWS.encode()
    place = body.index("群众".encode())
    found = decode(body[: place + 2] + body[place + 3 :], "text/html; charset=gb2312")
    assert (found.text, found.encoding) == (NEWS.replace("群众", "\ufffd众", 1), "utf-8")
    assert found.damage == (Damage(place, "群".encode()[:2]),)


def test_an_include_in_another_encoding_is_read_by_itself() -> None:
    footer = "主办单位：市政府办公室　电话"
    mixed = page(NEWS).encode() + footer.encode("gb18030")
    assert decode(mixed)[:2] == (page(NEWS) + footer, "utf-8")
    other = page(NEWS).encode("gb18030") + b"\n" + footer.encode()
    assert decode(other)[:2] == (page(NEWS) + "\n" + footer, "gb18030")


def test_gb18030_follows_the_browsers_where_python_does_not() -> None:
    places = "a3a0 a6d9 a6da a6db a6df a6ec a6ed a6f3 a8bc fe59 fe61 fe66 fe67 fe6d fe7e fe90 fea0 80"
    body = NEWS.encode("gb18030") + b"\n" + b" ".join(bytes.fromhex(place) for place in places.split())
    assert decode(body, "text/html; charset=gb2312").text.split("\n")[1].split(" ") == [
        *"\u3000\ufe10\ufe12\ufe11\ufe16\ufe17\ufe18\ufe19\u1e3f\u9fb4\u9fb5\u9fb6\u9fb7\u9fb8\u9fb9\u9fba\u9fbb€"
    ]


def test_a_byte_order_mark_wins() -> None:
    assert decode(b"\xef\xbb\xbf" + NEWS.encode(), "text/html; charset=big5") == Decoded(
        NEWS, "utf-8", "byte order mark"
    )
    assert decode(NEWS.encode("utf-16"))[:2] == (NEWS, "utf-16-le")
    assert decode(b"\xfe\xff" + NEWS.encode("utf-16-be"))[:2] == (NEWS, "utf-16-be")


@pytest.mark.parametrize("title", ["农村道路养护", "群众出行条件", "市里召开会议", "今年继续投入"])
def test_a_short_title_is_read_right(title: str) -> None:
    assert [decode(title.encode(codec))[:2] for codec in ("utf-8", "gb18030")] == [
        (title, "utf-8"),
        (title, "gb18030"),
    ]


def test_western_bytes_are_not_made_chinese() -> None:
    body = "<p>Une journée à la campagne, près de Besançon</p>".encode("cp1252")
    assert decode(body)[:2] == ("<p>Une journée à la campagne, près de Besançon</p>", "cp1252")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from(
                [
                    NEWS.encode(),
                    NEWS.encode("gb18030"),
                    OLD.encode("big5"),
                    b"<meta charset=gbk>",
                    b"\xff\xfe",
                ]
            ),
        ),
        max_size=6,
    )
)
def test_any_bytes_can_be_decoded(parts: list[bytes]) -> None:
    body = b"".join(parts)
    found = decode(body, "text/html; charset=gb2312")
    assert "".encode(found.encoding) in (b"", b"\xff\xfe", b"\xfe\xff")
    assert all(body[d.offset : d.offset + len(d.bytes)] == d.bytes for d in found.damage)
    assert found.reason
    assert "\n" not in found.reason


def test_real_pages_are_read_without_loss(shared: Path) -> None:
    pages = sorted((shared / "pages" / "original").glob("*.html"))
    found = [decode(path.read_bytes()) for path in pages]
    assert {decoded.encoding for decoded in found} == {"utf-8", "gb18030"}
    assert sum(len(decoded.damage) for decoded in found) <= 3
