"""What kind of change it is when one address shows another text than before."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from crawler.text.differences import SENTENCE_RE
from crawler.text.lines import said, tidy

KINDS = ("first", "corrected", "extended", "edited", "withdrawn", "restored", "tampered", "reread")
"""The kinds of versions. A page on which only furniture changed is no version."""
FURNITURE_ONLY = "furniture only"

NOTICE_LETTERS, NOTICE_SENTENCES = 90, 5
"""A notice in the place of an article is no longer than that."""
BRIEF = 80
"""Characters up to which a line can be furniture that holds numbers."""

COUNT_RE = re.compile(
    r"[【\[(（]?\s*(?:累计)?(?:浏览|阅读|点击|访问|查看|观看|收藏|点赞|转发|评论)(?:次数|人数|量|数|率)?\s*[:：]?\s*"
    r"[\d,，.]+\s*万?\s*(?:人次|次|人)?\s*[】\])）]?"
)
"""A count of readers, wherever it stands in a line that is no sentence."""
CLOCK_RE = re.compile(
    r"[【\[(（]?\s*(?:(?:打印|访问|刷新|当前|服务器|系统|最后更新|最近更新|页面更新|最后修改)(?:时间|日期|于)?|今天是)\s*[:：]?\s*"
    r"\d{2,4}\s*[-年/.]\s*\d{1,2}\s*[-月/.]\s*\d{1,2}\s*日?(?:\s*(?:星期|周)[一二三四五六日天])?(?:\s*\d{1,2}:\d{2}(?::\d{2})?)?\s*[】\])）]?"
)
"""The time at which a page was looked at, printed or made: a portal's clock, not a story's date."""
STAFF_RE = re.compile(
    r"[【\[(（]?\s*(?:(?:责任|值班|网络|见习|实习|图文|文字)?编辑|责编|编审|审核|校对|初审|复审|终审|审签|总值班|监制|录入|录入者|发布人|发布者)"
    r"\s*[:：](?!\s*(?:[未不已]|审核)?(?:通过|合格|同意|驳回|完成))"
)
"""Who handled the page: the line says nothing of the story."""
RELATED_RE = re.compile(
    r"[【\[]?(?:相关|延伸|推荐|更多|热门|最新|猜你喜欢的?|精彩)(?:新闻|阅读|链接|文章|报道|推荐|稿件|信息|资讯|专题|图片|视频)[】\]]?\s*[:：]?$"
)
"""The heading of links to other stories."""

CORRECTION_RE = re.compile(
    r"(?:^|[\n。！？；（(【\[“])[ \u3000]*(?:特别|重要|编辑部|本报|本网)?(?:更正|勘[误誤]|订正)(?:启事|说明|声明|公告|通知)?[ \u3000]*[:：】\]）)]"
    r"|[（(【\[](?:更正|勘[误誤]|订正)[^）)】\]\n]{0,80}[）)】\]]"
    r"|(?:本文|本稿|全文|上文|原文|此文|该文|该稿|本报道|该报道|特此|现予|现予以|现作|现更正|谨此)[^。\n]{0,16}(?:更正|勘[误誤]|订正)(?!登记|申请|行为|记录)"
    r"|(?:此前|原文|原稿|前文|前述报道|旧版|先前|早前|初版|首发稿|原报道|原稿件)[^。\n]{0,40}(?:有误|错误|不准确|失实|不实|疏漏|笔误)"
    r"|(?:编者按|编辑注|编者注|编辑说明)[^\n]{0,200}(?:有误|更正|错误|勘[误誤]|失实|笔误|修正)"
    r"|特此(?:更正|致歉|订正)"
)
"""How newspapers and portals say that what stood there was wrong. 更正登记 is an office's act, no correction of a text."""
CORRECTED_TITLE_RE = re.compile("更正(?!登记|申请|行为|记录)|勘[误誤]|订正(?!版)")

