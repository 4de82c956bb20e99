"""The machine that makes tampered copies, run forward.

Three steps, each a function: Simplified to Traditional character by character, notes of reading set in by
blind replacement of bytes, and conversion to UTF-8 the way PHP's CP936 converter does it. Worked out from
the bytes of a copy found in the wild, where 缓退等政策，进一步 came out as 緩?fù)说日\\ue479撸\\ue0faM(jìn)一步.
"""

from __future__ import annotations

from functools import cache

import opencc

# Characters that the copies leave as they are or turn their own way, against OpenCC's first choice.
KEPT = "云里后面只干系松谷斗丑向周卷表"
TURNED = {"着": "著", "为": "為"}

# Reading of each annotated character, in the order in which the machine replaces them.
READINGS = {
    "時": "shí", "來": "lái", "報": "bào", "數": "shù", "體": "tǐ", "實": "shí", "載": "zài", "堅": "jiān",
    "發": "fā", "進": "jìn", "層": "céng", "會": "huì", "養": "yǎng", "務": "wù", "築": "zhù", "區": "qū",
    "鎮": "zhèn", "復": "fù", "員": "yuán", "說": "shuō", "張": "zhāng", "為": "wéi", "幫": "bāng", "開": "kāi",
    "獨": "dú", "動": "dòng", "勞": "láo", "齡": "líng", "條": "tiáo", "難": "nán", "準": "zhǔn", "網": "wǎng",
    "財": "cái", "產": "chǎn", "認": "rèn", "標": "biāo", "業": "yè", "漸": "jiàn", "態": "tài", "擴": "kuò",
    "圍": "wéi", "達": "dá", "斷": "duàn", "陸": "lù", "頭": "tóu", "處": "chù", "場": "chǎng", "應": "yīng",
    "當": "dāng", "關": "guān", "門": "mén", "問": "wèn", "間": "jiān", "書": "shū", "記": "jì", "錢": "qián",
    "園": "yuán", "學": "xué", "計": "jì", "長": "cháng", "樂": "lè", "華": "huá", "將": "jiāng", "現": "xiàn",
    "環": "huán", "壓": "yā", "戶": "hù", "萬": "wàn", "億": "yì", "歲": "suì", "樹": "shù",
    "劃": "huà", "審": "shěn", "聯": "lián", "讓": "ràng", "變": "biàn", "過": "guò", "還": "hái", "這": "zhè",
    "兩": "liǎng", "給": "gěi", "從": "cóng", "熱": "rè", "線": "xiàn", "總": "zǒng", "約": "yuē", "級": "jí",
    "優": "yōu", "電": "diàn", "車": "chē", "輛": "liàng", "農": "nóng", "鄉": "xiāng", "檢": "jiǎn", "機": "jī",
    "構": "gòu", "權": "quán", "監": "jiān", "護": "hù", "臺": "tái", "號": "hào", "製": "zhì", "創": "chuàng",
    "協": "xié", "議": "yì", "調": "diào", "證": "zhèng", "試": "shì", "設": "shè", "訪": "fǎng", "許": "xǔ",
    "點": "diǎn", "費": "fèi", "購": "gòu", "賬": "zhàng", "貨": "huò", "質": "zhì", "補": "bǔ", "餘": "yú",
}  # fmt: skip


@cache
def _traditional(char: str) -> str:
    if char in TURNED:
        return TURNED[char]
    if char in KEPT:
        return char
    return _converter().convert(char)


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("s2t")


def to_traditional(text: str) -> str:
    """Turn each character into its Traditional form, one by one, without looking at words.

    >>> to_traditional("在云台山后面看着这里")
    '在云臺山后面看著這里'
    """
    return "".join(_traditional(char) if char > "\u2e80" else char for char in text)


def annotate(body: bytes, readings: dict[str, str] | None = None) -> bytes:
    """Put ``(reading)`` behind each annotated character of GBK bytes, blind to where characters begin.

    One replacement after the other, in the order of the table, as a list of search and replace does it.
    Where the last byte of one character and the first byte of the next happen to be an annotated
    character, the note lands in the middle of a character.

    >>> annotate("會議".encode("gbk"), {"會": "huì"}).decode("gbk")
    '會(huì)議'
    """
    for char, reading in (READINGS if readings is None else readings).items():
        found = char.encode("gbk")
        body = body.replace(found, found + f"({reading})".encode("gbk"))
    return body


