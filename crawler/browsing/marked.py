"""An article's text as it was captured, with every change marked where it was made; as HTML and as JSON."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from datasette import NotFound, Response
from datasette.database import Database
from datasette.utils import tilde_decode
from markupsafe import Markup

from crawler.archive import Archive, ArchiveError
from crawler.browsing.display import WORDS, name_unseen, show_unseen
from crawler.browsing.language import counted, tr
from crawler.browsing.queries import fetch, is_archive
from crawler.rereading import Part, Reread, reread
from crawler.text import Removed
from crawler.text.marks import CHANGES, Passage, Segment

READERS = ThreadPoolExecutor(2, thread_name_prefix="reread")
"""Pages are read again in threads of their own: a heavy one holds up no other answer."""
Work = TypeVar("Work")
EXCERPT = 400
"""How many characters of a block that was cut out are shown at its place."""
LINKS = 40
"""How many of its links."""
WITHIN = 120
"""How many characters of a block that was cut out within a line."""

SIGNS = {"proven": "✓", "inferred": "≈", "lost": "✗"}

FIXERS = {
    "pinyin-note": ("插入的注音", "pinyin notes put in"),
    "traditional": ("转成的繁体字", "turned into Traditional characters"),
    "broken-pair": ("被注音拆坏的字", "characters broken by a note"),
    "combining-mark": ("叠加的符号", "combining marks put in"),
    "entity-word": ("写成数字的字", "words written as numbers"),
    "junk": ("段末的乱串", "random strings hung on"),
    "look-alike": ("形近的外文字母", "look-alike letters"),
    "zero-width": ("夹入的隐形字符", "invisible characters put in"),
    "stray-mark": ("散落的隐形字符", "stray invisible characters"),
    "mojibake": ("读错编码的乱码", "text read with the wrong table"),
    "radical": ("部首代字", "radicals in place of characters"),
    "wide-latin": ("全角字母", "full-width letters"),
    "entity": ("写成数字的字符", "characters written as numbers"),
}
"""What each fixer undoes."""
KINDS = {
    "hidden": ("隐藏内容", "hidden block"),
    "link-farm": ("外链堆", "link farm"),
    "plain-text": ("外来的行", "foreign lines"),
    "text": ("外来文字", "foreign text"),
    "comment": ("注释里的内容", "inside a comment"),
    "meta": ("页头被改写", "overwritten head"),
    "script": ("外来脚本", "foreign script"),
    "iframe": ("外来框架", "foreign frame"),
    "suspect": ("可疑内容", "suspected"),
}
SIGNALS = {
    "hidden": ("看不见", "hidden"),
    "off-topic": ("在推销", "sells"),
    "foreign": ("通往外站", "leads away"),
    "place": ("位置不对", "out of place"),
    "stray": ("与全文无关", "shares nothing with the page"),
    "joined": ("成串的链接词", "a row of link words"),
    "beside": ("紧挨移除的链接", "beside links cut out"),
    "repeated": ("别处也有", "known from other articles"),
    "overwritten": ("与正文不符", "not borne out by the page"),
    "switch": ("专骗搜索引擎", "looks for search engines"),
    "encoded": ("藏着地址", "hides what it writes"),
    "odd": ("地址异常", "an odd address"),
}


def name_fixer(fixer: object) -> str:
    """Say what a fixer undoes; an unknown one keeps its name."""
    return tr(*FIXERS.get(str(fixer), (name_unseen(fixer),) * 2))


def name_kind(kind: object) -> str:
    """Say what kind of block was cut out."""
    return tr(*KINDS.get(str(kind), (name_unseen(kind),) * 2))


def name_reasons(reasons: Iterable[Any]) -> str:
    """Say why a block was cut out; what is no pair of name and score is shown as it is.

    >>> name_reasons([["hidden", 1.0], ["off-topic", 0.9], "?"])
    '看不见、在推销、?'
    """
    told = []
    for reason in reasons:
        name = str(reason[0]) if isinstance(reason, list | tuple) and reason else str(reason)
        told.append(tr(*SIGNALS.get(name, (name_unseen(name),) * 2)))
    return tr("、", ", ").join(told)


class Shown(NamedTuple):
    """What an article's page shows of a version with its changes marked."""

    text: Markup
    """The lines with their marks; empty where there is a problem."""
    told: Markup
    """The changed lines beside the text: title, date, source."""
    counts: tuple[tuple[str, int], ...] = ()
    """(certainty, edits) that are marked."""
    removed: int = 0
    suspects: int = 0
    elsewhere: tuple[tuple[str, int], ...] = ()
    """(fixer, edits) in other places of the page."""
    unplaced: int = 0
    problem: str | None = None
    said: str = ""
    """What the problem is, for a reader."""
    detail: str = ""


