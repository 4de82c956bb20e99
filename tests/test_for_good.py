"""What keeps an archive for good: the seal, the chain of runs, checking, rebuilding, backups, elder shapes, exports."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import Settings

from crawler.archive import (
    COMPARED,
    SHAPE_VERSION,
    Archive,
    ArchiveError,
    Selection,
    merge,
    report,
    tell,
)
from crawler.archive.articles import row_digest
from crawler.captures import CaptureRecord, payload_digest, read_record, sign_file
from crawler.derivation import Derivation
from crawler.rereading import reread
from crawler.text.signatures import sign
from crawler.wacz import surt
from tests.home import ROOT, Home
from tests.replica import Replica
from tests.test_merge import meaning, rows

SHAPES = ROOT / "tests" / "cases" / "shapes"
CHAIN = "SELECT id, warc, bytes, captures, previous, digest FROM runs WHERE digest IS NOT NULL ORDER BY id"


@pytest.fixture(scope="module")
def crawled(make_home: Callable[[], Home]) -> Iterator[Home]:
    """Two nights of all sources."""
    with Replica(seed=5, stories=60) as replica:
        replica.add_default_faults()
        home = make_home().through(replica)
        for night in (1, 2):
            replica.night = night
            home.crawl("nightly")
        yield home


@pytest.fixture
def copy(crawled: Home, tmp_path: Path) -> Home:
    """The same archive with its captures, to be changed."""
    home = Home(tmp_path)
    for end in ("", ".sums"):
        shutil.copyfile(f"{crawled.archive}{end}", f"{home.archive}{end}")
    shutil.copytree(crawled.captures, home.captures)
    return home


def verify(home: Home, *, quick: bool = False, head: str | None = None) -> list[str]:
    """Give what ``scrapy verify`` finds wrong."""
    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")
    settings.set("CAPTURE_DIR", str(home.captures))
    with Archive(home.archive, readonly=True) as archive:
        found = list(archive.problems(home.captures, head=head))
        return found if quick else found + list(Derivation(settings, archive).problems())


def change(home: Home, *statements: str | tuple[str, tuple[Any, ...]]) -> None:
    """Change an archive as its own program would: it is sealed again."""
    with Archive(home.archive) as archive, archive._write():
        for each in statements:
            sql, values = (each, ()) if isinstance(each, str) else each
            archive.conn.execute(sql, values)


# --- the seal ---


def test_an_archive_at_rest_agrees_with_its_captures_and_its_seal(crawled: Home) -> None:
    done = crawled.scrapy("verify")
    with Archive(crawled.archive, readonly=True) as archive:
        head = archive.head()
    assert (done.returncode, done.stdout.decode().splitlines()) == (
        0,
        [
            f"{crawled.archive}: archive, index and captures agree",
            f"chain: 6 runs signed; the head, to be written down elsewhere: {head}",
        ],
    )


def test_a_bit_where_nothing_is_kept_is_noticed(copy: Home) -> None:
    change(copy, "CREATE TABLE gone AS SELECT * FROM versions", "DROP TABLE gone")  # leaves free pages
    with closing(sqlite3.connect(copy.archive)) as db:
        assert db.execute("PRAGMA freelist_count").fetchone()[0] > 0
    data = bytearray(copy.archive.read_bytes())
    data[-1] ^= 1
    copy.archive.write_bytes(data)
    begin = (len(data) - 1) // 65536 * 65536
    assert verify(copy, quick=True) == [
        f"seal: {copy.archive} was changed in bytes {begin} to {len(data) - 1}"
    ]


def test_what_another_program_writes_breaks_the_seal_and_the_next_run_makes_a_new_one(copy: Home) -> None:
    with closing(sqlite3.connect(copy.archive)) as db:
        db.execute("UPDATE listings SET error = 'x'")
        db.commit()
    assert {line[:5] for line in verify(copy, quick=True)} == {"seal:"}
    change(copy, "UPDATE listings SET error = NULL")
    assert verify(copy, quick=True) == []


def test_a_header_that_says_nothing_of_ours_is_damage_where_a_seal_knows_better(copy: Home) -> None:
    data = bytearray(copy.archive.read_bytes())
    data[68] ^= 1  # the application's mark
    copy.archive.write_bytes(data)
    done = copy.scrapy("verify")
    said = done.stdout.decode().splitlines()
    assert (done.returncode, said[0]) == (1, f"seal: {copy.archive} was changed in bytes 0 to 65535")
    assert "found a database of another program" in said[1]


def test_a_damaged_seal_is_named_itself(copy: Home) -> None:
    sums = Path(f"{copy.archive}.sums")
    sums.write_text(sums.read_text().replace("a", "b", 1))
    assert verify(copy, quick=True) == [f"seal: {sums} is damaged itself"]


def test_a_file_that_is_written_has_no_seal(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Archive(path) as archive:
        archive.start_run("lyg_news")
        archive.commit()
        assert not Path(f"{path}.sums").exists()
        assert next(archive.notes(tmp_path)) == (
            f"{path} has no seal: a run is under way, or was killed; the next one seals it"
        )
    assert Path(f"{path}.sums").exists()


# --- what is derived ---


def alter_text(home: Home, article_id: int, text: str) -> None:
    """Change an article's text, and all that is worked out from it, so that the archive agrees with itself."""
    with Archive(home.archive) as archive, archive._write():
        row = archive.article(article_id)
        version = archive.versions(article_id)[-1]
        assert row is not None
        before = archive._indexed(article_id, row)
        archive._leave(article_id)
        archive._update("articles", article_id, {"text": text, "signature": sign(text)})
        archive._reindex(article_id, before, archive._indexed(article_id, {**row, "text": text}))
        archive._relate(article_id)
        archive.conn.execute(
            "UPDATE versions SET text = ?, digest = ? WHERE article_id = ? AND version = ?",
            (text, row_digest({**version, "text": text}), article_id, version["version"]),
        )


