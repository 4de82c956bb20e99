"""The archive's pages in a real browser: what a reader does there, by keyboard too, and that no page does anything else."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import axe_playwright_python
import pypdfium2
import pytest
from lxml import etree
from playwright.sync_api import Browser, Page, expect

from crawler.archive.shape import TABLES, VIEWS
from tests.browser import Reader, chromium, served
from tests.home import Home
from tests.hostile import Case, bound, fill, put_large, put_raw, read_cases
from tests.replica import Replica
from tests.replica.demo import SAVED
from tests.replica.mirror import copy

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
HOSTILE = [case for case in read_cases() if not case.large]
LARGE = [case for case in read_cases() if case.large]
ATOM = "{http://www.w3.org/2005/Atom}"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
ENGLISH, CHINESE = {"locale": "en-GB"}, {"locale": "zh-CN"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def home(browser: Browser, make_home: Callable[[], Home]) -> Home:
    """Two nights of a replica portal and a saved page that was hijacked: every capture is a real one."""
    with Replica(seed=7, stories=30) as replica:
        home = make_home().through(replica)
        for night in (1, 2):
            replica.night = night
            done = home.crawl("crawl", "lyg_news")
            assert done.returncode == 0, done.stderr.decode()
    saved = home.folder / "saved-copy.txt"
    saved.write_text(
        copy(SAVED) + "\n            无码专区一区| 无码专区二区| 无码专区三区| 无码专区四区|\n",
        encoding="utf-8",
    )
    done = home.scrapy("ingest", str(saved))
    assert done.returncode == 0, done.stderr.decode()
    return home


@pytest.fixture(scope="module")
def base(home: Home) -> Iterator[str]:
    with served(home) as address:
        yield address


@pytest.fixture
def read(browser: Browser, base: str) -> Callable[..., Reader]:
    """A reader's window; what it may have of Playwright's: locale, colour scheme, width, no scripts."""
    return lambda **options: Reader(browser, base, **{**ENGLISH, "viewport": DESK, **options})


# where what kind of page is


ONE = {
    "tampered": "SELECT article_id FROM edits GROUP BY 1 ORDER BY count(*) DESC, 1",
    "seed": "SELECT max(id) FROM articles",
    "changed": "SELECT article_id FROM versions WHERE version = 2 AND change IN ('edited', 'corrected') ORDER BY 1",
    "withdrawn": "SELECT article_id FROM versions WHERE change = 'withdrawn' ORDER BY 1",
    "reprint": "SELECT id FROM articles WHERE duplicate_of IS NOT NULL ORDER BY 1",
    "attached": "SELECT article_id FROM attachments WHERE kind = 'attachment' AND state = 'archived' ORDER BY 1",
    "plain": "SELECT id FROM articles WHERE NOT tampered AND duplicate_of IS NULL AND version = 1 ORDER BY 1",
    "campaign": "SELECT coalesce(campaign, block) FROM removed ORDER BY 1",
    # a night lasts from noon to noon in China and bears the date of its morning
    "night": "SELECT date(substr(id, 1, 4) || '-' || substr(id, 5, 2) || '-' || substr(id, 7, 2) || ' ' || substr(id, 10, 2)"
    " || ':00', '+20 hours') FROM runs ORDER BY id",
    "run": "SELECT id FROM runs ORDER BY id",
    "block": "SELECT id FROM removed ORDER BY 1",
}
"""By name: the query whose first row is an example."""

KINDS = {
    "home": "/",
    "results": "/archive/-/search?q=社区",
    "results, nothing asked": "/archive/-/search",
    "results, nothing found": "/archive/-/search?q=此词哪里也没有",
    "results, tampered only": "/archive/-/search?tampered=1&sort=newest",
    "article": "/archive/articles/{plain}",
    "article, tampered with": "/archive/articles/{tampered}",
    "article as captured": "/archive/articles/{tampered}?show=captured",
    "article as captured, the seed": "/archive/articles/{seed}?show=captured",
    "article in versions": "/archive/articles/{changed}",
    "article, withdrawn": "/archive/articles/{withdrawn}",
    "article, reprinted": "/archive/articles/{reprint}",
    "article with files": "/archive/articles/{attached}",
    "difference": "/archive/-/diff?a={changed}.1&b={changed}.2",
    "tamper desk": "/archive/-/tampering",
    "campaign": "/archive/-/tampering/{campaign}",
    "nights": "/archive/-/nights",
    "night": "/archive/-/nights/{night}",
    "data": "/archive",
    "table": "/archive/articles",
    "table with columns": "/archive/articles?_col=title&_col=source&_col=text",
    "table, wide": "/archive/captures",
    "view": "/archive/campaigns",
    "row": "/archive/removed/{block}",
    "row of a run": "/archive/runs/{run}",
    "row of a version": "/archive/versions/{changed},1",
    "no such page": "/archive/articles/99999999",
}


@pytest.fixture(scope="module")
def addresses(home: Home) -> dict[str, str]:
    found = {name: home.ask(f"{query} LIMIT 1")[0][0] for name, query in ONE.items()}
    return {kind: path.format(**found) for kind, path in KINDS.items()}


def status(kind: str) -> int:
    return 404 if kind == "no such page" else 200


# every page


RUN_AXE = """
axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations.map(each =>
    `${each.impact} ${each.id}: ` + each.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(" | ")))
