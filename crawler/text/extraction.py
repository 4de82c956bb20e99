"""An article page's fields and text, decided from the outline of its elements.

Where the page says something about itself (``<meta>`` tags, info line, open-government table, platform
containers) that goes first; `Extracted.rules` tells what did.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from crawler.text.body import choose, find_over, trim
from crawler.text.files import file_lines, files_and_links, pictures
from crawler.text.info import inform
from crawler.text.labels import OUTER, read_date, refines, url_date
from crawler.text.lines import Line, tidy
from crawler.text.outline import Outline, containers
from crawler.text.title import SITE_RE, find_title
from crawler.text.trees import Tree, parse

__all__ = ["Extracted", "extract", "extract_tree", "parse", "read_date"]


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


def extract(html: str, url: str | None = None) -> Extracted:
    """Take the article's fields and text out of a page, or out of a plain-text document.

    `url` makes addresses absolute and is the last resort for the date. The order of trust, the rule that
    decided being told in ``rules``:

    - title: ``ArticleTitle`` unless it is spam that no heading repeats, ``h1``, the platform's title
      container, a line above the body that ``<title>`` repeats, ``<title>`` without the site's name; the
      first line of plain text;
    - published: ``PubDate``, the info line, the open-government table, the date in the URL; never a date of
      the story or of the footer;
    - source: the info line or a line below the body, ``ContentSource``, and where no 来源 is printed at all
      the paper that the reporter's line names (``(连云港日报全媒体记者 …)``, as lyg01.net prints it);
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
rules=())
    """
    return extract_tree(parse(html), url)


def extract_tree(tree: Tree, url: str | None = None) -> Extracted:
    """Do what `extract` does, on a parsed tree; the tree stays as it is."""
    outline = tree.outline
    lines = outline.lines
    meta = _meta(outline)
    start, end, how, top = choose(outline, tree.plain)
    named = containers("body").get(how, (0, False))[1]
    over = find_over(lines, start, end, named)
    title, title_rule = find_title(outline, meta, start, tree.plain)
    info = inform(lines, start, over, end, tree.plain, title, read_date(meta.get("pubdate", "")))
    files = file_lines(outline, start, over)
    kept = trim(lines, start, over, info, title, named, files)
    rules: list[tuple[str, str]] = []
    if kept:
        rules.append(("body", how))
    said = info.said
    values: dict[str, str | None] = {}

    def settle(field: str, *found: tuple[str | None, str]) -> str | None:
        for value, rule in found:
            if value:
                rules.append((field, rule))
                return value
        return None

    def printed(field: str) -> tuple[str | None, str]:
        return said.get(field, (None, ""))

    if title:
        rules.append(("title", title_rule))
    published: datetime | date | None = None
    dated = ""
    for text, rule in (
        (meta.get("pubdate"), "meta PubDate"),
        printed("published"),
        printed("table:发布日期"),
        printed("table:公开日期"),
        printed("table:发文日期"),
        printed("table:成文日期"),
        printed("table:生成日期"),
        printed("updated"),
        (meta.get("article:published_time"), "meta article:published_time"),
        (meta.get("publishdate"), "meta publishdate"),
    ):
        if not text or (found := read_date(text)) is None:
            continue
        if published is None or (rule != "info line 更新时间" and refines(found, published)):
            published, dated = found, rule
    if published is not None:
        rules.append(("published", dated))
    if published is None and (published := url_date(url)):
        rules.append(("published", "URL"))
    updated = read_date(said["updated"][0]) if "updated" in said else None
    if updated:
        rules.append(("updated", said["updated"][1]))
    text = "\n".join(lines[i].text for i in kept)
    byline = _byline(lines, kept)
    begin = text[:400]
    paper = PAPER_RE.search(begin) if "记者" in begin else None
    values["source"] = settle(
        "source",
        printed("source"),
        (meta.get("contentsource"), "meta ContentSource"),
        (paper[1] if paper else None, "reporter line"),
    )
    values["author"] = settle(
        "author", printed("author"), (byline, "reporter line"), (_name(meta), "meta Author")
    )
    values["editor"] = settle("editor", printed("editor"))
    number = next((m[0] for i in kept[:4] if (m := NUMBER_RE.fullmatch(lines[i].text))), None)
    values["document_number"] = settle(
        "document_number", printed("document_number"), (number, "line of its own")
    )
    values["index_number"] = settle("index_number", printed("index_number"))
    values["office"] = settle("office", printed("office"))
    values["channel_name"] = settle(
        "channel_name", (meta.get("columnname"), "meta ColumnName"), (_crumb(lines, start), "breadcrumb")
    )
    images = pictures(outline, kept, top, url, files)
    attachments, links = files_and_links(outline, start, end, url)
    return Extracted(
        title=title,
        text=text,
        published=published,
        updated=updated,
        images=images,
        attachments=attachments,
        links=links,
        rules=tuple(rules),
        **values,
    )


LEAK_RE = re.compile(r"<br\s*/?>|</?[a-zA-Z][^<>]*>|&(?:nbsp|#160);")


META = frozenset(
    [
        "<title>",
        "articletitle",
        "sitename",
        "columnname",
        "pubdate",
        "contentsource",
        "author",
        "article:published_time",
        "publishdate",
    ]
)


def _meta(outline: Outline) -> dict[str, str]:
    """Collect the first filled value of each tag of the head that tells a field."""
    found: dict[str, str] = {}
    for name, text, _ in outline.heads:
        if name in META and name not in found:
            if "<" in text or "&" in text:
                text = LEAK_RE.sub("", text)
            if text := tidy(text):
                found[name] = text
    return found


NAME = r"(?!通讯员|记者|摄影|报道|本报|本网|本台)[\u4e00-\u9fff·]{2,4}"
NAMES = rf"{NAME}(?:[ \u3000、，,/]+{NAME}){{0,7}}"
REPORTER_RE = re.compile(
    rf"(?:全媒体|见习|实习|首席|特约|融媒体|总台)?记者[ \u3000:：/]+({NAMES})"
    rf"(?:[ \u3000、，,/]+(?:特约|本报)?通讯员[ \u3000:：/]+({NAMES}))?(?=[）)】\s\u3000。；;/]|$)"
)
"""`记者 张三 李四 通讯员 王五` as Chinese papers print it, with a space: `记者从…获悉` is the story."""

PAPER_RE = re.compile(
    r"[（(【]\s*([\u4e00-\u9fff]{2,8}(?:日报|晚报|早报|晨报|时报|商报))社?(?:全媒体|融媒体)?[\u4e00-\u9fff]{0,2}记者"
)
NUMBER_RE = re.compile(
    r"[\u4e00-\u9fff]{2,12}(?:〔|\[|【|（|\()(?:19|20)\d\d(?:〕|\]|】|）|\))\s?第?\d{1,4}\s?号"
)
"""发文字号: office, year in hexagonal brackets, number."""


def _byline(lines: Sequence[Line], kept: Sequence[int]) -> str | None:
    """Read the reporters' and correspondents' names from the body's first and last lines."""
    for i in (*kept[:2], *kept[-3:]):
        text = lines[i].text
        if "记者" not in text:
            continue
        for found in REPORTER_RE.finditer(text):
            before, after = text[: found.start()], text[found.end() :]
            inside = max(before.rfind("("), before.rfind("（")) > max(before.rfind(")"), before.rfind("）"))
            if inside or (len(before) <= 24 and len(after) <= 12):
                names = [n for group in found.groups() if group for n in re.split(r"[ \u3000、，,/]+", group)]
                return " ".join(names)
    return None


