"""Articles are found by words, narrowed down and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.archive import FILTERS, Archive, Facet, ask, canonical, storable
from crawler.archive.values import _canonical
from crawler.archive.words import DEEP, LONGEST, _fold_slowly, fields_of, folded
from crawler.captures import local_time
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
        for name, many in (("LOOKED", 2), ("TRIED", 8), ("DATED", 12), ("TOLD", 15), ("PROBED", 2)):
            monkeypatch.setattr(f"crawler.archive.search.{name}", many)
    for query, chosen in product(("港口", "泊位的港口", "号"), SELECTIONS):
        wanted = [each for each in let_through(shelved, chosen) if query in each["text"]]
        assert ids(archive, query, filters=chosen, newest=True) == newest_of(wanted), (query, chosen)
        assert sorted(ids(archive, query, filters=chosen)) == sorted(each["id"] for each in wanted), (
            query,
            chosen,
        )
        for found in (
            archive.find(query, 3, filters=chosen),
            archive.find(query, 3, newest=True, filters=chosen),
        ):
            assert found.total == len(wanted) if found.whole else found.total <= len(wanted)


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
    for count in (archive.find, archive.facets):
        with pytest.raises(ValueError, match="colour") as caught:
            count("港口", filters={"size": "1", "year": "2024", "colour": "red"})
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


def test_an_archive_of_an_elder_shape_is_searched_all_the_same(archive: Archive) -> None:
    shelved = shelf(archive)
    archive.conn.execute("DROP INDEX articles_found")
    archive.conn.execute("ALTER TABLE articles RENAME COLUMN part_of TO what_no_elder_has")
    archive.conn.execute("PRAGMA user_version = 3")
    archive.commit()
    with Archive(archive.path, readonly=True) as reader:
        chosen = {"portal": "lyg.gov.cn", "year": "2023"}
        wanted = newest_of(let_through(shelved, chosen))
        assert ids(reader, "港口", filters=chosen, newest=True) == ids(reader, "", filters=chosen) == wanted
        assert sorted(ids(reader, "港口", filters=chosen)) == sorted(wanted)
        assert reader.facets("港口", chosen).counts["tampered"] == [Facet("0", 5), Facet("1", 1)]
        assert reader.facets("", chosen).counts["tampered"] == [Facet("0", 5), Facet("1", 1)]


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


# --- what is typed ---

TOLD = {
    1: ("社区食堂开门", "市民政局说养老的社区食堂开门了，老人每天来吃饭。连政办发〔2023〕5号。", {}),
    2: (
        "養老服務",
        "補貼按月發放到賬，戶籍老人可以申請，2024年1月起。",
        {"published": date(2024, 3, 22), "source": "苍梧晚报"},
    ),
    3: (
        "文件",
        "建设５Ｇ基站，见www.lyg.gov.cn，governance一词；连云的云港。",
        {"published": date(2023, 5, 5), "source": None},
    ),
    4: ("连云港的港口", "货船靠港，雨雪天气停航。", {"published": date(2024, 2, 29), "source": "市民政局"}),
}
TYPED = {
    "養老": [1, 2],
    "养老 食堂": [1],
    "养老 OR 港口": [1, 2, 4],
    "养老 AND 食堂": [1],
    "养老 NOT 食堂": [2],
    "养老 -食堂": [2],
    "(雨 OR 雪) 天气": [4],
    "(食堂 OR 补贴) -老人": [],
    '"社区食堂"': [1],
    '"社区 食堂"': [],
    "“社区食堂”": [1],
    '-"社区食堂" 老人': [2],
    "title:养老": [2],
    "标题：养老": [2],
    "title:老人": [],
    "source:苍梧晚报": [2],
    "来源:市民政局": [4],
    "-source:苍梧晚报 养老": [1],
    "title:(养老)": [2],
    "养老 since:2024-03": [2],
    "养老 自:2024-03": [2],
    "养老 until:2024-02": [1],
    "养老 至:2024": [1, 2],
    "港 since:2024-02-29 until:2024-02-29": [4],
    "since:2024-02": [2, 4],
    "连政办发〔2023〕5号": [1],
    "连政办发[２０２３]５号": [1],
    "连政办发 2023 5号": [1],
    "2024年1月": [2],
    "２０２４年1月": [2],
    "5G": [3],
    "５ｇ": [3],
    "5G基站": [3],
    "gov": [3],
    "gov*": [3],
    "over*": [],
    "over": [3],
    "lyg.gov.cn": [3],
    "连云港": [1, 4],  # in its source
    "云港": [1, 3, 4],
    "连云的云港": [3],
    "民政*": [1, 4],
    "老": [1, 2],
    "OR": [],
    "养老 OR": [],
}


def shelve(archive: Archive) -> None:
    assert [tell(archive, title, text, **more) for title, text, more in TOLD.values()] == [*TOLD]


def test_what_is_typed_is_understood(archive: Archive) -> None:
    shelve(archive)
    found = {typed: sorted(ids(archive, typed)) for typed in TYPED}
    assert found == TYPED
    assert {typed: sorted(ids(archive, typed, newest=True)) for typed in TYPED} == TYPED
    assert {typed: archive.find(typed).total for typed in TYPED} == {
        typed: len(each) for typed, each in TYPED.items()
    }


def test_titles_and_sources_are_found_by_how_they_read(archive: Archive) -> None:
    shelve(archive)
    five = tell(archive, "通知", "minzheng一词在正文里。", source="新华社")
    read = {
        "minzheng": [five, 4],
        "MinZheng": [five, 4],
        "mzj": [4],
        "shiminzhengju": [4],
        "lianyungang": [4, 1],
        "lygrb": [1],
        "yanglao": [2],
        "yanglaofuwu": [2],
        "cangwu -yanglao": [2],  # what is denied is taken as typed
        "title:minzheng": [],
        "title:yanglao": [2],
        "source:lygrb": [1],
        '"minzheng"': [five],
        "minzheng 货船": [4],
        "yanglao OR gangkou": [4, 2],
        "min": [five],
        "fuwuyanglao": [],
    }
    assert {typed: ids(archive, typed) for typed in read} == read
    assert archive.matching("minzheng") == [five]
    assert archive.facets("mzj").counts["source"] == [Facet("市民政局", 1)]
    archive.commit()
    with Archive(archive.path, readonly=True) as reader:
        assert ids(reader, "mzj") == [4]


def test_what_reads_so_is_forgotten_with_the_title(archive: Archive) -> None:
    number = tell(archive, "养老", "正文一。")
    assert ids(archive, "yanglao") == [number]
    changed = Extracted(title="食堂", text="正文二，全新的内容。")
    url = f"http://lyg.gov.cn/content/{number}.html"
    archive.save(Page(url=url, portal="lyg.gov.cn", title="食堂", text=changed.text, extracted=changed))
    assert (ids(archive, "yanglao"), ids(archive, "shitang")) == ([], [number])


def test_a_title_comes_first_then_more_and_denser_words_then_rarer_ones(archive: Archive) -> None:
    once = tell(
        archive,
        "甲",
        "港口今日开门。天气晴好，风力二级，能见度高，渔船照常出海作业。早晚温差较大，市民注意增减衣物。",
    )
    often = tell(
        archive,
        "乙",
        "港口今早开闸，港口昨夜停航，港口后天检修。项目建设进度加快，施工单位昼夜轮班，工人食宿由街道安排。",
    )
    short = tell(archive, "丙", "港口昨日关门。")
    titled = tell(
        archive,
        "港口",
        "图书馆延长开放，夜读的学生坐满了三层楼。馆员说，暑期每天借出的书比平时多出一倍，新书也已上架。",
    )
    assert ids(archive, "港口") in ([titled, often, short, once], [titled, short, often, once])
    rare = tell(archive, "丁", "麒麟一只。" + "天气晴好。" * 3)
    common = tell(archive, "戊", "港口一座。" + "天气晴好。" * 3)
    assert [each for each in ids(archive, "麒麟 OR 港口") if each in (rare, common)] == [rare, common]
    assert ids(archive, "麒麟 OR 港口") == ids(archive, "麒麟 OR 港口")


ODD = list(
    "养老食堂连雲港abgovX5５年〔〕()（）\"“”:：-*^+~{}[]'`,.，。 \t\n\x00\x7f\u200b\u0301\ud800\udfff\U00020bb7𠮷…㎡①Ⅲ篢"
)
ODD += [
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    "title:",
    "source:",
    "标题：",
    "since:2024",
    "until:2024-01",
    "minzheng",
    "mzj",
    " ",
]


@pytest.fixture(scope="module")
def shelved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with Archive(tmp_path_factory.mktemp("odd") / "archive.db") as opened:
        shelve(opened)
        yield opened


@given(st.lists(st.sampled_from(ODD), max_size=12).map("".join))
@example("养老 OR (")
@example('title:"')
@example("-(养老 -(")
def test_nothing_that_is_typed_is_an_error(shelved: Archive, typed: str) -> None:
    best = shelved.find(typed)
    newest = shelved.find(typed, newest=True)
    assert {hit.id for hit in best.hits} == {hit.id for hit in newest.hits}
    counted = shelved.facets(typed).counts["tampered"]
    if ask(typed).part is not None:
        assert sum(facet.articles for facet in counted) == best.total
        assert {*shelved.matching(typed)} <= {hit.id for hit in best.hits}


@pytest.mark.parametrize(
    "typed",
    [
        "(" * 5000,
        "(" * 5000 + "养老" + ")" * 5000,
        "(养老 OR " * 300 + "食堂" + ")" * 300,
        "(养老 -(食堂 OR 社区) OR " * (DEEP - 1) + "社区 港口" + ")" * (DEEP - 1),
        "(养老 (港口 OR " * (DEEP // 2) + "食堂" + "))" * (DEEP // 2),
        "NOT " * 50_000 + "养老",
        "title:" * 20_000,
        '"' * 50_000,
    ],
    ids=["open", "nested", "one of two", "denied within", "both within", "NOT", "title:", "marks"],
)
def test_a_question_without_end_is_answered(shelved: Archive, typed: str) -> None:
    for newest in (False, True):
        shelved.find(typed, newest=newest, filters={"year": "2024"})
    assert ask(typed) == ask(typed[:LONGEST])


def test_of_a_long_question_the_beginning_is_read() -> None:
    many = " ".join(f"连云{number:04}" for number in range(20_000))
    assert ask(many).words == ask(many[:LONGEST]).words
    assert len(ask(many).words) == (LONGEST + 1) // len("连云0000 ")


@given(
    st.lists(st.sampled_from(ODD), max_size=12).map("".join),
    st.lists(st.sampled_from(ODD), max_size=30).map("".join),
)
def test_a_text_as_it_is_written_tells_what_the_folded_one_does(typed: str, text: str) -> None:
    part, text = ask(typed).part, storable(text)
    if part is not None and (said := part.stands(text)) is not None:
        assert said == part.fits(fields_of(None, text, None))


@given(st.text(st.characters() | st.sampled_from(ODD[:-12])))
def test_a_fold_is_that_of_the_slow_way(text: str) -> None:
    assert folded(storable(text)) == _fold_slowly(storable(text))


URLS = [
    "http",
    "https",
    "HTTP",
    "://",
    "www.",
    "WWW.",
    "lyg.gov.cn",
    "a",
    ":80",
    ":8080",
    "/",
    "//",
    "./",
    "../",
    "index",
]
URLS += [
    ".html",
    "default.aspx",
    "%e4",
    "%2F",
    "~",
    "_x-1",
    ";jsessionid=1",
    "?",
    "id=1",
    "&",
    "utm_source=x",
    "#top",
    " ",
    "连",
    "\n",
]


@given(st.lists(st.sampled_from(URLS), max_size=12).map("".join))
@example("http://www.www.cn/a")
@example("http://www.lyg.gov.cn/a/index.html")
@example("http://lyg.gov.cn/a/")
def test_the_short_way_to_an_address_ends_where_the_long_one_does(url: str) -> None:
    for each in (url, f"http://www.lyg.gov.cn/{url}"):
        assert canonical(each) == _canonical(each)


def test_a_local_time_is_kept_and_another_is_brought_there() -> None:
    assert local_time("2026-11-27T02:00:00+08:00") == "2026-11-27T02:00:00+08:00"
    assert local_time("1988-07-01T02:00:00+08:00") == "1988-07-01T03:00:00+09:00"
    assert local_time("2026-11-27T02:00:00.5+08:00") == "2026-11-27T02:00:00.500000+08:00"
    assert local_time("2024-W01-1T09:00:00+08:00") == "2024-01-01T09:00:00+08:00"
    with pytest.raises(ValueError, match="month"):
        local_time("2026-13-27T02:00:00+08:00")
