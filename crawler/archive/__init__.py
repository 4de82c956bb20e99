"""The archive: one SQLite file with every article, every version, every change, and what is owed.

The only room that says SQLite. The shape is data (`shape`), made by one idempotent `ensure_shape` in one
transaction. One connection writes; what it writes gathers in one open transaction until `Archive.commit`,
so that a page with its article, version, edits, index entries and listing is whole or absent, whatever
kills the process. Times are ISO 8601 with the offset of Asia/Shanghai and so sort as text.

`Archive` is put together from one class a subject, each in the module of its name; all of them stand on
`connection`.
"""

from crawler.archive.accounts import BALANCED, Arrivals, Books, History, Imbalance, written
from crawler.archive.addresses import retitled
from crawler.archive.articles import Prepared, Saved
from crawler.archive.attachments import FILES, OwedFile, Unread
from crawler.archive.campaigns import Campaign, Tampered
from crawler.archive.comparison import COMPARED, Report, compare, put_in_place, report, tell
from crawler.archive.copies import restore
from crawler.archive.exports import NAMES, Selection, defuse
from crawler.archive.facets import Facet, Facets
from crawler.archive.file import Archive
from crawler.archive.listings import PAUSES, Lines, Owed, Standing
from crawler.archive.locking import ArchiveError, ArchiveLocked, lock
from crawler.archive.remembering import FORGET_DAYS, Remembered
from crawler.archive.runs import HACKED, HACKING, RANKS, Channel, moment_of, night_of, night_of_run
from crawler.archive.seal import broken
from crawler.archive.search import FILTERS, Found, Hit
from crawler.archive.shape import APPLICATION_ID, FILE_STATES, INDEXES, SHAPE_VERSION, STATES, TABLES, VIEWS
from crawler.archive.shards import Merged, merge, remove, seed, split_by_year
from crawler.archive.values import block_digest, canonical, line_digest, now, storable, targets_of
from crawler.archive.words import ask, cut_snippet, in_field, match_expression, spelled, words

__all__ = [
    "APPLICATION_ID",
    "BALANCED",
    "COMPARED",
    "FILES",
    "FILE_STATES",
    "FILTERS",
    "FORGET_DAYS",
    "HACKED",
    "HACKING",
    "INDEXES",
    "NAMES",
    "PAUSES",
    "RANKS",
    "SHAPE_VERSION",
    "STATES",
    "TABLES",
    "VIEWS",
    "Archive",
    "ArchiveError",
    "ArchiveLocked",
    "Arrivals",
    "Books",
    "Campaign",
    "Channel",
    "Facet",
    "Facets",
    "Found",
    "History",
    "Hit",
    "Imbalance",
    "Lines",
    "Merged",
    "Owed",
    "OwedFile",
    "Prepared",
    "Remembered",
    "Report",
    "Saved",
    "Selection",
    "Standing",
    "Tampered",
    "Unread",
    "ask",
    "block_digest",
    "broken",
    "canonical",
    "compare",
    "cut_snippet",
    "defuse",
    "in_field",
    "line_digest",
    "lock",
    "match_expression",
    "merge",
    "moment_of",
    "night_of",
    "night_of_run",
    "now",
    "put_in_place",
    "remove",
    "report",
    "restore",
    "retitled",
    "seed",
    "spelled",
    "split_by_year",
    "storable",
    "targets_of",
    "tell",
    "words",
    "written",
]
