"""Who wrote a text, as its first and last lines print it."""

from __future__ import annotations

import re
from collections.abc import Iterable

NAME = r"(?!通讯员|记者|摄影|报道|本报|本网|本台|日前|获悉|了解|采访|发现|手记|从|在)[\u4e00-\u9fff\u3400-\u4dbf·]{2,4}"
NAMES = rf"{NAME}(?:[ \u3000、，,/]+{NAME}){{0,7}}"
GAP = r"[ \u3000:：/]"
ALSO = rf"(?:[ \u3000、，,/]+(?:特约|本报)?通讯员{GAP}+({NAMES}))?"
REPORTER_RE = re.compile(
    rf"(?:全媒体|见习|实习|首席|特约|融媒体|总台)?记者{GAP}+({NAMES}){ALSO}(?=[）)】\s\u3000。；;/]|$)"
)
"""`记者 张三 李四 通讯员 王五` as Chinese papers print it, with a space: `记者从…获悉` is the story."""
INSIDE_RE = re.compile(rf"[（(][^（()），。]{{0,16}}?记者{GAP}*({NAMES}){ALSO}[）)]")
"""`（记者张三）`: the brackets make the space needless."""
WRITER_RE = re.compile(rf"[（(](?:特约|本报)?通讯员{GAP}*({NAMES})[）)]")
SENT_RE = re.compile(
    r"[（(【]?\S{0,10}?记者\s*((?!从|在)[\u4e00-\u9fff·、 \u3000]{2,16}?)\s*发自\s*[\u4e00-\u9fff]{2,8}(?:报道)?[）)】]?"
)
"""`本报记者张三发自北京`, a line of its own."""
PEN_RE = re.compile(
    rf"[（(【]?(?:(?:文|图文|文图|撰文|文字|文\s*[/／、]\s*图)\s*[/／|:：]\s*({NAMES})|(?:\S{{0,16}}记者{GAP}*)?({NAMES})\s*[/／]\s*(?:文|图文|文图))"
    r"(?:(?:\s|图|受访者|资料).*)?[）)】]?"
)
"""`文/张三 图/李四`, `张三/文`, a line of its own."""
SPLIT_RE = re.compile(r"[ \u3000、，,/]+")
PAPER_RE = re.compile(
    r"[（(【]\s*([\u4e00-\u9fff]{2,8}(?:日报|晚报|早报|晨报|时报|商报))社?(?:全媒体|融媒体)?[\u4e00-\u9fff]{0,2}记者"
)


def read_byline(lines: Iterable[str]) -> str | None:
    """Read the reporters' and correspondents' names from some lines, joined by a space.

    >>> read_byline(["本报讯(记者 王小明 通讯员 李大海)三座书屋昨日开放。"]), read_byline(["记者从文化站获悉,书屋开放。"])
    ('王小明 李大海', None)
    >>> read_byline(["新华社示例4月6日电（记者王小明、赵一一）三座书屋"]), read_byline(["文/王小明 图/赵一一"])
    ('王小明 赵一一', '王小明')
    """
    for text in lines:
        if "记者" in text:
            for found in REPORTER_RE.finditer(text):
                before, after = text[: found.start()], text[found.end() :]
                within = max(before.rfind("("), before.rfind("（")) > max(
                    before.rfind(")"), before.rfind("）")
                )
                if within or (len(before) <= 24 and len(after) <= 12):
                    return _joined(found)
            if inside := INSIDE_RE.search(text[:160]):
                return _joined(inside)
            if len(text) <= 40 and (sent := SENT_RE.fullmatch(text)):
                return _joined(sent)
        if "通讯员" in text and (writer := WRITER_RE.search(text)):
            return _joined(writer)
        if len(text) <= 40 and "文" in text and (pen := PEN_RE.fullmatch(text)):
            return _joined(pen)
    return None


def _joined(found: re.Match[str]) -> str:
    return " ".join(name for group in found.groups() if group for name in SPLIT_RE.split(group) if name)


def tidy_names(printed: str) -> str:
    """Give an author's label's value as names: without what they are, and without a space within a short name.

    >>> tidy_names("赵　一：示例大学"), tidy_names("王小明 李大海"), tidy_names("王 明")
    ('赵一', '王小明 李大海', '王明')
    """
    if printed.isalpha():
        return printed
    name = re.split("[：:（(]", printed, maxsplit=1)[0].strip(" \u3000") or printed
    parts = name.split()
    return "".join(parts) if len(parts) == 2 and len(parts[0]) == 1 and len(parts[1]) <= 2 else name
