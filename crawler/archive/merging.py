"""Archives put together into one: the archive that a single machine would have made of the same captures.

What rows mean is told by their keys: a run by its name, a capture by its place, an article by its address, a version
by when it was seen in which capture. Their ids are given anew, in the order of time, whatever the order of the shards;
what has a row already keeps its id. Links between duplicates, campaigns and the index are worked out from the rows.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from crawler.archive.articles import Articles, row_digest
from crawler.archive.connection import Connection
from crawler.archive.duplicates import GATHERED
from crawler.archive.locking import ArchiveError
from crawler.archive.search import INDEXED
from crawler.archive.shape import TABLES
from crawler.archive.values import host_name, targets_of
from crawler.text.changes import FURNITURE_ONLY, Shown, kind_of_change
from crawler.text.runover import CODE_RE, MARKED_RE
from crawler.text.signatures import sign

CHILDREN = ("edits", "removed", "suspects", "parts")
"""Tables whose rows belong to a version."""
BLOCKS = ("removed", "suspects")
"""Those of them that an unchanged page adds to."""
NAMED_RE = re.compile(r"the address of article (\d+)")
"""Why an address is refused, in the one case that names an article."""
SETTLED = "CASE {}.state WHEN 'archived' THEN 9 WHEN 'unchanged' THEN 8 WHEN 'gone' THEN 7 WHEN 'pending' THEN 0 ELSE 5 END"

LATER = {
    "runs": "(coalesce({0}.finished, ''), {0}.digest IS NOT NULL, {0}.stats IS NOT NULL, coalesce({0}.outcome, ''))",
    "channels": "({0}.last_seen, 1 - {0}.unfinished, coalesce({0}.lines, 0))",
    "listings": f"(coalesce({{0}}.asked, ''), {{0}}.last_listed, {SETTLED.format('{0}')}, {{0}}.attempts, "
    "coalesce({0}.due, ''), coalesce({0}.title, ''))",
    "addresses": "({0}.last_seen, {0}.refused IS NULL, coalesce({0}.refused, ''))",
    "books": "({0}.listed, coalesce({0}.lines, 0))",
}
"""What tells of two rows of one thing the later one, as SQL: the greater."""
FIRST = {"channels": "first_seen", "listings": "first_listed", "addresses": "first_seen"}
"""The column that has the earliest of all its times, by table."""


class Ids(dict[int | None, int | None]):
    """The ids here of a shard's captures or articles, by theirs; None for those that are not taken in."""

    def __missing__(self, key: int | None) -> None:
        return None


YEAR = "coalesce(substr(a.published, 1, 4), substr(a.first_seen, 1, 4))"
"""The year that an article belongs to, as SQL: that of its date, else that in which it was first seen."""
OF_YEAR = f"""
WITH told(capture, year) AS MATERIALIZED (
    SELECT c.id, {YEAR} FROM articles a JOIN captures c ON c.url = a.url
    UNION SELECT a.capture_id, {YEAR} FROM articles a
    UNION SELECT r.capture_id, {YEAR} FROM versions r JOIN articles a ON a.id = r.article_id
    UNION SELECT r.capture_id, {YEAR} FROM parts r JOIN articles a ON a.id = r.article_id
    UNION SELECT r.capture_id, {YEAR} FROM attachments r JOIN articles a ON a.id = r.article_id
)
SELECT c.id FROM captures c LEFT JOIN told ON told.capture = c.id
WHERE coalesce(told.year, substr(c.fetched_at, 1, 4)) = ?
"""
"""The captures of a year: those of its articles, and of lists and whatever else those that were made in it."""