_GREETING = r"(?:(?:很|非常|十分)?(?:对不起|抱歉|遗憾)[，,！!。.\s]*|您好[，,！!]?|提示[:：]?|温馨提示[:：]?|系统提示[:：]?)?"
_OBJECT = (
    r"(?:(?:您|你)(?:所|要|想|正在)?(?:要|想)?(?:访问|查看|浏览|请求|查找|查询|打开|阅读)(?:的)?)?(?:该|此|本|这篇|当前|相关|原)?(?:篇|条|则|个)?"
    r"(?:文章|稿件|网页|页面|内容|信息|新闻|链接|资讯|网址|资源|报道|帖子|文档)"
)
_TAKEN = (
    r"(?:可能)?(?:已经|已)?(?:被|由)?(?:作者|管理员|发布者|编辑|发布单位|原单位)?(?:自行)?"
    r"(?:删除|下线|下架|撤回|撤稿|撤下|撤销|屏蔽|移除|失效|过期|停止发布|取消发布|删稿)(?:了)?(?:、(?:或)?名称已(?:被)?(?:更改|修改))?"
)
_LOST = r"(?:可能)?(?:已经|已)?(?:不存在|未找到|找不到(?:了)?|没有找到|未能找到|无法找到|无法访问|不见了|暂时无法访问|暂时不可用|不可用)"
TAKEN_RE = re.compile(
    rf"{_GREETING}{_OBJECT}{_TAKEN}(?:[，,或、/]+(?:{_OBJECT})?(?:{_TAKEN}|{_LOST}))*(?:[，,]?(?:无法|不能)(?:查看|访问|显示|浏览))?"
)
LOST_RE = re.compile(
    rf"{_GREETING}(?:{_OBJECT}{_LOST}(?:[，,或、/]*(?:{_OBJECT})?(?:{_TAKEN}|{_LOST}))*|(?:没有找到|未找到|无法找到|找不到)(?:(?:您|你)?(?:所)?(?:要|请求|想)?(?:查找|查看|访问|浏览)?的?)(?:相关|该|此)?(?:页面|网页|内容|文章)"
    r"|(?:HTTP\s*|错误\s*|Error\s*)?(?:代码\s*)?404(?:\s*[-–—|:：]?\s*(?:Not\s*Found|错误|页面(?:不存在|未找到|找不到)|File\s*not\s*found))?|(?:Page|File)?\s*Not\s*Found)",
    re.I,
)
"""What stands in the place of an article, as a whole sentence: that it was taken away, that it is not there."""
FILLER_RE = re.compile(
    rf"{_GREETING}|(?:请)?(?:您|你)?(?:可以|请)?(?:点击|点此|稍后|重新)?(?:返回|回到|访问|前往|查看|浏览)(?:网站|本站|本网)?(?:的)?(?:首页|主页|上一页|上一级|其他页面|其他内容|其他文章)(?:继续浏览)?"
    r"|(?:\d+|[一二三五十])?\s*秒(?:钟)?(?:后|之后)(?:将)?(?:自动)?(?:跳转|返回)(?:到|至)?(?:网站)?(?:首页|主页|上一页)?"
    r"|请(?:检查|核对|确认)(?:您|你)?(?:输入)?的?(?:网址|地址|链接)(?:是否|有无)?(?:正确|有误|错误)?|给您带来(?:的)?不便[，,]?(?:敬请谅解|请谅解|深表歉意)?|敬请谅解|感谢(?:您)?的?(?:关注|理解)"
)
"""What stands beside it: greetings, ways back, regrets."""
SENTENCES_RE = re.compile(r"[。！!；\n]+|\.\s|[，,\s](?=请|点击|返回|您可以)")


class Shown(NamedTuple):
    """What an address showed at one time."""

    title: str | None
    text: str | None
    published: str | None = None
    """ISO time or date."""
    source: str | None = None
    author: str | None = None
    tampered: bool = False


class Notice(NamedTuple):
    """What a page says in the place of an article."""

    kind: str
    """``withdrawn``: it was taken away; ``not found``: nothing is there."""
    text: str


def kind_of_change(
    before: Shown,
    after: Shown,
    *,
    gone: bool = False,
    earlier: Iterable[tuple[str | None, str | None]] = (),
    listed_title: str | None = None,
) -> str | None:
    """Tell what happened to a page between two looks: one of `KINDS`, `FURNITURE_ONLY`, or None where nothing did.

    `gone`: it was missed in between. `earlier`: titles and texts that it showed before `before`. `listed_title`: what
    the list calls it now. The kinds in the order in which they are tried: ``tampered``, ``restored``, nothing,
    furniture only, ``corrected``, ``extended``, ``edited``.

    >>> old = Shown("水库开闸", "水库今日开闸。放水三小时。")
    >>> kind_of_change(old, Shown("水库开闸", "水库今日开闸。放水三小时。\\n下游水位已回落。"))
    'extended'
    >>> kind_of_change(old, Shown("水库开闸", "水库今日开闸。放水五小时。"))
    'edited'
    >>> kind_of_change(old, Shown("水库开闸", "水库今日开闸。放水五小时。（更正：原文时长有误。）"))
    'corrected'
    >>> kind_of_change(old, Shown("水库开闸", "水库今日开闸。放水三小时。\\n浏览次数：218"))
    'furniture only'
    """
    if after.tampered and not before.tampered:
        return "tampered"
    if gone:
        return "restored"
    equal = (before.title, before.text) == (after.title, after.text)
    alike = equal or _alike(before, after)
    if alike:
        if before.tampered and not after.tampered:
            return "restored"
        if not _same_particulars(before, after):
            return "edited"
        return None if equal else FURNITURE_ONLY
    if any(title == after.title and _essence(text) == _essence(after.text) for title, text in earlier):
        return "restored"
    old, new = substance(before.text), substance(after.text)
    if _is_corrected(old, new, before.title, (after.title, listed_title)):
        return "corrected"
    return "extended" if extends(old, new) else "edited"


