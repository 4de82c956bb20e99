"""An article page's fields and text, decided from the outline of its elements.

Where the page says something about itself (``<meta>`` tags, info line, open-government table, platform
containers) that goes first; `Extracted.rules` tells what did.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from typing import NamedTuple

from lxml.etree import _Element as Element

from crawler.text.body import choose, find_over, recall, restore, trim
from crawler.text.bylines import NAMES, PAPER_RE, read_byline, tidy_names
from crawler.text.disagreements import (
    Disagreement,
    Same,
    contradict,
    same_moment,
    same_number,
    same_outlet,
    same_people,
    same_title,
)
from crawler.text.files import file_lines, files_and_links, pictures
from crawler.text.heads import OWN, Claim, Heads, read_instant
from crawler.text.info import Info, inform
from crawler.text.labels import OUTER, SHANGHAI, read_date, refines, settle, url_date
from crawler.text.languages import measure
from crawler.text.lines import Line, bare
from crawler.text.memory import Memory
from crawler.text.outlets import name_outlet
from crawler.text.outline import containers
from crawler.text.title import SITE_RE, Beside, find_beside, find_title, title_claims
from crawler.text.trees import Tree, parse

__all__ = ["Extracted", "Places", "extract", "extract_tree", "find_places", "parse", "read_date"]


class Extracted(NamedTuple):
    """What one article page says; a field that it does not say is None or empty."""

    title: str | None = None
    text: str = ""
    """Paragraphs joined by a line feed; the cells of a table row are joined by a tab."""
    published: datetime | date | None = None
    """Aware, in Asia/Shanghai; a date where the page gives no time."""
    source: str | None = None
    """来源 as printed."""
    author: str | None = None
    """Names as printed, reporters before correspondents, joined by one space."""
    updated: datetime | date | None = None
    editor: str | None = None
    document_number: str | None = None
    index_number: str | None = None
    office: str | None = None
    channel_name: str | None = None
    images: tuple[tuple[str, str | None], ...] = ()
    """(address, caption) of the pictures in the body."""
    attachments: tuple[tuple[str, str], ...] = ()
    """(address, name) of files that the page offers."""
    links: tuple[str, ...] = ()
    """Other addresses that the body links, in order, each once."""
    rules: tuple[tuple[str, str], ...] = ()
    """(field, rule) for each field that was decided, and ("body", rule) for the container."""
    subtitle: str | None = None
    """副题, the line below the title, without its dash."""
    kicker: str | None = None
    """引题, the line above the title."""
    source_name: str | None = None
    """Who the source names: 连云港日报 for 连云港日报社, 《连云港日报》 and the like."""
    duty: str | None = None
    """总值班 as printed."""
    words: int = 0
    """Chinese characters of the text, and runs of other letters and digits; see `languages.count_words`."""
    language: str | None = None
    """ISO 639, by the characters of the text."""
    script: str | None = None
    """ISO 15924: ``Hans``, ``Hant``, ``Latn`` …"""
    disagreements: tuple[Disagreement, ...] = ()
    """Where two places of the page contradict each other; the first of them decided the field."""


def extract(html: str, url: str | None = None) -> Extracted:
    """Take the article's fields and text out of a page, or out of a plain-text document.

    `url` makes addresses absolute and is the last resort for the date. The order of trust, the rule that
    decided being told in ``rules``:

    - title: ``ArticleTitle`` unless it is spam that no heading repeats, ``h1``, the platform's title
      container, a line above the body that ``<title>`` repeats, ``<title>`` without the site's name; the
      first line of plain text;
    - published: ``PubDate``, the info line, the open-government table, JSON-LD and other ``<meta>`` tags, 更新时间
      where nothing else is told, the date in the URL; never a date of the story or of the footer;
    - source: the info line or a line below the body, ``ContentSource``, and where no 来源 is printed at all
      the paper that the reporter's line names (``(连云港日报全媒体记者 …)``, as lyg01.net prints it), at last the
      publisher that JSON-LD names;
    - author: the info line, the reporter's line, JSON-LD, ``Author`` where it names people;
    - text: the platform's container that holds the page's densest run of prose, else that run.

    >>> page = extract('''<h1>示例镇建成三座书屋</h1><div>时间：2021-04-06 15:13:48 来源：示例日报 阅读次数：</div>
    ... <div id=zoom><p>　　示例镇三座书屋昨日开放,市民可以免费借阅。</p><p>图书共有九千册。</p></div>''')
    >>> page.title, page.published.isoformat(), page.source
    ('示例镇建成三座书屋', '2021-04-06T15:13:48+08:00', '示例日报')
    >>> page.text
    '示例镇三座书屋昨日开放,市民可以免费借阅。\\n图书共有九千册。'
    >>> extract("")
    Extracted(title=None, text='', published=None, source=None, author=None, updated=None, editor=None, \
document_number=None, index_number=None, office=None, channel_name=None, images=(), attachments=(), links=(), \
rules=(), subtitle=None, kicker=None, source_name=None, duty=None, words=0, language=None, script=None, disagreements=())
    """
    return extract_tree(parse(html), url)


def extract_tree(
    tree: Tree, url: str | None = None, memory: Memory | None = None, zone: tzinfo = SHANGHAI
) -> Extracted:
    """Do what `extract` does, on a parsed tree; the tree stays as it is.

    `memory` is what is known from earlier pages of the portal: lines that it repeats are no article; `zone` is that
    of the times that the portal prints.
    """
    before = [] if memory is None or tree.plain else recall(tree.outline, memory)
    try:
        found = _extract(tree, url)
    finally:
        restore(before)
    return found._replace(published=settle(found.published, zone), updated=settle(found.updated, zone))


class Places(NamedTuple):
    """Which lines of a page are what, by number."""

    text: tuple[int, ...]
    """The lines of the article's text."""
    info: tuple[int, ...]
    """The lines that say when, by whom and where it was published."""