def _name(meta: dict[str, str]) -> str | None:
    """Give ``Author`` if it is people's names: publishing systems put their maker there."""
    name = meta.get("author", "")
    return name if re.fullmatch(NAMES, name) and not SITE_RE.search(name) and "网络" not in name else None


CRUMBS_RE = re.compile(r"(?:您|你)?(?:现在|当前)?(?:所在|的)?的?位置|当前位置|首页\s*[>»›＞→]")
LINKED_CRUMBS_RE = re.compile(r"\S\s*[>»›＞]\s*\S")
TWO_CRUMBS_RE = re.compile(r"[\u4e00-\u9fff]{2,8}\s*[>»›＞]\s*[\u4e00-\u9fff]{2,12}")
CRUMB_RE = re.compile(r"\s*(?:>+|»|›|＞|→|/|·|\t|-)\s*")


def _crumb(lines: Sequence[Line], start: int) -> str | None:
    """Read the channel from the breadcrumbs: their last part that is not the page itself."""
    for line in reversed(lines[:start]):
        text = line.text
        if line.size <= 120 and (
            CRUMBS_RE.match(text)
            or (line.link * 3 > line.size and LINKED_CRUMBS_RE.search(text))
            or TWO_CRUMBS_RE.fullmatch(text)
        ):
            parts = [p.strip(OUTER) for p in CRUMB_RE.split(re.sub(r"^[^:：>]*[:：]", "", text))]
            parts = [
                p for p in parts if p and p not in ("正文", "内容", "详情", "详细内容", "首页", "浏览文章")
            ]
            if parts and len(parts[-1]) <= 20:
                return parts[-1]
    return None