# PHP's private-use ranges for pairs that CP936 leaves unassigned: first code point, first pair, last pair.
UNASSIGNED = (
    (0xE766, 0xA2AB, 0xA2B0), (0xE76D, 0xA2E4, 0xA2E4), (0xE76E, 0xA2EF, 0xA2F0), (0xE770, 0xA2FD, 0xA2FE),
    (0xE772, 0xA4F4, 0xA4FE), (0xE77D, 0xA5F7, 0xA5FE), (0xE785, 0xA6B9, 0xA6C0), (0xE78D, 0xA6D9, 0xA6DF),
    (0xE794, 0xA6EC, 0xA6ED), (0xE796, 0xA6F3, 0xA6F3), (0xE797, 0xA6F6, 0xA6FE), (0xE7A0, 0xA7C2, 0xA7D0),
    (0xE7AF, 0xA7F2, 0xA7FE), (0xE7BC, 0xA896, 0xA8A0), (0xE7C7, 0xA8BC, 0xA8BC), (0xE7C8, 0xA8BF, 0xA8BF),
    (0xE7C9, 0xA8C1, 0xA8C4), (0xE7CD, 0xA8EA, 0xA8FE), (0xE7E2, 0xA958, 0xA958), (0xE7E3, 0xA95B, 0xA95B),
    (0xE7E4, 0xA95D, 0xA95F), (0xE7E7, 0xA997, 0xA9A3), (0xE7F4, 0xA9F0, 0xA9FE), (0xE810, 0xD7FA, 0xD7FE),
)  # fmt: skip


def _pair(lead: int, trail: int) -> str:
    """Decode one pair as PHP's CP936 does; ``?`` where it cannot."""
    if (0xAA <= lead <= 0xAF or 0xF8 <= lead <= 0xFE) and 0xA1 <= trail <= 0xFE:
        return chr(0xE000 + 94 * (lead - (0xF2 if lead >= 0xF8 else 0xAA)) + trail - 0xA1)
    if 0xA1 <= lead <= 0xA7 and 0x40 <= trail <= 0xA0 and trail != 0x7F:
        return chr(0xE4C6 + 96 * (lead - 0xA1) + trail - (0x41 if trail >= 0x80 else 0x40))
    pair = lead << 8 | trail
    for point, first, last in UNASSIGNED:
        if first <= pair <= last:
            return chr(point + pair - first)
    try:
        return bytes((lead, trail)).decode("gbk")
    except UnicodeDecodeError:
        return "?"


def php_cp936(body: bytes) -> str:
    """Decode bytes as PHP's CP936 converter does.

    ``?`` stands for a pair it cannot decode and swallows both bytes, an ASCII one too; user-defined areas
    and unassigned pairs become private-use characters; a lone 0x80 is the euro sign, 0xFF U+F8F5.

    >>> php_cp936(b"\\xb5\\xcd\\x80\\xff\\xcd(f\\xaa\\xa1")
    '低€\\uf8f5?f\\ue000'
    """
    text: list[str] = []
    at = 0
    while at < len(body):
        byte = body[at]
        if byte < 0x80:
            text.append(chr(byte))
        elif byte == 0x80:
            text.append("€")
        elif byte == 0xFF:
            text.append("\uf8f5")
        elif at + 1 == len(body):
            text.append("?")
        else:
            text.append(_pair(byte, body[at + 1]))
            at += 1
        at += 1
    return "".join(text)


def copy(text: str, readings: dict[str, str] | None = None) -> str:
    """Make the tampered copy of a text, or of a whole page's source.

    >>> copy("低保渐退缓退等政策，进一步")
    '低保漸(jiàn)退緩?fù)说日\\ue479撸\\ue0faM(jìn)一步'
    """
    return php_cp936(annotate(to_traditional(text).encode("gbk", "replace"), readings))


def swallowed(text: str, readings: dict[str, str] | None = None) -> tuple[str, ...]:
    """Give the ASCII characters that the converter swallows when it copies this text, notes' own left out.

    ``(`` belongs to a note and is always known; anything else that is swallowed is lost for good.
    """
    body = annotate(to_traditional(text).encode("gbk", "replace"), readings)
    gone: list[str] = []
    at = 0
    while at < len(body):
        if 0x80 < body[at] < 0xFF and at + 1 < len(body):
            if body[at + 1] < 0x40 and body[at + 1] != 0x28:
                gone.append(chr(body[at + 1]))
            elif _pair(body[at], body[at + 1]) == "?" and body[at + 1] >= 0x40:
                gone.append(f"{body[at]:02x}{body[at + 1]:02x}")
            at += 1
        at += 1
    return tuple(gone)