def say_problem(problem: str) -> str:
    """Say why the changes of a version are not marked in its text."""
    told = {
        "capture": tr("这一版没有抓取记录。", "No capture is on record for this version."),
        "missing": tr(
            "保存抓取的文件不在这里（只有数据库副本？），无法重读当时的网页。",
            "The capture file is not here (a copied database alone?), so the page cannot be read again.",
        ),
        "damaged": tr(
            "抓取文件在此处读不出，或与摘要不符。",
            "The capture cannot be read, or does not match its digest.",
        ),
        "large": tr("网页太大，不当场重读。", "The page is too large to be read again on the spot."),
        "elder": tr(
            "这个档案是旧格式，记录不全。", "This archive is of an elder shape that does not tell enough."
        ),
        "otherwise": tr(
            "按现在的规则重读，结果与档案所存不同，所以不标在正文里；scrapy rebuild 会按新规则重做。",
            "Read again by the present rules it comes out otherwise than archived; scrapy rebuild derives it anew.",
        ),
        "unmarked": tr("改动的位置没有全部找回。", "Not all places of the changes were found again."),
    }
    return told.get(problem, problem)


NAME_RE = re.compile(r"[\w.-]{1,200}")
"""The name of a file of captures: no path, whatever an archive says."""


def find_directory(path: Path, warc: str | None, given: Path | None) -> Path:
    """Find the folder of an archive's captures: ``NAME-warc`` or ``warc`` beside it, or the one that was given.

    >>> find_directory(Path("/nowhere/demo.db"), "a.warc.gz", None).name
    'demo-warc'
    """
    folders = [path.with_name(f"{path.stem}-warc"), path.with_name("warc"), *([given] if given else [])]
    return next((folder for folder in folders if warc and (folder / warc).is_file()), folders[0])


def _given(datasette: Any) -> Path | None:
    """Give the folder of captures that ``scrapy browse`` was started with, or that the environment names."""
    named = getattr(datasette, "capture_dir", None) or os.environ.get("CAPTURE_DIR")
    return Path(named) if named else None


def read_again(path: Path, given: Path | None, article_id: int, version: int) -> Reread:
    """Read a version again from its captures; what is too much for a page that somebody waits for is left alone."""
    try:
        with Archive(path, readonly=True) as archive:
            edits, warc = archive.conn.execute(
                "SELECT (SELECT count(*) FROM (SELECT 1 FROM edits WHERE article_id = :id AND version = :version "
                "LIMIT :many)), (SELECT c.warc FROM versions v JOIN captures c ON c.id = v.capture_id "
                "WHERE v.article_id = :id AND v.version = :version)",
                {"id": article_id, "version": version, "many": CHANGES + 1},
            ).fetchone()
            if edits > CHANGES:
                return Reread((), "large", tr(f"改动多于 {CHANGES:,} 处", f"more than {CHANGES:,} changes"))
            if warc and not NAME_RE.fullmatch(warc):
                return Reread((), "damaged", tr("抓取文件的名字不对", "the name of its capture file is none"))
            return reread(archive, find_directory(path, warc, given), article_id, version)
    except ArchiveError:  # its message names paths of this machine
        return Reread((), "damaged", "the archive cannot be opened")


async def tell_marks(datasette: Any, db: Database, article_id: int, version: int) -> Shown:
    """Give a version's text with its changes marked, or why there is none."""

    def work() -> Shown:
        return show(read_again(Path(str(db.path)), _given(datasette), article_id, version))

    return await _apart(work)


