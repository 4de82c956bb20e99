"""Make tampered copies of real texts and measure how many come back.

    python -m tests.bench.copies [ROW ...] [--pages DIR] [--documents 500] [--seed 1] [--show N]

Texts are windows of the shared gold texts (where that folder is present) and stories of the replica's
grammar. Each copy has its own annotated characters, its own order of replacements and one of two tables of
Traditional forms; the machine keeps book of which byte came from which character, so that it is known which
signs are gone for good.

What is counted:

*right*: the original letter for letter, or with U+FFFD exactly where the converter swallowed an ASCII sign of
the original (a digit, a bracket: nobody can know it, and the mark says so). *letter for letter* leaves these out.
*nothing lost*: the copies of which every byte is still there, was the machine's own, or is named by a note. *wrong*: characters that
are neither right nor U+FFFD. *unmarked*: documents in which some wrong place carries no `inferred` and no `lost`
edit; copies without any note that were not recognised, so that nothing was changed, are *left alone* instead.
*wrong proven*: places that a `proven` edit made, and made wrong, by position in the text.
"""

from __future__ import annotations

import argparse
import codecs
import os
import random
import re
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crawler.text import bigrams, mirror, seams
from crawler.text.tampering import Repaired, repair, revert
from tests.replica import grammar

SHARED = Path(os.environ.get("SHARED_DIR", Path(__file__).parents[3] / "shared"))

KEPT = frozenset(
    "云里后面只干系制筑吃群说并愿范余游占杰几台复升钟松谷丑斗板表别冲出当丁冬范丰干合回伙借克困累"
    "漓梁霉弥蔑辟苹凭仆朴曲确舍胜术苏坛涂团纤咸向凶须淤欲御郁岳扎占折征致制准"
)
"""Simplified characters that older tables of Traditional forms leave alone."""

OWN = -1
"""The origin of a byte that the machine itself put in."""


class Machine(NamedTuple):
    """One way of making copies."""

    name: str
    traditional: bool = True
    annotate: bool = True
    hard: bool = False
    mark: str = "?"
    swallow: bool = True
    codec: str = ""
    """Python's codec that reads the bytes at the end; empty: PHP's CP936."""
    before: tuple[tuple[str, str], ...] = ()
    """Signs replaced in the original, as characters."""
    blind: tuple[tuple[str, str], ...] = ()
    """Signs replaced in the bytes, without looking where characters begin."""
    after: tuple[tuple[str, str], ...] = ()
    """Signs replaced in the copy."""


COMMAS = (("，", ","), ("？", "?"), ("；", ";"), ("：", ":"), ("（", "("), ("）", ")"))
MACHINES = {
    machine.name: machine
    for machine in (
        Machine("normal"),
        Machine("hard", hard=True),
        Machine("U+FFFD, swallows", mark="\ufffd"),
        Machine("U+FFFD, gives ASCII back", mark="\ufffd", swallow=False),
        Machine("?, gives ASCII back", swallow=False),
        Machine("iconv -c, CP936", mark="", swallow=False),
        Machine("iconv -c, GBK", mark="", swallow=False, codec="gbk"),
        Machine("GB18030", mark="\ufffd", swallow=False, codec="gb18030"),
        Machine("commas ASCII before", before=COMMAS),
        Machine("commas ASCII after", after=COMMAS),
        Machine("Simplified with notes", traditional=False),
        Machine("Traditional only", annotate=False),
        Machine("blind ? ; ,", blind=(("？", "?"), ("；", ";"), ("，", ","))),
        Machine("blind ?? only", annotate=False, blind=(("？", "??"),)),
    )
}


class Copy(NamedTuple):
    """A tampered copy and what it was made of."""

    captured: str
    original: str
    swallowed: frozenset[int]
    """Places of the original whose ASCII sign was swallowed."""
    gone: bool
    """Whether another byte of the original went, one that no note names."""


@cache
def forms(old: bool) -> dict[str, str]:
    """Give a table Simplified -> Traditional, one by one."""
    import opencc

    convert = opencc.OpenCC("s2t").convert
    table = {}
    for char in seams.readings():
        if old and char in KEPT:
            continue
        traditional = convert(char)
        if traditional != char and len(traditional) == 1 and len(mirror.codes().get(traditional, b"")) == 2:
            table[char] = traditional
    return table | {"着": "著", "臺": "臺"}