"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
BRIGHTNESS = {"light": range(200, 256), "dark": range(60)}
SCHEMES: list[Any] = ["light", "dark"]
LANGUAGES = (("zh-Hans", CHINESE), ("en", ENGLISH))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("tag", "locale"), LANGUAGES, ids=["zh", "en"])
def test_every_page_is_accessible_in_both_schemes_on_phone_and_desk(
    read: Callable[..., Reader], addresses: dict[str, str], kind: str, tag: str, locale: dict[str, str]
) -> None:
    found = set()
    with read(**locale, viewport=DESK, color_scheme="light") as reader:
        page = reader.open(addresses[kind], status(kind))
        page.evaluate(AXE)  # as a debugger does it: the page's policy lets no script in
        for width, scheme in zip((DESK, PHONE), SCHEMES if tag == "en" else SCHEMES[::-1], strict=True):
            page.set_viewport_size(width)
            page.emulate_media(color_scheme=scheme)
            shades = [int(each) for each in re.findall(r"\d+", page.evaluate(BACKGROUND))[:3]]
            assert [shade in BRIGHTNESS[scheme] for shade in shades] == [True] * 3, (scheme, shades)
            found |= {f"{scheme} {width['width']}: {each}" for each in page.evaluate(RUN_AXE)}
            assert page.evaluate("[document.scrollingElement.scrollWidth <= innerWidth, innerWidth]") == [
                True,
                width["width"],
            ]
        assert page.evaluate("document.documentElement.lang") == tag
        assert page.get_by_role("heading", level=1).count() == 1
        assert page.title().strip() != ""
    assert sorted(found) == []


FOREIGN = """
[...(function* () {
    const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    const apart = "title, pre, code";  // what has no parts that could say it, and what is for programs
    for (let text = texts.nextNode(); text; text = texts.nextNode())
        if (/\\p{Script=Han}/u.test(text.data) && !text.parentElement.closest(apart) && !text.parentElement.closest("[lang]").lang.startsWith("zh"))
            yield text.parentElement.localName + ": " + text.data.trim().slice(0, 40);
})()].slice(0, 9)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_chinese_in_the_english_interface_is_said_to_be_chinese(
    read: Callable[..., Reader], addresses: dict[str, str], kind: str
) -> None:
    with read() as reader:
        assert reader.open(addresses[kind], status(kind)).evaluate(FOREIGN) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_works_without_scripts(
    read: Callable[..., Reader], addresses: dict[str, str], kind: str
) -> None:
    with read(java_script_enabled=False, viewport=PHONE) as reader:
        page = reader.open(addresses[kind], status(kind))
        assert page.get_by_role("main").get_by_role("heading", level=1).count() == 1
        assert page.get_by_role("navigation", name="Main").get_by_role("link").count() >= 4


# hostile text


OBEYED = """
[...document.querySelectorAll("*")].flatMap(each => [...each.attributes]
    .filter(({name}) => /^on|^srcdoc$|^formaction$/.test(name)).map(({name}) => each.localName + " " + name))
.concat([...document.querySelectorAll("a, area, form, [src]")].map(each => each.href || each.action || each.src)
    .filter(url => !/^https?:$/.test(new URL(url, location).protocol)))
.concat([...document.querySelectorAll("iframe, object, embed, base, img, video, audio, dialog, template, style, script:not([src])")]
    .map(each => each.localName))
