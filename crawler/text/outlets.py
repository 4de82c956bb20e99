"""The name of a paper, agency or office behind the ways in which sources are printed."""

from __future__ import annotations

import re
import unicodedata

LABEL_RE = re.compile(
    r"^[\s【\[(（]*(?:(?:信息|稿件|文章|新闻|消息|内容)?\s*(?:来\s*源|稿\s*源|出\s*处)(?:\s*于)?\s*[:：]?|(?:转载?|摘|选|引)自\s*[:：]?"
    r"|据(?=[《“]))\s*"
)
AFTER_RE = re.compile(
    r"\s*(?:[（(【\[]?\s*(?:全媒体|融媒体|融媒|见习|首席|特约|本报|本网)*(?:记者|通讯员|作者|编辑|责编)(?:[\s:：].*|$)"
    r"|(?:(?:19|20)\d\d\s*[-/.年]).*|[\s，,]*(?:第?[A-Z]?\d+版).*|https?://.*)$"
)
"""What is printed behind the name: who wrote it, when, on which page."""
OUTER = " \t\u3000\xa0:：,，;；、|·《》〈〉“”\"'「」『』【】[]()（）<>"
PAPER_RE = re.compile(
    r"(?:日报|晚报|早报|晨报|晚刊|时报|商报|早刊|周报|都市报|导报|快报|青年报|工人报|农民报|经济报|法治报|法制报|新报)"
)
PRESS_RE = re.compile(
    rf"^(\S*?{PAPER_RE.pattern})(?:报?社|社|(?:报业)?全媒体|融媒体?|客户端|新闻客户端|官方微信|微信公众号|微信|数字报|电子版|电子报|讯)+$"
)
"""Who prints a paper, and where else it appears."""
NOBODY = frozenset(
    [
        "本报",
        "本站",
        "本网",
        "本网站",
        "本台",
        "本社",
        "本刊",
        "原创",
        "转载",
        "转载文章",
        "网络",
        "互联网",
        "网上",
        "网络转载",
        "网络整理",
        "其他",
        "其它",
        "不详",
        "未知",
        "佚名",
        "综合",
        "暂无",
        "无",
    ]
)
"""What stands for a source and names none."""


def name_outlet(printed: str | None) -> str | None:
    """Give the name of who a printed source names; None where it names nobody.

    >>> [name_outlet(one) for one in ("来源：连云港日报", "《连云港日报》", "连云港日报社", "连云港日报全媒体记者 张三")]
    ['连云港日报', '连云港日报', '连云港日报', '连云港日报']
    >>> name_outlet("新华社"), name_outlet("市政府办"), name_outlet("人民日报海外版"), name_outlet("本站")
    ('新华社', '市政府办', '人民日报海外版', None)
    """
    if not printed:
        return None
    name = printed
    if not name.isalnum():  # most are nothing but the name
        name = LABEL_RE.sub("", name)
        quoted = re.match(r"[《〈]([^《》〈〉]{2,30})[》〉]", name)
        if quoted:
            name = quoted[1]
        name = AFTER_RE.sub("", name).strip(OUTER)
        if len(name) > 40:
            return None
        name = re.sub(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])", "" if _spaced(name) else " ", name)
    name = unicodedata.normalize("NFKC", name)
    if found := PRESS_RE.match(name):
        name = found[1]
    return None if name in NOBODY or not name else name


def _spaced(name: str) -> bool:
    """Say whether a name is only set wide: every character apart."""
    return all(len(part) == 1 for part in name.split())