class Tracked(NamedTuple):
    """Bytes, each with the place of the character that it came from."""

    body: bytes
    origins: array[int]

    def replace(self, old: bytes, put: bytes, *, keep: bool) -> Tracked:
        """Replace bytes blindly; `keep` puts the new ones behind the old."""
        at = self.body.find(old)
        if at < 0:
            return self
        body: list[bytes] = []
        origins: array[int] = array("i")
        last = 0
        while at >= 0:
            end = at + len(old)
            body += (self.body[last:end] if keep else self.body[last:at], put)
            origins += self.origins[last : end if keep else at]
            origins.extend([OWN if keep else self.origins[at]] * len(put))
            last = end
            at = self.body.find(old, end)
        body.append(self.body[last:])
        origins += self.origins[last:]
        return Tracked(b"".join(body), origins)


def _read(machine: Machine, body: Tracked) -> tuple[str, frozenset[int], bool]:
    """Read the machine's bytes; say which ASCII signs of the original went, and whether other bytes went.

    A byte that went right in front of a note is named by the note.
    """
    data, origins = body
    swallowed: set[int] = set()
    gone = False

    def drop(start: int, end: int) -> None:
        nonlocal gone
        for at in range(start, end):
            if origins[at] == OWN:
                continue
            if data[at] < 0x80:
                swallowed.add(origins[at])
            else:
                noted = data[at + 1 : at + 2] == b"(" and origins[at + 1] == OWN
                gone |= not noted

    def broken(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        start = error.start
        if machine.codec == "gbk" and data[start] == 0x80:
            return "€", start + 1
        # iconv drops both bytes of a pair that its table does not have
        trail = data[start + 1] if machine.codec == "gbk" and start + 1 < len(data) else 0
        end = start + 2 if 0x40 <= trail != 0x7F and data[start] != 0xFF else error.end
        drop(start, end)
        return machine.mark, end

    if machine.codec:
        codecs.register_error("copies", broken)
        return data.decode(machine.codec, "copies"), frozenset(swallowed), gone
    known = mirror.pairs()
    at, end = 0, len(data)
    while at < end:
        lead = data[at]
        at += 1
        if 0x80 < lead < 0xFF:
            trail = data[at] if at < end else 0
            if lead << 8 | trail in known:
                at += 1
            else:
                many = int(at < end and (machine.swallow or trail >= 0x80))
                drop(at - 1, at + many)
                at += many
    return mirror.read(data, machine.mark, swallow=machine.swallow), frozenset(swallowed), gone


def tamper(
    text: str, draw: random.Random, machine: Machine = MACHINES["normal"], share: float | None = None
) -> Copy:
    """Make one copy of a text in Simplified characters."""
    old = draw.random() < 0.5
    table = forms(old) if machine.traditional else {}
    original = mirror.read(mirror.encode(text))
    for sign, put in machine.before:
        original = original.replace(sign, put)
    body = "".join(table.get(char, char) for char in original)
    if machine.traditional:
        changed = sorted({t for s, t in zip(original, body, strict=True) if s != t})
        pool = sorted(set(table.values()), key=lambda c: (_rank(c), c))[:1500]
    else:
        changed = sorted({char for char in original if char in forms(old)})
        pool = sorted(forms(old), key=lambda c: (_rank(c), c))[:1500]
    if machine.hard:
        chosen = draw.sample(pool, 600)
    else:
        share = draw.uniform(0.1, 0.9) if share is None else share
        chosen = draw.sample(changed, round(len(changed) * share)) + draw.sample(pool, 60)
    chosen = list(dict.fromkeys(chosen))
    draw.shuffle(chosen)
    codes = mirror.codes()
    pieces = [codes.get(char, b"?") for char in body]
    made = Tracked(
        b"".join(pieces),
        array("i", [place for place, piece in enumerate(pieces) for _ in piece]),
    )
    for sign, put in machine.blind:
        made = made.replace(codes[sign], put.encode(), keep=False)
        original = original.replace(sign, put)
    if machine.annotate:
        for char in chosen:
            note = b"(" + mirror.encode(seams.readings()[char][0]) + b")"
            made = made.replace(char.encode("gbk"), note, keep=True)
    captured, swallowed, gone = _read(machine, made)
    if machine.blind:
        moved: dict[int, int] = {}
        at = 0
        puts = dict(machine.blind)
        for place, char in enumerate(body):
            moved[place] = at
            at += len(puts.get(char, char))
        swallowed = frozenset(moved[place] for place in swallowed)
    for sign, put in machine.after:
        captured, original = captured.replace(sign, put), original.replace(sign, put)
    return Copy(captured, original, swallowed, gone)


def _rank(char: str) -> float:
    return bigrams.alone(seams.simplified().get(char, char)[0])


def pages(folder: Path) -> list[str]:
    """Give the texts of a folder, without those that hold hardly any Chinese."""
    found = []
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text(encoding="utf-8", errors="replace").replace("\ufffd", "").lstrip("\ufeff")
        if len(re.findall("[\u4e00-\u9fff]", text)) >= 200:
            found.append(text)
    return found


def texts(folder: Path, draw: random.Random) -> Iterator[str]:
    """Give texts without end: windows of real texts, whole ones now and then, and composed stories."""
    real = pages(folder)
    topics = sorted(grammar.topics())
    while True:
        if not real or draw.random() < 0.25:
            shape = draw.choice(("feature", "notice", "interview", "chronicle", "table", "short"))
            day = date(2024, draw.randint(1, 12), draw.randint(1, 28))
            story = grammar.compose(draw, draw.choice(topics), day, shape, draw.random())
            # one phrase keeps a Traditional character of the seed
            text = f"{story.title}\n\n{story.text}".replace("鄰", "邻")
        else:
            text = draw.choice(real)
            if draw.random() < 0.8:
                lines = text.split("\n")
                size = draw.randint(400, 4000)
                begin = draw.randrange(len(lines))
                end = begin
                while end < len(lines) and sum(map(len, lines[begin:end])) < size:
                    end += 1
                text = "\n".join(lines[begin:end])[:8000]
        if len(re.findall("[\u4e00-\u9fff]", text)) >= 200:
            yield text


class Verdict(NamedTuple):
    """What became of one copy."""

    letters: bool
    right: bool
    wrong: int
    unmarked: bool
    proven: int
    places: tuple[tuple[str, str], ...]


def _labels(captured: str, found: Repaired) -> list[frozenset[str]]:
    """Say for each character of the repaired text which edits made it, or were made right behind it."""
    cells: list[frozenset[str]] = [frozenset()] * len(captured)
    for step in found.steps:
        label = frozenset((step.certainty,)) if step.fixer != "pinyin-note" else frozenset(("note",))
        out: list[frozenset[str]] = []
        last = 0
        for start, before, after in step.edits:
            out += cells[last:start]
            end = start + len(before)
            here = frozenset().union(*cells[start:end], label)
            if after:
                out += [here] * len(after)
            elif out:
                out[-1] |= here
            last = end
        cells = out + cells[last:]
    return cells


def differences(left: str, right: str) -> list[tuple[int, int, int, int]]:
    """Give where two texts differ, as ranges of both."""
    if len(left) == len(right):
        return [(i, i + 1, i, i + 1) for i, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    shorter = min(len(left), len(right))
    head = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    tail = next((i for i in range(shorter - head) if left[-1 - i] != right[-1 - i]), shorter - head)
    one, other = left[head : len(left) - tail], right[head : len(right) - tail]
    matcher = SequenceMatcher(None, one, other, autojunk=len(one) + len(other) > 20_000)
    return [
        (a + head, b + head, c + head, d + head)
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]


def judge(copy: Copy, found: Repaired) -> Verdict:
    """Compare a repaired copy with its original, place by place."""
    if found.text == copy.original:
        return Verdict(True, True, 0, False, 0, ())
    cells = _labels(copy.captured, found)
    wrong = proven = 0
    right = True
    unmarked = False
    bad = []
    for a, b, c, d in differences(copy.original, found.text):
        now = found.text[c:d]
        if now == "\ufffd" * (b - a) and all(place in copy.swallowed for place in range(a, b)):
            continue
        right = False
        around = frozenset().union(*cells[max(0, c - 1) : d + 1])
        here = frozenset().union(*cells[c:d]) if c < d else around
        wrong += max(0, max(b - a, d - c) - now.count("\ufffd"))
        unmarked |= not around & {"inferred", "lost"}
        proven += "proven" in here and not here & {"inferred", "lost"}
        bad.append((copy.original[max(0, a - 7) : b + 5], found.text[max(0, c - 7) : d + 5]))
    return Verdict(False, right, wrong, unmarked, proven, tuple(bad))


class Row(NamedTuple):
    """One line of the table."""

    documents: int
    broken: int
    letters: int
    right: int
    whole: int
    whole_right: int
    wrong: int
    characters: int
    unmarked: int
    alone: int
    proven: int
    seconds: float


def measure(machine: Machine, documents: int, seed: int, folder: Path, show: int = 0) -> Row:
    """Make copies with one machine, repair them, compare."""
    draw = random.Random(f"{machine.name} {seed}")
    letters = right = whole = whole_right = wrong = characters = unmarked = proven = broken = alone = 0
    seconds = 0.0
    source = texts(folder, draw)
    for number in range(documents):
        copy = tamper(next(source), draw, machine)
        begun = time.perf_counter()
        found = repair(copy.captured)
        seconds += time.perf_counter() - begun
        assert revert(found.text, found.steps) == copy.captured
        verdict = judge(copy, found)
        letters += verdict.letters
        right += verdict.right
        whole += not copy.swallowed and not copy.gone
        whole_right += verdict.right and not copy.swallowed and not copy.gone
        broken += any(step.fixer == "broken-pair" for step in found.steps)
        characters += len(copy.original)
        wrong += verdict.wrong
        ignored = not found.steps and not machine.annotate and not verdict.right
        alone += ignored
        unmarked += verdict.unmarked and not ignored
        proven += verdict.proven
        if show and not verdict.right:
            show -= 1
            flags = ("U" if verdict.unmarked else "") + ("P" if verdict.proven else "")
            steps = [(s.fixer, s.certainty, len(s.edits)) for s in found.steps]
            print(number, flags, len(copy.captured), len(copy.swallowed), steps, verdict.places[:5])
    return Row(
        documents,
        broken,
        letters,
        right,
        whole,
        whole_right,
        wrong,
        characters,
        unmarked,
        alone,
        proven,
        seconds / documents,
    )


CLASSICAL = (
    "子曰：“学而时习之，不亦说(yuè)乎？有朋自远方来，不亦乐乎?”(《论语》)",
    "北冥有魚，其名為鯤。鯤之大，不知其幾千里也；化而為鳥，其名為鵬。后羿射日，皇后在位(?)，天下云云。",
    "子曰：“由，誨女(rǔ)知之乎？知之為知之，不知為不知，是知(zhì)也。”其后人歸里中。",
    "王侯將相寧有種乎？輟耕之壟(lǒng)上，悵恨久之，曰：「苟富貴，無相忘。」(史記·陳涉世家)",
    "孟子見梁惠王。王曰：叟(sǒu)不遠千里而來，亦將有以利吾國乎?(孟子)",
    "先王之后，里仁為美；斗米不易，谷神不死，征于色，发于声(?)而后喻。",
)


def clean(folder: Path) -> Iterator[tuple[str, str]]:
    """Give texts that nobody tampered with, each with its kind."""
    import opencc

    draw = random.Random(7)
    source = texts(folder, draw)
    whole = pages(folder) + [next(source) for _ in range(150)]
    paragraphs = [line for text in whole for line in text.split("\n") if len(line.strip()) >= 10]
    paragraphs = list(dict.fromkeys(paragraphs))
    for text in paragraphs:
        yield "paragraphs", text
    for text in whole:
        yield "whole texts", text
    for name in ("s2t", "s2tw", "s2twp", "s2hk"):
        convert = opencc.OpenCC(name).convert
        for text in draw.sample(paragraphs, min(500, len(paragraphs))):
            yield f"Traditional paragraphs ({name})", convert(text)
        for text in whole:
            yield f"Traditional texts ({name})", convert(text)
    first = {char: several[0] for char, several in seams.readings().items()}
    convert = opencc.OpenCC("s2t").convert

    def noted(text: str, choose: Callable[[str], bool], *, once: bool = False) -> str:
        chosen = [c in first and choose(c) and not (once and c in text[:i]) for i, c in enumerate(text)]
        return "".join(f"{c}({first[c]})" if with_it else c for c, with_it in zip(text, chosen, strict=True))

    for text in draw.sample(paragraphs, min(300, len(paragraphs))):
        yield "primers", noted(text, lambda _: True)
        yield "Traditional primers", noted(convert(text), lambda _: True)
        yield "rare characters explained", noted(text, lambda c: _rank(c) > 11.5)
        yield (
            "Traditional, rare characters explained once",
            noted(convert(text), lambda c: _rank(c) > 11, once=True),
        )
    for path in sorted(Path(os.__file__).parent.glob("*.py"))[:200]:
        yield "code", path.read_text(encoding="utf-8", errors="replace")
    for path in sorted(Path(__file__).parents[2].glob("data/tables/*.tsv")):
        yield "tables", path.read_text(encoding="utf-8")
    for text in CLASSICAL:
        yield "classical", text
        yield "classical", "\n".join([text] * 9)
    for path in sorted((folder.parent / "original").glob("*.html")):
        body = path.read_bytes()
        try:
            page = body.decode("utf-8")
        except UnicodeDecodeError:
            page = body.decode("gb18030", "replace")
        yield "whole pages", page
        yield "whole pages, Traditional", convert(page)


def untouched(folder: Path, show: int) -> bool:
    """Repair clean texts, print how many were changed."""
    kinds: dict[str, list[int]] = {}
    seconds = size = 0.0
    for kind, text in clean(folder):
        begun = time.perf_counter()
        found = repair(text)
        seconds += time.perf_counter() - begun
        size += len(text.encode())
        counts = kinds.setdefault(kind, [0, 0])
        counts[0] += 1
        counts[1] += bool(found.steps)
        if found.steps and show:
            show -= 1
            print(kind, [(s.fixer, s.certainty, len(s.edits), s.edits[:3]) for s in found.steps])
    print(f"\n{'clean text':46} {'texts':>6} {'edited':>7}")
    for kind, (many, edited) in kinds.items():
        print(f"{kind:46} {many:6} {edited:7}")
    print(f"{'all':46} {sum(n for n, _ in kinds.values()):6} {sum(n for _, n in kinds.values()):7}")
    print(f"{size / seconds / 1e6:.0f} MB/s")
    return not any(edited for _, edited in kinds.values())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", help="names of machines, or `clean`; default: all")
    parser.add_argument("--pages", type=Path, default=SHARED / "pages" / "cleaned")
    parser.add_argument("--documents", type=int, default=0, help="default: 500 normal, 150 of the others")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0)
    given = parser.parse_args(arguments)
    unknown = set(given.rows) - MACHINES.keys() - {"clean"}
    if unknown:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(MACHINES)}, clean")
    rows = given.rows or [*MACHINES, "clean"]
    print(
        f"{'machine':26} {'docs':>5} {'broken':>6} {'letters':>8} {'right':>7} {'nothing lost':>15} "
        f"{'wrong/10,000':>12} {'unmarked':>8} {'left alone':>10} {'wrong proven':>12} {'s/doc':>6}"
    )
    for name in rows:
        if name == "clean":
            continue
        documents = given.documents or (500 if name == "normal" else 150)
        row = measure(MACHINES[name], documents, given.seed, given.pages, given.show)
        print(
            f"{name:26} {row.documents:5} {row.broken:6} {row.letters / row.documents:8.1%} "
            f"{row.right / row.documents:7.1%} "
            f"{row.whole_right:4}/{row.whole:4}={row.whole_right / max(row.whole, 1):6.1%} "
            f"{row.wrong / row.characters * 1e4:12.2f} {row.unmarked:8} {row.alone:10} {row.proven:12} {row.seconds:6.3f}",
            flush=True,
        )
    if "clean" in rows:
        untouched(given.pages, given.show)


if __name__ == "__main__":
    main()