def test_a_text_that_its_capture_does_not_give_is_named(copy: Home) -> None:
    ((number, version, capture, warc, offset),) = copy.ask(
        "SELECT a.id, a.version, c.id, c.warc, c.offset FROM articles a JOIN versions v ON v.article_id = a.id AND "
        "v.version = a.version JOIN captures c ON c.id = v.capture_id WHERE a.part_of IS NULL AND a.fields NOT LIKE "
        "'%runover%' ORDER BY a.id LIMIT 1"
    )
    alter_text(copy, number, "一段谁也没有写过的话。")
    assert verify(copy, quick=True) == []
    done = copy.scrapy("verify")
    assert (done.returncode, done.stdout.decode().splitlines()[0]) == (
        1,
        f"article {number} version {version} derives otherwise from its capture {capture} ({warc} at {offset}): text; "
        "if the rules changed since, run scrapy rebuild",
    )


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE edits SET start = start + 1 WHERE id = (SELECT min(id) FROM edits)", "edits"),
        ("DELETE FROM removed WHERE id = (SELECT min(id) FROM removed)", "removed"),
        ("UPDATE removed SET place = place || 'x' WHERE id = (SELECT max(id) FROM removed)", "removed"),
        ("UPDATE articles SET source = '别的报' WHERE id = 9", "source"),
        ("UPDATE articles SET fields = json_set(fields, '$.editor', '某某') WHERE id = 9", "fields"),
    ],
)
def test_what_a_capture_tells_otherwise_is_named(copy: Home, sql: str, what: str) -> None:
    change(copy, sql)
    assert [line for line in verify(copy) if f"): {what};" in line] != []


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "UPDATE articles SET signature = 'x' WHERE id = 3",
            "article 3 has another signature than its text",
        ),
        (
            "UPDATE articles SET duplicate_of = 4 WHERE id = 4",
            "article 4 is a duplicate of itself",
        ),
        (
            "UPDATE versions SET version = 7 WHERE article_id = 3",
            "article 3 has 1 versions, the last is number 7",
        ),
        (
            "UPDATE captures SET content_type = 'x' WHERE id = 3",
            "differs from its row 3: content_type",
        ),
        (
            "UPDATE listings SET state = 'lost' WHERE rowid = 2",
            "listings row 2 ('lost') is in a state that there is not",
        ),
        (
            "UPDATE removed SET text = 'x' WHERE id = (SELECT min(id) FROM removed)",
            "does not match its digest",
        ),
        (
            "UPDATE edits SET version = 9 WHERE id = 1",
            "edits row 1 belongs to no version (9 of article",
        ),
    ],
)
def test_a_row_that_cannot_be_is_named(copy: Home, sql: str, said: str) -> None:
    change(copy, sql)
    assert [problem for problem in verify(copy, quick=True) if said in problem] != []


# --- the chain ---


def test_a_capture_file_named_outside_its_folder_is_not_opened(copy: Home) -> None:
    ((article, name),) = copy.ask(
        "SELECT a.id, c.warc FROM articles a JOIN captures c ON c.id = a.capture_id ORDER BY a.id LIMIT 1"
    )
    (copy.captures / name).rename(copy.folder / name)
    change(copy, f"UPDATE captures SET warc = '../{name}' WHERE warc = '{name}'")
    with Archive(copy.archive) as archive, pytest.raises(ArchiveError, match="cannot be read: No such file"):
        archive.undo(article, copy.captures)


