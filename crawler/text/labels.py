"""Dates and labels as pages print them: ``发布时间：2021-04-06 15:13:48 来源：示例日报``."""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo

from crawler.text.keeping import keep

SHANGHAI = ZoneInfo("Asia/Shanghai")
PRINTED = ZoneInfo.no_cache("Asia/Shanghai")
"""The zone of a time that was printed without one: an instance of its own, by which `settle` knows it."""
OUTER = " \t\r\n\f\v\xa0\u3000\u2002\u2003"
"""White space that a line or a value may have around it."""

DATE_RE = re.compile(
    r"((?:19(?<!\d19)|20(?<!\d20))\d\d)\s?[-/.年]\s?(1[0-2]|0?[1-9])\s?[-/.月]\s?(3[01]|[12]\d|0?[1-9])(?!\d*[./-]\d)\s?日?"
    r"(?:[\sT\u3000]*(?:上午|下午)?([01]?\d|2[0-3])\s?[:：时点]\s?([0-5]\d)(?:\s?[:：分]\s?([0-5]\d)(?!\d))?)?"
)
URL_DATE_RE = re.compile(
    r"/((?:19|20)\d\d)(?:/|-|_)?(0[1-9]|1[0-2])(?:/|-|_)?(0[1-9]|[12]\d|3[01])(?=[/_.]|$)"
    r"|/t((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])_"
)
TODAY_RE = re.compile("今天是|今天:|今天：|星期[一二三四五六日天]|农历|欢迎")
"""What a page's clock line says; its date is the visitor's."""


