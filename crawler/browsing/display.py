"""What is shown of stored text: it is evidence of what a portal, or somebody who broke into it, wrote; shown, never obeyed."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from markupsafe import Markup, escape

from crawler.archive import ask, spelled
from crawler.browsing.language import tr
from crawler.browsing.queries import read_query
from crawler.text.unseen import UNSEEN_RE

CELL = 200
"""How many characters of a changed piece are shown before it is cut."""

ENDS = "。！？　"
"""Where a sentence or a paragraph ends."""
CLAUSES = "，、；：,;"
SOLID_RE = re.compile(r"[^\w\s&#;<>\"]{100}")
"""Signs in a row between which a browser sees no end of a line: of ten thousand brackets Chromium tries every end."""
LINK_RE = re.compile(r"https?://[^\s\\<>\"'`]+", re.IGNORECASE)
"""What may become a link at all: two schemes, nothing that a browser reads in a second way."""
HOST_RE = re.compile(r"[a-z0-9_.\u4e00-\u9fff-]+|[0-9a-f:.]+")
"""A host that reads as what it is: no letter of another script looks like one of its own."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")
LABELS = {
    "portal": ("网站", "portal"),
    "channel": ("栏目", "channel"),
    "tampered": ("篡改", "tampered"),
    "published": ("年份", "year"),
    "source": ("来源", "source"),
    "duplicate_of": ("转载", "reprints"),
    "part_of": ("转版", "runover"),
    "state": ("状态", "state"),
    "outcome": ("结果", "outcome"),
    "spider": ("爬虫", "spider"),
    "kind": ("种类", "kind"),
    "fixer": ("修复规则", "fixer"),
    "certainty": ("把握", "certainty"),
    "change": ("变化", "change"),
    "status": ("状态码", "status"),
    "encoding": ("编码", "encoding"),
    "stage": ("阶段", "stage"),
}
WORDS = {
    "proven": ("✓ 确证", "✓ proven", "没有别的原文会变成这样", "no other original gives this text"),
    "inferred": ("≈ 推断", "≈ inferred", "几种可能的原文中最像的", "the likeliest of several originals"),
    "lost": ("✗ 已失", "✗ lost", "无从知道，原处有记号", "cannot be known, the place is marked"),
    "first": ("初次收录", "first seen"),
    "edited": ("已修改", "edited", "原站不声不响地改了", "the portal changed it without a word"),
    "corrected": ("已更正", "corrected", "原站改了，并且说明了", "the portal changed it, and said so"),
    "extended": ("已增补", "extended", "只添了，没有改", "more was added, nothing changed"),
    "reread": (
        "重新解读",
        "reread",
        "页面没变，读法变了",
        "the page is as it was, it is read differently now",
    ),
    "withdrawn": ("已撤下", "withdrawn"),
    "restored": ("已恢复", "restored"),
    "tampered": ("被篡改", "tampered"),
    "finished": ("完成", "finished"),
    "partial": ("部分完成", "partial"),
    "failed": ("失败", "failed"),
    "interrupted": ("中断", "interrupted"),
    "pending": ("待取", "pending"),
    "archived": ("已收录", "archived"),
    "unchanged": ("未变", "unchanged"),
    "challenged": ("被拦截", "challenged"),
    "gone": ("已不在", "gone"),
    "offsite": ("站外", "offsite"),
    "oversize": ("过大", "oversize", "超过上限", "larger than the limit"),
    "refused": (
        "不许取",
        "refused",
        "robots.txt 不许，或通往别的主机",
        "robots.txt forbids it, or it leads to another host",
    ),
}
"""The archive's fixed words in Chinese and English; where the word alone does not tell, what it means."""


def name_unseen(text: object) -> str:
    """Give the text with each unseen character written out as ``[U+202E]``, for titles and attributes.

    >>> name_unseen("公告\\u202egnp.exe"), name_unseen("低\\u200b\\u200b\\u200b保")
    ('公告[U+202E]gnp.exe', '低[U+200B×3]保')
    >>> name_unseen("第一行\\n第二行")
    '第一行\\n第二行'
    """
    return UNSEEN_RE.sub(lambda found: f"[{name_code(found[0])}]", "" if text is None else str(text))