def test_each_run_signs_its_captures_and_the_run_before(crawled: Home) -> None:
    rows = crawled.ask(CHAIN)
    assert [row[1:4] for row in rows] == [
        tuple(sign_file(crawled.captures / f"{row[0]}.warc.gz")) for row in rows
    ]
    digests = {row[5] for row in rows}
    assert [row[4] for row in rows].count(None) == 1
    assert {row[4] for row in rows} - {None} < digests
    assert len({row[4] for row in rows}) == len(rows) == len(digests)


def test_a_rebuild_finds_the_chain_in_the_captures(crawled: Home) -> None:
    built = Home(crawled.folder)
    built.env["ARCHIVE_PATH"] = str(crawled.folder / "chain.db")
    assert built.scrapy("rebuild").returncode == 0
    with closing(sqlite3.connect(crawled.folder / "chain.db")) as db:
        assert db.execute(CHAIN).fetchall() == crawled.ask(CHAIN)


def test_captures_that_are_appended_to_or_cut_are_not_what_was_signed(copy: Home) -> None:
    name = copy.ask(CHAIN)[0][1]
    path = copy.captures / name
    whole = path.read_bytes()
    for data in (
        whole + gzip.compress(b""),
        whole[: copy.ask("SELECT max(offset) FROM captures")[0][0] // 9],
    ):
        path.write_bytes(data)
        said = "\n".join(verify(copy, quick=True))
        assert f"chain: {path} is not what run {name[:-8]} signed: found {len(data)} bytes" in said


def rewrite(path: Path, old: bytes, new: bytes) -> list[tuple[bytes, int, int, str | None]]:
    """Replace words in a capture file by others of the same length, digests and all.

    Gives of each record its type, its place, its length and the digest of its payload.
    """
    data, out, places = path.read_bytes(), b"", []
    while data:
        member = zlib.decompressobj(31)
        whole = member.decompress(data)
        data = member.unused_data
        head, _, block = whole.removesuffix(b"\r\n\r\n").partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if fields[b"WARC-Type"] == b"response" and old in block:
            block = block.replace(old, new)
            payload = payload_digest(block.partition(b"\r\n\r\n")[2]).encode()
            digest = b"sha1:" + base64.b32encode(hashlib.sha1(block).digest())
            head = head.replace(fields[b"WARC-Payload-Digest"], payload)
            head = head.replace(fields[b"WARC-Block-Digest"], digest)
            fields[b"WARC-Payload-Digest"] = payload
        packed = gzip.compress(b"\r\n\r\n".join((head, block, b"")), mtime=0)
        stated = fields.get(b"WARC-Payload-Digest", b"").decode() or None
        places.append((fields[b"WARC-Type"], len(out), len(packed), stated))
        out += packed
    path.write_bytes(out)
    return places


def test_a_past_that_was_changed_with_all_its_digests_shows_in_the_runs_after_it(copy: Home) -> None:
    """Somebody rewrites a capture file and the archive's rows so that each agrees with the other."""
    name = copy.ask(CHAIN)[0][0]
    path = copy.captures / f"{name}.warc.gz"
    offsets = [
        row[0] for row in copy.ask(f"SELECT offset FROM captures WHERE warc = '{path.name}' ORDER BY offset")
    ]
    head = copy.ask(
        "SELECT digest FROM runs r WHERE digest NOT IN (SELECT previous FROM runs WHERE previous NOT NULL)"
    )
    told = [
        place[1:]
        for place in rewrite(path, "连云港日报".encode(), "连雲港日报".encode())
        if place[0] in (b"response", b"revisit")
    ]
    with Archive(copy.archive) as archive, archive._write():
        for old, (offset, length, digest) in zip(offsets, told, strict=True):
            archive.conn.execute(
                'UPDATE captures SET "offset" = ?, length = ?, digest = ? WHERE warc = ? AND "offset" = ?',
                (offset, length, digest, path.name, old),
            )
        previous = archive.conn.execute("SELECT previous FROM runs WHERE id = ?", (name,)).fetchone()[0]
        archive.sign_run(name, sign_file(path), previous)
    said = [line for line in verify(copy, quick=True, head=head[0][0]) if line.startswith("chain")]
    after = next(
        row[0] for row in copy.ask(CHAIN) if row[4] and row[4] not in {r[5] for r in copy.ask(CHAIN)}
    )
    assert [line.partition(" with ")[0] for line in said] == [f"chain: run {after} signed over a run"]
    assert f"nobody signed over {name} as it is" in said[0]


def test_a_head_that_was_written_down_must_be_in_the_chain(crawled: Home) -> None:
    digest = crawled.ask(CHAIN)[2][5]
    assert verify(crawled, quick=True, head=digest) == []
    done = crawled.scrapy("verify", "--quick", "--head", "sha256:00")
    assert (done.returncode, done.stdout.decode().splitlines()[0]) == (
        1,
        "chain: found no run with the digest sha256:00, which was written down: the past was changed",
    )


def test_the_run_that_takes_up_what_a_killed_one_left_signs_for_it(home: Home) -> None:
    with Replica(seed=5, stories=60) as replica:
        home.through(replica)
        running = subprocess.Popen(
            home.command("crawl", "lyg_minzheng", "-s", "DOWNLOAD_DELAY=0.05", *home.quick[2:]),
            cwd=ROOT,
            env=home.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            if len(replica.requests) >= 25:
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGKILL)
        running.wait(timeout=10)
        done = home.scrapy("verify", "--quick")
        assert (done.returncode, "has signed nothing yet" in done.stdout.decode()) == (0, True)
        assert home.crawl("crawl", "lyg_minzheng").returncode == 0
    rows = home.ask(CHAIN)
    outcomes = home.ask("SELECT outcome FROM runs ORDER BY id")
    assert outcomes == [("interrupted",), ("finished",)]
    assert [row[4] for row in rows] == [None, rows[0][5]]
    assert verify(home) == []
    built = home.folder / "built.db"
    assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
    with closing(sqlite3.connect(built)) as db:
        assert db.execute(CHAIN).fetchall() == rows


# --- rebuild ---


def test_a_rebuild_of_the_replica_changes_nothing(crawled: Home) -> None:
    done = crawled.scrapy("rebuild", "--dry-run")
    assert done.stdout.decode().splitlines() == [
        *(f"{what}: the same" for what in COMPARED),
        f"{crawled.archive} is as it was",
    ]
    assert [path.name for path in crawled.folder.glob("archive.db.rebuilding*")] == []


def test_a_rebuild_says_what_changes_before_it_replaces_and_keeps_ids_and_first_seen(copy: Home) -> None:
    """The present archive stands for what elder rules made."""
    kept = copy.ask("SELECT id, key, first_seen FROM articles ORDER BY id")
    alter_text(copy, 9, "旧规则读出来的正文。")
    change(
        copy,
        "UPDATE articles SET author = '旧' WHERE id IN (9, 10)",
        "DELETE FROM edits WHERE fixer = 'pinyin-note'",
        "DELETE FROM removed WHERE id = (SELECT min(id) FROM removed)",
    )
    told = copy.folder / "told.json"
    dry = copy.scrapy("rebuild", "--dry-run", "--json", str(told))
    lines = dry.stdout.decode().splitlines()
    url = copy.ask("SELECT url FROM articles WHERE id = 9")[0][0]
    assert "author: differs in 2 articles" in lines
    assert f"    {url}" in lines
    assert any(line.startswith(("        “旧” -> ", "        旧 -> ")) for line in lines)
    assert any(line.startswith("edits of pinyin-note: 0 no more, ") for line in lines)
    assert any(line.startswith("removed of ") and line.endswith(": 0 no more, 1 new") for line in lines)
    assert lines[-1] == f"{copy.archive} is as it was"
    found = json.loads(told.read_text())
    assert (found["fields"]["author"], found["fields"]["text"], found["articles_lost"]) == (2, 1, 0)
    assert copy.ask("SELECT text FROM articles WHERE id = 9") == [("旧规则读出来的正文。",)]
    done = copy.scrapy("rebuild")
    assert (done.returncode, done.stdout.decode().splitlines()[:-1]) == (0, lines[:-1])
    assert copy.ask("SELECT id, key, first_seen FROM articles ORDER BY id") == kept
    assert verify(copy) == []


def test_a_rebuild_that_would_lose_articles_replaces_nothing_unless_told_to(copy: Home) -> None:
    lost = sorted(copy.captures.glob("*lyg_epaper.warc.gz"))[0]
    lost.rename(copy.folder / lost.name)
    before = copy.ask("SELECT count(*) FROM articles")
    done = copy.scrapy("rebuild")
    assert done.returncode == 1
    assert "would be no more; --yes puts it in place all the same" in done.stderr.decode()
    assert copy.ask("SELECT count(*) FROM articles") == before
    assert copy.scrapy("rebuild", "--yes").returncode == 0
    assert copy.ask("SELECT count(*) FROM articles") < before
    assert Path(f"{copy.archive}.before-rebuild").is_file()


def test_a_rebuild_carries_over_what_was_tried_in_vain_and_runs_without_captures(copy: Home) -> None:
    change(
        copy,
        "UPDATE listings SET state = 'failed', attempts = 3, error = 'TimeoutError', due = '2031-01-01' "
        "WHERE state IN ('pending', 'failed', 'challenged')",
        "INSERT INTO runs (id, spider, started, outcome) VALUES ('20200101T000000Z-lyg_news', 'lyg_news', '2020', 'failed')",
    )
    wanted = copy.ask(
        "SELECT portal, channel, key, state, attempts, error, due FROM listings ORDER BY 1, 2, 3"
    )
    assert ("failed", 3, "TimeoutError", "2031-01-01") in {row[3:] for row in wanted}
    assert copy.scrapy("rebuild").returncode == 0
    assert (
        copy.ask("SELECT portal, channel, key, state, attempts, error, due FROM listings ORDER BY 1, 2, 3")
        == wanted
    )
    assert copy.ask("SELECT outcome FROM runs WHERE id = '20200101T000000Z-lyg_news'") == [("failed",)]


def test_a_rebuild_leaves_an_archive_of_each_year(copy: Home, tmp_path: Path) -> None:
    of_year = "SELECT key, substr(coalesce(published, first_seen), 1, 4) FROM articles ORDER BY key"
    years = sorted({year for _, year in copy.ask(of_year)})
    before = meaning(copy.archive)
    done = copy.scrapy("rebuild", "--shards", "year")
    places = [copy.archive.with_name(f"{year}.db") for year in years]
    assert (done.returncode, done.stdout.decode().splitlines()) == (
        0,
        [f"{place}: built" for place in places],
    )
    assert sorted(row for place in places for row in rows(place, of_year)) == copy.ask(of_year)
    merge(places, tmp_path / "again.db", None)
    assert meaning(tmp_path / "again.db") == meaning(copy.archive) == before
    assert [*copy.folder.glob("archive.db.rebuilding*"), *copy.folder.glob("archive.db.years*")] == []


def test_a_report_names_articles_that_come_and_go(copy: Home, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    shutil.copyfile(copy.archive, other)
    url = copy.ask("SELECT url FROM articles WHERE id = 5")[0][0]
    with Archive(other) as archive, archive._write():
        archive.conn.execute(
            "UPDATE articles SET key = 'elsewhere.cn/1', url = 'http://elsewhere.cn/1' WHERE id = 5"
        )
    found = report(copy.archive, other)
    assert (found.lost, found.came, found.articles_lost, found.loses) == (
        [url],
        ["http://elsewhere.cn/1"],
        1,
        True,
    )
    said = list(tell(found))
    assert f"articles that are no more: {url}" in said
    assert "articles that are new: http://elsewhere.cn/1" in said


# --- backups ---


def test_a_backup_has_archive_and_captures_and_links_what_never_changes(copy: Home) -> None:
    done = copy.scrapy("backup")
    (folder,) = (copy.folder / "backups").iterdir()
    assert done.stdout.decode() == f"{folder}: archive and 6 capture files, 6 of them linked; checked\n"
    names = sorted(path.name for path in copy.captures.iterdir())
    assert sorted(path.name for path in (folder / "warc").iterdir()) == names
    assert all((folder / "warc" / name).samefile(copy.captures / name) for name in names)
    assert sorted(path.name for path in folder.iterdir()) == ["archive.db", "archive.db.sums", "warc"]
    elsewhere = copy.scrapy("backup", "--to", str(copy.folder / "elsewhere"), "--copy")
    assert elsewhere.stdout.decode().endswith("6 capture files, 0 of them linked; checked\n")


def test_a_backup_of_damaged_captures_is_refused(copy: Home) -> None:
    path = sorted(copy.captures.iterdir())[0]
    data = bytearray(path.read_bytes())
    data[9] ^= 8
    path.write_bytes(data)
    done = copy.scrapy("backup")
    assert done.returncode == 7
    assert f"warc/{path.name} is not what its closing record states" in done.stderr.decode()
    assert [each.name[-5:] for each in (copy.folder / "backups").iterdir()] == [".part"]


def test_a_backup_is_restored_and_what_was_there_is_kept(copy: Home) -> None:
    assert copy.scrapy("backup").returncode == 0
    (folder,) = (copy.folder / "backups").iterdir()
    wanted = copy.ask("SELECT * FROM articles ORDER BY id")
    first, second, *_ = sorted(copy.captures.glob("*.warc.gz"))
    copy.archive.write_bytes(b"not what it was")
    first.unlink()
    second.unlink()  # a link: the backup's one stays
    second.write_bytes(b"something else")
    (copy.captures / "20990101T000000Z-lyg_news.warc.gz").write_bytes(b"")
    done = copy.scrapy("restore", str(folder))
    assert done.stdout.decode().splitlines() == [
        f"{copy.archive}: restored; 2 capture files put back; the archive before is {copy.archive}.before-restore",
        "1 capture files are newer than the backup, the first 20990101T000000Z-lyg_news.warc.gz: "
        "scrapy rebuild takes them in",
    ]
    assert copy.ask("SELECT * FROM articles ORDER BY id") == wanted
    assert Path(f"{copy.archive}.before-restore").read_bytes() == b"not what it was"
    assert (copy.captures / f"{second.name}.before-restore").read_bytes() == b"something else"
    (copy.captures / "20990101T000000Z-lyg_news.warc.gz").unlink()
    assert verify(copy) == []
    assert not first.samefile(folder / "warc" / first.name)
    again = copy.scrapy("restore", str(folder))
    assert again.stdout.decode() == (
        f"{copy.archive}: restored; 0 capture files put back; the archive before is {copy.archive}.before-restore\n"
    )


def test_a_backup_made_while_a_crawl_runs_is_whole_and_is_taken_up_after_a_restore(home: Home) -> None:
    with Replica(seed=5, stories=60) as replica:
        home.through(replica)
        running = subprocess.Popen(
            home.command("crawl", "lyg_minzheng", "-s", "DOWNLOAD_DELAY=0.2", *home.quick[2:]),
            cwd=ROOT,
            env=home.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(600):
                if len(replica.requests) >= 15:
                    break
                time.sleep(0.05)
            done = home.scrapy("backup")
        finally:
            running.wait(timeout=120)
        assert "1 capture files, 0 of them linked, 1 being written; checked" in done.stdout.decode(), (
            done.stderr
        )
        (folder,) = (home.folder / "backups").iterdir()
        other = Home(home.folder / "other").through(replica)
        other.folder.mkdir()
        assert other.scrapy("restore", str(folder)).returncode == 0
        assert verify(other) == []
        assert other.crawl("crawl", "lyg_minzheng").returncode == 0
    names = "SELECT key, title, text FROM articles ORDER BY key"
    assert other.ask(names) == home.ask(names)
    assert verify(other) == []


# --- marked text ---


def test_the_marked_text_of_every_version_is_the_archived_one_and_every_block_has_its_place(
    crawled: Home,
) -> None:
    wrong, touched = [], 0
    with Archive(crawled.archive, readonly=True) as archive:
        versions = archive.conn.execute(
            "SELECT article_id, version, text FROM versions WHERE change <> 'withdrawn'"
        ).fetchall()
        for article_id, version, text in versions:
            found = reread(archive, crawled.captures, article_id, version)
            marked = [part.marked for part in found.parts]
            if found.problem or "\n".join(each.text for each in marked if each.text) != text:
                wrong.append((article_id, version, found.problem, found.detail))
            if any(each.unplaced for each in marked):
                wrong.append((article_id, version, "unplaced", ""))
            touched += any(each.steps or each.removed for each in marked)
    assert wrong == []
    assert touched > 3


# --- elder shapes ---


@pytest.mark.parametrize("shape", [1, 2, 3])
def test_an_archive_of_each_elder_shape_is_brought_up_to_date(shape: int, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((SHAPES / f"shape-{shape}.sql").read_text(encoding="utf-8"))
        wanted = db.execute("SELECT id, url, title, text, first_seen FROM articles").fetchall()
        blocks = db.execute("SELECT kind, text, links FROM removed ORDER BY id").fetchall()
        assert db.execute("PRAGMA user_version").fetchone() == (shape,)
    with Archive(path, readonly=True) as elder:
        assert [row["title"] for row in elder.versions(1)] == ["海州区新建三处书屋"]
        assert elder.links() == []
    with Archive(path) as archive:
        assert archive.conn.execute("PRAGMA user_version").fetchone()[0] == SHAPE_VERSION
        assert (
            list(map(tuple, archive.conn.execute("SELECT id, url, title, text, first_seen FROM articles")))
            == wanted
        )
        assert (
            list(map(tuple, archive.conn.execute("SELECT kind, text, links FROM removed ORDER BY id")))
            == blocks
        )
        assert [hit.id for hit in archive.search("书屋")] == [1]
        assert archive.verify() == []
    with Archive(path, readonly=True) as archive:
        assert archive.verify() == []


def test_an_archive_of_a_newer_shape_is_refused_with_the_reason(copy: Home) -> None:
    change(copy, f"PRAGMA user_version={SHAPE_VERSION + 1}")
    done = copy.scrapy("status")
    assert done.returncode == 9
    assert (
        f"found shape version {SHAPE_VERSION + 1}, wanted {SHAPE_VERSION} or older at {copy.archive}: "
        "it was made by a newer program, which is needed to open it"
    ) in done.stderr.decode()


# --- exports ---


def exported(home: Home, *words: str) -> list[dict[str, Any]]:
    done = home.scrapy("export", *words)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_an_export_is_narrowed_by_portal_channel_day_and_tampering(crawled: Home) -> None:
    whole = exported(crawled)
    assert [row["id"] for row in whole] == [
        row[0] for row in crawled.ask("SELECT id FROM articles ORDER BY id")
    ]
    portal, channel = crawled.ask("SELECT portal, channel FROM articles WHERE channel NOT NULL LIMIT 1")[0]
    days = sorted((row["published"] or row["first_seen"])[:10] for row in whole)
    for words_, keeps in (
        (("--portal", portal), lambda row: row["portal"] == portal),
        (("--channel", channel), lambda row: row["channel"] == channel),
        (("--since", days[9]), lambda row: (row["published"] or row["first_seen"])[:10] >= days[9]),
        (("--until", days[9]), lambda row: (row["published"] or row["first_seen"])[:10] <= days[9]),
        (("--tampered",), lambda row: row["tampered"]),
    ):
        assert exported(crawled, *words_) == list(filter(keeps, whole)) != []
    versions = exported(crawled, "--versions")
    assert [
        (row["id"], row["version"], row["title"], row["change"], row["seen"]) for row in versions
    ] == crawled.ask("SELECT article_id, version, title, change, seen FROM versions ORDER BY 1, 2")
    wrong = crawled.scrapy("export", "--since", "yesterday")
    assert (wrong.returncode, b"wanted a date as YYYY-MM-DD" in wrong.stderr) == (2, True)


def test_an_export_under_the_names_of_dublin_core(crawled: Home) -> None:
    whole = {row["url"]: row for row in exported(crawled)}
    told = exported(crawled, "--names", "dc")
    urls = {row["id"]: row["url"] for row in whole.values()}
    assert [row["dc:identifier"] for row in told] == list(whole)
    for row in told:
        has = whole[row["dc:identifier"]]
        assert (
            row["dc:title"],
            row["dc:publisher"],
            row.get("dc:source"),
            row.get("dc:date"),
            row["text"],
        ) == (*(has["title"], has["portal"], has["source"], has["published"], has["text"]),)
        assert row.get("dcterms:isVersionOf") == urls.get(has["duplicate_of"])
        assert row.get("dcterms:isPartOf") == urls.get(has["part_of"])
        assert ("dcterms:provenance" in row) == has["tampered"]
    versions = exported(crawled, "--names", "dc", "--versions")
    url = crawled.ask("SELECT url FROM articles WHERE version = 2 AND gone IS NULL LIMIT 1")[0][0]
    chain = [
        [row.get(name) for name in ("dc:identifier", "dcterms:replaces", "dcterms:isReplacedBy")]
        for row in versions
        if row["dcterms:isVersionOf"] == url
    ]
    assert chain == [
        [f"{url} version 1", None, f"{url} version 2"],
        [f"{url} version 2", f"{url} version 1", None],
    ]


def test_an_export_under_the_names_of_the_portals_own_tags(crawled: Home) -> None:
    whole = exported(crawled)[0]
    told = exported(crawled, "--names", "tags")[0]
    assert [told.get(name) for name in ("ArticleTitle", "PubDate", "ContentSource", "Url", "text")] == [
        whole[name] for name in ("title", "published", "source", "url", "text")
    ]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", " =", "　＝"])
def test_no_cell_of_a_sheet_begins_as_a_formula(copy: Home, first: str) -> None:
    change(copy, ("UPDATE articles SET source = ? WHERE id = 1", (f"{first}cmd|' /C calc'!A0",)))
    file = copy.folder / "sheet.csv"
    assert copy.scrapy("export", str(file)).returncode == 0
    assert file.read_bytes().startswith(b"\xef\xbb\xbfid,url,")
    with open(file, encoding="utf-8-sig", newline="") as sheet:
        assert next(csv.DictReader(sheet))["source"] == f"'{first}cmd|' /C calc'!A0"
    assert copy.scrapy("export", "--no-bom", str(file)).returncode == 0
    assert file.read_bytes().startswith(b"id,url,")


def test_a_wacz_has_every_capture_where_its_index_says(crawled: Home, tmp_path: Path) -> None:
    path = tmp_path / "all.wacz"
    done = crawled.scrapy("export", str(path))
    assert done.returncode == 0, done.stderr.decode()
    with zipfile.ZipFile(path) as package:
        assert package.testzip() is None
        manifest = package.read("datapackage.json")
        about = json.loads(manifest)
        assert json.loads(package.read("datapackage-digest.json")) == {
            "path": "datapackage.json",
            "hash": "sha256:" + hashlib.sha256(manifest).hexdigest(),
        }
        assert (about["profile"], about["wacz_version"]) == ("data-package", "1.1.1")
        told = {each["path"]: (each["hash"], each["bytes"], each["name"]) for each in about["resources"]}
        assert set(told) == {name for name in package.namelist() if not name.startswith("datapackage")}
        for name, (digest, size, short) in told.items():
            data = package.read(name)
            assert (digest, size) == ("sha256:" + hashlib.sha256(data).hexdigest(), len(data))
            assert short == name.rpartition("/")[2].lower()
            kinds = {zipfile.ZIP_DEFLATED} if name.endswith(".jsonl") else {zipfile.ZIP_STORED}
            assert package.getinfo(name).compress_type in kinds
        lines = gzip.decompress(package.read("indexes/index.cdx.gz")).decode().splitlines()
        keys = [line.split(" ")[:2] for line in lines]  # of the same second the order is free
        assert keys == sorted(keys)
        package.extractall(tmp_path / "out")
        pages = [json.loads(line) for line in package.read("pages/pages.jsonl").splitlines()]
    assert len(lines) == crawled.ask("SELECT count(*) FROM captures WHERE status > 0")[0][0]
    seen = set()
    for line in lines:
        key, when, rest = line.split(" ", 2)
        entry = json.loads(rest)
        place = tmp_path / "out" / "archive" / entry["filename"]
        record = read_record(place, int(entry["offset"]))
        assert isinstance(record, CaptureRecord)
        assert (record.url, record.length, record.status) == (
            *(entry["url"], int(entry["length"]), int(entry["status"])),
        )
        assert key == surt(record.url)
        seen.add((entry["url"], when))
    assert pages[0] == {"format": "json-pages-1.0", "id": "pages", "title": "Articles"}
    assert len(pages) == 1 + crawled.ask("SELECT count(*) FROM articles")[0][0]
    for page in pages[1:]:
        assert (page["url"], "".join(sign for sign in page["ts"] if sign.isdigit())) in seen


def test_the_index_of_a_wacz_leads_to_its_parts(
    crawled: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.wacz.LINES", 50)
    from crawler.wacz import write_wacz

    path = tmp_path / "all.wacz"
    with Archive(crawled.archive, readonly=True) as archive:
        packed = write_wacz(archive, crawled.captures, path, selection=Selection(), software="t")
    with zipfile.ZipFile(path) as package:
        index = package.read("indexes/index.cdx.gz")
        head, *parts = package.read("indexes/index.idx").decode().splitlines()
    assert head == '!meta 0 {"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"}'
    assert len(parts) == -(-packed.captures // 50)
    whole = b""
    for line in parts:
        key, when, rest = line.split(" ", 2)
        about = json.loads(rest)
        member = index[about["offset"] : about["offset"] + about["length"]]
        assert about["digest"] == "sha256:" + hashlib.sha256(member).hexdigest()
        assert gzip.decompress(member).decode().startswith(f"{key} {when} ")
        whole += member
    assert whole == index


def test_a_wacz_of_chosen_articles_has_their_captures(crawled: Home, tmp_path: Path) -> None:
    path = tmp_path / "some.wacz"
    assert crawled.scrapy("export", "--portal", "mzj.lyg.gov.cn", str(path)).returncode == 0
    with zipfile.ZipFile(path) as package:
        pages = [json.loads(line) for line in package.read("pages/pages.jsonl").splitlines()][1:]
        names = {name for name in package.namelist() if name.startswith("archive/")}
    assert {page["url"].split("/")[2] for page in pages} == {"mzj.lyg.gov.cn"}
    assert names == {
        f"archive/{name}"
        for (name,) in crawled.ask(
            "SELECT DISTINCT c.warc FROM versions v JOIN articles a ON a.id = v.article_id JOIN captures c ON "
            "c.id = v.capture_id WHERE a.portal = 'mzj.lyg.gov.cn' AND v.version = a.version"
        )
    }
    wanted = crawled.scrapy("export", "--format", "wacz")
    assert (wanted.returncode, b"a WACZ wants one" in wanted.stderr) == (2, True)