class Scope(NamedTuple):
    """What is taken in of an archive; None: whatever there is."""

    portals: frozenset[str] | None = None
    """What belongs to these."""
    hosts: frozenset[str] | None = None
    """What was fetched from these."""
    year: str | None = None
    """Articles of this year, what hangs on them, and what else was fetched or listed in it."""

    def captures(self, shard: Connection) -> Callable[[sqlite3.Row], bool]:
        """Give what tells whether a capture (id, url) of an archive is in scope."""
        if self.year is not None:
            ids = {row[0] for row in shard.conn.execute(OF_YEAR, (self.year,))}
            return lambda row: row["id"] in ids
        hosts = self.hosts
        return lambda row: hosts is None or host_name(row["url"]) in hosts

    def holds(self, row: sqlite3.Row | dict[str, Any], articles: Ids) -> bool:
        """Tell whether a row of another table is in scope, by its portal, its article, or when it was listed."""
        names = row.keys()
        if self.portals is not None and "portal" in names:
            return row["portal"] in self.portals
        if self == EVERYTHING or "article_id" not in names:
            return True
        if self.year is not None and row["article_id"] is None:
            when = (row["listed"] or row["first_listed"]) if "listed" in names else row["first_seen"]
            return bool(when[:4] == self.year)
        return articles[row["article_id"]] is not None

    def has_portal(self, portal: str) -> bool:
        """Tell whether a portal is in scope."""
        return self.portals is None or portal in self.portals


EVERYTHING = Scope()


Identity = tuple[str, int, bool]
"""When a version was seen, in which capture, and whether it says that the article was missed."""


class Bundle(NamedTuple):
    """All that one archive has of one article; captures by their ids in the archive that is written."""

    row: dict[str, Any]
    versions: list[dict[str, Any]]
    """By number; each with the rows of its `CHILDREN`."""


class Work(NamedTuple):
    """What a merge has still to do about the articles that it wrote."""

    new: set[int]
    moved: set[int]
    """Those to be looked for among duplicates: new ones, and others of which the text changed."""
    parts: dict[int, str | None]
    """The key of the article that one is part of."""
    spelled: dict[int, str]
    """What the index has of those that it has and that changed."""


def identity(version: dict[str, Any]) -> Identity:
    """Tell what one version is, in whatever archive."""
    return version["seen"], version["capture_id"] or 0, version["change"] == "withdrawn"


