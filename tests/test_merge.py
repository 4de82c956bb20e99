"""Shards that are merged are the archive that one machine would have made of the same captures."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import SHAPE_VERSION, TABLES, Archive, ArchiveError, merge, seed, split_by_year
from crawler.captures import Capture, CaptureWriter
from crawler.items import Page
from crawler.portals import Line
from crawler.text import Decoded, Edit, Extracted, Removed, Repaired, Step, Traces
from tests.home import Home
from tests.test_crawl import contents, rows

MEANING = {
    "listings": "SELECT l.portal, l.channel, l.key, l.url, l.title, l.section, l.listed, l.state, l.attempts, l.error, a.key "
    "FROM listings l LEFT JOIN articles a ON a.id = l.article_id ORDER BY 1, 2, 3",
    "addresses": "SELECT d.key, a.key, d.how, d.refused FROM addresses d JOIN articles a ON a.id = d.article_id "
    "ORDER BY 1, 2, 3",
    # which page of a list was answered last, and so its address and lines, is chance
    "channels": "SELECT portal, code, name, total, lines, problem, unfinished FROM channels ORDER BY 1, 2",
    # a run that goes on with a killed one asks for the lists again
    "captures": "SELECT DISTINCT url, status, kind, digest FROM captures WHERE status = 200 ORDER BY 1, 2, 3, 4",
    "campaigns": "SELECT r.campaign, r.block, a.key FROM removed r JOIN articles a ON a.id = r.article_id ORDER BY 1, 2, 3",
    "targets": "SELECT host, campaign, blocks FROM targets ORDER BY 1",
    "parts": "SELECT a.key, p.version, p.part, p.key, p.url, p.error FROM parts p JOIN articles a ON a.id = p.article_id "
    "ORDER BY 1, 2, 3",
    "part of": "SELECT a.key, b.key, a.fields FROM articles a JOIN articles b ON b.id = a.part_of ORDER BY 1",
}


def meaning(archive: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that an archive says of what was published, without ids and times of asking."""
    return contents(archive) | {what: rows(archive, sql) for what, sql in MEANING.items()}


# --- nights of two portals, told to one archive or to one of each portal


TEXTS = (
    "市民政局公布养老服务设施建设进展，全年新建社区食堂十二处，惠及老人三千余名，居民反映良好，服务质量稳步提升。",
    "徐圩新区港口集疏运通道如期通车，货车绕行里程缩短近半，沿线企业物流成本明显下降，年底前还将开通夜间专线。",
    "海州区启动老旧小区改造，涉及屋面防水、雨污分流与消防通道，施工期间设置临时停车点，社区干部逐户上门听取意见。",
)
SPAM = '<a href="http://x{0}.example/">六合彩{0}</a>'


