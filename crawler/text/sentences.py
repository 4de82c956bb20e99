"""Sentences in plain sight: what a page says of its own, and which sentence somebody put in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice

from crawler.text.lines import Line, tidy
from crawler.text.topics import HAN_RE, SENTENCE_RE, Survey, fold, off_topic, pitch, spam_words

SPOTTED = 0.5
"""From this score on a signal counts."""
FAINT, POSSIBLE, LIKELY, SURE, CERTAIN = 0.1, 0.65, 0.8, 0.93, 0.97
"""From these scores on the way a text speaks tells a seller without a word of the table: as one link of a row, beside
a seller's sentence, beside text of the page, in any company or in links to several hosts, and in links to one host."""
NO_HAN_RE = re.compile("[^\u4e00-\u9fff]+")
PAUSE_RE = re.compile("[，。；！？,!?]")
PART_RE = re.compile(r"[^。！？…\n]+[。！？…\n]*|[。！？…\n]+")
CLOSERS = "”’」』）)》"
PLAIN = 0.9
"""Score from which on a link's words leave no doubt."""
ENTRY = {SPOTTED: 0.0, LIKELY: 1.1}
"""About the odds from which on a sentence may have such a score: the look at a whole page rounds."""
LONG = 16
"""Characters of a sentence from which on it is told by the way it speaks alone, if that is not beyond doubt."""
CALM = 0.15
"""Mean score of the sentences around it up to which a seller's does not belong to a report that praises something."""
KNOWN = 0.1
"""Share of its pairs of characters from which on a sentence belongs to a page: three quarters of honest
sentences have it, hardly any that was put in."""
BELONGS = 0.08
"""The same for text of some sentences: four fifths of honest text have it, a tenth of what is from another page."""
ENOUGH = 60
"""Characters that a page's other text has at least for a sentence to be called foreign to it."""


def surely(part: str) -> tuple[int, int]:
    """Give the part of a seller's sentence that is surely his: text of the page can run on into it.

    >>> part = "”金沙娱乐城开户送彩金,诚招代理,书屋由镇文化站管理"
    >>> part[slice(*surely(part))]
    '金沙娱乐城开户送彩金,诚招代理,'
    """
    clauses = [found.span() for found in CLAUSE_RE.finditer(part)]
    whole = len(clauses)
    while len(clauses) > 1 and _modest(part[slice(*clauses[-1])]):
        clauses.pop()
    if 1 < len(clauses) < whole and pitch(part[slice(*clauses[-1])]) < LIKELY:
        clauses.pop()  # text of the page may begin in it
    while len(clauses) > 1 and _modest(part[slice(*clauses[0])]):
        clauses.pop(0)
    start, end = clauses[0][0], clauses[-1][1]
    return start + len(part[start:end]) - len(part[start:end].lstrip(CLOSERS)), end


CLAUSE_RE = re.compile(r"[^，,、；;\s]*[，,、；;\s]+|[^，,、；;\s]+")


def _modest(clause: str) -> bool:
    return len(clause) >= 6 and pitch(clause) <= 0.1


def quoted(parts: Sequence[str]) -> Iterator[bool]:
    """Say of each sentence whether it is somebody's words in a report.

    >>> list(quoted(["主播喊道：", "“下单包邮！", "坏一赔二。”", "现场售出三千单。"]))
    [False, True, True, False]
    """
    depth = 0
    for part in parts:
        said = part.lstrip(CLOSERS + " \u3000")
        depth = max(0, depth - part[: len(part) - len(said)].count("”"))
        yield depth > 0 or said.startswith("“")
        depth = max(0, depth + said.count("“") - said.count("”"))


def share(text: str, page: str) -> float:
    """Give the share of a text's pairs of characters that stand in a page's other text as well."""
    pairs = {run[i : i + 2] for run in HAN_RE.findall(text) for i in range(len(run) - 1)}
    return sum(pair in page for pair in pairs) / len(pairs) if pairs else 0.0


class Speech:
    """What a page says, as far as it helps to judge a sentence in it."""

    def __init__(self, lines: Sequence[Line], names: Sequence[str], seen: Survey) -> None:
        """Take the page's lines, what it is called in its head, and what one look at both has found."""
        self.lines = lines
        self.names = names
        self.seen = seen
        self.marked = seen.sells.keys() | {
            i
            for i, words in seen.holds.items()
            if len(words) > 3 or any(spam_words()[word] >= SPOTTED for word in words)
        }
        """Numbers of lines, and beyond them of unread pieces and tags of the head, that are worth a look."""

    @cached_property
    def honest(self) -> str:
        """The page's Hanzi, by runs, without the sentences that may be a seller's."""
        sells = self.seen.sells
        text = "\n".join(
            "".join(part for part in PART_RE.findall(line.text) if tidy(part) not in sells[i])
            if i in sells
            else line.text
            for i, line in enumerate(self.lines)
        )
        return NO_HAN_RE.sub("\n", text)

    def stray(self, text: str, near: str) -> float:
        """Score how far a seller's text is foreign to the page by its pairs of characters.

        0 if the page says too little to tell. Beside text that is foreign to the page as well, it could be a
        report of its own, so that the way it speaks must be beyond doubt.
        """
        if self.says < ENOUGH:
            return 0.0
        belongs = share(near, self.honest.replace("\n".join(HAN_RE.findall(near)), "", 1)) >= BELONGS
        told = pitch(text)
        parts = [pitch(part) for part in PART_RE.findall(near)]
        calm = sum(parts) <= CALM * len(parts)
        long = SENTENCE_RE.search(text) and len(text) >= LONG
        likely = belongs and calm and long
        if told < (LIKELY if likely else SURE) and not (
            belongs and off_topic(text, self.seen.words) >= SPOTTED
        ):
            return 0.0
        return self.alien(text)

    @cached_property
    def says(self) -> int:
        """How many Hanzi the page has outside its links and without the sentences that are a seller's."""
        return len(self.honest) - sum(line.link for line in self.lines)

    def called(self, text: str) -> bool:
        """Say whether it is what the page itself is called: that is no block."""
        said = fold(text)
        return any(said in fold(name) for name in self.names)

    def alien(self, text: str) -> float:
        """Give the share of a text's pairs of characters that the page's other text has not; 0 for a small one."""
        score = 1 - share(text, self.honest)
        return score if score > 1 - KNOWN else 0.0

    def near(self, number: int) -> str:
        """Give the text around a line: two lines before and behind it that are neither suspect nor links."""

        def some(numbers: Iterable[int]) -> list[str]:
            found = (self.lines[i] for i in numbers if i not in self.marked)
            return [line.text for line in islice((li for li in found if li.size >= 10 and not li.link), 2)]

        return "\n".join((*some(range(number - 1, -1, -1))[::-1], *some(range(number + 1, len(self.lines)))))