def find_places(tree: Tree, memory: Memory | None = None) -> Places:
    """Say from which lines of a page `extract_tree` takes the text, and which tell of it.

    >>> tree = parse("<h1>书屋昨日开放</h1><p>时间：2021-04-06 来源：示例日报</p><p>书屋昨日开放，市民免费借阅。</p>")
    >>> find_places(tree), [line.text for line in tree.outline.lines][2]
    (Places(text=(2,), info=(1,)), '书屋昨日开放，市民免费借阅。')
    """
    before = [] if memory is None or tree.plain else recall(tree.outline, memory)
    try:
        found = _find(tree)
    finally:
        restore(before)
    return Places(tuple(found.kept), tuple(sorted(found.info.lines)))


class _Found(NamedTuple):
    """What is decided first: where the body is, what it is called, and which of its lines are text."""

    start: int
    end: int
    how: str
    top: Element | None
    head: Heads
    title: str | None
    title_rule: str
    info: Info
    files: set[int]
    beside: dict[str, Beside]
    kept: list[int]


def _find(tree: Tree) -> _Found:
    outline = tree.outline
    lines = outline.lines
    head = Heads(outline)
    start, end, how, top = choose(outline, tree.plain)
    named = containers("body").get(how, (0, False))[1]
    over = find_over(lines, start, end, named)
    title, title_rule = find_title(outline, head, start, tree.plain)
    info = inform(lines, start, over, end, tree.plain, title, read_instant(head.meta.get("pubdate", "")))
    files = file_lines(outline, start, over)
    kept = trim(lines, start, over, info, title, named, files)
    beside = {found.field: found for found in find_beside(lines, title, start)}
    headed = {found.place for found in beside.values()}
    if title:
        kept = _below_title(lines, kept, title)
        if title_rule == "line 主题" and kept and lines[kept[0]].text.endswith(title):
            headed.add(kept[0])
    if headed:
        kept = [i for i in kept[:3] if i not in headed] + kept[3:]
    return _Found(start, end, how, top, head, title, title_rule, info, files, beside, kept)