class Shard:
    """An archive with its captures, and the nights that are told to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.path = folder / "archive.db"

    def night(self, day: int, portal: str, pages: dict[str, str], gone: Sequence[str] = ()) -> None:
        """Crawl a portal: list all its pages, and archive what each one shows."""
        when = f"2026-11-{day:02}T02:00:00+08:00"
        host = f"{portal}.gov.cn"
        with Archive(self.path) as archive:
            archive.begin_memory(when)
            run = archive.start_run(portal, {"shard": portal}, started=when)
            with CaptureWriter(
                self.folder / "warc", run, software="test", spider=portal, arguments={"shard": portal}
            ) as writer:

                def fetch(number: int, url: str, kind: str, body: str, status: int = 200) -> Capture:
                    at = f"2026-11-{day:02}T02:{number:02}:00+08:00"
                    made = writer.write(
                        url=url,
                        status=status,
                        headers=[("Content-Type", "text/html; charset=utf-8")],
                        body=body.encode(),
                        fetched_at=at,
                        kind=kind,
                        context={},
                        last=archive.last_capture(url),
                    )
                    return made._replace(id=archive.add_capture(made, run))

                urls = [f"http://{host}/{name}.html" for name in pages]
                listed = fetch(0, f"http://{host}/", "list", f"list of {day}")
                lines = [
                    Line(url, f"标题{url[-6]}", date(2026, 11, 1), "xw", None)
                    for url in (*urls, "http://else.example/")
                ]
                archive.enlist(lines, portal=host, hosts=[host], seen=listed.fetched_at, capture_id=listed.id)
                archive.meet_channel(host, "xw", "新闻", f"http://{host}/", seen=when, lines=len(lines))
                for number, (name, text) in enumerate(pages.items(), 1):
                    url = f"http://{host}/{name}.html"
                    if name in gone:
                        capture = fetch(number, url, "article", "404", 404)
                        archive.missing(url, capture.fetched_at, capture.id, 404)
                        continue
                    capture = fetch(number, url, "article", text)
                    archive.save(self.page(url, host, text, capture))
                    archive.had_file(f"http://{host}/{number}.pdf", capture, "application/pdf", 9)
                archive.close_channel(host, "xw")
                writer.sync()
                counts = {"listed": len(lines)}
                archive.finish_run(run, outcome="finished", counts=counts, finished=when)
                closed = {"outcome": "finished", "counts": counts, "finished": when}
                signed = writer.finish({**closed, "chain": {"previous": archive.head(), "signed": []}})
                assert signed is not None
                archive.sign_run(run, signed, archive.head())

    def page(self, url: str, host: str, text: str, capture: Capture) -> Page:
        """Make the page that a reading of a text would give: one with 六 in it was hacked."""
        number = url[-6]
        hacked = "六" in text
        block = Removed(
            kind="links",
            place="body",
            text="六合彩",
            html=SPAM.format(number),
            links=(f"http://x{number}.example/", "http://x.example/"),
            reasons=(("spam", 1.0),),
        )
        title = f"{host} 标题 {number}"
        return Page(
            url=url,
            portal=host,
            channel="xw",
            title=title,
            text=text,
            source="连云港日报",
            published=date(2026 - int(number) % 2, 11, 1),
            decoded=Decoded(text, "utf-8", "header"),
            repaired=Repaired(text, (Step("halves", "proven", (Edit(0, text[:1], text[:1] + "？"),)),)),
            removed=(block,) if hacked else (),
            tampered=hacked,
            extracted=Extracted(
                title=title, text=text, attachments=((f"http://{host}/{number}.pdf", "附件"),)
            ),
            hosts=frozenset({host}),
            traces=Traces((f"{host} 版权所有",), ("honest.example",)),
            capture=capture,
        )


def tell(shards: dict[str, Shard], nights: Iterable[int]) -> None:
    """Tell some of four nights, each portal's to its shard."""
    for day in nights:
        for portal, other in (("jia", 0), ("yi", 1)):
            pages = {
                str(number): text + (f"第{day}次修订。" if number == day else "")
                for number, text in enumerate(
                    (TEXTS[other], TEXTS[2] + "六合彩", TEXTS[1 - other] + "六合彩"), 1
                )
            }
            pages["9"] = f"{portal}只在头一夜有的一条消息，后来撤下了。"
            shards[portal].night(day, portal, pages, ["9"] if day > 1 else [])


def dump(archive: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    return {table: rows(archive, f"SELECT * FROM {table}") for table in (*TABLES, "bands", "bands_new")}


def check(shard: Path) -> list[str]:
    with Archive(shard, readonly=True) as archive:
        return archive.verify(shard.parent / "warc")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shard]:
    """One archive of both portals, and a shard of each, after four nights."""
    folder = tmp_path_factory.mktemp("told")
    whole, jia, yi = (Shard(folder / name) for name in ("whole", "jia", "yi"))
    tell({"jia": whole, "yi": whole}, range(1, 5))
    tell({"jia": jia, "yi": yi}, range(1, 5))
    return {"whole": whole, "jia": jia, "yi": yi}


@pytest.mark.parametrize("order", [("jia", "yi"), ("yi", "jia")])
def test_merged_shards_are_the_archive_of_one_machine_in_any_order_and_again(
    told: dict[str, Shard], tmp_path: Path, order: tuple[str, str]
) -> None:
    into = tmp_path / "archive.db"
    done = merge([told[name].folder for name in order], into, tmp_path / "warc")
    assert meaning(into) == meaning(told["whole"].path)
    assert check(into) == []
    assert (done.came["articles"], done.came["runs"], done.linked) == (8, 8, 8)
    before = dump(into)
    again = merge([told[name].folder for name in reversed(order)], into, tmp_path / "warc")
    assert (sum(again.came.values()), again.linked) == (0, 0)
    assert dump(into) == before


