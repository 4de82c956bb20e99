"""A server on this machine that nothing may reach: what is heard there is a breach."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from typing import Any, Self


class Canary(ThreadingHTTPServer):
    """A server that keeps every connection and every path that it is asked for; it answers 200 with nothing."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on an address of this machine; OSError where it has none of that kind."""
        self.asked: list[str] = []
        self.address_family = AF_INET6 if ":" in host else AF_INET
        super().__init__((host, port), Note)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        self.asked.append("a connection")
        return True

    def __enter__(self) -> Self:
        self.thread.start()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.thread.join(timeout=10)
        super().__exit__(*error)


class Note(BaseHTTPRequestHandler):
    server: Canary

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    do_CONNECT = do_POST = do_HEAD = do_GET

    def log_message(self, *words: object) -> None:
        pass
