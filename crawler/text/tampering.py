"""Repair what somebody altered, or what went wrong on the way, and say exactly what was changed.

A change is a value: a fixer gives edits. Applying them is the repair, keeping them is the explanation,
running them backwards is the undo.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cache
from itertools import chain
from operator import add
from typing import NamedTuple

from crawler.text import bigrams, evidence, mirror, mojibake, noise, seams, tables
from crawler.text.seams import LOST, WIDE, Habits, Note


class Edit(NamedTuple):
    """One replacement; `start` counts characters in the text that the step was given."""

    start: int
    before: str
    after: str


class Step(NamedTuple):
    """What one fixer changed, with one certainty; its edits are sorted and do not overlap."""

    fixer: str
    certainty: str
    edits: tuple[Edit, ...]


class Repaired(NamedTuple):
    """A text after repair; no steps means that it was left alone."""

    text: str
    steps: tuple[Step, ...]


TAMPERING = frozenset(
    (
        "broken-pair",
        "combining-mark",
        "entity-word",
        "junk",
        "look-alike",
        "pinyin-note",
        "traditional",
        "zero-width",
    )
)
"""Fixers that undo what somebody did; the others undo accidents."""


ROUNDS = 6
"""Repairs run until nothing is left to repair, so that repairing twice changes nothing."""


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Apply the edits of one step.

    >>> apply("時(shí)間", [Edit(1, "(shí)", "")])
    '時間'
    """
    out: list[str] = []
    last = 0
    for start, before, after in edits:
        out += (text[last:start], after)
        last = start + len(before)
    out.append(text[last:])
    return "".join(out)


def revert(text: str, steps: Iterable[Step]) -> str:
    """Run the steps of a repair backwards: give the repaired text, get the text before.

    >>> found = repair("低保漸退")
    >>> revert(found.text, found.steps)
    '低保漸退'
    """
    for step in reversed(tuple(steps)):
        out: list[str] = []
        last = shift = 0
        for start, before, after in step.edits:
            out += (text[last : start + shift], before)
            last = start + shift + len(after)
            shift += len(after) - len(before)
        out.append(text[last:])
        text = "".join(out)
    return text


GATE_RE = re.compile(r"[\u00e0-\u01dc]\w{0,2}\)")
"""Evidence that must be there before anything is looked at: a tone mark shortly before a closing bracket."""

HANZI = "\u3400-\u4dbf\u4e00-\u9fff\u3007"
HANZI_RE = re.compile(f"[{HANZI}]")
ENOUGH = 8.0
"""Points of evidence that make a page a copy, see `learn`."""

COMMON = 8.8
"""Cost in nats of a character among the 1,500 commonest; nobody explains how these are read."""