async def _apart(work: Callable[[], Work]) -> Work:
    """Do something in a thread of `READERS`, in the reader's language."""
    return await asyncio.get_running_loop().run_in_executor(READERS, copy_context().run, work)


def show(found: Reread) -> Shown:
    """Write what was read again as HTML."""
    if found.problem:
        return Shown(
            Markup(""),
            Markup(""),
            problem=found.problem,
            said=say_problem(found.problem),
            detail=found.detail,
        )
    painter = _Painter(found.parts)
    told, text = painter.told(), painter.text()
    edits: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for part in found.parts:
        shown = {
            edit
            for passage in (*part.marked.passages, *part.marked.told)
            for segment in passage.segments
            for edit in segment.edits
        }
        for step, _ in shown:
            edits[part.marked.steps[step].certainty] += 1
        for fixer, _, many in part.marked.elsewhere:
            elsewhere[fixer] += many
    marked = [part.marked for part in found.parts]
    return Shown(
        text,
        told,
        tuple((name, edits[name]) for name in SIGNS if edits[name]),
        sum(len(each.removed) for each in marked),
        sum(len(each.suspects) for each in marked),
        tuple(elsewhere.items()),
        sum(len(each.unplaced) for each in marked),
    )


class _Painter:
    """Writes marked passages as HTML; every mark has a name, so that one leads to the next."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.marks = 0
        self.total = sum(
            sum(1 for _ in groups(passage.segments) if _.changed) + (passage.kind == "removed")
            for part in parts
            for passage in (*part.marked.told, *part.marked.passages)
        )
        self.blocks = 0

    def told(self) -> Markup:
        """Write the changed lines beside the text."""
        lines: list[Markup] = []
        for part in self.parts:
            for kind, passages in groupby(part.marked.told, key=lambda passage: passage.kind):
                name = tr("标题", "Title") if kind == "title" else tr("页头", "Head")
                lines.append(Markup("<dt>{}</dt>").format(name))
                lines += (
                    Markup("<dd>{}</dd>").format(self.line(passage, part.marked.removed))
                    for passage in passages
                )
        return Markup("").join(lines)

    def text(self) -> Markup:
        """Write the lines and the blocks that were cut out among them."""
        out = []
        for part in self.parts:
            if part.part is not None:
                out.append(
                    Markup('<p class="leaf">{}</p>').format(tr(f"第 {part.part} 页", f"Page {part.part}"))
                )
            for passage in part.marked.passages:
                if passage.removed is not None:
                    out.append(self.block(part.marked.removed[passage.removed], passage.removed))
                    continue
                first = self.marks + 1
                line = self.line(passage, part.marked.removed)
                out.append(
                    Markup("<p{}>{}{}</p>").format(
                        Markup(' class="cells"')
                        if any("\t" in each.text for each in passage.segments)
                        else "",
                        line,
                        self.jumps(first) if self.marks >= first else "",
                    )
                )
        return Markup("\n").join(out)

    def line(self, passage: Passage, removed: Sequence[Removed]) -> Markup:
        """Write the segments of one line."""
        out = []
        for group in groups(passage.segments):
            if group.block is not None:
                out.append(self.inside(removed[group.block]))
            elif group.changed:
                out.append(self.mark(group))
            else:
                shown = show_unseen(group.text.replace("\t", "　│　"))
                out.append(_suspected(shown) if group.suspect is not None else shown)
        return Markup("").join(out)

    def name(self) -> str:
        """Give the next mark its name."""
        self.marks += 1
        return f"change-{self.marks}"

    def mark(self, group: Group) -> Markup:
        """Write one change: what stood there, what it became, how certain that is."""
        struck = Markup("").join(
            Markup("<del{}>{}</del>").format(
                Markup(' class="note"') if note else "", _struck("".join(befores))
            )
            for note, befores in (
                (note, [before for _, before in pieces])
                for note, pieces in groupby(group.befores, key=lambda piece: piece[0])
            )
        )
        became = Markup("<ins>{}</ins>").format(show_unseen(group.text)) if group.text else Markup("")
        meaning = WORDS[group.certainty]
        title = f"{tr('、', ', ').join(map(name_fixer, group.fixers))} · {tr(*meaning[:2])[2:]}{tr('：', ': ')}{tr(*meaning[2:])}"
        written = Markup(
            '<span class="edit {}" id="{}" title="{}"><span class="aloud">{}</span>{}'
            '<span class="aloud">{}</span>{}<span class="sign" aria-hidden="true">\u2060{}</span>'
            '<span class="aloud">{}</span></span>'
        ).format(
            group.certainty,
            self.name(),
            title,
            tr("【原作", "[was "),
            struck,
            tr("，改为", ", now ") if group.text else tr("，删去", ", cut out"),
            became,
            SIGNS[group.certainty],
            f"{tr('，', ', ')}{tr(*meaning[:2])[2:]}{tr('】', ']')}",
        )
        return _suspected(written) if group.suspect is not None else written

    def inside(self, block: Removed) -> Markup:
        """Write a block that was cut out within a line."""
        shown = " ".join(block.text.split())
        more = "…" if len(shown) > WITHIN else ""
        return Markup(
            '<span class="cut within" id="{}" title="{}"><span class="aloud">{}</span><b aria-hidden="true">✂</b> '
            '{}{}<span class="aloud">{}</span></span>'
        ).format(
            self.name(),
            f"{name_kind(block.kind)}{tr('：', ': ')}{name_reasons(block.reasons)}",
            tr("【此处移除：", "[cut out here: "),
            show_unseen(shown[:WITHIN]),
            more,
            tr("】", "]"),
        )

    def block(self, block: Removed, number: int) -> Markup:
        """Write a block that was cut out between lines: bordered, its links inert."""
        self.blocks += 1
        first = self.marks + 1
        name = self.name()
        head = Markup('<p class="what"><b><span aria-hidden="true">✂</span> {}</b> {}{}</p>').format(
            tr("此处移除的外来内容", "foreign block, cut out here"),
            " · ".join(
                (
                    name_kind(block.kind),
                    counted(len(block.text), "字", "character"),
                    *([counted(len(block.links), "个链接", "link")] if block.links else []),
                    name_reasons(block.reasons),
                )
            ),
            self.jumps(first),
        )
        more = "…" if len(block.text) > EXCERPT else ""
        links = Markup("")
        if block.links:
            listed = Markup("").join(
                Markup('<li><code class="inert">{}</code></li>').format(show_unseen(at))
                for at in block.links[:LINKS]
            )
            rest = len(block.links) - LINKS
            links = Markup("<details><summary>{}</summary><ul>{}</ul>{}</details>").format(
                tr("它通往的地址（不可点）", "where it leads (inert)"),
                listed,
                Markup("<p>{}</p>").format(tr(f"另有 {rest:,} 个", f"and {rest:,} more")) if rest > 0 else "",
            )
        return Markup(
            '<div class="cut" role="group" aria-label="{}" id="{}">{}<p class="inert">{}{}</p>{}</div>'
        ).format(
            tr(f"移除的外来内容 {self.blocks}", f"block cut out {self.blocks}"),
            name,
            head,
            show_unseen(block.text[:EXCERPT]),
            more,
            links,
        )

    def jumps(self, first: int) -> Markup:
        """Write the ways to the change before those of a line and to the one after them."""
        last = self.marks
        ways = []
        if first > 1:
            ways.append(("↑", tr("上一处改动", "previous change"), first - 1))
        if last < self.total:
            ways.append(("↓", tr("下一处改动", "next change"), last + 1))
        return Markup('<span class="jumps">{}</span>').format(
            Markup("").join(
                Markup('<a href="#change-{}" title="{}" aria-label="{}">{}</a>').format(
                    to, title, title, sign
                )
                for sign, title, to in ways
            )
        )


class Group(NamedTuple):
    """Segments that are shown as one: neighbours that were changed with one certainty, or one that was not."""

    text: str
    changed: bool = False
    befores: tuple[tuple[bool, str], ...] = ()
    """(whether it is a note that was put in, what stood there)."""
    certainty: str = ""
    fixers: tuple[str, ...] = ()
    suspect: int | None = None
    block: int | None = None


def groups(segments: Iterable[Segment]) -> Iterable[Group]:
    """Put changes together that stand side by side: a run of characters is easier to read than its characters.

    >>> list(groups((Segment("时", "時", "proven", ("traditional",)), Segment("", "(shí)", "proven", ("pinyin-note",)))))[0].befores
    ((False, '時'), (True, '(shí)'))
    """
    for (changed, certainty, suspect, block), run in groupby(
        segments, key=lambda each: (each.before is not None, each.certainty, each.suspect, each.removed)
    ):
        held = list(run)
        yield Group(
            "".join(each.text for each in held),
            changed,
            tuple((each.fixers == ("pinyin-note",), each.before or "") for each in held) if changed else (),
            certainty,
            tuple(dict.fromkeys(fixer for each in held for fixer in each.fixers)),
            suspect,
            block,
        )


def _suspected(written: Markup) -> Markup:
    title = tr("可疑：只有一个迹象，留在文中", "suspected: one signal only, left in the text")
    return Markup('<span class="suspect" title="{}">{}</span>').format(title, written)


def _struck(text: str) -> Markup:
    """Escape what stood there; plain blanks are named, line ends shown."""
    if text and not text.strip(" \u3000\xa0\t\r\n"):
        codes = Markup("").join(
            Markup('<span class="unseen">U+{:04X}</span>').format(ord(char)) for char in text[:9]
        )
        return codes + ("…" if len(text) > 9 else "")
    return show_unseen(text.replace("\r\n", "⏎").replace("\n", "⏎"))


async def show_marked(request: Any, datasette: Any) -> Response:
    """Answer with a version's marked text as JSON: ``/DATABASE/-/marked/ID.json``, ``?version=N`` for an earlier one."""
    name = tilde_decode(request.url_vars["database"])
    db = datasette.databases.get(name)
    if db is None or not await is_archive(db):
        raise NotFound(tr(f"没有这个档案：{name}", f"no such archive: {name}"))
    await datasette.ensure_permissions(request.actor, [("view-database", name), "view-instance"])
    article_id = int(request.url_vars["id"])
    asked = request.args.get("version") or ""
    rows = await fetch(
        db,
        "SELECT article_id, version, title FROM versions WHERE article_id = :id AND version = "
        "coalesce(:version, (SELECT version FROM articles WHERE id = :id))",
        id=article_id,
        version=int(asked[:9]) if asked.isascii() and asked.isdecimal() else None,
    )
    if not rows:
        raise NotFound(tr("没有这一篇或这一版", "no such article or version"))
    version = rows[0]["version"]

    def work() -> dict[str, Any]:
        found = read_again(Path(str(db.path)), _given(datasette), article_id, version)
        return {"article_id": article_id, "version": version, "title": rows[0]["title"], **as_values(found)}

    return Response.json(await _apart(work))