def test_words_are_found_in_a_merged_archive_as_in_a_whole_one(
    told: dict[str, Shard], tmp_path: Path
) -> None:
    into = tmp_path / "archive.db"
    merge([told["jia"].path, told["yi"].path], into, tmp_path / "warc")
    found = []
    for path in (into, told["whole"].path):
        with Archive(path, readonly=True) as archive:
            found.append([(hit.url, hit.snippet, hit.reprints) for hit in archive.find("老旧小区").hits])
    assert found[0] == found[1] != []


def test_each_night_is_merged_into_what_was_merged_before(tmp_path: Path) -> None:
    whole, jia, yi = (Shard(tmp_path / name) for name in ("whole", "jia", "yi"))
    into = tmp_path / "archive.db"
    for day in range(1, 5):
        tell({"jia": whole, "yi": whole}, [day])
        tell({"jia": jia, "yi": yi}, [day])
        merge([jia.folder, yi.folder], into, tmp_path / "warc")
        assert meaning(into) == meaning(whole.path)
        assert check(into) == []


def test_an_article_that_several_shards_saw_has_its_versions_in_the_order_of_time(
    told: dict[str, Shard], tmp_path: Path
) -> None:
    early, late = Shard(tmp_path / "early"), Shard(tmp_path / "late")
    tell({"jia": early, "yi": early}, [1, 2])
    tell({"jia": late, "yi": late}, [3, 4])
    asked = (
        "SELECT a.key, v.version, v.title, v.text, v.change, v.seen FROM versions v JOIN articles a ON a.id = v.article_id "
        "ORDER BY 1, 2"
    )
    articles = "SELECT key, text, version, first_seen, last_seen, gone, tampered FROM articles ORDER BY key"
    for order in ([early.folder, late.folder], [late.folder, early.folder]):
        into = tmp_path / f"{order[0].name}-first.db"
        merge(order, into, tmp_path / "warc")
        for sql in (asked, articles):
            assert rows(into, sql) == rows(told["whole"].path, sql)
        assert [
            problem for problem in check(into) if "chain" not in problem and "captures" not in problem
        ] == []


def test_a_shard_is_seeded_with_what_an_archive_has_of_its_portals(
    told: dict[str, Shard], tmp_path: Path
) -> None:
    place = tmp_path / "jia" / "archive.db"
    place.parent.mkdir()
    seed(place, told["whole"].path, told["whole"].folder / "warc", ["jia.gov.cn"], ["jia.gov.cn"])
    wanted = meaning(told["jia"].path)
    assert meaning(place) == wanted
    into = tmp_path / "archive.db"
    merge([told["whole"].folder], into, tmp_path / "warc")
    before = dump(into)
    merge([place], into, tmp_path / "warc")
    assert dump(into) == before


def test_an_archive_is_split_by_the_years_of_its_articles_and_they_are_it_again(
    told: dict[str, Shard], tmp_path: Path
) -> None:
    whole = told["whole"]
    shards = split_by_year(whole.path, tmp_path)
    of_year = "SELECT key, version, substr(published, 1, 4) FROM articles ORDER BY key"
    articles = [rows(shard, of_year) for shard in shards]
    assert [shard.name for shard in shards] == ["2025.db", "2026.db"]
    assert [{year for _, _, year in found} for found in articles] == [{"2025"}, {"2026"}]
    assert sorted(row for found in articles for row in found) == rows(whole.path, of_year)
    for shard in shards:
        with Archive(shard, readonly=True) as archive:
            assert [
                problem for problem in archive.verify(whole.folder / "warc") if "captures" not in problem
            ] == []
    for order in (shards, shards[::-1]):
        into = tmp_path / "again.db"
        merge(order, into, None)
        assert meaning(into) == meaning(whole.path)
        into.unlink()


def test_a_shard_remembers_the_spam_of_other_portals_as_the_whole_does(
    told: dict[str, Shard], tmp_path: Path
) -> None:
    place, night = tmp_path / "archive.db", "2026-11-05T02:00:00+08:00"
    seed(place, told["whole"].path, told["whole"].folder / "warc", ["jia.gov.cn"], ["jia.gov.cn"])
    with Archive(told["whole"].path, readonly=True) as whole, Archive(place, readonly=True) as shard:
        wanted = whole.memory("jia.gov.cn", night)
        assert shard.memory("jia.gov.cn", night).blocks != wanted.blocks
    with Archive(place, readonly=True) as shard:
        shard.remember_beside(told["whole"].path)
        found = shard.memory("jia.gov.cn", night)
    assert (found.lines, found.hosts, found.blocks) == (wanted.lines, wanted.hosts, wanted.blocks)
    assert len(wanted.blocks) == 1