def learn(text: str, notes: Sequence[Note]) -> tuple[Habits, bool] | None:
    """Learn from a page's clean notes how it was made; None where it is no such copy.

    A copy annotates common characters, each with its first reading, and wherever it stands. A genuine note
    explains a rare character or a second reading, once. Each annotated Traditional character that is never
    without its note is worth a point, one more if it is common and one more if it occurs again; a second
    reading is worth nothing, an inconsistent one costs two. A note that broke a character is worth two.
    The second value says whether the text is in Traditional characters.
    """
    found: Counter[tuple[str, str]] = Counter()
    broken = 0
    for note in notes:
        before = text[note.start - 1] if note.start else ""
        if note.mark or not note.head:
            code = mirror.codes().get(before, b"")
            broken += len(code) == 2 and code[1] > 0x80
        elif note.reading in seams.readings().get(before, ()):
            found[before, note.reading] += 1
    table: dict[str, str] = {}
    for (char, reading), _ in found.most_common():
        table.setdefault(char, reading)
    if not table:
        return None
    standing = Counter(HANZI_RE.findall(text))
    traditional = seams.simplified()
    points = 2.0 * broken
    always: set[str] = set()
    again = forms = wrong = 0
    for char, reading in table.items():
        many, bare = found[char, reading], standing[char] - found[char, reading]
        if bare > many * 0.1:
            wrong += 1
            points -= 2.0
            continue
        if bare == 0:
            always.add(char)
        again += many > 1
        if char in traditional:
            forms += 1
            plain = traditional[char][0]
            if reading == seams.readings()[char][0]:
                points += 1.0 + (bigrams.alone(plain) < COMMON) + (many > 1)
    total = sum(standing.values())
    if sum(found.values()) > 0.7 * total:
        return None
    share = forms / len(table)
    mapped = sum(char in seams.mapped() for char in table) / len(table)
    # Simplified text: nobody but a list of replacements annotates just those that have a Traditional form
    listed = (mapped >= 0.95 or broken >= 2) and len(table) >= 8 and not wrong
    several = len(table) >= 12 and again >= 5 and wrong * 20 <= len(table)
    if not (share >= 0.7 and points >= ENOUGH) and not (
        (listed or several) and sum(found.values()) < 0.5 * total
    ):
        return None
    consistent = {
        char: reading
        for char, reading in table.items()
        if char in always or standing[char] == found[char, reading]
    }
    noted: dict[str, int] = {}
    for (char, _), many in found.items():
        noted[char] = noted.get(char, 0) + many
    plain_ones = frozenset(char for char, many in standing.items() if many > noted.get(char, 0))
    heads = Counter((note.mark, note.head) for note in notes if note.mark or not note.head)
    swallow = heads["?", False] + heads[LOST, False] >= heads["?", True] + heads[LOST, True]
    if not heads:
        swallow = not GIVEN_BACK_RE.search(text)
    silent = not heads and any(_misfit(text, note, consistent, frozenset()) for note in notes)
    noteless = seams.NOTE_RE.sub("", text) if heads else ""
    habits = Habits(
        notes=consistent,
        always=frozenset(always),
        kin=seams.simplified().keys() if share >= 0.95 else seams.mapped() if mapped >= 0.95 else frozenset(),
        half=_half(text),
        blind=_blind(text),
        swallow=swallow,
        silent=silent,
        gaps=silent and not re.search("[\ue000-\uf8ff]", text),
        plain=plain_ones,
        line=_line(text),
        blank=text.count("\n\n") * 5 >= text.count("\n") > 2,
        page=_page(noteless) if heads else {},
        signs=seams.signs(noteless) if heads else {},
        foreign=frozenset(c for c in "‘’" if c not in text)
        | (seams.mapped() - {c for c, many in standing.items() if many > 1} if share >= 0.5 else frozenset()),
    )
    return habits, share >= 0.5


def _misfit(text: str, note: Note, table: Mapping[str, str], plain: Set[str]) -> bool:
    """Say whether a whole note stands behind a character that it cannot belong to, or behind another note."""
    char = text[note.start - 1] if note.start else ""
    if char == ")":
        return any(
            other.end == note.start for other in seams.find_notes(text, max(0, note.start - 8), note.start)
        )
    known = seams.readings().get(char, ()) if char not in plain else ()
    return len(mirror.codes().get(char, b"")) == 2 and note.reading != table.get(
        char, note.reading if note.reading in known else ""
    )


def _half(text: str) -> frozenset[str]:
    """Say which half-width signs stand for full-width ones in this page.

    A `?` counts only where a sentence ends: behind a Hanzi it may be the mark of a broken pair.
    """
    after = Counter(re.findall(f"(?<=[{HANZI}])(?:[,:;!]|\\?(?=[”’』」<\\s]|$))", text))
    brackets = len(re.findall(f"\\([{HANZI}]", text))
    wide = any(WIDE[sign] in text for sign in ",:;")
    half = {sign for sign in ",:;" if after[sign] and WIDE[sign] not in text}
    if after["?"] and "？" not in text and not wide:
        half.add("?")
    if after["!"] and "！" not in text:
        half.add("!")
    if brackets and "（" not in text:
        half |= set("()")
    if sum(after[sign] for sign in ",:;?") >= 2 and not any(WIDE[sign] in text for sign in ",:;?()"):
        half |= set(",:;?()")
    return frozenset(half)


RUN_RE = re.compile(rf"(?<=[^\x00-(*-\x7f])\?+(?![{seams.LETTERS}]{{1,6}}\))")
"""Question marks behind Chinese, those apart that stand for the bracket of a note."""


GIVEN_BACK_RE = re.compile(rf"(?<=[{HANZI}])(?:\ufffd[?;,]|\?[;,])")
"""Evidence that a sign put blindly into the bytes was given back behind the mark."""