def _extract(tree: Tree, url: str | None) -> Extracted:
    outline = tree.outline
    lines = outline.lines
    start, end, how, top, head, title, title_rule, info, files, beside, kept = _find(tree)
    text = "\n".join(lines[i].text for i in kept)
    said = _Said()
    if kept:
        said.rules.append(("body", how))
    channel = said.settle("channel_name", head.claims("channel_name") or _crumb(lines, start))
    if title:
        claims = title_claims(outline, head, start, title, channel)
        said.settle("title", [Claim(title, title_rule), *claims], same_title)
    published, updated = _dates(said, head, info, url)
    printed = _around(lines, kept, start)
    values = {
        "subtitle": said.settle("subtitle", [beside["subtitle"].claim] if "subtitle" in beside else []),
        "kicker": said.settle("kicker", [beside["kicker"].claim] if "kicker" in beside else []),
        "source": said.settle("source", _sources(head, info, text), same_outlet),
        "author": said.settle(
            "author",
            [
                *(Claim(tidy_names(c.value), c.rule) for c in _told(info, "author")),
                *_byline(printed),
                *(c for c in head.claims("author") if _is_name(c)),
            ],
            same_people,
        ),
        "editor": said.settle("editor", _told(info, "editor")),
        "duty": said.settle("duty", _told(info, "duty")),
        "document_number": said.settle(
            "document_number", [*_told(info, "document_number"), *_number(lines, kept, start)], same_number
        ),
        "index_number": said.settle("index_number", _told(info, "index_number")),
        "office": said.settle("office", _told(info, "office")),
    }
    source_name = name_outlet(values["source"])
    images = pictures(outline, kept, top, url, files)
    attachments, links = files_and_links(outline, start, end, url)
    words, language, script = measure(text)
    for field, value, rule in (
        ("source_name", source_name, "name in source"),
        ("images", images, "pictures between the first and the last line of the text"),
        ("attachments", attachments, "links to files, from the title downwards"),
        ("links", links, "links in the body"),
        ("words", words, "Chinese characters, runs of other letters and digits"),
        ("language", language, "shares of characters"),
        ("script", script, "characters of one script alone"),
    ):
        if value:
            said.rules.append((field, rule))
    return Extracted(
        title=title,
        text=text,
        published=published,
        updated=updated,
        channel_name=channel,
        source_name=source_name,
        images=images,
        attachments=attachments,
        links=links,
        words=words,
        language=language,
        script=script,
        rules=tuple(said.rules),
        disagreements=tuple(said.disagreements),
        **values,
    )


def _below_title(lines: Sequence[Line], kept: list[int], title: str) -> list[int]:
    """Leave out the title where it stands among the first lines of the text, and what stands above it."""
    same = bare(title)
    for k, i in enumerate(kept[:5]):
        if bare(lines[i].text) == same:
            return kept[k + 1 :]
        if lines[i].prose:
            break
    return kept


class _Said:
    """What was decided: by which rule, and against whom."""

    def __init__(self) -> None:
        self.rules: list[tuple[str, str]] = []
        self.disagreements: list[Disagreement] = []

    def settle(self, field: str, claims: Sequence[Claim], same: Same | None = None) -> str | None:
        """Take the first claim, and note those that contradict it."""
        if not claims:
            return None
        first = claims[0]
        self.rules.append((field, first.rule))
        if same is not None and len(claims) > 1:
            self.disagreements += contradict(field, first, claims[1:], same)
        return first.value


DAYS = ("published", "table:发布日期", "table:公开日期")
"""What tells when a page was published, as `inform` names it."""
DOCUMENT_DAYS = ("发文日期", "成文日期", "生成日期")
WRITTEN = ("table:发文日期", "table:成文日期", "table:生成日期")
"""The same for the document that a page shows."""


def _told(info: Info, *names: str) -> list[Claim]:
    """Give what info lines and the table say of some fields."""
    return [Claim(*info.said[name]) for name in names if name in info.said]


def _dates(
    said: _Said, head: Heads, info: Info, url: str | None
) -> tuple[datetime | date | None, datetime | date | None]:
    """Settle when the page was published and when it was changed.

    Who tells the same moment more exactly refines the first; who tells another contradicts it.
    """
    tags = head.claims("published")
    own = 1 if tags and tags[0].rule == "meta PubDate" else 0
    published: datetime | date | None = None
    decided = Claim("", "")
    others: list[tuple[datetime | date, Claim]] = []
    for claim in (*tags[:own], *_told(info, *DAYS, *WRITTEN), *tags[own:]):
        if (found := read_instant(claim.value)) is None:
            continue
        if published is None or refines(found, published):
            published, decided = found, claim
        elif not claim.rule.endswith(DOCUMENT_DAYS):
            others.append((found, claim))
    changed = [
        (found, claim)
        for claim in (*_told(info, "updated"), *head.claims("updated"))
        if (found := read_instant(claim.value))
    ]
    if published is None and changed and "updated" in info.said:
        published, decided = changed[0]
    if published is None and (published := url_date(url)):
        decided = Claim("", "URL")
    if published is not None:
        said.rules.append(("published", decided.rule))
        said.disagreements += contradict(
            "published",
            decided,
            (claim for found, claim in others if not same_moment(published, found)),
            lambda one, other: False,
        )
    if not changed:
        return published, None
    said.rules.append(("updated", changed[0][1].rule))
    return published, changed[0][0]