def read_date(text: str) -> datetime | date | None:
    """Read the first date of a text, with its time where it has one.

    >>> read_date("2021-04-06 15:13:48").isoformat()
    '2021-04-06T15:13:48+08:00'
    >>> read_date("2024年1月18日"), read_date("1.2.3.4"), read_date("2023-02-30")
    (datetime.date(2024, 1, 18), None, None)
    """
    found = DATE_RE.search(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = found.groups()
    try:
        if hour is None:
            return date(int(year), int(month), int(day))
        hours = int(hour)
        if "下午" in found[0] and hours < 12:
            hours += 12
        return datetime(int(year), int(month), int(day), hours, int(minute), int(second or 0), tzinfo=PRINTED)
    except ValueError:
        return None


def settle(found: datetime | date | None, zone: tzinfo) -> datetime | date | None:
    """Take a time that was printed without a zone as one of `zone`; give it in Asia/Shanghai.

    >>> settle(read_date("2021-04-06 15:13:48"), ZoneInfo("Asia/Urumqi")).isoformat()
    '2021-04-06T17:13:48+08:00'
    >>> settle(datetime(2021, 4, 6, 15, tzinfo=SHANGHAI), ZoneInfo("Asia/Urumqi")).isoformat(), settle(None, SHANGHAI)
    ('2021-04-06T15:00:00+08:00', None)
    """
    if not isinstance(found, datetime):
        return found
    try:
        return (found.replace(tzinfo=zone) if found.tzinfo is PRINTED else found).astimezone(SHANGHAI)
    except OverflowError:
        return found


def url_date(url: str | None) -> date | None:
    if url and (found := URL_DATE_RE.search(url)):
        year, month, day = (g for g in found.groups() if g is not None)
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            return None
    return None


LABELS = {
    "published": "发布时间 发布日期 发表时间 发表日期 发表于 发布于 发稿时间 时间 日期 发文日期 公开日期 发布 成文日期"
    " 生成日期",
    "updated": "更新时间 更新日期 最后更新 修改时间",
    "source": "信息来源 稿件来源 文章来源 新闻来源 消息来源 内容来源 来源 稿源 出处",
    "author": "作者 撰稿 供稿 撰文 执笔人 执笔",
    "editor": "责任编辑 编辑 责编",
    "duty": "总值班",
    "index_number": "索引号",
    "document_number": "发文字号 发文文号 文件编号 文号",
    "office": "发布机构 发布单位 发文机关 发文单位 公开责任部门 信息公开机构 制发机关",
    "": "阅读次数 浏览次数 点击次数 访问次数 点击数 点击率 点击 浏览量 阅读量 访问量 阅读 浏览 人气 字体 字号 字体大小"
    " 视力保护色 保护视力色 打印 关闭 分享 分享到 收藏 审核 校对 摄影 主题词 主题分类 分类 体裁分类 组配分类 时效"
    " 有效性 效力状况 内容概述 标题 名称 关键词 信息名称 文件名称 公开方式 公开程序 公开形式 公开时限 公开范围 生效日期"
    " 废止日期 实施日期 有效期 评论 评论数 背景色",
}
FIELD_OF = {label: field for field, labels in LABELS.items() for label in labels.split()}
TABLE_LABELS = frozenset(
    [
        "索引号",
        "分类",
        "发布机构",
        "发文日期",
        "标题",
        "文号",
        "主题词",
        "内容概述",
        "时效",
        "发布日期",
        "发文字号",
        "主题分类",
        "体裁分类",
        "组配分类",
        "名称",
        "发文机关",
        "成文日期",
        "有效性",
        "公开日期",
        "生成日期",
        "发布单位",
        "关键词",
        "公开方式",
        "公开形式",
        "生效日期",
        "废止日期",
        "效力状况",
        "信息名称",
        "文件名称",
        "文件编号",
        "公开责任部门",
        "公开范围",
        "公开时限",
        "发文单位",
        "制发机关",
    ]
)
"""What the cells of an open-government table are headed with."""

_ANY_LABEL = "|".join(
    r"[ \u3000\xa0]*".join(label) for label in sorted(FIELD_OF, key=lambda label: -len(label))
)


def _labels(apart: bool) -> str:
    """Give a pattern for any label, by first characters, which `re` finds quickly; `apart`: behind no Hanzi."""
    rest: dict[str, list[str]] = {}
    for label in sorted(FIELD_OF, key=lambda label: -len(label)):
        rest.setdefault(label[0], []).append(r"[ \u3000\xa0]*".join(("", *label[1:])))
    look = r"(?<![\u4e00-\u9fff].)" if apart else ""
    return "|".join(f"{first}{look}(?:{'|'.join(others)})" for first, others in rest.items())


LABEL_RE = re.compile(rf"({_labels(apart=True)})(?:[】\]]?\s*(?:[:：]\s*|$)|(?<=[表布]于)\s*(?=[12]\d{{3}}))")
"""A label of an info line or of an open-government table; `来 源：` is written with spaces too."""

RUN_ON_RE = re.compile(rf"({_labels(apart=False)})(?:[】\]]?\s*[:：]\s*|(?<=[表布]于)\s*(?=[12]\d{{3}}))")
"""The same behind another value, where a style sheet makes the distance: `作者：张三来源：…`."""

SQUEEZE_RE = re.compile(r"\s+")
VALUE_END_RE = re.compile(r"\s{2,}|[\u3000\t|]|【|\s(?=字体|字号|打印|关闭|分享|收藏|阅读|点击|浏览|我要)")


RANGE_RE = re.compile(
    r"\s*(?:[（(]?(?:星期|周)[一二三四五六日天][）)]?\s*(?=[上下中]午|晚|早|凌晨|\d))?"
    rf"(?:[至到起前止后以内—–~～、。]|[，,](?!\s*(?:{_ANY_LABEL}|$))|-+\s*\d|[上下中]午|晚|早|凌晨|\d{{1,2}}\s?[时点:：])"
)
"""What follows the date of an event or of a term, and never the date of a page."""


def stamp(value: str) -> re.Match[str] | None:
    """Match the date that a label's value is; the time of an event is none.

    >>> stamp("2021-04-06 15:13:48")[0], stamp("2026年12月1日上午9:00至11:30"), stamp("2026年12月1日起")
    ('2021-04-06 15:13:48', None, None)
    """
    found = DATE_RE.match(value)
    return None if found is None or RANGE_RE.match(value, found.end()) else found


@keep(1024)
def labelled(text: str) -> tuple[tuple[str, str, str], ...]:
    """Give (field, label, value) for each label of a line.

    >>> labelled("发布时间：2021-04-06 来 源：示例日报")
    (('published', '发布时间', '2021-04-06'), ('source', '来源', '示例日报'))
    """
    found = list(LABEL_RE.finditer(text))
    if found and (found[0].start() <= 1 or DATE_RE.match(text)):
        found = list(RUN_ON_RE.finditer(text))
    told = []
    for this, after in zip(found, [*found, None][1:], strict=True):
        label = SQUEEZE_RE.sub("", this[1])
        value = text[this.end() : after.start() if after else len(text)].strip(OUTER + "|[]【】()（）;；,，")
        told.append((FIELD_OF[label], label, value))
    return tuple(told)


def refines(found: datetime | date, known: datetime | date) -> bool:
    """Say whether one date tells the same moment more exactly than another."""
    if not isinstance(found, datetime):
        return False
    if not isinstance(known, datetime):
        return found.date() == known
    if (known.hour, known.minute, known.second) == (0, 0, 0):  # what a form puts where no time was given
        return found != known and found.date() == known.date()
    return known.second == 0 and found.second > 0 and found.replace(second=0) == known