def _blind(text: str) -> frozenset[str]:
    """Say what may have replaced full-width signs in the bytes, without looking where characters begin.

    Where the bytes of the full-width sign still stand anywhere, across two characters too, it was not so.
    """
    body = mirror.encode(text)
    signs = {sign for sign in ";," if re.search(f"[{HANZI}]{sign}", text)}
    runs = Counter(min(len(run), 3) for run in RUN_RE.findall(text))
    if runs:
        signs.add("??" if runs[2] + runs[3] > 3 * runs[1] else "?")
    return frozenset(sign for sign in signs if mirror.codes()[WIDE[sign[0]]] not in body)


AFTER_RE = re.compile("[?\ufffd][^\\x00-?]{0,40}")


def _page(text: str) -> dict[str, int]:
    """Count the characters, pairs and rows of three of a page without its notes: names come back."""
    # what stands behind a mark may pair up one off, and must not speak for itself
    bare = AFTER_RE.sub("$", text)
    bare = re.sub("[<>\\s]+", "$", re.sub("[A-Za-z]+", "A", re.sub(r"\d+(?:\.\d+)?", "0", bare)))
    rows: list[Iterable[str]] = []
    for run in re.findall("[\u2010-\uffff0A$]+", bare):
        rows += (run, map(add, run, run[1:]), map(add, map(add, run, run[1:]), run[2:]))
    return dict(Counter(chain.from_iterable(rows)))


def _line(text: str) -> str:
    """Give what lines end with where at least seven of ten end alike."""
    ends: Counter[str] = Counter(re.findall(r"(?:\r?\n[ \t\u3000]*)+", text.strip()))
    if not ends:
        return ""
    (end, many), *_ = ends.most_common(1)
    if many >= 3 and many >= 0.7 * sum(ends.values()):
        return end
    return "\r\n" if all("\r" in other for other in ends) else ""


def _sequence(text: str, groups: Iterable[tuple[str, str, Sequence[Edit]]]) -> tuple[str, list[Step]]:
    """Make steps of edits that were all found in the same text, and apply them one step after the other."""
    steps: list[Step] = []
    applied: list[tuple[int, int]] = []
    for fixer, certainty, edits in groups:
        if not edits:
            continue
        moved = []
        marks = sorted(applied)
        at = shift = 0
        for start, before, after in sorted(edits):
            while at < len(marks) and marks[at][0] < start:
                shift += marks[at][1]
                at += 1
            moved.append(Edit(start + shift, before, after))
            applied.append((start, len(after) - len(before)))
        step = Step(fixer, certainty, tuple(moved))
        text = apply(text, step.edits)
        steps.append(step)
    return text, steps


WIDEST = 600
"""Readings kept at a time where none of the likeliest came to the end."""


def _mend(text: str, notes: Sequence[Note], habits: Habits) -> tuple[str, list[Step]]:
    """Restore the places where a note broke a character."""
    by_certainty: dict[str, list[Edit]] = {"proven": [], "inferred": [], "lost": []}
    done = 0
    covered = frozenset(chain.from_iterable(range(note.start, note.end) for note in notes))
    suspicious: list[tuple[int, int, bool]] = [
        (note.start, note.end, True)
        for note in notes
        if note.mark or not note.head or (habits.silent and _misfit(text, note, habits.notes, habits.plain))
    ]
    if habits.blind:
        suspicious += [(*match.span(), False) for match in STRADDLED_RE.finditer(text)]
    for at, to, is_note in sorted(suspicious):
        if at < done or (not is_note and at in covered):
            continue
        start, end = _stretch(text, at, to, covered, habits, done)
        inside = [n for n in notes if start <= n.start and n.end <= end]
        pieces = seams.search(text, start, end, inside, habits, last=end == len(text))
        if not pieces and not is_note:
            continue
        if not pieces:
            pieces = seams.search(text, start, end, inside, habits, last=end == len(text), beam=WIDEST)
        if not pieces:
            pieces = seams.search(
                text,
                start,
                end,
                inside,
                habits._replace(always=frozenset(), plain=frozenset()),
                last=end == len(text),
            )
            pieces = _doubtful(pieces)
        if habits.silent:
            pieces = _doubtful(pieces)
        for piece in pieces:
            before = text[piece.start : piece.end]
            after = _by_habit(piece.text, habits)
            if before != after:
                by_certainty[piece.certainty].append(Edit(piece.start, before, after))
        if not pieces:
            end = _unread(text, to)
            # without marks the bytes may have gone astray anywhere behind the last note
            begin = max([start, *(n.end for n in inside if n.end <= at)]) if habits.silent else at
            by_certainty["lost"].append(Edit(begin, text[begin:end], text[begin:at] + LOST + text[to:end]))
        done = end
    mended = [(e.start, e.start + len(e.before)) for edits in by_certainty.values() for e in edits]
    for match in ASTRAY_RE.finditer(text):
        if not any(start < match.end() and match.start() < end for start, end in mended):
            after = PRIVATE_RE.sub(LOST, match[0])
            by_certainty["lost"].append(Edit(match.start(), match[0], after))
    return _sequence(text, [("broken-pair", certainty, edits) for certainty, edits in by_certainty.items()])