def name_code(run: str) -> str:
    """Write a run of unseen characters as the code of its first one and how many there are."""
    return f"U+{ord(run[0]):04X}" + (f"×{len(run)}" if len(run) > 1 else "")


KINDS = {"Cc": "CONTROL CHARACTER", "Co": "PRIVATE USE", "Cs": "HALF A CHARACTER"}
"""By category: what a character is that has no name of its own."""


def show_unseen(text: object) -> Markup:
    """Escape the text and put a small named mark where an unseen or a lost character stands; markup stays markup.

    >>> show_unseen("<b>a\\u200b</b>")
    Markup('&lt;b&gt;a<span class="unseen" title="ZERO WIDTH SPACE">U+200B</span>&lt;/b&gt;')
    >>> show_unseen(Markup("<b>a</b>"))
    Markup('<b>a</b>')
    """
    written = text if isinstance(text, Markup) else "" if text is None else str(text)

    def mark(found: re.Match[str]) -> str:
        first = found[0][0]
        name = unicodedata.name(first, KINDS.get(unicodedata.category(first), "NO CHARACTER"))
        return f'<span class="unseen" title="{name}">{name_code(found[0])}</span>'

    escaped = UNSEEN_RE.sub(mark, str(escape(written)))
    lost = (
        f'<span class="lost" title="{tr("此处原文无法恢复", "lost here, cannot be restored")}">\ufffd</span>'
    )
    return Markup(SOLID_RE.sub(r"\g<0><wbr>", escaped.replace("\ufffd", lost)))


def show_piece(text: object) -> Markup:
    """Escape a changed piece, cut it at `CELL` characters, and make plain blanks visible."""
    piece = "" if text is None else str(text)
    shown = show_unseen(piece[:CELL].replace("\n", "⏎"))
    if piece and not piece.strip(" \u3000\xa0\t"):
        shown = Markup("").join(
            Markup('<span class="unseen">U+{:04X}</span>').format(ord(c)) for c in piece[:9]
        )
    return shown + tr(f"…（{len(piece)} 字）", f"… ({len(piece)} characters)") if len(piece) > CELL else shown


def split_paragraphs(text: str | None) -> list[str]:
    """Give the paragraphs of an article's text, without the blanks that stood for an indent."""
    return [line for line in (part.strip(" \t\r\u3000\xa0") for part in (text or "").split("\n")) if line]


def split_blocks(text: str | None) -> list[tuple[str, Any]]:
    """Give the text's blocks: ``("p", line)``, and ``("table", rows of cells)`` where lines have tabs.

    The archive keeps the rows of a table as lines, the cells parted by tabs.

    >>> split_blocks("名单如下。\\n姓名\\t年龄\\n王某\\t70\\n特此公告。")
    [('p', '名单如下。'), ('table', [['姓名', '年龄'], ['王某', '70']]), ('p', '特此公告。')]
    """
    blocks: list[tuple[str, Any]] = []
    for line in (text or "").split("\n"):
        plain = line.strip(" \t\r\u3000\xa0")
        if not plain:
            continue
        if "\t" not in plain:
            blocks.append(("p", plain))
        elif blocks and blocks[-1][0] == "table":
            blocks[-1][1].append(line.split("\t"))
        else:
            blocks.append(("table", [line.split("\t")]))
    return blocks


def write_address(link: object) -> str:
    """Write as escapes what has no place in an address: Datasette puts the keys of rows into some of its own as they are.

    >>> write_address("/demo/captures?run_id=a\\0 b%20c")
    '/demo/captures?run_id=a%00%20b%20c'
    """
    return quote(str(link), safe="/?&=%~,:;+@$!*'()#")


def cut(text: object, length: int) -> str:
    """Give the beginning of a text, with a sign where it goes on.

    >>> cut("中欧班列开行", 4), cut("班列", 4)
    ('中欧班列…', '班列')
    """
    written = "" if text is None else str(text)
    return written[:length] + "…" * (len(written) > length)


