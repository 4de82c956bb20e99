"""The crawl keeps out of the machine's own network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from scrapy.settings import Settings

from crawler.addresses import is_public, trusted_hosts
from tests.canary import Canary
from tests.home import QUICK, ROOT, Home

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.9",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.5",
    "224.0.0.251",
    "239.1.2.3",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.2",
    "ff02::1",
    "2001:db8::1",
]
PUBLIC = [
    "1.1.1.1",
    "58.222.10.20",
    "172.32.0.1",
    "192.169.0.1",
    "240e::1",
    "2400:da00::1",
    "::ffff:58.222.10.20",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_of_this_machine_and_its_network_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


def test_a_proxy_and_named_hosts_are_the_users_own_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", "http://user:pass@Proxy.internal:3128")
    monkeypatch.setenv("https_proxy", "gate.internal:8080")
    assert trusted_hosts(Settings({"PRIVATE_HOSTS": ["Intranet.example"]})) == {
        "proxy.internal", "gate.internal", "intranet.example"
    }  # fmt: skip


PATCHED = """
import socket, sys
from twisted.internet import tcp
socket.gethostbyname = lambda name: "127.0.0.1"
connect = tcp.Connector.__init__
def redirected(self, host, port, *rest, **more):
    connect(self, host, {port}, *rest, **more)
tcp.Connector.__init__ = redirected
from scrapy.cmdline import execute
execute(["scrapy", "crawl", "lyg_minzheng", *sys.argv[1:]])
"""
"""Every name resolves to this machine, and every connection goes to the canary's port."""


@pytest.mark.parametrize("allowed", [False, True])
def test_a_name_that_resolves_to_this_machine_is_not_connected_to(
    make_home: Callable[[], Home], canary: Canary, allowed: bool
) -> None:
    home = make_home()
    words = ["-s", "PRIVATE_HOSTS=mzj.lyg.gov.cn,www.lyg.gov.cn"] if allowed else []
    done = subprocess.run(
        [sys.executable, "-c", PATCHED.replace("{port}", str(canary.server_port)), *QUICK, *words],
        cwd=ROOT, env=home.env, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    if allowed:  # the canary can be reached: the other case would have reached it
        assert canary.asked
        return
    assert canary.asked == []
    assert done.returncode == 3, done.stderr.decode()[-2000:]
    assert "resolves to 127.0.0.1, wanted a public address" in home.ask("SELECT alarms FROM runs")[0][0]
