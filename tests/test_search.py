"""Articles are found by words, narrowed down and counted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import FILTERS, Archive, Facet
from crawler.items import Page
from crawler.text import Extracted
from tests.home import Home

PLACES = (("lyg.gov.cn", "gcyw"), ("lyg.gov.cn", "tzgg"), ("mzj.lyg.gov.cn", "tzgg"))
SOURCES = ("连云港日报", "苍梧晚报", None)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "archive.db") as opened:
        yield opened


def tell(archive: Archive, title: str, text: str, **more: Any) -> int:
    """Save an article of its own address and give its id."""
    number = archive.conn.execute("SELECT count(*) FROM articles").fetchone()[0] + 1
    values: dict[str, Any] = {
        "portal": "lyg.gov.cn",
        "channel": "gcyw",
        "source": "连云港日报",
        "published": date(2024, 1, 18),
        **more,
    }
    url = f"http://{values['portal']}/content/{number}.html"
    found = Extracted(title=title, text=text)
    return archive.save(Page(url=url, title=title, text=text, extracted=found, **values)).article_id


def ids(archive: Archive, query: str, **more: Any) -> list[int]:
    return [hit.id for hit in archive.find(query, limit=1000, **more).hits]


def shelf(archive: Archive) -> list[dict[str, Any]]:
    """Fill an archive with articles of every portal, channel, source, year; every fifth tampered with."""
    shelved = []
    for number, ((portal, channel), source, year) in enumerate(
        product(PLACES, SOURCES, (2021, 2023, 2024)), 1
    ):
        text = (
            f"第{number}号泊位的港口今天开门迎客。"
            if number % 3
            else f"{number}号泊位有港有口，与泊港口岸无关。"
        )
        values = {
            "portal": portal,
            "channel": channel,
            "source": source,
            "published": date(year, 1 + number % 12, 3),
        }
        number_of = tell(archive, f"事{number}", text, **values)
        if number % 5 == 0:
            archive.conn.execute("UPDATE articles SET tampered = 1 WHERE id = ?", (number_of,))
        shelved.append(
            {
                "id": number_of,
                "portal": portal,
                "channel": channel,
                "year": str(year),
                "source": source or "",
                "tampered": str(int(number % 5 == 0)),
                "day": values["published"].isoformat(),
                "text": text,
            }
        )
    return shelved


SELECTIONS: list[dict[str, str]] = [
    {},
    {"portal": "lyg.gov.cn"},
    {"channel": "tzgg"},
    {"portal": "lyg.gov.cn", "channel": "tzgg"},
    {"year": "2023"},
    {"source": "苍梧晚报"},
    {"source": ""},
    {"tampered": "1"},
    {"tampered": "0", "year": "2024"},
    {"portal": "mzj.lyg.gov.cn", "channel": "tzgg", "year": "2021", "source": "连云港日报", "tampered": "0"},
    {"portal": "nowhere"},
    {"year": "20240", "tampered": "x"},
    {"portal": "\x00\ud800"},
]


def let_through(shelved: list[dict[str, Any]], chosen: dict[str, str]) -> list[dict[str, Any]]:
    return [each for each in shelved if all(each[name] == value for name, value in chosen.items())]


def newest_of(found: list[dict[str, Any]]) -> list[int]:
    return [each["id"] for each in sorted(found, key=lambda each: (each["day"], each["id"]), reverse=True)]


@pytest.mark.parametrize("few", [True, False])
def test_a_search_is_narrowed_down_exactly(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, few: bool
) -> None:
    shelved = shelf(archive)
    if not few:
        for name, many in (("LOOKED", 2), ("DATED", 3), ("TOLD", 5), ("PROBED", 2)):
            monkeypatch.setattr(f"crawler.archive.search.{name}", many)
    for query, chosen in product(("港口", "泊位的港口", "号"), SELECTIONS):
        wanted = [each for each in let_through(shelved, chosen) if query in each["text"]]
        assert ids(archive, query, filters=chosen, newest=True) == newest_of(wanted), (query, chosen)
        assert sorted(ids(archive, query, filters=chosen)) == sorted(each["id"] for each in wanted), (
            query,
            chosen,
        )


def test_filters_or_dates_alone_give_all_that_they_let_through(archive: Archive) -> None:
    shelved = shelf(archive)
    for chosen in SELECTIONS[1:]:
        wanted = newest_of(let_through(shelved, chosen))
        assert ids(archive, "", filters=chosen) == ids(archive, " ", filters=chosen, newest=True) == wanted
        assert archive.find("", limit=2, filters=chosen)[1:] == (len(wanted), True)
    dated = [each for each in shelved if "2023-02" <= each["day"][:7] <= "2023-05"]
    assert ids(archive, "since:2023-02 until:2023-05") == newest_of(dated)
    assert ids(archive, "since:2023", filters={"year": "2021"}) == []
    assert (ids(archive, ""), ids(archive, "，", filters={"year": "2021"})) == ([], [])


def test_a_filter_that_there_is_none_of_is_named(archive: Archive) -> None:
    said = "filters: found colour, size, wanted some of portal, channel, year, source, tampered"
    for ask in (archive.find, archive.facets):
        with pytest.raises(ValueError, match="colour") as caught:
            ask("港口", filters={"size": "1", "year": "2024", "colour": "red"})
        assert str(caught.value) == said


def counted(found: list[dict[str, Any]], chosen: dict[str, str]) -> dict[str, set[Facet]]:
    """Count without the archive what facets should say."""
    wanted: dict[str, set[Facet]] = {}
    for name in FILTERS:
        rest = let_through(found, {key: value for key, value in chosen.items() if key != name})
        many: dict[tuple[str, str | None], int] = {}
        for each in rest:
            key = (each[name], each["portal"] if name == "channel" else None)
            many[key] = many.get(key, 0) + 1
        wanted[name] = {Facet(value, count, portal) for (value, portal), count in many.items()}
    return wanted


def test_what_is_found_is_counted_by_each_filter_as_if_it_were_not_set(archive: Archive) -> None:
    shelved = shelf(archive)
    for query, chosen in product(("港口", "泊位的港口", ""), SELECTIONS):
        found = archive.facets(query, chosen)
        wanted = counted([each for each in shelved if query in each["text"]], chosen)
        assert {name: set(facets) for name, facets in found.counts.items()} == wanted, (query, chosen)
        assert found[1:] == (True, True)
    assert archive.facets("港口").counts["year"] == [Facet("2024", 9), Facet("2023", 9), Facet("2021", 9)]
    assert [facet.value for facet in archive.facets("港口", limit=1).counts["portal"]] == ["lyg.gov.cn"]
    assert archive.facets("，").counts == {name: [] for name in FILTERS}


def test_counts_that_were_not_looked_up_say_so(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf(archive)
    monkeypatch.setattr("crawler.archive.facets.LOOKED", 5)
    monkeypatch.setattr("crawler.archive.facets.CHUNK", 4)
    assert archive.facets("泊位的港口")[1:] == (False, True)
    assert archive.facets("港口")[1:] == (True, True)
    hurried = archive.facets("港口", within_ms=0)
    assert (hurried.whole, sum(facet.articles for facet in hurried.counts["year"])) == (False, 4)


def test_what_goes_on_elsewhere_is_neither_listed_nor_counted(archive: Archive) -> None:
    first, second = tell(archive, "港口", "港口开门。"), tell(archive, "下文", "迎客。")
    archive.conn.execute("UPDATE articles SET part_of = ? WHERE id = ?", (first, second))
    assert ids(archive, "", filters={"year": "2024"}) == [first]
    assert archive.facets("").counts["portal"] == [Facet("lyg.gov.cn", 1)]


def test_an_archive_that_lacks_the_index_of_the_search_is_searched_all_the_same(archive: Archive) -> None:
    shelved = shelf(archive)
    archive.conn.execute("DROP INDEX articles_found")
    archive.commit()
    with Archive(archive.path, readonly=True) as reader:
        chosen = {"portal": "lyg.gov.cn", "year": "2023"}
        assert ids(reader, "港口", filters=chosen, newest=True) == newest_of(let_through(shelved, chosen))
        assert reader.facets("港口", chosen).counts["tampered"] == [Facet("0", 5), Facet("1", 1)]
        with pytest.raises(sqlite3.OperationalError):
            reader.conn.execute("DELETE FROM articles")


def test_the_command_narrows_down_and_writes_json(home: Home) -> None:
    with Archive(home.archive) as archive:
        shelved = shelf(archive)
    wanted = newest_of(let_through(shelved, {"channel": "tzgg", "year": "2023"}))
    done = home.scrapy("search", "--json", "--newest", "--channel", "tzgg", "--year=2023", "港口", "-号外")
    said = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert ([each["id"] for each in said], done.stderr) == (wanted, b"")
    assert {
        key: said[-1][key] for key in ("title", "portal", "channel", "source", "tampered", "reprints")
    } == {
        "title": "事14",
        "portal": "lyg.gov.cn",
        "channel": "tzgg",
        "source": "苍梧晚报",
        "tampered": False,
        "reprints": 0,
    }
    listed = home.scrapy(
        "search", "--source", "苍梧晚报", "--portal=mzj.lyg.gov.cn", "--tampered", "0", "--limit=1"
    )
    assert listed.stdout.decode().splitlines()[0].split() == ["24", "2024-01-03", "事24"]
    assert listed.stdout.decode().splitlines()[-1] == "3 articles"
    assert b"found no words and no filter" in home.scrapy("search").stderr