HAN_RE = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
"""Han characters: evidence that a text is no English one."""


def tongue(text: object) -> Markup:
    """Give the attribute that says that a text is Chinese, where it is and the page around it is not.

    Fonts, line breaking and screen readers go by it.
    """
    return Markup(' lang="zh-Hans"' if tr("", "en") and HAN_RE.search(str(text or "")) else "")


def show_date(value: object) -> str:
    """Write an ISO time as the reader's language writes it; give back unchanged what is no ISO time.

    >>> show_date("2024-01-18T09:54:49+08:00")
    '2024年1月18日 09:54'
    >>> show_date("2024-01-18"), show_date("不详"), show_date(None)
    ('2024年1月18日', '不详', '')
    """
    written = "" if value is None else str(value)
    try:
        when = date.fromisoformat(written) if len(written) == 10 else datetime.fromisoformat(written)
    except ValueError:
        return name_unseen(written)
    day = tr(f"{when.year}年{when.month}月{when.day}日", f"{when.day} {MONTHS[when.month - 1]} {when.year}")
    return f"{day} {when:%H:%M}" if isinstance(when, datetime) else day


def find_link(url: object, page: object = None) -> str | None:
    """Give the URL where it may be a link, else None.

    ``page``: the article's own URL; with it, only a URL on the same host may.

    >>> find_link("http://www.lyg.gov.cn/a.html")
    'http://www.lyg.gov.cn/a.html'
    >>> find_link("javascript:alert(1)"), find_link("http://evil.example/", "http://www.lyg.gov.cn/a.html")
    (None, None)
    >>> find_link("http://www.lyg.gov.cn@evil.example/"), find_link("http://www.l\\u0443g.gov.cn/")
    (None, None)
    """
    written = str(url or "").strip()
    if not LINK_RE.fullmatch(written) or UNSEEN_RE.search(written):
        return None
    try:
        parts = urlsplit(written)
        host = parts.hostname
        own = urlsplit(str(page)).hostname if page is not None else host
    except ValueError:
        return None
    if "@" in parts.netloc or not HOST_RE.fullmatch(host or ""):
        return None
    if not host or not own or host.removeprefix("www.") != own.removeprefix("www."):
        return None
    return written


def show_link(url: object, label: object = None, page: object = None) -> Markup:
    """Link a URL that may be one, without a trace of where the reader came from; else show it as inert text."""
    shown = show_unseen(url if label is None else label)
    target = find_link(url, page)
    if target is None:
        return Markup('<span class="inert">{}</span>').format(shown)
    return Markup('<a href="{}" rel="nofollow noopener noreferrer">{}</a>').format(target, shown)


def find_words(query: str) -> re.Pattern[str] | None:
    """Give what finds the searched words in a text, in either script and width; None where the query has none.

    >>> find_words("发〔2023〕5号").search("连政办發[２０２３]5号文件")[0]
    '發[２０２３]5号'
    >>> find_words("，") is None
    True
    """
    return spelled(ask(read_query(query)).words)


def mark_words(text: object, query: str) -> Markup:
    """Escape the text and mark the searched words in it."""
    words, written = find_words(query), str(text or "")
    out, at = [], 0
    for hit in words.finditer(written) if words else ():
        out += [show_unseen(written[at : hit.start()]), Markup("<mark>{}</mark>").format(show_unseen(hit[0]))]
        at = hit.end()
    return Markup("").join([*out, show_unseen(written[at:])])


def cut_excerpt(text: str | None, query: str = "", length: int = 110) -> Markup:
    """Give the piece of the text around the first searched word, or its beginning; the words are marked."""
    return mark_words(find_excerpt(text, query, length), query)


