"""What verdicts teach: words and hosts that the tables could have, for a person to look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from crawler.text import bigrams

STRONG = 0.6
"""From this score on a signal is strong; a block teaches by two of them."""
LONGEST = 6
"""Characters of the longest word that is looked for."""
READ = 4000
"""How many characters of one block are looked at: a farm of ten thousand words is not to outweigh all else."""

HAN_RE = re.compile("[\u4e00-\u9fff]{2,}")
HOST_RE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")


class Lesson(NamedTuple):
    """One block that was cut out of a page."""

    article_id: int
    text: str
    reasons: tuple[tuple[str, float], ...]
    hosts: tuple[str, ...]
    """Where it leads, without the page's own domain and honest hosts."""

    @property
    def strong(self) -> bool:
        """Whether two signals at least were strong."""
        return sum(score >= STRONG for _, score in self.reasons) >= 2


class Proposal(NamedTuple):
    """A row that a table could have."""

    word: str
    topic: str
    """``learnt`` for a word, ``host`` for a host that spam leads to, ``honest`` for one that honest pages link."""
    weight: float
    blocks: int
    """In how many different blocks, of an honest host on how many pages, it was seen."""
    articles: tuple[int, ...]


class _Seen:
    """Where a run of characters was seen, and what stood beside it."""

    __slots__ = ("after", "articles", "before", "blocks")

    def __init__(self) -> None:
        self.articles: set[int] = set()
        self.blocks = 0
        self.before: set[str] = set()
        self.after: set[str] = set()

    @property
    def free(self) -> bool:
        """Whether it is a word of its own: it has an end of a run, or different neighbours, on both sides."""
        return all("" in beside or len(beside) > 1 for beside in (self.before, self.after))


def is_ordinary(word: str) -> bool:
    """Say whether the counts of ordinary Chinese know each pair of a word's characters, so that it proves nothing.

    >>> is_ordinary("网站"), is_ordinary("月月返利")
    (True, False)
    """
    pairs = bigrams.pairs()
    return all(word[at : at + 2] in pairs for at in range(len(word) - 1))


def propose_words(
    lessons: Iterable[Lesson], known: Collection[str], honest: Callable[[str], bool], least: int = 3
) -> list[Proposal]:
    """Give words of cut-out blocks that no honest text has, those of most articles first.

    A word has two to six characters, stands in two different blocks at least and on `least` articles, is no
    piece of a longer word, holds no word that is `known` and is no ordinary one. `honest` says whether an honest
    text has it.

    >>> strong = (("hidden", 1.0), ("foreign", 0.8))
    >>> lessons = [Lesson(n, f"星河贵宾会|{other}", strong, ()) for n, other in enumerate(("百家乐", "真人", "开户"))]
    >>> propose_words(lessons, {"百家乐"}, lambda word: word == "真人")
    [Proposal(word='星河贵宾会', topic='learnt', weight=0.8, blocks=3, articles=(0, 1, 2))]
    """
    texts: dict[str, set[int]] = {}
    for lesson in lessons:
        if lesson.strong:
            texts.setdefault(lesson.text, set()).add(lesson.article_id)
    seen: dict[str, _Seen] = {}
    for text, articles in texts.items():
        here: set[str] = set()
        for run in HAN_RE.findall(text[:READ]):
            for at in range(len(run) - 1):
                for end in range(at + 2, min(at + LONGEST, len(run)) + 1):
                    word = run[at:end]
                    found = seen.setdefault(word, _Seen())
                    found.before.add(run[at - 1] if at else "")
                    found.after.add(run[end] if end < len(run) else "")
                    here.add(word)
        for word in here:
            seen[word].blocks += 1
            seen[word].articles |= articles
    found_words = {
        word: each
        for word, each in seen.items()
        if each.blocks >= 2 and len(each.articles) >= least and each.free
    }
    proposals = []
    for word, each in found_words.items():
        if any(old in word for old in known) or any(
            word in longer and other.blocks == each.blocks and word != longer
            for longer, other in found_words.items()
        ):
            continue
        if not is_ordinary(word) and not honest(word):
            weight = {2: 0.4, 3: 0.6}.get(len(word), 0.8)
            proposals.append(Proposal(word, "learnt", weight, each.blocks, tuple(sorted(each.articles))))
    return sorted(proposals, key=lambda each: (-len(each.articles), -len(each.word), each.word))


def propose_hosts(
    lessons: Iterable[Lesson], known: Collection[str], linked: Collection[str], least: int = 2
) -> list[Proposal]:
    """Give hosts that cut-out blocks of `least` articles lead to and that no honest page links.

    `linked` are the hosts that honest pages link.
    """
    where: dict[str, tuple[set[int], set[str]]] = {}
    for lesson in lessons:
        for host in lesson.hosts:
            articles, texts = where.setdefault(host, (set(), set()))
            articles.add(lesson.article_id)
            texts.add(lesson.text)
    proposals = [
        Proposal(host, "host", 1.0, len(texts), tuple(sorted(articles)))
        for host, (articles, texts) in where.items()
        if len(articles) >= least and host not in linked and host not in known and HOST_RE.fullmatch(host)
    ]
    return sorted(proposals, key=lambda each: (-len(each.articles), each.word))


def propose_honest(
    linked: Mapping[str, Collection[int]],
    named: Mapping[str, int],
    known: Callable[[str], bool],
    cut: Collection[str],
    least: int = 10,
) -> list[Proposal]:
    """Give hosts that the pages of `least` honest articles name, that no cut-out block leads to and that are not `known`.

    `linked` are those that the articles themselves link, `named` counts the pages, with all that stands beside them.
    """
    proposals = []
    for host in {*linked, *named}:
        articles = tuple(sorted(linked.get(host, ())))
        pages = max(len(articles), named.get(host, 0))
        if pages >= least and host not in cut and not known(host) and HOST_RE.fullmatch(host):
            proposals.append(Proposal(host, "honest", 0.0, pages, articles))
    return sorted(proposals, key=lambda each: (-each.blocks, each.word))