def as_values(found: Reread) -> dict[str, Any]:
    """Give a version that was read again as JSON has it."""
    return {
        "problem": found.problem,
        "detail": found.detail,
        "parts": [
            {
                "part": part.part,
                "url": part.url,
                "passages": [_passage(passage) for passage in part.marked.passages],
                "told": [_passage(passage) for passage in part.marked.told],
                "elsewhere": [
                    {"fixer": fixer, "certainty": certainty, "edits": many}
                    for fixer, certainty, many in part.marked.elsewhere
                ],
                "removed": [block._asdict() for block in part.marked.removed],
                "suspects": [block._asdict() for block in part.marked.suspects],
            }
            for part in (found.parts if found.problem is None else ())
        ],
    }


def _passage(passage: Passage) -> dict[str, Any]:
    if passage.removed is not None:
        return {"kind": passage.kind, "removed": passage.removed}
    return {"kind": passage.kind, "segments": [_segment(segment) for segment in passage.segments]}


def _segment(segment: Segment) -> dict[str, Any]:
    """Give a segment without what it has not."""
    values = {name: value for name, value in segment._asdict().items() if name != "edits"}
    return {
        name: value
        for name, value in values.items()
        if value not in (None, "", ()) or (name in ("text", "before") and value is not None)
    }