NUMBER_RE = re.compile(
    r"[\u4e00-\u9fff]{2,12}(?:〔|\[|【|（|\()(?:19|20)\d\d(?:〕|\]|】|）|\))\s?第?\d{1,4}\s?号"
    r"|[\u4e00-\u9fff]{2,16}令\s?[（(]?第\s?\d{1,4}\s?号[）)]?"
)
"""发文字号: office, year in hexagonal brackets, number; of orders the number alone."""


def _number(lines: Sequence[Line], kept: Sequence[int], start: int) -> list[Claim]:
    """Find a document number that is a line of its own, above the text or at its head."""
    for i in (*range(max(0, start - 4), start), *kept[:4]):
        line = lines[i]
        if line.size <= 40 and line.text[-1] in "号)）" and NUMBER_RE.fullmatch(line.text):
            return [Claim(line.text, "line of its own")]
    return []


def _around(lines: Sequence[Line], kept: Sequence[int], start: int) -> list[str]:
    """Give the lines in which names of writers stand: short ones above the text, its first and last ones."""
    above = [line.text for line in lines[max(0, start - 4) : start] if line.size <= 40 and not line.link]
    return [*above, *(lines[i].text for i in (*kept[:2], *kept[-3:]))]


def _sources(head: Heads, info: Info, text: str) -> list[Claim]:
    """Give what names the source: the page and its tag, else the paper of the reporter's line, else JSON-LD."""
    tags = head.claims("source")
    told = [*_told(info, "source"), *(claim for claim in tags if claim.rule in OWN)]
    if told:
        return told
    paper = PAPER_RE.search(text[:400]) if "记者" in text[:400] else None
    return [Claim(paper[1], "reporter line")] if paper else tags[:1]


def _byline(printed: Sequence[str]) -> list[Claim]:
    names = read_byline(printed)
    return [Claim(names, "reporter line")] if names else []


def _is_name(claim: Claim) -> bool:
    """Say whether an author's tag names people: publishing systems put their maker there."""
    name = claim.value
    named = claim.rule.startswith("JSON-LD") or re.fullmatch(NAMES, name) is not None
    return named and not SITE_RE.search(name) and "网络" not in name


CRUMBS_RE = re.compile(r"(?:您|你)?(?:现在|当前)?(?:所在|的)?的?位置|当前位置|首页\s*[>»›＞→]")
LINKED_CRUMBS_RE = re.compile(r"\S\s*[>»›＞]\s*\S")
TWO_CRUMBS_RE = re.compile(r"[\u4e00-\u9fff]{2,8}\s*[>»›＞]\s*[\u4e00-\u9fff]{2,12}")
CRUMB_SIGN_RE = re.compile("[>»›＞→置]")
"""One of these is in all that the three find."""
CRUMB_RE = re.compile(r"\s*(?:>+|»|›|＞|→|/|·|\t|-)\s*")


def _crumb(lines: Sequence[Line], start: int) -> list[Claim]:
    """Read the channel from the breadcrumbs: their last part that is not the page itself."""
    for line in reversed(lines[:start]):
        text = line.text
        if line.size > 120 or not CRUMB_SIGN_RE.search(text):
            continue
        if (
            CRUMBS_RE.match(text)
            or (line.link * 3 > line.size and LINKED_CRUMBS_RE.search(text))
            or TWO_CRUMBS_RE.fullmatch(text)
        ):
            parts = [p.strip(OUTER) for p in CRUMB_RE.split(re.sub(r"^[^:：>]*[:：]", "", text))]
            parts = [
                p for p in parts if p and p not in ("正文", "内容", "详情", "详细内容", "首页", "浏览文章")
            ]
            if parts and len(parts[-1]) <= 20:
                return [Claim(parts[-1], "breadcrumb")]
    return []