PRIVATE_RE = re.compile("[\ue000-\uf8ff]")
ASTRAY_RE = re.compile("[^\x00-@\ue000-\uf8ff]{0,40}[\ue000-\uf8ff][^\x00-@]{0,40}")
"""Rows with private-use characters: on a copy they stand where bytes pair up one off, and no text had them."""

STRADDLED_RE = re.compile(r"(?<![!-(*-=?-\x7f])[?\ufffd](?:(?=[^\x00-?])|(?=[?;,][^\x00-?]))")
"""Marks behind which bytes may pair up one off, because a sign was replaced across two characters."""


def _doubtful(pieces: Iterable[seams.Piece]) -> list[seams.Piece]:
    """Call proven pieces inferred: bytes may have gone without a trace, or the page is not of one piece."""
    return [p._replace(certainty="inferred") if p.certainty == "proven" else p for p in pieces]


UNREAD_RE = re.compile("[^\\x00-?]{0,40}")
"""What stands behind a broken place up to the next ASCII sign, which brings the bytes back into step."""


def _unread(text: str, end: int) -> int:
    """Give the end of what cannot be read behind a broken place for which no original was found."""
    found = UNREAD_RE.match(text, end)
    last = found.end() if found else end
    return last if text[last : last + 1] != "(" else max(end, last - 1)


NARROW = {wide: half for half, wide in WIDE.items()}


def _by_habit(text: str, habits: Habits) -> str:
    """Write restored signs as the page writes them."""
    return "".join(
        NARROW[c] if c in NARROW and (NARROW[c] in habits.half or NARROW[c] in habits.blind) else c
        for c in text
    )


def _stretch(
    text: str, start: int, end: int, covered: frozenset[int], habits: Habits, done: int
) -> tuple[int, int]:
    """Give the stretch around a broken place that begins and ends in step for certain."""
    codes = mirror.sources()

    def anchor(index: int) -> bool:
        char = text[index]
        if index in covered or char in "?\ufffd" or char in habits.half or char in habits.blind:
            return False
        return char < "@" or char not in codes

    least, most = start - 24, end + 4000
    while start > max(done, least) and not anchor(start - 1):
        start -= 1
    while start > done and (start in covered or start - 1 in covered):
        start -= 1
    while end < min(len(text), most) and not anchor(end):
        end += 1
    # where broken pairs leave no mark, only the sign behind them tells that one broke
    return start, min(end + habits.silent, len(text))


def _annotated(text: str, end: int, half: Set[str]) -> str:
    """Give the character whose bytes stand in front of a place: a Latin letter may be half of one."""
    codes = mirror.codes()
    char = text[end - 1] if end else ""
    if "@" < char < "\x7f" and end > 1:
        first = text[end - 2]
        before = codes.get(WIDE[first] if first in half else first, b"")
        if len(before) == 2:
            return mirror.pairs().get(before[1] << 8 | ord(char), "")
    return char


def _unannotate(text: str, habits: Habits) -> list[Edit]:
    """Take out the notes that belong to the character before them."""
    edits = []
    last: Note | None = None
    for note in seams.find_notes(text):
        if not note.head or note.mark or not note.start:
            continue
        end = note.start
        char = _annotated(text, end, habits.half)
        if last and last.start and last.end == end - 1:
            # a note may stand between the two bytes: 國(guó)F(jiū)DA, where 鳩 is the end of 國 and F
            char = _annotated(text[last.start - 1] + text[end - 1], 2, habits.half)
        last = note
        known = habits.notes.get(char)
        if known == note.reading or (
            known is None and note.reading in seams.readings().get(char, ()) and char not in habits.plain
        ):
            edits.append(Edit(note.start, text[note.start : note.end], ""))
    return edits