def test_captures_are_linked_and_one_that_is_nowhere_is_named(told: dict[str, Shard], tmp_path: Path) -> None:
    merge([told["jia"].folder], tmp_path / "archive.db", tmp_path / "warc")
    for path in (told["jia"].folder / "warc").iterdir():
        assert path.samefile(tmp_path / "warc" / path.name)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(told["jia"].path, alone / "archive.db")
    with pytest.raises(ArchiveError, match="found no such file") as wrong:
        merge([alone], tmp_path / "other.db", tmp_path / "elsewhere")
    assert wrong.value.exitcode == 7
    assert not (tmp_path / "other.db").exists()


def spoil(archive: Path, how: str) -> None:
    """Make a shard one that cannot be merged."""
    if how == "damaged":
        data = bytearray(archive.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 4096] = bytes(4096)
        archive.write_bytes(data)
        return
    if how == "no archive":
        archive.write_text("這不是檔案")
        return
    with closing(sqlite3.connect(archive)) as db:
        db.execute(
            {
                "newer": f"PRAGMA user_version={SHAPE_VERSION + 1}",
                "another program": "PRAGMA application_id=7",
                "altered": "UPDATE versions SET text = '改' WHERE version = 1",
                "another run": "UPDATE runs SET spider = 'other'",
            }[how]
        )
        db.commit()


@pytest.mark.parametrize(
    ("how", "said", "code"),
    [
        ("newer", rf"found shape version {SHAPE_VERSION + 1}, wanted {SHAPE_VERSION} or older", 9),
        ("another program", "found a database of another program", 9),
        ("no archive", "wanted an SQLite file", 9),
        ("damaged", "is damaged", 7),
        ("altered", "does not match its digest", 7),
        ("another run", "found two runs of the name", 7),
    ],
)
def test_a_shard_that_does_not_fit_changes_nothing(
    told: dict[str, Shard], tmp_path: Path, how: str, said: str, code: int
) -> None:
    shutil.copytree(told["yi"].folder, tmp_path / "yi")
    into = tmp_path / "archive.db"
    merge(
        [told["jia"].folder, *([told["yi"].folder] if how == "another run" else [])], into, tmp_path / "warc"
    )
    before, files = dump(into), sorted((tmp_path / "warc").iterdir())
    (tmp_path / "yi" / "archive.db.sums").unlink(missing_ok=True)
    spoil(tmp_path / "yi" / "archive.db", how)
    with pytest.raises(ArchiveError, match=said) as wrong:
        merge([tmp_path / "yi"], into, tmp_path / "warc")
    assert wrong.value.exitcode == code
    assert (dump(into), sorted((tmp_path / "warc").iterdir())) == (before, files)


def test_an_archive_is_not_merged_into_itself(told: dict[str, Shard], tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="among the shards, too"):
        merge([told["jia"].path], told["jia"].path, tmp_path)


def test_the_command_says_what_came(told: dict[str, Shard], home: Home) -> None:
    done = home.scrapy("merge", str(told["jia"].folder), str(told["yi"].folder), str(home.archive))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == (
        f"{home.archive}: 8 runs, 40 captures, 10 listings, 2 channels, 8 attachments, 8 articles new; "
        "8 capture files put beside the others\n"
    )


def test_one_search_looks_in_several_archives(told: dict[str, Shard], home: Home) -> None:
    places = [word for name in ("jia", "yi") for word in ("--archive", str(told[name].path))]
    done = home.scrapy("search", "老旧小区", "--json", *places)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    wanted = rows(told["whole"].path, "SELECT url FROM articles WHERE text LIKE '%老旧小区%' ORDER BY url")
    assert sorted((hit["url"],) for hit in found) == wanted
    assert {hit["archive"] for hit in found} == {str(told["jia"].path), str(told["yi"].path)}
    assert [hit["rank"] for hit in found] == sorted(hit["rank"] for hit in found)