def find_notice(title: str | None, text: str | None) -> Notice | None:
    """Find the notice that stands in the place of an article; None for whatever says anything besides.

    Every sentence must be part of such a notice: what is more than a notice is a text.

    >>> find_notice("提示信息", "对不起，您访问的文章已被删除。请返回首页。")
    Notice(kind='withdrawn', text='对不起，您访问的文章已被删除。请返回首页。')
    >>> find_notice("404", "")
    Notice(kind='not found', text='404')
    >>> find_notice("通知", "该文件已废止，有关信息已删除，请各单位按新办法执行。") is None
    True
    """
    said_ = " ".join((text or title or "").split())
    if not said_ or len(said_) > NOTICE_LETTERS:
        return None
    sentences = [
        part for raw in SENTENCES_RE.split(text or title or "") if (part := raw.strip(" \t\u3000.，,"))
    ]
    if not 0 < len(sentences) <= NOTICE_SENTENCES:
        return None
    kinds = set()
    for sentence in sentences:
        if LOST_RE.fullmatch(sentence):
            kinds.add("not found")
        elif TAKEN_RE.fullmatch(sentence):
            kinds.add("withdrawn")
        elif not FILLER_RE.fullmatch(sentence):
            return None
    if not kinds:
        return None
    return Notice("withdrawn" if "withdrawn" in kinds else "not found", said_)


def substance(text: str | None) -> str:
    """Give a text without the furniture that slipped into it: counts of readers, clocks, staff, links to other stories.

    >>> substance("水库开闸。\\n浏览次数：218 打印时间：2024-03-05\\n责任编辑：赵某\\n相关链接\\n天气预报")
    '水库开闸。'
    >>> substance("该视频点击量：120万次。")
    '该视频点击量：120万次。'
    """
    kept = []
    related = False
    for line in (text or "").split("\n"):
        plain = tidy(line)
        if RELATED_RE.match(plain):
            related = True
            continue
        if related and len(plain) <= BRIEF and not re.search("[。！？]", plain):
            continue
        related = False
        if len(plain) <= BRIEF and not re.search("[。！？]", plain):
            if STAFF_RE.match(plain) or said(plain)[2] in ("end", "comments", "drop"):
                continue
            plain = CLOCK_RE.sub("", COUNT_RE.sub("", plain)).strip(" \t\u3000|｜")
        if plain:
            kept.append(plain)
    return "\n".join(kept)


def extends(before: str, after: str) -> bool:
    """Tell whether all sentences of a text are still there, in their order, and others came.

    >>> extends("同意该方案。", "不同意该方案。"), extends("甲到会。丙到会。", "甲到会。乙到会。丙到会。")
    (False, True)
    """
    old, new = (
        [plain for raw in SENTENCE_RE.findall(text) if (plain := raw.strip().rstrip("。"))]
        for text in (before, after)
    )
    rest = iter(new)
    return len(new) > len(old) and all(sentence in rest for sentence in old)


def _essence(text: str | None) -> str:
    """Give what a text says without furniture and layout; a text that is nothing else is its own essence."""
    found = substance(text) or (text or "")
    return "".join(re.sub(r"(?<=[0-9A-Za-z])\s+(?=[0-9A-Za-z])", "\0", found).split()).replace("\0", " ")


def _alike(before: Shown, after: Shown) -> bool:
    return before.title == after.title and _essence(before.text) == _essence(after.text)


def _same_particulars(before: Shown, after: Shown) -> bool:
    """Tell whether source, author and date are as before; a date that gained or lost its time of day is."""
    one, other = before.published, after.published
    days = (
        one is None
        or other is None
        or one == other
        or (one[:10] == other[:10] and 10 in (len(one), len(other)))
    )
    return days and (before.source, before.author) == (after.source, after.author)


def _is_corrected(old: str, new: str, title: str | None, titles: Iterable[str | None]) -> bool:
    """Tell whether a correction notice is there that was not, in the text or in a title."""
    if not CORRECTED_TITLE_RE.search(title or "") and any(
        CORRECTED_TITLE_RE.search(each or "") for each in titles
    ):
        return True
    return any(found[0].strip("\n。！？； \u3000") not in old for found in CORRECTION_RE.finditer(new))