RARELY = {"乾": 4.0} | dict.fromkeys("儘摺昇瞭藉覆託逕鉅陞", 14.0)
"""Forms that tables of single characters do not make (they leave 借 as it is): as a rule the original had
them. In nats."""


LINE_RE = re.compile(r"\n|<[^<>]*>")
"""What parts the lines of a page's source."""


def _simplify(text: str) -> tuple[list[Edit], list[Edit]]:
    """Turn Traditional characters back: those with one Simplified form, and those chosen among several."""
    forms = seams.simplified()
    # The machine maps every character the same way: a form that stands in a Traditional line was not mapped. In
    # a page without line breaks the tags part the lines, so that what was put in later says nothing of the rest.
    unmapped: set[str] = set()
    for line in LINE_RE.split(text):
        if not forms.keys().isdisjoint(line):
            unmapped.update(line)
    proven: list[Edit] = []
    inferred: list[Edit] = []
    for match in re.finditer(f"[{HANZI}]+", text):
        run = match[0]
        among = list(map(forms.get, run, run))
        plain = [several[0] for several in among]
        chosen = [index for index, several in enumerate(among) if len(several) > 1]
        for index in chosen:
            char = run[index]
            several = "".join(s for s in among[index] if s == char or s not in unmapped) or among[index]
            before = plain[index - 1] if index else "，"
            after = plain[index + 1] if index + 1 < len(run) else "，"
            plain[index] = min(
                several,
                key=lambda s: (
                    bigrams.cost(before, s)
                    + bigrams.cost(s, after)
                    + (RARELY.get(char, 0.0) if s != char else 0.0)
                ),
            )
        last, kind = -1, proven
        changed = [index for index, char in enumerate(run) if char != plain[index]]
        for index in changed:
            edits = inferred if len(among[index]) > 1 else proven
            if index == last and edits is kind:
                start, before, after = edits[-1]
                edits[-1] = Edit(start, before + run[index], after + plain[index])
            else:
                edits.append(Edit(match.start() + index, run[index], plain[index]))
            last, kind = index + 1, edits
    return proven, inferred


def _undo_mojibake(text: str, clues: int) -> tuple[str, list[Step]]:
    """Read again what was read with the wrong table."""
    return _as_steps(text, "mojibake", mojibake.find(text, clues))


def _as_steps(text: str, fixer: str, found: Sequence[mojibake.Found]) -> tuple[str, list[Step]]:
    """Make a step of each certainty."""
    groups: dict[str, list[Edit]] = {"proven": [], "inferred": [], "lost": []}
    for start, end, after, certainty in found:
        groups[certainty].append(Edit(start, text[start:end], after))
    return _sequence(text, [(fixer, certainty, edits) for certainty, edits in groups.items()])


def _undo_noise(text: str, clues: int) -> tuple[str, list[Step]]:
    """Take out what was put into words and behind paragraphs; one fixer after the other."""
    steps: list[Step] = []
    for fixer in [fixer for fixer, _ in noise.find(text, clues)]:
        for again, found in noise.find(text, clues):
            if again == fixer:
                text, more = _as_steps(text, fixer, found)
                steps += more
    return text, steps


@cache
def _charwise() -> tuple[dict[str, tuple[str, str]], frozenset[str]]:
    """Give the pairs that only a conversion one by one writes, and the characters that such a table may leave.

    Each pair has the character that is wrong in it and those that people write instead.
    """
    pairs = {}
    for wrong, right in tables.load("charwise"):
        at = 0 if all(word[0] != wrong[0] for word in right.split()) else 1
        pairs[wrong] = (wrong[at], "".join(word[at] for word in right.split()))
    return pairs, frozenset("".join(pairs))


