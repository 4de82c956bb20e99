"""Every portal whose entry names no other spider: those that are proven, or those that ``portal`` names."""

from crawler.sources import Source


class Portals(Source):
    name = "portals"
    apart = True
