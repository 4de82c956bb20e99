"""One connection to one archive file: opened and checked, brought to the present shape, written in transactions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from sqlite_utils import Database

from crawler.archive.locking import ArchiveError, run_elsewhere
from crawler.archive.seal import is_at_rest, seal, sums_of, unseal
from crawler.archive.shape import APPLICATION_ID, BY_HAND, INDEXES, SHAPE_VERSION, TABLES, VIEWS

PAGES_KEPT = 48 * 1024
"""KiB of the file that a writer keeps in memory: a new article touches pages all over the indexes."""

LOG_PAGES = 16 * 1024
"""How many pages of 4 KiB the write-ahead log of a file in the making may have, before they go into the file."""

ANALYSED = 1000
"""About so many rows of each index are looked at to tell how much a value of it narrows down."""


class Connection:
    """One archive file, opened and brought to the present shape."""

    _open: ClassVar[dict[Path, tuple[Connection, int]]] = {}

    def __init__(self, path: str | os.PathLike[str], *, readonly: bool = False) -> None:
        """Open an archive, making it where there is none (not when `readonly`).

        Raises ArchiveError for a file that is not ours, not sound, of a newer shape, or that cannot be
        read or written.
        """
        self.path = Path(path).resolve()
        self.readonly = readonly
        self._elder: sqlite3.Connection | None = None
        self._written = False
        self._later: list[tuple[str, tuple[Any, ...]]] = []
        """Statements that wait for the end of the transaction (see `_put_off`)."""
        self._check_file()
        try:
            self.conn = self._connect()
        except sqlite3.DatabaseError as error:
            raise self._wrong(error) from error
        self.conn.row_factory = sqlite3.Row
        self.db = Database(self.conn)
        try:
            self._check_owner()
            if not readonly:
                self._set_up()
        except sqlite3.DatabaseError as error:
            self.conn.close()
            raise self._wrong(error) from error
        except BaseException:
            self.conn.close()
            raise

    # -- opening and closing --

    @classmethod
    def shared(cls, path: str | os.PathLike[str]) -> Self:
        """Give the one writing archive of this process for `path`; end its use with `release`."""
        real = Path(path).resolve()
        held, users = cls._open.get(real, (None, 0))
        found = held if isinstance(held, cls) else cls(real)
        cls._open[real] = (found, users + 1)
        return found

    def release(self) -> None:
        """End one use of a shared archive; the last one closes it."""
        held, users = self._open.get(self.path, (self, 1))
        if held is not self or users <= 1:
            if held is self:
                self._open.pop(self.path, None)
            self.close()
        else:
            self._open[self.path] = (self, users - 1)

    def close(self) -> None:
        """Close; what was not committed is undone, the write-ahead log is emptied."""
        if self._elder is not None:
            self._elder.close()
            self._elder = None
        try:
            self.rollback()
            if not self.readonly:
                with suppress(sqlite3.OperationalError):  # a reader may be in the way; the next close does it
                    if self._written:
                        self._analyse()
                    self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.ProgrammingError:
            return  # closed already
        finally:
            self.conn.close()
        if not self.readonly and self.path not in self._open and not sums_of(self.path).exists():
            with suppress(OSError):  # an archive without a seal is one that says less when it is checked
                if is_at_rest(self.path):
                    seal(self.path)

    def _analyse(self) -> None:
        """Count anew what SQLite plans its queries by, as far as a few rows of each index tell.

        Not ``PRAGMA optimize``: that reads whole indexes, and leaves what the first night told until a table is 25 times
        as large. `bands` is asked by its key alone, and would be counted row by row. A small archive needs none of it.
        """
        if not self._row("SELECT 1 FROM articles WHERE id >= ?", ANALYSED):
            return
        self.conn.execute(f"PRAGMA analysis_limit={ANALYSED}")
        with self._write():
            for name in TABLES:
                self.conn.execute(f"ANALYZE {name}")
        self.commit()

    def __enter__(self) -> Self:
        """Give the archive; leaving the block commits, or undoes after an exception, and closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit or undo, and close."""
        try:
            if kind is None and not self.readonly:
                self.commit()
        finally:
            self.close()

    def _wrong(self, error: Exception) -> ArchiveError:
        """Say what SQLite could not do, and with which exit code that ends a run."""
        text = str(error)
        code = 7 if "malformed" in text or "corrupt" in text else 9 if "not a database" in text else 6
        return ArchiveError(f"archive: {self.path}: {text}", code)

    def _check_file(self) -> None:
        if self.path.is_dir():
            raise ArchiveError(f"archive: found a directory, wanted an SQLite file at {self.path}", 9)
        if not self.path.exists():
            if self.readonly:
                raise ArchiveError(f"archive: found nothing, wanted an archive at {self.path}", 9)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ArchiveError(
                    f"archive: wanted to make {self.path}, cannot make its directory: {error.strerror}"
                ) from error
        else:
            try:
                with open(self.path, "rb") as file:
                    head = file.read(16)
            except OSError as error:
                raise ArchiveError(f"archive: {self.path} cannot be read: {error.strerror}") from error
            if head and head != b"SQLite format 3\0":
                raise ArchiveError(
                    f"archive: found a file that begins with {head!r}, wanted an SQLite file at {self.path}",
                    9,
                )
        # the log and the shared memory of WAL are made beside the file, so the directory counts too
        if not self.readonly:
            for place in (self.path.parent, self.path):
                if place.exists() and not os.access(place, os.W_OK):
                    raise ArchiveError(f"archive: {place} may not be written, wanted to write {self.path}")

    def _connect(self) -> sqlite3.Connection:
        def connect(mode: str) -> sqlite3.Connection:
            uri = f"{self.path.as_uri()}?{mode}"
            return sqlite3.connect(uri, uri=True, timeout=30.0, isolation_level=None)

        if not self.readonly:
            conn = connect("mode=rwc")
        else:
            conn = connect("mode=ro")
            try:
                conn.execute("SELECT 1 FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError:
                # a WAL file in a directory that may not be written (a served copy, other user); without a
                # log beside it the file is whole and may be read as unchanging
                conn.close()
                if self.path.with_name(self.path.name + "-wal").exists():
                    raise
                conn = connect("mode=ro&immutable=1")
        for pragma in ("busy_timeout=30000", "foreign_keys=ON", "recursive_triggers=ON"):
            conn.execute(f"PRAGMA {pragma}")
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON"):
            conn.execute(f"PRAGMA {pragma}")
        return conn

    def _check_owner(self) -> None:
        owner = self.conn.execute("PRAGMA application_id").fetchone()[0]
        version = self.conn.execute("PRAGMA user_version").fetchone()[0]
        tables = self.conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if owner != APPLICATION_ID and (tables or owner or version or self.readonly):
            raise ArchiveError(
                f"archive: found a database of another program (application_id {owner:#x}, {tables} tables "
                f"and views), wanted one of ours ({APPLICATION_ID:#x}) at {self.path}",
                9,
            )
        if version > SHAPE_VERSION:
            raise ArchiveError(
                f"archive: found shape version {version}, wanted {SHAPE_VERSION} or older at {self.path}: "
                "it was made by a newer program, which is needed to open it",
                9,
            )

    def _set_up(self) -> None:
        if self.conn.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            self._unseal()
        if self.conn.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise ArchiveError(
                f"archive: wanted a write-ahead log, the place of {self.path} does not allow one"
            )
        self.conn.execute("PRAGMA synchronous=FULL")
        self.conn.execute(f"PRAGMA journal_size_limit={64 * 2**20}")
        self.conn.execute(f"PRAGMA cache_size=-{PAGES_KEPT}")
        self.ensure_shape()
        if self.path not in self._open and not run_elsewhere(self.path):
            open_runs = "SELECT 1 FROM runs WHERE outcome IS NULL LIMIT 1"
            if self.conn.execute(open_runs).fetchone():
                with self._write():
                    self.conn.execute("UPDATE runs SET outcome = 'interrupted' WHERE outcome IS NULL")
                self.commit()

    def hasten(self) -> None:
        """Write without waiting for the disk until `wait_for_disk`: for a new file that is made again where its making ends."""
        self.conn.execute("PRAGMA synchronous=OFF")
        self.conn.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")

    def wait_for_disk(self) -> None:
        """Bring everything that was committed to the disk, and every further commit at once."""
        self.conn.execute("PRAGMA synchronous=FULL")
        self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.conn.execute("PRAGMA wal_autocheckpoint=1000")

    def ensure_shape(self) -> None:
        """Bring the file to the present shape, in one transaction; do nothing where it has it.

        Raises ArchiveError where that cannot be written.
        """
        version = self.conn.execute("PRAGMA user_version").fetchone()[0]
        if version == SHAPE_VERSION and self._has_shape():
            return
        grown = set()
        with self._write():
            for name, table in TABLES.items():
                if not self.db[name].exists():
                    self.db.table(name).create(
                        table.columns,
                        pk=table.pk,
                        foreign_keys=list(table.foreign_keys),
                        not_null=table.not_null,
                        defaults=dict(table.defaults),
                    )
                else:
                    present = set(self.db.table(name).columns_dict)
                    for column, kind in table.columns.items():
                        if column not in present:
                            self.db.table(name).add_column(column, kind)
                            grown.add(name)
            for name, sql in BY_HAND.items():
                if self.db[name].exists() and not self._is_made_so(name, sql):
                    self.conn.execute(f"DROP TABLE {name}")
                if not self.db[name].exists():
                    self.conn.execute(sql)
                    grown.add(name)
            for name, sql in INDEXES.items():
                self.conn.execute(f"CREATE {sql.format(f'IF NOT EXISTS {name}')}")
            for name, sql in VIEWS.items():
                self.db.create_view(name, sql, replace=True)
            self._bring_up(version, grown)
            self.conn.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self.conn.execute(f"PRAGMA user_version={SHAPE_VERSION}")
        self.commit()

    def _bring_up(self, version: int, grown: Collection[str]) -> None:
        """Work out what a file of an elder shape (0: a new one) lacks; `grown` names the tables that got columns
        or were made anew."""

    def _has_shape(self) -> bool:
        present = {row[0] for row in self.conn.execute("SELECT name FROM sqlite_schema")}
        if not {*TABLES, *BY_HAND, *INDEXES, *VIEWS} <= present:
            return False
        views = {
            row[0]: row[1]
            for row in self.conn.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view'")
        }
        if not all(self._is_made_so(name, sql) for name, sql in BY_HAND.items()):
            return False
        return all(views[name].endswith(sql) for name, sql in VIEWS.items()) and all(
            set(table.columns) <= {row[1] for row in self.conn.execute(f"PRAGMA table_info({name})")}
            for name, table in TABLES.items()
        )

    def _is_made_so(self, name: str, sql: str) -> bool:
        row = self._row("SELECT sql FROM sqlite_schema WHERE name = ?", name)
        return row is not None and row[0] == sql

    # -- transactions --

    @contextmanager
    def _write(self) -> Iterator[None]:
        """Do several writes wholly or not at all, inside the open transaction."""
        try:
            if not self.conn.in_transaction:
                self._unseal()
                self.conn.execute("BEGIN IMMEDIATE")
                self._begun()
            self.conn.execute("SAVEPOINT whole")
            waiting = len(self._later)
            try:
                yield
            except BaseException:
                del self._later[waiting:]
                if self.conn.in_transaction:
                    self.conn.execute("ROLLBACK TO whole")
                    self.conn.execute("RELEASE whole")
                else:  # a full disk ends it with all its savepoints
                    self._later.clear()
                self._undone()
                raise
            self.conn.execute("RELEASE whole")
        except sqlite3.IntegrityError:
            raise  # a mistake of ours, not the file's
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            raise self._wrong(error) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Do several questions of one state of the file, whatever another process writes meanwhile."""
        if self.conn.in_transaction:
            self._catch_up()
            yield
            return
        self.conn.execute("BEGIN")
        try:
            yield
        finally:
            if self.conn.in_transaction:  # an error may have ended it
                self.conn.execute("ROLLBACK")

    def _unseal(self) -> None:
        """Note that the file is going to be written."""
        self._written = True
        if not self.readonly:
            unseal(self.path)

    def commit(self) -> None:
        """End the open transaction; bring captures to the disk before.

        Raises ArchiveError where the disk refuses.
        """
        try:
            self._catch_up()
            self.db.commit()
        except sqlite3.DatabaseError as error:
            raise self._wrong(error) from error

    def _put_off(self, sql: str, *values: Any) -> None:
        """Let a statement wait for the end of the open transaction; where that is undone, so is this.

        FTS5 writes what it has gathered at every savepoint: one of them an article costs more than the article's other
        rows, and leaves thousands of small segments to merge.
        """
        self._later.append((sql, values))

    def _catch_up(self) -> None:
        """Execute what waits."""
        done = 0
        try:
            for sql, values in self._later:
                self.conn.execute(sql, values)
                done += 1
        finally:
            del self._later[:done]

    def rollback(self) -> None:
        """Undo the open transaction."""
        self._later.clear()
        self.db.rollback()
        self._undone()

    def _begun(self) -> None:
        """Look whether what is known is still so, at the beginning of a transaction."""

    def _undone(self) -> None:
        """Forget what was known of writes that were undone."""

    def _row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.conn.execute(sql, values).fetchone()
        return found

    def keep_ids(self, elder: str | os.PathLike[str]) -> None:
        """Give new rows the ids that an elder archive has for the same article, capture or attachment (for a rebuild).

        Raises ArchiveError where the elder cannot be read.
        """
        self._elder = Connection(elder, readonly=True).conn
        present = {row[0] for row in self._elder.execute("SELECT name FROM sqlite_schema")}
        self._tops = {
            table: self._elder.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
            for table in ("articles", "captures", "attachments")
            if table in present
        }

    def _id(self, table: str, condition: str, *values: Any) -> int | None:
        """Choose the id of a new row: the elder's, or one that no elder row has; None leaves it to SQLite."""
        if self._elder is None or table not in self._tops:
            return None
        try:
            found = self._elder.execute(f"SELECT id FROM {table} WHERE {condition}", values).fetchone()
        except sqlite3.DatabaseError:  # the elder is damaged, which may be why the archive is derived anew
            found = None
        if found:
            return int(found[0])
        top = self.conn.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        return int(max(top, self._tops[table])) + 1

    def _insert(self, table: str, row: Mapping[str, Any]) -> int:
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        cursor = self.conn.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))
        return int(cursor.lastrowid or 0)

    def _update(self, table: str, row_id: int, row: Mapping[str, Any]) -> None:
        names = ", ".join(f"{name} = ?" for name in row)
        self.conn.execute(f"UPDATE {table} SET {names} WHERE id = ?", (*row.values(), row_id))

    def _is_elder(self, than: int = 3) -> bool:
        """Tell whether the file is open for reading and of a shape before one: 3 brought memory and parts, 4 the index."""
        return self.readonly and bool(self.conn.execute("PRAGMA user_version").fetchone()[0] < than)
