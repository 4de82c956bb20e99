"""The pure core: bytes and text in, small tuples out; imports nothing of ours.

>>> from crawler.text import repair, revert
>>> found = repair("連(lián)云港日報(bào)社會(huì)新聞,時(shí)間:2024-01-18 民生實(shí)事,社會(huì)救助體系,時(shí)候,會(huì)議")
>>> found.text
'连云港日报社会新闻,时间:2024-01-18 民生实事,社会救助体系,时候,会议'
>>> revert(found.text, found.steps)[:9]
'連(lián)云港'
"""

from crawler.text.binary import binary_kind
from crawler.text.blocks import Judged, Removed, Stripped, judge_tree, strip, strip_tree
from crawler.text.disagreements import Disagreement
from crawler.text.encoding import Damage, Decoded, decode
from crawler.text.extraction import Extracted, extract, extract_tree, parse
from crawler.text.memory import Memory, Traces, trace
from crawler.text.reading import Reading, read_page
from crawler.text.signatures import bands, digest, likeness, sign
from crawler.text.tampering import TAMPERING, Edit, Repaired, Step, repair, revert

__all__ = [
    "TAMPERING",
    "Damage",
    "Decoded",
    "Disagreement",
    "Edit",
    "Extracted",
    "Judged",
    "Memory",
    "Reading",
    "Removed",
    "Repaired",
    "Step",
    "Stripped",
    "Traces",
    "bands",
    "binary_kind",
    "decode",
    "digest",
    "extract",
    "extract_tree",
    "judge_tree",
    "likeness",
    "parse",
    "read_page",
    "repair",
    "revert",
    "sign",
    "strip",
    "strip_tree",
    "trace",
]
