"""Words and hosts learnt from verdicts: shown first, written only where a person accepts them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.archive import Archive
from crawler.text import Extracted, Removed
from crawler.text.tables import TABLES
from tests.home import Home
from tests.test_archive import page

STRONG = (("hidden", 1.0), ("foreign", 0.8))
HONEST = "市民政局昨日公布第{}批养老服务站名单，贵宾楼社区食堂开放，老人凭证就餐。"


@pytest.fixture(scope="module")
def learnt(make_home: Callable[[], Home]) -> Home:
    """An archive with four hacked pages, one that was doubted only, and twelve honest ones; tables of its own."""
    home = make_home()
    shutil.copytree(TABLES, home.folder / "tables")
    spam = {
        1: ("星河贵宾会|极速棋局|贵宾楼", "one.top", STRONG),
        2: ("星河贵宾会开户|贵宾楼", "one.top", STRONG),
        3: ("极速棋局 星河贵宾会 澳门新葡京", "two.top", STRONG),
        4: ("极速棋局 月月返利", "two.top", STRONG),
        5: ("月月返利 正规茶楼", "two.top", (("off-topic", 1.0), ("place", 0.5))),
        6: ("月月返利 正规茶楼", "three.top", (("off-topic", 1.0), ("place", 0.5))),
    }
    with Archive(home.archive) as archive:
        for number, (text, host, reasons) in spam.items():
            links = (f"http://www.{host}/a", "http://www.lyg.gov.cn/", "http://hm.baidu.com/")
            block = Removed("hidden", "p", text, text, links, reasons)
            archive.save(page(archive, number, text=HONEST.format(number), tampered=True, removed=(block,)))
        for number in range(10, 22):
            said = HONEST.format(number)
            found = Extracted(
                text=said, links=("http://www.jyx.example/1", "http://one.top/", "http://www.lyg.gov.cn/b")
            )
            archive.save(page(archive, number, text=said, extracted=found))
    return home


def told(home: Home, *words: str) -> list[str]:
    done = home.scrapy("learn", "--tables", str(home.folder / "tables"), *words)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


def test_words_and_hosts_are_shown_with_their_evidence_and_nothing_is_written(learnt: Home) -> None:
    assert told(learnt) == [
        "only 12 honest articles to compare with: look twice",
        "learnt 星河贵宾会, weight 0.8: 3 blocks, 3 articles (1 2 3)",
        "learnt 极速棋局, weight 0.8: 3 blocks, 3 articles (1 3 4)",
        "host   two.top, weight 1: 2 blocks, 2 articles (3 4)",
        "honest jyx.example: 12 pages, linked by 12 articles (7 8 9 10 11 12 …)",
    ]
    for table in TABLES.iterdir():
        assert (learnt.folder / "tables" / table.name).read_bytes() == table.read_bytes()


def test_only_what_was_accepted_is_written_with_its_source(learnt: Home) -> None:
    folder = learnt.folder / "accepted"
    shutil.copytree(TABLES, folder)
    done = learnt.scrapy("learn", "--tables", str(folder), "--accept", "星河贵宾会,jyx.example")
    assert done.stdout.decode().splitlines()[-2:] == [
        f"{folder}/spam-words.tsv: 1 rows added",
        f"{folder}/honest-hosts.tsv: 1 rows added",
    ]
    for name, row in (
        ("spam-words", "星河贵宾会\tlearnt\t0.8\n"),
        ("honest-hosts", "jyx.example\tlinked by honest articles\n"),
    ):
        before, after = ((each / f"{name}.tsv").read_text(encoding="utf-8") for each in (TABLES, folder))
        assert after.startswith(before)
        source, added = after[len(before) :].splitlines(keepends=True)
        assert added == row
        assert re.fullmatch(
            r"# Learnt on \d{4}-\d\d-\d\d from the verdicts of archive\.db, 12 honest articles\.\n", source
        )
    again = learnt.scrapy("learn", "--tables", str(folder), "--accept-all").stdout.decode().splitlines()
    assert again == [
        "only 12 honest articles to compare with: look twice",
        "learnt 极速棋局, weight 0.8: 3 blocks, 3 articles (1 3 4)",
        "host   two.top, weight 1: 2 blocks, 2 articles (3 4)",
        f"{folder}/spam-words.tsv: 2 rows added",
    ]
    assert learnt.scrapy("learn", "--tables", str(folder)).stdout.decode() == "learn: nothing new\n"


def test_what_was_not_shown_cannot_be_accepted(learnt: Home) -> None:
    folder = learnt.folder / "tables"
    done = learnt.scrapy("learn", "--tables", str(folder), "--accept", "星河贵宾会,养老服务")
    assert done.returncode == 2
    assert (
        "found 养老服务, wanted some of the words and hosts shown; nothing was written"
        in done.stderr.decode()
    )
    for table in TABLES.iterdir():
        assert (folder / table.name).read_bytes() == table.read_bytes()


def test_a_folder_without_tables_is_named(home: Home, tmp_path: Path) -> None:
    done = home.scrapy("learn", "--tables", str(tmp_path))
    assert done.returncode == 2
    assert f"learn: {tmp_path}/spam-words.tsv: No such file or directory" in done.stderr.decode()
