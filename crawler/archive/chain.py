"""The chain of runs: each signs its captures and the run before it, so that a changed past shows.

A run signs when it closes: the digest of its whole capture file, and over that and over the digest of the run
that signed before it, its own. The closing record of its file states the digest of the run before, so the chain
stands in the captures themselves and a rebuild has it too. What a killed run left is signed by the run that
closes next after its captures were taken up; that one's closing record says so.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from crawler.archive.connection import Connection
from crawler.captures import Signed, capture_file, sign_file


class Link(NamedTuple):
    """What a run signed."""

    run_id: str
    warc: str
    bytes: int
    captures: str
    """The digest of its capture file."""
    previous: str | None
    """The digest of the run before; None for the first that signed."""
    digest: str
    line: str
    """Its shard, else its spider: archives that were merged have a chain each."""


def link_digest(run_id: str, signed: Signed, previous: str | None) -> str:
    """Give the digest by which a run signs its captures and the run before.

    >>> first = link_digest("20261121T180000Z-lyg_news", Signed("a.warc.gz", 3, "sha256:00"), None)
    >>> first[:15], link_digest("20261121T180000Z-lyg_news", Signed("a.warc.gz", 3, "sha256:00"), first) == first
    ('sha256:fb1bd8b2', False)
    """
    said = json.dumps([previous, run_id, *signed], ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(said.encode("utf-8")).hexdigest()


class Chain(Connection):
    """What the runs signed."""

    def sign_run(self, run_id: str, signed: Signed, previous: str | None) -> str:
        """Write what a run signs of its captures and of the run before, and give its digest."""
        digest = link_digest(run_id, signed, previous)
        with self._write():
            self.conn.execute(
                "UPDATE runs SET warc = ?, bytes = ?, captures = ?, previous = ?, digest = ? WHERE id = ?",
                (*signed, previous, digest, run_id),
            )
        return digest

    def sign_earlier(self, directory: str | os.PathLike[str]) -> dict[str, Any]:
        """Sign the runs that ended without doing so, oldest first; give what a closing record states of the chain.

        These are killed runs whose captures were taken up, and those of an elder program. A file that cannot
        be read is left for a later run, and for `verify` to name.
        """
        head = self.head()
        signed = []
        rows = self.conn.execute(
            "SELECT id FROM runs WHERE digest IS NULL AND outcome IS NOT NULL "
            "AND (outcome <> 'interrupted' OR stats IS NOT NULL) ORDER BY id"
        ).fetchall()
        for row in rows:
            try:
                found = sign_file(capture_file(directory, f"{row['id']}.warc.gz"))
            except OSError:
                continue
            previous, head = head, self.sign_run(row["id"], found, head)
            signed.append({"run": row["id"], "previous": previous, "digest": head})
        return {"previous": head, "signed": signed}

    def sign_again(self, run_id: str, path: str | os.PathLike[str], stated: Mapping[str, Any] | None) -> None:
        """Write what a replayed run signed, and what it signed for others, as its closing record states it."""
        if not stated:
            return
        directory = Path(path).parent
        for each in stated.get("signed", ()):
            place = capture_file(directory, f"{each['run']}.warc.gz")
            if place.is_file():
                self.sign_run(each["run"], sign_file(place), each["previous"])
        self.sign_run(run_id, sign_file(path), stated["previous"])

    def head(self) -> str | None:
        """Give the digest that no run has signed over yet; None where none has signed.

        Of several (the past was changed, or captures are lost) that of the latest run.
        """
        ends = self._ends()
        return ends[-1].digest if ends else None

    def links(self) -> list[Link]:
        """Give what the runs signed, by id."""
        if "digest" not in self._columns("runs"):
            return []
        rows = self.conn.execute(
            "SELECT id, warc, bytes, captures, previous, digest, coalesce(json_extract(arguments, '$.shard'), spider) "
            "FROM runs WHERE digest IS NOT NULL ORDER BY id"
        )
        return [Link(*row) for row in rows]

    def _ends(self) -> list[Link]:
        links = self.links()
        signed_over = {link.previous for link in links}
        return [link for link in links if link.digest not in signed_over]

    def _columns(self, table: str) -> set[str]:
        return {row[1] for row in self.conn.execute(f"PRAGMA table_info({table})")}

    def _verify_chain(self, directory: Path, head: str | None = None) -> Iterator[str]:
        """Compare what the runs signed with the files as they are, and the links with each other."""
        links = self.links()
        by_digest = {link.digest: link for link in links}
        for link in links:
            place = capture_file(directory, link.warc)
            try:
                found = sign_file(place)
            except OSError as error:
                yield f"chain: run {link.run_id} signed {place}, which cannot be read: {error.strerror}"
                continue
            signed = Signed(link.warc, link.bytes, link.captures)
            if found != signed:
                yield (
                    f"chain: {place} is not what run {link.run_id} signed: found {found.bytes} bytes with "
                    f"{found.digest}, wanted {signed.bytes} with {signed.digest}"
                )
            if link_digest(link.run_id, signed, link.previous) != link.digest:
                yield f"runs: the digest of {link.run_id} does not follow from its captures and the run before"
        ends = self._ends()
        for link in links:
            if link.previous is not None and link.previous not in by_digest:
                yield (
                    f"chain: run {link.run_id} signed over a run with {link.previous}, which no run has now: "
                    f"the past before it was changed"
                    + "".join(f"; nobody signed over {end.run_id} as it is" for end in ends[:-1])
                )
        begun: dict[str, str] = {}
        for link in links:
            if link.previous is None and (first := begun.setdefault(link.line, link.run_id)) != link.run_id:
                yield f"chain: run {link.run_id} signed over no run, wanted {first} to be the first alone"
        followed: dict[tuple[str, str], str] = {}
        for link in links:
            if (
                link.previous
                and (other := followed.setdefault((link.line, link.previous), link.run_id)) != link.run_id
            ):
                yield f"chain: runs {other} and {link.run_id} signed over the same run"
        if head is not None and head not in by_digest:
            yield f"chain: found no run with the digest {head}, which was written down: the past was changed"
