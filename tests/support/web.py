"""A real HTTP server on this machine that sends the answers a test defines, and records the requests."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

__all__ = ["Answer", "Web", "serving"]


@dataclass
class Answer:
    """An answer: a status, headers, and a body (as JSON, unless it is bytes)."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    wait: Callable[[], object] | None = None


@dataclass
class Web:
    """A running server: `answers` are found by path and query; `asked` lists the requests, with their headers."""

    address: str
    answers: dict[str, Answer]
    asked: list[tuple[str, Message]] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextmanager
def serving(tls: Path | None = None) -> Iterator[Web]:
    """Serve until the end of the context; over TLS, if `tls` is a file with a certificate and its key."""
    web = Web("", {})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append((self.path, self.headers))
            answer = web.answers.get(self.path, Answer({"errors": ["Not found"]}, 404))
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            if answer.wait is not None:
                answer.wait()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if answer.length is None else answer.length))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                pass  # the client has closed the connection

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    web.address = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