def find_excerpt(text: str | None, query: str = "", length: int = 110, *, sought: bool = False) -> str | None:
    """Cut the sentences around the first searched word out of a text, or its beginning; None where the word is `sought` in vain.

    >>> find_excerpt("第一句话。第二句说港口，很长很长。第三句到此为止。", "港口", 16)
    '…第二句说港口，很长很长。…'
    >>> find_excerpt("第一句话。", "港口", sought=True), find_excerpt(None)
    (None, '')
    """
    flat = "　".join(split_paragraphs(text)).replace("\t", " ")
    words = find_words(query)
    hit = words.search(flat) if words else None
    if sought and hit is None:
        return None
    first, end = (find_beginning(flat, hit.start(), length), hit.end()) if hit else (0, 0)
    last = first + length
    if last < len(flat):
        # end with a sentence, where one ends in the last half
        ends = max(flat.rfind(sign, max(end, first + length // 2), last) for sign in ENDS)
        last = ends + 1 if ends > 0 else last
    return "".join(["…" if first else "", flat[first:last].strip("　"), "…" if last < len(flat) else ""])


def find_beginning(text: str, hit: int, length: int) -> int:
    """Say where an excerpt of some length begins that is to show what stands at ``hit``: with a sentence, or at least a clause.

    >>> find_beginning("甲乙丙。丁戊，己庚", 7, 20), find_beginning("甲乙丙丁戊己，庚", 7, 9), find_beginning("甲乙丙丁戊己庚", 6, 9)
    (4, 7, 3)
    """
    if hit <= length // 4:
        return 0
    ends = max(text.rfind(sign, max(0, hit - length // 2), hit) for sign in ENDS)
    if ends >= 0:
        return ends + 1
    first = hit - length // 3
    clauses = [at for sign in CLAUSES if (at := text.find(sign, max(0, first), hit)) >= 0]
    return min(clauses) + 1 if clauses else max(0, first)


def parse_json(value: object) -> Any:
    """Read a JSON cell; None where it is none, or nested too deep to be one of ours."""
    try:
        return json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None


def indent_json(value: object) -> str | None:
    """Give a JSON object or list on several lines, None for everything else."""
    parsed = parse_json(value)
    return (
        json.dumps(parsed, ensure_ascii=False, indent=1)
        if isinstance(parsed, dict | list) and parsed
        else None
    )


def list_pairs(value: object) -> list[tuple[str, str]]:
    """Read ``[[first, second], …]`` from what JSON gave; leave out what has another shape."""
    if not isinstance(value, list):
        return []
    pairs = [tuple(pair) if isinstance(pair, list | tuple) else (pair, "") for pair in value]
    return [(str(pair[0] or ""), str(pair[1] or "")) for pair in pairs if len(pair) >= 2]


def show_both(text: object) -> str:
    """Give the reader's half of a text of metadata.yaml, "中文 · English".

    >>> show_both("文章 · Articles"), show_both("文章")
    ('文章', '文章')
    """
    chinese, _, english = str(text or "").partition(" · ")
    return tr(chinese, english or chinese)


def say(word: object) -> Markup:
    """Show one of the archive's fixed words; what it means stands in its title."""
    written = name_unseen(word)
    if written not in WORDS and len(written) > 40:
        return show_unseen(word)  # no word of ours
    chinese, english, *meaning = WORDS.get(written, (written, written))
    kind = re.sub(r"[^a-z]", "", written)
    title = Markup(' title="{}"').format(tr(*meaning)) if meaning else ""
    return Markup('<span class="word word-{}"{}>{}</span>').format(kind, title, tr(chinese, english))


def name_field(name: str) -> str:
    """Give the name of a column for a reader; an unknown one is left as it is."""
    return tr(*LABELS.get(name, (name, name)))


def show_size(size: object) -> str:
    """Write a number of bytes for a reader.

    >>> show_size(812), show_size(2_500_000), show_size(None)
    ('812 B', '2.4 MB', '')
    """
    if not isinstance(size, int):
        return ""
    for unit in ("B", "KB", "MB"):
        if size < 1024 or unit == "MB":
            break
        size /= 1024
    return f"{size:.1f} {unit}" if isinstance(size, float) else f"{size} {unit}"
