"""Hostile text in every column: pages, feeds, sheets and plain texts show it as text and obey none of it."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from datasette.utils import tilde_encode
from lxml import etree

from crawler.archive.shape import TABLES, VIEWS
from crawler.commands.browse import open_datasette
from tests.home import close
from tests.hostile import (
    Sheet,
    bound,
    fill,
    find_cases,
    is_unseen,
    put_large,
    put_marked,
    put_raw,
    read_cases,
    squeeze,
    write_forms,
    write_seen,
)

CASES = read_cases()
SMALL = [case for case in CASES if not case.large]
LARGE = [case for case in CASES if case.large]
# stand apart: SQLite's substr() takes NUL for the end of a text; long ones would be cut with all that follows
PLAIN = [case for case in SMALL if "\0" not in case.text and len(case.text) < 500]
BATCHES = [
    *(PLAIN[at : at + 12] for at in range(0, len(PLAIN), 12)),
    *([case] for case in SMALL if case not in PLAIN),
]
ATOM = "{http://www.w3.org/2005/Atom}"


class Site:
    """A Datasette over one archive, asked without a network; its loop lives as long as it does."""

    def __init__(self, archive: Path, rows: int) -> None:
        self.rows = rows
        self.datasette = open_datasette([archive])
        self.loop = asyncio.Runner()

    def get(self, path: str) -> httpx.Response:
        answer: httpx.Response = self.loop.run(self.datasette.client.get(path))
        return answer

    def sheet(self, path: str, status: int = 200, without: str = "") -> Sheet:
        """Read a page strictly: it must answer with this status and have nothing that no template writes."""
        answer = self.get(path)
        sheet = Sheet(answer.text, without)
        assert (path, answer.status_code, answer.headers["content-type"], sheet.problems) == (
            path,
            status,
            "text/html; charset=utf-8",
            [],
        )
        return sheet

    def close(self) -> None:
        close(self.datasette)
        self.loop.close()


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Twelve cases in each column, between marks: what is shown of them is held against what is to be shown."""
    path = tmp_path_factory.mktemp("marked") / "archive.db"
    site = Site(fill(path, len(BATCHES), put_marked(BATCHES)), len(BATCHES))
    yield site
    site.close()


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One case in all columns of an article and of what hangs on it, with nothing around it."""
    path = tmp_path_factory.mktemp("raw") / "archive.db"
    site = Site(fill(path, len(SMALL), put_raw(SMALL), broken_json=True), len(SMALL))
    yield site
    site.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("large") / "archive.db"
    site = Site(fill(path, len(LARGE), put_large(LARGE), related=False), len(LARGE))
    yield site
    site.close()


def key_of(*parts: object) -> str:
    return ",".join(tilde_encode(bound(str(part))) for part in parts)


ONE = {
    "article": "/archive/articles/{id}",
    "article as captured": "/archive/articles/{id}?show=captured",
    "difference of versions": "/archive/-/diff?a={id}.1&b={id}.2",
    "difference of articles": "/archive/-/diff?a={id}&b={next}",
    "row of a version": "/archive/versions/{id},2",
    "row of a capture": "/archive/captures/{id}",
    "row of a removed block": "/archive/removed/{id}",
    "row of a suspect": "/archive/suspects/{id}",
    "row of an attachment": "/archive/attachments/{first}",
    "row of an edit": "/archive/edits/{first}",
}
"""The pages of one article and of what hangs on it."""
ALL = {
    "home": "/",
    "results": "/archive/-/search",
    "results, newest": "/archive/-/search?sort=newest&tampered=1",
    "tamper desk": "/archive/-/tampering",
    "nights": "/archive/-/nights",
    "articles as a list": "/archive/articles?_size=100",
    "articles by everything": "/archive/articles?_facet=source&_facet=author&_facet=gone&_facet_size=100&_size=10",
    **{name: f"/archive/{name}?_size=200&_nofacet=1" for name in (*TABLES, *VIEWS)},
    "articles with columns": "/archive/articles?_col=title&_col=text&_col=url&_col=fields&_size=200",
}
"""The pages of many."""

SAID = {
    "article": {
        *("articles.title", "articles.text", "articles.source", "articles.author", "articles.url"),
        *(
            "fields.editor",
            "fields.subtitle",
            "fields.kicker",
            "fields.document_number",
            "fields.disagreement",
        ),
        *("attachments.name", "attachments.text", "attachments.error", "attachments.digest"),
        *("removed.text", "removed.place", "reasons.reason", "links.link", "suspects.text"),
        *("captures.digest", "captures.warc", "listings.section"),
    },
    "difference of versions": {"versions.title", "versions.text"},
    "difference of articles": {"articles.title"},
    "row of a version": {
        "versions.title",
        "versions.text",
        "versions.source",
        "versions.digest",
        "fields.editor",
    },
    "row of a capture": {"captures.content_type", "captures.etag", "captures.flags", "captures.warc"},
    "row of a removed block": {
        "removed.text",
        "removed.html",
        "removed.target",
        "links.link",
        "reasons.reason_name",
    },
    "row of a suspect": {"suspects.text", "suspects.html", "links.link"},
    "row of an attachment": {"attachments.name", "attachments.text", "attachments.url", "attachments.error"},
    "row of an edit": {"edits.before", "edits.after", "edits.fixer", "edits.stage"},
}
"""What each page must show whole of every case."""


def pages(site: Site, form: str) -> Iterator[str]:
    for number in range(1, site.rows + 1):
        yield form.format(id=number, next=number % site.rows + 1, first=number * 3)


@pytest.mark.parametrize("kind", ONE)
def test_text_comes_back_as_text_exactly(marked: Site, kind: str) -> None:
    whole: set[tuple[int, str]] = set()
    wrong = []
    sides = ("ins", "del") if kind.startswith("difference") else ("",)
    for path, without in product(pages(marked, ONE[kind]), sides):
        sheet = marked.sheet(path, without=without)
        shown = find_cases([*sheet.blocks, *sheet.values], CASES)
        whole |= shown.whole
        wrong += [f"{path}: {each}" for each in shown.wrong]
    assert wrong == []
    wanted = {(case.number, column) for case in PLAIN for column in SAID.get(kind, ())}
    missing = sorted(wanted - whole)
    assert [(column, CASES[number].name) for number, column in missing] == []


@pytest.mark.parametrize("kind", ALL)
def test_lists_show_text_as_text(marked: Site, kind: str) -> None:
    sheet = marked.sheet(ALL[kind])
    shown = find_cases([*sheet.blocks, *sheet.values], CASES)
    assert shown.wrong == []


@pytest.mark.parametrize("kind", ONE)
def test_a_case_alone_is_text_too(raw: Site, kind: str) -> None:
    step = 1 if kind.startswith("article") else 3
    for path in [*pages(raw, ONE[kind])][::step]:
        raw.sheet(path)


@pytest.mark.parametrize("kind", ALL)
def test_lists_of_cases_alone_are_text_too(raw: Site, kind: str) -> None:
    raw.sheet(ALL[kind])


def test_campaigns_and_nights_of_cases_open(raw: Site, marked: Site) -> None:
    for site in (raw, marked):
        for desk in ("tampering", "nights"):
            targets = re.findall(rf'href="(/archive/-/{desk}/[^"?#]+)"', site.get(f"/archive/-/{desk}").text)
            assert targets != []
            for target in sorted(set(targets))[:20]:
                site.sheet(target)


def test_rows_whose_key_is_a_case_open(raw: Site) -> None:
    for number, case in [*enumerate(SMALL)][::2]:
        raw.sheet(f"/archive/runs/{key_of(f'202611{1 + number % 28:02d}T180000Z-{case.text}')}")
        raw.sheet(f"/archive/targets/{key_of(case.text)}")
        raw.sheet(f"/archive/channels/{key_of(case.text, case.text)}")


ASKED = {
    "results": ("/archive/-/search", "q"),
    "results by source": ("/archive/-/search", "source"),
    "results by channel": ("/archive/-/search", "channel"),
    "results by year": ("/archive/-/search", "year"),
    "stock search": ("/archive/articles?_size=5", "_search"),
    "stock filter": ("/archive/articles?_size=5", "source__contains"),
    "facet": ("/archive/articles?_size=5", "channel"),
    "stock columns": ("/archive/edits?_size=5", "fixer__not"),
}


@pytest.mark.parametrize("kind", ASKED)
def test_a_hostile_question_is_answered(raw: Site, kind: str) -> None:
    path, name = ASKED[kind]
    for case in SMALL:
        typed = bound(case.text)[:200]
        asked = urlencode({name: typed})
        sheet = raw.sheet(f"{path}{'&' if '?' in path else '?'}{asked}")
        if kind == "results" and write_seen(typed) == typed and typed.strip():
            assert squeeze(typed) in map(squeeze, sheet.values)


HOSTILE_PATHS = [
    "/{}",
    "/archive/{}",
    "/archive/articles/{}",
    "/archive/-/{}",
    "/archive/-/tampering/{}",
    "/archive/-/nights/{}",
]


@pytest.mark.parametrize("form", HOSTILE_PATHS)
def test_a_hostile_address_is_not_found_and_says_so_in_text(raw: Site, form: str) -> None:
    for case in SMALL[::3]:
        answer = raw.get(form.format(tilde_encode("x" + bound(case.text))))
        assert (case.name, answer.status_code in (400, 404), Sheet(answer.text).problems) == (
            case.name,
            True,
            [],
        )


# feeds


FEEDS = ["", "?tampered=1", "?source={}", "?q={}", "?channel={}"]


@pytest.mark.parametrize("form", FEEDS)
def test_feeds_are_valid_and_hold_text(raw: Site, marked: Site, form: str) -> None:
    asked = (
        [form.format(urlencode({"": bound(case.text)[:500]})[1:]) for case in SMALL]
        if "{}" in form
        else [form]
    )
    for site in (raw, marked):
        for query in asked[:: 1 if site is raw else 40]:
            read_feed(site.get(f"/archive/-/feed.xml{query}"))


def read_feed(answer: httpx.Response) -> Any:
    """Read a feed as strictly as XML is read; its text has nothing unseen, its links lead to the archive."""
    assert answer.status_code == 200
    assert b"<!DOCTYPE" not in answer.content
    root = etree.fromstring(answer.content, etree.XMLParser(resolve_entities=False, no_network=True))
    assert root.tag == f"{ATOM}feed"
    inner = [Sheet(each.text or "").problems for each in root.iter() if each.get("type") == "html"]
    assert [problems for problems in inner if problems] == []
    assert [each.tag for each in root.iter() if not str(each.tag).startswith(ATOM)] == []
    texts = [each.text or "" for each in root.iter()] + [
        value for each in root.iter() for value in each.attrib.values()
    ]
    assert [text for text in texts if any(map(is_unseen, text))] == []
    links = [each.get("href", "") for each in root.iter(f"{ATOM}link")]
    assert [link for link in links if not link.startswith("http://localhost/archive/")] == []
    assert find_cases(texts, CASES).wrong == []
    return root


# data


def test_data_comes_back_as_it_was_stored(raw: Site) -> None:
    columns = ["url", "portal", "channel", "title", "text", "published", "source", "author"]
    query = "&".join(["_size=200", "_sort=id", "_nofacet=1", *(f"_col={name}" for name in columns)])
    rows = raw.get(f"/archive/articles.json?{query}&_shape=objects").json()["rows"]
    stored = [[row[name] for name in columns] for row in rows]
    plain = [bound(case.text) for case in SMALL]
    assert stored == [[text] * len(columns) for text in plain]
    table = list(csv.reader(io.StringIO(raw.get(f"/archive/articles.csv?{query}").text, newline="")))
    assert (table[0], len(table)) == (["id", *columns], len(SMALL) + 1)
    for text, row in zip(plain, table[1:], strict=True):
        assert set(row[1:]) <= {text, "'" + text}
        assert [cell for cell in row if calculates(cell)] == []


def calculates(cell: str) -> bool:
    """Tell whether a spreadsheet may take a cell for a formula: a plain number is none."""
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", cell):
        return False
    seen = "".join(char for char in cell if not is_unseen(char)).lstrip()
    return cell.startswith(("\t", "\r", "\n")) or seen[:1] in tuple("=+-@＝＋－＠") if cell else False


def test_plain_texts_are_plain(raw: Site, marked: Site) -> None:
    for site in (raw, marked):
        for path in pages(site, "/archive/articles/{id}.txt"):
            answer = site.get(path)
            assert (path, answer.status_code, answer.headers["content-type"]) == (
                path,
                200,
                "text/plain; charset=utf-8",
            )
            assert [char for char in answer.text if is_unseen(char)] == []
            assert find_cases([answer.text], CASES).wrong == []


HEADERS = frozenset(
    """content-type content-security-policy x-frame-options x-content-type-options referrer-policy content-length vary
    cross-origin-resource-policy content-language link etag last-modified cache-control location content-disposition
    access-control-allow-origin access-control-allow-headers access-control-expose-headers set-cookie x-robots-tag
    cross-origin-opener-policy permissions-policy""".split()  # noqa: SIM905
)


def test_no_header_takes_in_what_is_stored_or_asked(raw: Site) -> None:
    for number, case in enumerate(SMALL, 1):
        asked = urlencode({"q": bound(case.text)[:500], "_lang": bound(case.text)[:500]})
        for path in (
            f"/archive/articles/{number}.txt",
            f"/archive/-/search?{asked}",
            f"/archive/articles/{number}.json?{asked}",
        ):
            headers = raw.get(path).headers
            assert set(headers.keys()) <= HEADERS
            assert "set-cookie" not in headers
            assert [
                value for value in headers.values() if re.search(r"[\r\n\x00]|canary\.example", value)
            ] == []


# large


@pytest.mark.parametrize("kind", ["home", "results", "tamper desk", "nights", "articles as a list"])
def test_lists_of_large_texts_stay_small(large: Site, kind: str) -> None:
    answer = large.get(ALL[kind])
    assert (answer.status_code, len(answer.content) < 600_000) == (200, True)
    assert Sheet(answer.text).problems == []


@pytest.mark.parametrize(
    "kind", ["article", "article as captured", "difference of versions", "row of a removed block"]
)
def test_a_large_text_is_a_page(large: Site, kind: str) -> None:
    for path in pages(large, ONE[kind]):
        large.sheet(path)


# the test's own rules


def test_the_strict_reader_refuses_what_the_cases_would_do() -> None:
    page = '<!DOCTYPE html><html lang="en"><head><title>x</title></head><body>{}</body></html>'
    assert Sheet(page.format('<p class="a">x</p>')).problems == []
    harm = [case.text for case in SMALL if re.search(r"<[a-z/!?]", case.text, re.IGNORECASE)]
    assert len(harm) > 70
    assert [text for text in harm if Sheet(page.format(f"<p>{text}</p>")).problems == []] == []
    for target in ("javascript:x", "java\tscript:x", "//a/", "/\\a", "data:x", "http://a/", ""):
        assert Sheet(page.format(f'<a href="{target}">x</a>')).problems != []


def test_marked_text_that_was_changed_is_found_out() -> None:
    number = next(case.number for case in SMALL if case.name == "text turned round")
    text = CASES[number].text
    shown = write_seen(text)
    assert find_cases([f"⟦{number}·a.b⟧{shown}⟦/⟧"], CASES) == ({(number, "a.b")}, [])
    assert len(find_cases([f"⟦{number}·a.b⟧{shown[:-1]}⟦/⟧"], CASES).wrong) == 1
    assert len(find_cases([f"⟦{number}·a.b⟧x…"], CASES).wrong) == 1
    assert squeeze(text) not in write_forms(text)