class Merging(Articles):
    """What other archives have, taken in."""

    _scope = EVERYTHING

    def merge(self, shards: Sequence[Connection], scope: Scope = EVERYTHING) -> Counter[str]:
        """Take in the rows of other archives, or what is in scope of them, in one transaction; count those that came, by table.

        The same again changes nothing. Raises ArchiveError where two of them cannot be parts of one archive, or a
        version is not what it was when it was written.
        """
        shards = sorted(shards, key=_first_run)
        self._scope = scope
        came: Counter[str] = Counter()
        with self._write():
            self.conn.execute("PRAGMA defer_foreign_keys=ON")  # rows come before those that they point to
            for shard in shards:
                came["runs"] += self._take_rows(shard, "runs")
            self._match_captures(shards)
            self._match_articles(shards)
            for number, shard in enumerate(shards):
                came["captures"] += self._take_captures(shard, number)
            self._merge_articles(shards, came)
            for table in ("came_captures", "came_articles", "bundles"):
                self.conn.execute(f"DROP TABLE IF EXISTS temp.{table}")
        self.commit()
        return came

    # -- what is the same --

    def _match_captures(self, shards: Sequence[Connection]) -> None:
        """Give every capture of the shards its id here. Raises ArchiveError where one place has two."""
        self.conn.execute(
            "CREATE TEMP TABLE came_captures (shard INT, old INT, warc, offset, said, at, new INT, PRIMARY KEY (shard, old))"
        )
        said = "url || ' ' || fetched_at || ' ' || digest"
        for number, shard in enumerate(shards):
            is_in_scope = self._scope.captures(shard)
            self.conn.executemany(
                f"INSERT INTO came_captures VALUES ({number}, ?, ?, ?, ?, ?, NULL)",
                (
                    row[:5]
                    for row in shard.conn.execute(
                        f"SELECT id, warc, offset, {said}, fetched_at, url FROM captures"
                    )
                    if is_in_scope(row)
                ),
            )
        self.conn.execute("CREATE INDEX temp.came_places ON came_captures (warc, offset)")
        wrong = self._row(
            "SELECT warc, offset FROM (SELECT warc, offset, said FROM came_captures UNION "
            f"SELECT c.warc, c.offset, {said} FROM came_captures n JOIN captures c ON c.warc = n.warc AND c.offset = n.offset) "
            "GROUP BY 1, 2 HAVING count(*) > 1 LIMIT 1"
        )
        if wrong is not None:
            raise ArchiveError(
                f"merge: found two captures at {wrong[0]} byte {wrong[1]}, wanted one: runs of the same name in "
                "different shards; a shard's runs are named after it where the setting SHARD says how",
                7,
            )
        self.conn.execute(
            "UPDATE came_captures SET new = (SELECT c.id FROM captures c WHERE c.warc = came_captures.warc "
            "AND c.offset = came_captures.offset)"
        )
        self._keep("came_captures", "captures", ("warc", "offset"))
        self.conn.execute(
            f"UPDATE came_captures SET new = n.id FROM (SELECT warc, offset, {self._top('captures')} "
            "+ row_number() OVER (ORDER BY at, warc, offset) AS id FROM (SELECT DISTINCT warc, offset, at "
            "FROM came_captures WHERE new IS NULL)) n WHERE came_captures.new IS NULL "
            "AND n.warc = came_captures.warc AND n.offset = came_captures.offset"
        )

    def _match_articles(self, shards: Sequence[Connection]) -> None:
        """Give every article of the shards its id here."""
        self.conn.execute(
            "CREATE TEMP TABLE came_articles (shard INT, old INT, key, seen, stamp, new INT, PRIMARY KEY (shard, old))"
        )
        for number, shard in enumerate(shards):
            self.conn.executemany(
                f"INSERT INTO came_articles VALUES ({number}, ?, ?, ?, ?, NULL)",
                (
                    row[:4]
                    for row in shard.conn.execute(
                        f"SELECT id, key, first_seen, {_STAMP}, portal, {YEAR} AS year FROM articles a"
                    )
                    if self._scope.has_portal(row["portal"]) and self._scope.year in (None, row["year"])
                ),
            )
        self.conn.execute("CREATE INDEX temp.came_keys ON came_articles (key)")
        self.conn.execute(
            "UPDATE came_articles SET new = (SELECT a.id FROM articles a WHERE a.key = came_articles.key)"
        )
        self._keep("came_articles", "articles", ("key",))
        self.conn.execute(
            f"UPDATE came_articles SET new = n.id FROM (SELECT key, {self._top('articles')} "
            "+ row_number() OVER (ORDER BY min(seen), key) AS id FROM came_articles WHERE new IS NULL GROUP BY key) n "
            "WHERE came_articles.new IS NULL AND n.key = came_articles.key"
        )

    def _keep(self, came: str, table: str, names: Sequence[str]) -> None:
        """Give what an elder archive has (`keep_ids`) the id that it has there."""
        if self._elder is None or table not in self._tops:
            return
        same = " AND ".join(f"{name} = ?" for name in names)
        rows = self.conn.execute(f"SELECT DISTINCT {', '.join(names)} FROM temp.{came} WHERE new IS NULL")
        for row in rows.fetchall():
            found = self._elder.execute(f"SELECT id FROM {table} WHERE {same}", tuple(row)).fetchone()
            if found:
                self.conn.execute(f"UPDATE temp.{came} SET new = ? WHERE {same}", (found[0], *row))

    def _top(self, table: str) -> int:
        """Give the greatest id that a table has here, or had in an elder archive."""
        top = self.conn.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        return int(max(top, self._tops[table])) if self._elder and table in self._tops else int(top)

    def _ids(self, table: str, number: int) -> Ids:
        """Give the ids here of a shard's captures or articles by theirs."""
        rows = self.conn.execute(f"SELECT old, new FROM temp.came_{table} WHERE shard = ?", (number,))
        return Ids({row[0]: row[1] for row in rows})

    # -- tables whose rows are the same by their key --

    def _take_rows(
        self,
        shard: Connection,
        table: str,
        captures: Ids | None = None,
        articles: Ids | None = None,
    ) -> int:
        """Take in a table of which one row has one thing: of two the later one, with the earliest of their first times."""
        names = list(TABLES[table].columns)
        pk = TABLES[table].pk
        key = (pk,) if isinstance(pk, str) else pk
        later = f"{LATER[table].format('excluded')} > {LATER[table].format(table)}"
        sets = [
            f"{name} = min({name}, excluded.{name})"
            if name == FIRST.get(table)
            else f"{name} = CASE WHEN {later} THEN excluded.{name} ELSE {table}.{name} END"
            for name in names
            if name not in key
        ]
        if table == "runs":
            self._refuse_runs(shard)
        order = f"{FIRST[table]}, rowid" if table in FIRST else ", ".join(key)
        before = self._number_of(table)
        self.conn.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(sets)}",
            (
                [
                    _meant(name, value, captures or Ids(), articles or Ids())
                    for name, value in zip(names, row, strict=True)
                ]
                for row in shard.conn.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {order}")
                if self._scope.holds(row, articles or Ids())
            ),
        )
        return self._number_of(table) - before

    def _number_of(self, table: str) -> int:
        return int(self.conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def _refuse_runs(self, shard: Connection) -> None:
        """Raise ArchiveError where a run of a shard has the name of another one here."""
        for row in shard.conn.execute("SELECT id, spider, started, captures FROM runs"):
            held = self._row("SELECT spider, started, captures FROM runs WHERE id = ?", row["id"])
            told = held and (held["captures"] is None or row["captures"] in (None, held["captures"]))
            if held and not (told and (held["spider"], held["started"]) == (row["spider"], row["started"])):
                raise ArchiveError(
                    f"merge: found two runs of the name {row['id']}, one of them in {shard.path}, wanted one",
                    7,
                )

    def _take_captures(self, shard: Connection, number: int) -> int:
        ids = self._ids("captures", number)
        names = list(TABLES["captures"].columns)
        before = self._number_of("captures")
        self.conn.executemany(
            f"INSERT INTO captures ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) ON CONFLICT (id) DO UPDATE "
            "SET charset = coalesce(charset, excluded.charset), encoding = coalesce(encoding, excluded.encoding), "
            "revisit_of = coalesce(revisit_of, excluded.revisit_of), "
            "flags = CASE WHEN length(excluded.flags) > length(coalesce(flags, '')) THEN excluded.flags ELSE flags END "
            "WHERE (charset, encoding, revisit_of, flags) IS NOT (excluded.charset, excluded.encoding, "
            "excluded.revisit_of, excluded.flags)",
            (
                [ids[row[name]] if name in ("id", "revisit_of") else row[name] for name in names]
                for row in shard.conn.execute(f"SELECT {', '.join(names)} FROM captures ORDER BY id")
                if row["id"] in ids
            ),
        )
        return self._number_of("captures") - before

    # -- articles --

    def _merge_articles(self, shards: Sequence[Connection], came: Counter[str]) -> None:
        """Take in the articles and all that hangs on them, and work out what follows from them."""
        held = self._number_of("articles")
        learnt = _learnt(self)
        work = Work(set(), set(), {}, {})
        self.conn.execute("CREATE TEMP TABLE bundles (key, bundle)")
        for number, shard in enumerate(shards):
            for article_id, alone, bundle in self._bundles(shard, number, self._ids("captures", number)):
                if alone:
                    self._put(article_id, bundle, None, work)
                else:
                    self.conn.execute(
                        "INSERT INTO temp.bundles VALUES (?, ?)",
                        (bundle.row["key"], json.dumps(bundle, ensure_ascii=False)),
                    )
        self._unite(work)
        for number, shard in enumerate(shards):
            captures, articles = self._ids("captures", number), self._ids("articles", number)
            for table in ("listings", "addresses", "channels", "books"):
                came[table] += self._take_rows(shard, table, captures, articles)
            came["attachments"] += self._take_attachments(shard, captures, articles, work)
            self._take_memory(shard, learnt)
        came["articles"] += len(work.new)
        self._follow(work, held)

    def _bundles(self, shard: Connection, number: int, captures: Ids) -> Iterator[tuple[int, bool, Bundle]]:
        """Give the articles of a shard that are not known here as they are there: id here, whether no other archive has it."""
        rows = self.conn.execute(
            "SELECT n.old, n.new, h.id IS NULL AND NOT EXISTS (SELECT 1 FROM temp.came_articles o WHERE o.key = n.key "
            f"AND o.shard <> n.shard) AS alone FROM temp.came_articles n LEFT JOIN (SELECT id, key, {_STAMP} AS stamp "
            "FROM articles) h ON h.key = n.key WHERE n.shard = ? AND (h.stamp IS NULL OR h.stamp <> n.stamp) ORDER BY n.new",
            (number,),
        ).fetchall()
        for row in rows:
            yield row["new"], bool(row["alone"]), _bundle(shard, row["old"], captures)

    def _unite(self, work: Work) -> None:
        """Write the articles that several archives have, each once."""
        keys = [row[0] for row in self.conn.execute("SELECT DISTINCT key FROM temp.bundles ORDER BY key")]
        for key in keys:
            found = [
                Bundle(*json.loads(row[0]))
                for row in self.conn.execute("SELECT bundle FROM temp.bundles WHERE key = ?", (key,))
            ]
            row = self._row("SELECT id FROM articles WHERE key = ?", key)
            own = _bundle(self, row["id"], None) if row else None
            whole = unite([*([own] if own else []), *found])
            if own != whole:
                row = self._row("SELECT new FROM temp.came_articles WHERE key = ? LIMIT 1", key)
                assert row is not None
                self._put(row["new"], whole, own, work)

    def _put(self, article_id: int, bundle: Bundle, held: Bundle | None, work: Work) -> None:
        """Write an article with its versions, in the place of what is held of it."""
        row = {name: value for name, value in bundle.row.items() if name != "part_of"}
        work.parts[article_id] = bundle.row["part_of"]
        if held is None:
            work.new.add(article_id)
            work.moved.add(article_id)
            self._insert("articles", {"id": article_id, **row})
        else:
            self._put_again(article_id, row, bundle, held, work)
        if held is None or held.versions != bundle.versions:
            self._put_versions(article_id, bundle.versions)

    def _put_again(
        self, article_id: int, row: dict[str, Any], bundle: Bundle, held: Bundle, work: Work
    ) -> None:
        def moved(*names: str) -> bool:
            return any(held.row[name] != bundle.row[name] for name in names)

        if moved("title", "text", "source", "published", "part_of"):
            self._spell_before(article_id, work)
        if moved("title", "text", "part_of"):
            self._leave(article_id)
            work.moved.add(article_id)
            self._update("articles", article_id, row | {"part_of": None})
        else:
            del row["duplicate_of"]
            self._update("articles", article_id, row)
            if moved("published"):
                self._elect(self._cluster(article_id))
        if held.versions != bundle.versions:
            for table in (*CHILDREN, "versions"):
                self.conn.execute(f"DELETE FROM {table} WHERE article_id = ?", (article_id,))
            if any(version["removed"] for version in held.versions):
                self.conn.execute("UPDATE removed SET campaign = NULL")  # all are put to theirs anew

    def _put_versions(self, article_id: int, versions: Iterable[dict[str, Any]]) -> None:
        for version in versions:
            values = {name: value for name, value in version.items() if name not in CHILDREN}
            values["article_id"] = article_id
            self._insert("versions", {**values, "digest": row_digest(values)})
            for table in CHILDREN:
                for child in version[table]:
                    self._insert(table, {"article_id": article_id, "version": values["version"], **child})

    def _take_attachments(
        self,
        shard: Connection,
        captures: Ids,
        articles: Ids,
        work: Work,
    ) -> int:
        """Take in the files that pages offer; of two rows of one file the one that knows more, withdrawn or not as told last."""
        came = 0
        for row in map(dict, shard.conn.execute("SELECT * FROM attachments ORDER BY first_seen, id")):
            if not self._scope.holds(row, articles):
                continue
            row["article_id"], row["capture_id"] = articles[row["article_id"]], captures[row["capture_id"]]
            del row["id"]
            held = self._row(
                "SELECT * FROM attachments WHERE article_id IS ? AND key = ?", row["article_id"], row["key"]
            )
            if held is None:
                came += 1
                self._spell_before(row["article_id"], work)
                number = self._id("attachments", "article_id IS ? AND key = ?", row["article_id"], row["key"])
                self._insert("attachments", {"id": number, **row})
                continue
            one, other = sorted((dict(held), row), key=_knows)
            later = {**other, "first_seen": min(one["first_seen"], other["first_seen"]), "id": held["id"]}
            if later != dict(held):
                self._spell_before(row["article_id"], work)
                self._update("attachments", held["id"], later)
        return came

    def _spell_before(self, article_id: int | None, work: Work) -> None:
        """Keep what the index has of an article that is going to change."""
        if article_id is None or article_id in work.new or article_id in work.spelled:
            return
        row = self._row(f"{INDEXED} WHERE id = ?", article_id)
        assert row is not None
        work.spelled[article_id] = self._indexed(article_id, row)

    # -- what is remembered --

    def _take_memory(self, shard: Connection, learnt: dict[str, set[str]]) -> None:
        """Take in what is remembered of each portal: of the same runs once, as it was last; of different runs the sum."""
        for portal, runs in _learnt(shard).items():
            known = learnt.get(portal, set())
            if not self._scope.has_portal(portal):
                continue
            if runs < known or (runs == known and _settled(shard, portal) <= _settled(self, portal)):
                continue
            if runs >= known:
                self.conn.execute("DELETE FROM memory WHERE portal = ?", (portal,))
            learnt[portal] = known | runs
            self.conn.executemany(
                "INSERT INTO memory (portal, kind, key, pages, fresh, first_seen, last_seen, since) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET pages = pages + excluded.pages, "
                "fresh = fresh + excluded.fresh, first_seen = min(first_seen, excluded.first_seen), "
                "last_seen = max(last_seen, excluded.last_seen), "
                "since = coalesce(min(since, excluded.since), since, excluded.since)",
                shard.conn.execute(
                    "SELECT portal, kind, key, pages, fresh, first_seen, last_seen, since FROM memory WHERE portal = ? "
                    "ORDER BY rowid",
                    (portal,),
                ),
            )

    # -- what follows --

    def _follow(self, work: Work, held: int) -> None:
        """Link stories that run over and duplicates, find campaigns, and spell the index."""
        for article_id, key in work.parts.items():
            if key is not None:
                self.conn.execute(
                    "UPDATE articles SET part_of = (SELECT id FROM articles WHERE key = ?) WHERE id = ?",
                    (key, article_id),
                )
        for article_id in sorted(work.moved):
            if work.parts[article_id] is None:
                self._relate(article_id)
            if self._gathered is not None and self._gathered.count >= GATHERED:
                self._merge()
        self._find_campaigns_again()
        if len(work.new) > held:
            self.rebuild_index()
        else:
            for article_id in sorted(work.new | work.spelled.keys()):
                row = self._row(f"{INDEXED} WHERE id = ?", article_id)
                assert row is not None
                if article_id in work.new:
                    self._index(article_id, self._indexed(article_id, row))
                else:
                    self._reindex(article_id, work.spelled[article_id], self._indexed(article_id, row))
                self._catch_up()  # there may be very many of them
        for article_id in sorted(work.parts):
            row = self._row("SELECT title, text, channel, fields FROM articles WHERE id = ?", article_id)
            assert row is not None
            told = '"runover":' in (row["fields"] or "")
            marked = told or MARKED_RE.search(f"{row['title']}\n{row['text']}")
            if marked and CODE_RE.fullmatch(row["channel"] or ""):
                self._run_over(article_id, told)

    def _find_campaigns_again(self) -> None:
        """Put the blocks that came to their campaigns; all of them, where rows of an article were replaced."""
        anew = self._row(
            "SELECT 1 FROM targets WHERE NOT EXISTS (SELECT 1 FROM removed WHERE removed.campaign = targets.campaign)"
        )
        if anew:
            self.conn.execute("DELETE FROM targets")
        rows = self.conn.execute(
            "SELECT r.block, r.links, r.seen, r.epoch, coalesce(p.url, a.url) AS url FROM removed r "
            "JOIN articles a ON a.id = r.article_id LEFT JOIN parts p ON p.article_id = r.article_id "
            "AND p.version = r.version AND p.part = r.part WHERE r.campaign IS NULL ORDER BY r.id"
        ).fetchall()
        for row in rows:
            hosts = targets_of(json.loads(row["links"] or "[]"), row["url"])
            self._join_campaign(row["block"], hosts, row["seen"], row["epoch"])


_STAMP = "last_seen || ' ' || version || ' ' || coalesce(gone, '') || ' ' || coalesce(asked, '')"
"""What tells whether an article is as another archive has it."""


def _first_run(shard: Connection) -> tuple[str, str]:
    row = shard.conn.execute("SELECT coalesce(min(id), '') FROM runs").fetchone()
    return row[0], str(shard.path)


def _meant(name: str, value: Any, captures: Ids, articles: Ids) -> Any:
    """Give what a value of a shard's row is here."""
    if name == "capture_id":
        return captures[value]
    if name == "article_id":
        return articles[value]
    if name == "refused" and value and (match := NAMED_RE.fullmatch(value)):
        return f"the address of article {articles.get(int(match[1]), match[1])}"
    if name == "outcome":
        return value or "interrupted"  # whoever wrote it is no more: the shard's lock is held
    return value


def _knows(row: dict[str, Any]) -> tuple[Any, ...]:
    """Tell how much a row says of an attachment: what was had counts most, then how lately it was asked for."""
    return (
        row["state"] == "archived",
        row["asked"] or "",
        row["capture_id"] or 0,
        row["text"] is not None,
        row["attempts"],
        row["withdrawn"] or "",
        row["name"] or "",
    )


def _learnt(archive: Connection) -> dict[str, set[str]]:
    """Give the runs from which an archive remembers, by portal: those in which articles were seen first."""
    found: dict[str, set[str]] = {}
    for portal, run_id in archive.conn.execute(
        "SELECT DISTINCT a.portal, coalesce(c.run_id, '') FROM versions v JOIN articles a ON a.id = v.article_id "
        "LEFT JOIN captures c ON c.id = v.capture_id WHERE v.version = 1"
    ):
        found.setdefault(portal or "", set()).add(run_id)
    return found


def _settled(archive: Connection, portal: str) -> tuple[int, int]:
    """Tell how far what is remembered of a portal was counted."""
    row = archive.conn.execute(
        "SELECT coalesce(sum(pages), 0), count(since) FROM memory WHERE portal = ?", (portal,)
    ).fetchone()
    return row[0], row[1]


def _bundle(archive: Connection, article_id: int, captures: Ids | None) -> Bundle:
    """Read all that an archive has of an article; raises ArchiveError where a version is not what was written."""

    def mapped(capture_id: int | None) -> int | None:
        return capture_id if captures is None else captures[capture_id]

    def ask(sql: str) -> Iterable[sqlite3.Row]:
        return archive.conn.execute(sql, (article_id,))

    (row,) = map(
        dict,
        ask(
            "SELECT a.*, p.key AS whole FROM articles a LEFT JOIN articles p ON p.id = a.part_of WHERE a.id = ?"
        ),
    )
    row |= {"capture_id": mapped(row["capture_id"]), "part_of": row.pop("whole"), "duplicate_of": None}
    del row["id"]
    versions = []
    for version in map(dict, ask("SELECT * FROM versions WHERE article_id = ? ORDER BY version")):
        if version.pop("digest") != row_digest(version):
            raise ArchiveError(
                f"merge: version {version['version']} of article {article_id} ({row['url']}) in {archive.path} does not "
                "match its digest, wanted what was written; scrapy verify names all that is damaged",
                7,
            )
        del version["article_id"]
        versions.append(
            version | {"capture_id": mapped(version["capture_id"]), **{table: [] for table in CHILDREN}}
        )
    by_number = {version["version"]: version for version in versions}
    for table in CHILDREN:
        order = "part" if table == "parts" else "id"
        for child in map(dict, ask(f"SELECT * FROM {table} WHERE article_id = ? ORDER BY {order}")):
            number = child.pop("version")
            for name in ("id", "article_id"):
                child.pop(name, None)
            if "capture_id" in child:
                child["capture_id"] = mapped(child["capture_id"])
            if table == "removed":
                child["campaign"] = None
            by_number[number][table].append(child)
    return Bundle(row, versions)


def unite(bundles: Sequence[Bundle]) -> Bundle:
    """Make one article of what several archives have of it, as one would have that had seen all its captures in order."""
    told: dict[tuple[Identity, ...], str] = {}
    """What kind of change the last of some versions was after the others."""
    seen: dict[Identity, dict[str, Any]] = {}
    for bundle in bundles:
        before: tuple[Identity, ...] = ()
        for version in bundle.versions:
            name = identity(version)
            before = (*before, name)
            told[before] = version["change"]
            if name in seen:
                for table in BLOCKS:
                    _add_blocks(seen[name], version, table)
            else:
                seen[name] = {**version, **{table: list(version[table]) for table in CHILDREN}}
    kept: list[dict[str, Any]] = []
    for name in sorted(seen, key=lambda each: (each[0], each[2], each[1])):
        version = seen[name]
        change = told.get((*map(identity, kept), name)) or _change(kept, version)
        if change is not None:
            kept.append({**version, "change": change, "version": len(kept) + 1})
        elif shown := [each for each in kept if each["change"] != "withdrawn"]:
            for table in BLOCKS:
                _add_blocks(shown[-1], version, table)
    return Bundle(_row_of(bundles, kept), kept)


def _add_blocks(to: dict[str, Any], version: dict[str, Any], table: str) -> None:
    """Add the blocks that another look at the same text showed."""
    known = {(block["part"], block["block"]) for block in to[table]}
    to[table] += [block for block in version[table] if (block["part"], block["block"]) not in known]


def _change(kept: list[dict[str, Any]], version: dict[str, Any]) -> str | None:
    """Tell what kind of change a version is after others; None where it is none."""
    shown = [each for each in kept if each["change"] != "withdrawn"]
    if version["change"] == "withdrawn":
        return "withdrawn" if kept and kept[-1]["change"] != "withdrawn" else None
    if not shown:
        return "first"
    *earlier, before = ([each[name] for name in Shown._fields] for each in shown)
    change = kind_of_change(
        Shown(*before),
        Shown(*(version[name] for name in Shown._fields)),
        gone=kept[-1]["change"] == "withdrawn",
        earlier=[(each[0], each[1]) for each in earlier],
    )
    return None if change == FURNITURE_ONLY else change


def _row_of(bundles: Sequence[Bundle], versions: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the article's row: who it is from the first look at it, what it is from the last."""
    first = min(bundles, key=lambda each: (each.row["first_seen"], each.versions[0]["capture_id"] or 0)).row
    last = max(
        bundles, key=lambda each: (each.row["last_seen"], each.row["version"], each.row["capture_id"] or 0)
    )
    row = {**last.row, **{name: first[name] for name in ("url", "portal", "channel", "first_seen")}}
    shown = [each for each in versions if each["change"] != "withdrawn"][-1]
    own = [each for each in last.versions if each["change"] != "withdrawn"][-1]
    if identity(own) != identity(shown) and (own["title"], own["text"]) != (shown["title"], shown["text"]):
        row |= {name: shown[name] for name in ("title", "text")} | {
            "signature": sign(shown["text"] or ""),
            "part_of": None,
        }
    missed = versions[-1] if versions[-1]["change"] == "withdrawn" else None
    row["gone"] = missed["seen"] if missed and (row["gone"] or missed["seen"] >= row["last_seen"]) else None
    row["version"] = shown["version"]
    row["asked"] = max((each.row["asked"] or "" for each in bundles), default="") or None
    return row
