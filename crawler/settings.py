"""Settings of the crawl. ``ITEM_PIPELINES``, read downwards, is the way of a page.

Every value can be given with ``-s NAME=VALUE``; those marked *environment* also as a variable.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

BOT_NAME = "govnews-archive"
SPIDER_MODULES = ["spiders"]
NEWSPIDER_MODULE = "spiders"
COMMANDS_MODULE = "crawler.commands"

# Where things are kept (environment).
ARCHIVE_PATH = os.environ.get("ARCHIVE_PATH", str(ROOT / "data" / "archive.db"))
CAPTURE_DIR = os.environ.get("CAPTURE_DIR", str(ROOT / "data" / "warc"))
PORTALS_DIR = os.environ.get("PORTALS_DIR", str(ROOT / "data" / "portals"))
"""The entries of the portals; by the variable only, for the spiders declare themselves by them."""
ARCHIVE_LOCK_SECONDS = 30
"""How long a run waits for the lock that another run holds before it ends with exit code 75."""
SHARD = os.environ.get("SHARD", "")
"""Which part of an archive this one is (environment): its runs are named after it, so that shards can be merged."""
NIGHT = os.environ.get("NIGHT", "")
"""When the night began that a run is part of (environment), as ISO 8601 in Asia/Shanghai; empty: with the run."""
WHOLE_ARCHIVE = os.environ.get("WHOLE_ARCHIVE", "")
"""The archive that this one is a shard of (environment): spam that it knows from other portals counts here, too."""
HOST_LOCKS = os.environ.get("HOST_LOCKS", "")
"""A folder of locks (environment), one for each host: a night that is crawled from several places holds those that it asks."""
ARCHIVE_BATCH_PAGES = 50
ARCHIVE_BATCH_SECONDS = 2.0
"""A transaction ends after this many pages or seconds, whichever comes first; captures go to disk before."""

# Who we are (environment): an address where a webmaster reaches the people who run this crawl.
CONTACT = os.environ.get("CONTACT", "contact not set")
USER_AGENT = f"govnews-archive/0.1 (news archive; {CONTACT})"

# Where the report of a night goes (environment): addresses of Apprise, parted by blanks.
NOTIFY = os.environ.get("NOTIFY", "")

# What a run looks at.
RECENT_DAYS = 14
"""Stories listed or published within these days are asked again, by conditional requests."""

ATTACHMENT_MAXSIZE = 20 * 2**20
"""The largest attachment that is fetched, in bytes; a larger one is recorded as ``oversize``. 0: none are asked for."""
IMAGE_MAXSIZE = 5 * 2**20
"""The same for pictures of articles."""
ATTACHMENT_TEXT_SECONDS = 30
"""How much processor time the text of one PDF or Word file may cost; 0: texts are not read."""

STYLE_SHEETS = True
"""Whether the style sheets that articles link on their own host are fetched, each once a run."""
STYLE_SHEET_MAXSIZE = 512 * 2**10
"""The largest style sheet that is read, in bytes."""

# The way of a page.
WARN_ON_GENERATOR_RETURN_VALUE = False  # reads the source of a callback for each answer; our types tell
CONCURRENT_ITEMS = 1  # a page has one item, and Scrapy starts so many tasks for each answer
ITEM_PIPELINES = {
    "pipelines.encoding.EncodingPipeline": 100,
    "pipelines.tamper.TamperPipeline": 200,
    "pipelines.spam.SpamPipeline": 300,
    "pipelines.extraction.ExtractionPipeline": 400,
    "pipelines.parts.PartsPipeline": 450,
    "pipelines.dedup.DedupPipeline": 500,
    "pipelines.archive.ArchivePipeline": 600,
}
EXTENSIONS = {
    "crawler.guards.Watching": 5,
    "crawler.extensions.Ledger": 10,
    "crawler.extensions.SizeLimits": 20,
    "scrapy.extensions.throttle.AutoThrottle": None,  # forgets what a portal's entry asks for
    "crawler.extensions.AutoThrottle": 0,
    "scrapy.extensions.feedexport.FeedExporter": None,  # what it cannot write it loses without a word
    "crawler.extensions.Feeds": 15,
    "scrapy.extensions.memusage.MemoryUsage": None,  # counts the memory of what started it, too
    "crawler.extensions.MemoryUsage": 30,
    "crawler.guards.DiskSpace": 40,
}
DOWNLOADER_MIDDLEWARES = {
    "crawler.middlewares.ExactHosts": 40,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,  # lets sub-domains through
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,  # takes an error for a yes
    "crawler.middlewares.StrictRobots": 100,
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,  # no portal wants a password
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,  # asks again at once
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,  # silent where a body is cut off
    "crawler.middlewares.PatientRetry": 550,
    "crawler.middlewares.PublicAddresses": 560,  # before a repeat
    "crawler.gates.Gates": 580,  # sees unpacked pages
    "crawler.middlewares.Captures": 950,  # next to the wire: what was received is kept, then unpacked
}

# Politeness.
ROBOTSTXT_OBEY = True
CONCURRENT_REQUESTS = 16  # four a portal where there are more, 64 at most
CONCURRENT_REQUESTS_PER_DOMAIN = 1
DOWNLOADER = "crawler.middlewares.OneByOne"
DOWNLOAD_DELAY = 0.25
AUTOTHROTTLE_ENABLED = True
AUTOTHROTTLE_START_DELAY = 0.5
AUTOTHROTTLE_MAX_DELAY = 60.0
RETRY_TIMES = 2
RETRY_BACKOFF_SECONDS = 2.0
"""The pause before the first repeat of a failed request; each further one is twice as long."""
RETRY_HTTP_CODES = [408, 429, 500, 502, 503, 504, 522, 524]
DEFAULT_REQUEST_HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5",
    "Accept-Encoding": "gzip, deflate",
}

# Bounds.
LIST_LINES = 5000
"""How many lines of one list page are taken up; more is no list that people read (alarm ``many lines``)."""
LIST_PAGES = 2000
"""How many pages of one list are asked for in a run (alarm ``many pages``): some lists have no end."""
URLLENGTH_LIMIT = 2083
"""The longest address that is asked for; a longer one is ``failed`` and says so."""
SPIDER_MIDDLEWARES = dict.fromkeys(  # each costs something for all that a callback gives; redirects want the one left
    (
        "scrapy.spidermiddlewares.start.StartSpiderMiddleware",
        "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware",  # every status is evidence; the spiders judge it
        "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware",  # drops requests without a word
        "scrapy.spidermiddlewares.depth.DepthMiddleware",
        "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware",
    )
)
DOWNLOAD_TIMEOUT = 30
PAGE_MAXSIZE = 16 * 2**20
"""The largest page that is read, in bytes; of a larger one only the head is kept, and it is ``failed``."""
DOWNLOAD_MAXSIZE = 32 * 2**20  # what comes at once, beyond the limits of pages and attachments, is lost
DOWNLOAD_WARNSIZE = 0
DOWNLOAD_FAIL_ON_DATALOSS = False  # a cut-off page is kept and flagged, then asked for again
REDIRECT_MAX_TIMES = 5
CLOSESPIDER_TIMEOUT = (
    4 * 3600.0
)  # a run ends in good order before morning; the next one takes up what is owed
COOKIES_ENABLED = False  # the portals need none, and the middleware asks a public list of suffixes on the way
METAREFRESH_ENABLED = False  # the platform modules read such redirects themselves
DOWNLOAD_HANDLERS = {
    "http": "crawler.tls.PortalDownloadHandler",
    "https": "crawler.tls.PortalDownloadHandler",
    **dict.fromkeys(("file", "data", "ftp", "s3")),
}

REFERRER_POLICY = "no-referrer"  # the platform modules say what a request needs

# Addresses: the machine's own network is out of reach, whatever a name resolves to.
TWISTED_DNS_RESOLVER = "crawler.addresses.PublicResolver"
PRIVATE_HOSTS: list[str] = []
"""Hosts that may resolve to a private address: a portal inside your own network."""

# TLS.
DOWNLOAD_VERIFY_CERTIFICATES = True
TLS_UNVERIFIED_HOSTS: list[str] = []
"""Hosts whose broken certificate chain is accepted; the run's report names each one that was met."""

# A browser for gates and for lists that show nothing without script (environment: CHROMIUM).
BROWSER_PAGES = 30
"""How many pages of a run a real browser may open; 0: none."""
BROWSER_SECONDS = 40.0
"""How long one of them may take."""
BROWSER_PAUSE_SECONDS = 5.0
"""The pause before each of them."""
CHROMIUM = os.environ.get("CHROMIUM", "")
"""The Chromium to start; empty: the system's."""

# The machine.
os.umask(
    os.umask(0o077) | 0o002
)  # nothing that is written can be written by everybody, whatever cron or a container sets
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
MEMUSAGE_LIMIT_MB = 512
MEMUSAGE_CHECK_INTERVAL_SECONDS = 1.0
DISK_LOW_MB = 1024
"""Below so much free space, in megabytes, a run says ``disk nearly full``."""
DISK_FLOOR_MB = 256
"""Below so much it ends in good order (exit code 6), or does not begin: what was written stays whole."""
DISK_CHECK_SECONDS = 10.0
LOG_LEVEL = "INFO"
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
FEED_EXPORT_ENCODING = "utf-8"
FEED_EXPORT_FIELDS = ["url", "portal", "channel", "title", "published", "text", "tampered", "change"]