def converted(text: str) -> bool:
    """Say whether a text was turned into Traditional characters one by one, without words.

    Wanted: five pairs that no Traditional writer spells so, of three characters whose right form stands
    nowhere in the text, and one for every 250 Traditional forms; and hardly a Simplified character else.

    >>> converted("這里的關系很復雜，后來奮斗的干部以后在家里準備。時間會說話，個個發現問題。" * 2)
    True
    >>> converted("這裡的關係很複雜，後來奮鬥的幹部以後在家裡準備。時間會說話，個個發現問題。" * 2)
    False
    """
    pairs, kept = _charwise()
    here = Counter(evidence.charwise(text))
    seen = [pair for pair in here if not any(right in text for right in pairs[pair][1])]
    places = sum(here[pair] for pair in seen)
    if places < 5 or len({pairs[pair][0] for pair in seen}) < 3:
        return False
    forms, plain = seams.simplified(), seams.mapped() - kept
    lines = [line for line in text.split("\n") if not forms.keys().isdisjoint(line)]
    old, new = (sum(sum(map(some.__contains__, line)) for line in lines) for some in (forms, plain))
    return old >= 12 and new * 20 <= old <= 250 * places


def _undo_conversion(text: str) -> tuple[str, list[Step]]:
    """Turn a page back that was turned into Traditional characters one by one."""
    if not converted(text):
        return text, []
    habits = Habits(
        {}, frozenset(), frozenset(), _half(text), blind=_blind(text), page=_page(seams.NOTE_RE.sub("", text))
    )
    text, steps = _mend(text, [], habits)
    proven, inferred = _simplify(text)
    text, more = _sequence(text, [("traditional", "proven", proven), ("traditional", "inferred", inferred)])
    return text, steps + more


def _undo_machine(text: str) -> tuple[str, list[Step]]:
    """Undo one round of the machine of `crawler.text.mirror`."""
    if not GATE_RE.search(text):
        return text, []
    notes = seams.find_notes(text)
    learned = learn(text, notes)
    if learned is None:
        return text, []
    habits, is_traditional = learned
    text, steps = _mend(text, notes, habits)
    text, more = _sequence(text, [("pinyin-note", "proven", _unannotate(text, habits))])
    steps += more
    if is_traditional:
        proven, inferred = _simplify(text)
        text, more = _sequence(
            text, [("traditional", "proven", proven), ("traditional", "inferred", inferred)]
        )
        steps += more
    return text, steps


def repair(text: str) -> Repaired:
    """Undo tampering, and mojibake that is certain.

    Give a whole page with its tags or plain text. The steps say what was changed, by which fixer and how
    surely; ``revert`` takes them back. A text without evidence of tampering comes back as it is, with no
    steps: genuine Traditional text, readings that explain a rare character, question marks in brackets.

    What is gone for good (``锟斤拷``) is the last step, with the certainty ``lost`` and edits that change nothing;
    a second repair counts it again, and finds nothing else.

    >>> page = "時(shí)間 來源:日報(bào) 社會(huì)救助,時(shí)常,會(huì)議 認(rèn)定標(biāo)準(zhǔn)、低保漸退緩?fù)说日\ue479撸\ue0faM(jìn)一步"
    >>> repair(page).text
    '时间 来源:日报 社会救助,时常,会议 认定标准、低保渐退缓退等政策,进一步'
    >>> [step.fixer for step in repair(page).steps]
    ['broken-pair', 'pinyin-note', 'traditional']
    >>> repair("香港的髑髏(lóu)與時間").steps
    ()
    """
    steps: list[Step] = []
    now = text
    for _ in range(ROUNDS):
        clues = evidence.look(now)
        before = len(steps)
        if clues & evidence.MACHINE:
            # first: bytes that pair up one off look like text read with the wrong table
            now, more = _undo_machine(now)
            steps += more
            clues = evidence.look(now) if more else clues
        if clues & evidence.MOJIBAKE:
            now, more = _undo_mojibake(now, clues)
            steps += more
        if clues & evidence.NOISE:
            now, more = _undo_noise(now, clues)
            steps += more
        if len(steps) > before:
            clues = evidence.look(now)
        if clues & evidence.CONVERTED:
            now, more = _undo_conversion(now)
            steps += more
        if len(steps) == before:
            if clues & evidence.GONE_FOR_GOOD:
                steps += _as_steps(now, "mojibake", mojibake.gone(now))[1]
            return Repaired(now, tuple(steps))
    return Repaired(text, ())