"""
"""What the browser itself made of a page, and no page of ours has."""


@pytest.fixture(scope="module")
def trap(browser: Browser, make_home: Callable[[], Home]) -> Iterator[str]:
    """An archive in which every text is hostile."""
    home = make_home()
    fill(home.archive, len(HOSTILE), put_raw(HOSTILE), broken_json=True)
    fill(home.folder / "large.db", len(LARGE), put_large(LARGE), broken_json=True, related=False)
    with served(home) as address:
        yield address


@pytest.mark.parametrize("quarter", range(4))
def test_no_hostile_text_is_obeyed_on_the_page_of_an_article(
    browser: Browser, trap: str, quarter: int
) -> None:
    with Reader(browser, trap, viewport=PHONE) as reader:
        for number, case in [*enumerate(HOSTILE, 1)][quarter::4]:
            page = reader.open(f"/archive/articles/{number}{'?show=captured' if number % 8 > 3 else ''}")
            assert (case.name, page.evaluate(OBEYED)) == (case.name, [])


@pytest.mark.parametrize("case", LARGE, ids=lambda case: case.name)
def test_the_page_of_a_large_text_can_be_read(browser: Browser, trap: str, case: Case) -> None:
    with Reader(browser, trap, viewport=PHONE) as reader:
        page = reader.open(f"/large/articles/{LARGE.index(case) + 1}")
        assert page.evaluate(OBEYED) == []
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/archive/-/search",
        "/archive/-/search?sort=newest&page=2",
        "/archive/-/tampering",
        "/archive/-/nights",
        "/archive/articles?_facet=source&_facet_size=100",
        *(f"/archive/{table}?_size=100&_nofacet=1" for table in (*TABLES, *VIEWS)),
    ],
)
def test_no_hostile_text_is_obeyed_in_a_list(browser: Browser, trap: str, path: str) -> None:
    with Reader(browser, trap, viewport=DESK) as reader:
        assert reader.open(path).evaluate(OBEYED) == []


def test_no_hostile_question_is_obeyed(browser: Browser, trap: str) -> None:
    with Reader(browser, trap, viewport=DESK) as reader:
        for case in HOSTILE[::3]:
            asked = quote(bound(case.text)[:500])
            page = reader.open(
                f"/archive/-/search?q={asked}&source={asked}&channel={asked}&sort={asked}&page={asked}"
            )
            assert (case.name, page.evaluate(OBEYED)) == (case.name, [])


# journeys


def tab_to(page: Page, wanted: str, what: str = "e => e.matches(wanted)") -> None:
    """Press Tab until an element that matches a selector has the focus; each on the way shows that it has it."""
    for _ in range(80):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "wanted => { const e = document.activeElement, s = getComputedStyle(e), box = e.getBoundingClientRect();"
            " return {there: e.matches(wanted), name: e.outerHTML.slice(0, 120),"
            " seen: e === document.body || ((s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1"
            " || s.boxShadow !== 'none') && box.width > 0 && box.height > 0)} }",
            wanted,
        )
        assert here["seen"], f"the focus cannot be seen on {here['name']}"
        if here["there"]:
            return
    raise AssertionError(f"80 times Tab did not reach {wanted} on {page.url}")


@pytest.mark.parametrize("start", ["/", "/archive", "/archive/-/tampering"])
def test_a_reader_searches_and_opens_an_article_with_the_keyboard_alone(
    read: Callable[..., Reader], start: str
) -> None:
    with read() as reader:
        page = reader.open(start)
        tab_to(page, "input[type=search]")
        page.keyboard.type("社区")
        page.keyboard.press("Enter")
        page.wait_for_url("**/archive/-/search?*")
        assert page.get_by_role("mark").all_inner_texts()[:1] == ["社区"]
        tab_to(page, "main h2 a[href*='/articles/'], main h3 a[href*='/articles/']")
        title = page.evaluate("document.activeElement.textContent.trim()")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/archive/articles/\d+"))
        assert page.get_by_role("heading", level=1).inner_text() == title


def test_a_reader_sees_what_was_captured_with_all_marks_in_place_and_goes_back(
    read: Callable[..., Reader], addresses: dict[str, str]
) -> None:
    with read() as reader:
        page = reader.open(addresses["article, tampered with"])
        repaired = page.get_by_role("main").inner_text()
        page.get_by_role("link", name=re.compile("captured", re.IGNORECASE)).first.click()
        page.wait_for_url("**?show=captured*")
        assert page.get_by_role("deletion").count() > 10
        assert page.get_by_role("insertion").count() > 10
        page.get_by_role("link", name=re.compile("repaired|as read|article", re.IGNORECASE)).first.click()
        page.wait_for_url(lambda url: "show=captured" not in url)
        page.go_back()
        page.go_back()
        assert page.get_by_role("main").inner_text() == repaired


def test_a_reader_compares_two_versions(read: Callable[..., Reader], addresses: dict[str, str]) -> None:
    with read() as reader:
        page = reader.open(addresses["article in versions"])
        page.get_by_role("link", name=re.compile("compare", re.IGNORECASE)).first.click()
        page.wait_for_url("**/archive/-/diff?*")
        assert page.get_by_role("insertion").count() + page.get_by_role("deletion").count() > 0


def test_a_reader_follows_a_campaign_to_an_article(read: Callable[..., Reader]) -> None:
    with read() as reader:
        page = reader.open("/")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Tampering").click()
        page.wait_for_url("**/archive/-/tampering")
        page.get_by_role("main").locator("a[href*='/-/tampering/']").first.click()
        page.wait_for_url(re.compile(r"/archive/-/tampering/\d+"))
        page.get_by_role("main").locator("a[href*='/archive/articles/']").first.click()
        page.wait_for_url(re.compile(r"/archive/articles/\d+"))
        assert page.get_by_role("article").count() == 1


def test_a_reader_opens_a_night(read: Callable[..., Reader], home: Home) -> None:
    with read() as reader:
        page = reader.open("/")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Nights").click()
        page.wait_for_url("**/archive/-/nights")
        page.get_by_role("main").locator("a[href*='/-/nights/']").first.click()
        page.wait_for_url(re.compile(r"/archive/-/nights/\d{4}-\d{2}-\d{2}"))
        assert "lyg_news" in page.get_by_role("main").inner_text()


@pytest.mark.parametrize("kind", ["home", "results", "tamper desk", "article"])
def test_the_feeds_that_a_page_names_are_atom(
    read: Callable[..., Reader], addresses: dict[str, str], kind: str
) -> None:
    with read() as reader:
        links = reader.open(addresses[kind]).locator("head link[type='application/atom+xml']")
        feeds = [link.get_attribute("href") for link in links.all()]
        assert feeds != []
        for feed in feeds:
            answer = reader.context.request.get(feed or "")
            root = etree.fromstring(answer.body())
            assert (answer.status, answer.headers["content-type"].split(";")[0], root.tag) == (
                200,
                "application/atom+xml",
                f"{ATOM}feed",
            )
            assert len(root.findall(f"{ATOM}entry")) > 0


def test_the_language_is_the_browsers_until_the_reader_chooses(read: Callable[..., Reader]) -> None:
    with read(**CHINESE) as reader:
        page = reader.open("/")
        expect(page.get_by_role("navigation", name="主导航")).to_be_visible()
        page.get_by_role("contentinfo").get_by_role("link", name="English", exact=True).click()
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        reader.open("/archive/-/nights")
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        page.get_by_role("contentinfo").get_by_role("link", name="中文", exact=True).click()
        expect(page.get_by_role("navigation", name="主导航")).to_be_visible()


@pytest.mark.parametrize("kind", ["home", "results", "article", "nights", "table"])
def test_the_first_stop_of_the_keyboard_skips_to_the_content(
    read: Callable[..., Reader], addresses: dict[str, str], kind: str
) -> None:
    with read() as reader:
        page = reader.open(addresses[kind])
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        assert page.evaluate("[location.hash, document.querySelector(':target').localName]") == [
            "#content",
            "main",
        ]
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("kind", ["article", "article as captured", "difference", "night"])
def test_a_printed_page_has_the_text_and_nothing_to_click(
    read: Callable[..., Reader], addresses: dict[str, str], kind: str
) -> None:
    with read(color_scheme="dark") as reader:
        page = reader.open(addresses[kind])
        title = page.get_by_role("heading", level=1).inner_text()
        page.emulate_media(media="print")
        for each in page.locator("header.top, footer, .skip, input, button").all():
            expect(each).not_to_be_in_viewport() if each.get_attribute("class") == "skip" else expect(
                each
            ).to_be_hidden()
        document = pypdfium2.PdfDocument(io.BytesIO(page.pdf(format="A4")))
        printed = "".join(sheet.get_textpage().get_text_range() for sheet in document)
        document.close()
    assert "".join(title.split()) in "".join(printed.split())
    assert "Skip to content" not in printed


def test_a_query_stays_in_the_box_and_in_the_address(read: Callable[..., Reader]) -> None:
    with read(viewport=PHONE) as reader:
        page = reader.open('/archive/-/search?q="社区"%20-养老&sort=newest')
        box: Any = page.get_by_role("main").get_by_role("searchbox").first
        assert box.input_value() == '"社区" -养老'
        box.press("Enter")
        page.wait_for_url("**/archive/-/search?*")
        assert page.get_by_role("main").get_by_role("searchbox").first.input_value() == '"社区" -养老'
