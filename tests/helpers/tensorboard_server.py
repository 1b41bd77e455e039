"""A real TensorBoard on a folder of runs, asked over HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from small_run import environment


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(logdir: Path, run: str, log: Path) -> Iterator[Callable[..., bytes]]:
    """Start TensorBoard and wait until it has found ``run``; yields ``ask(path, **query) -> bytes``."""
    port = free_port()
    arguments = ["--logdir", str(logdir), "--host", "127.0.0.1", "--port", str(port)]
    with open(log, "w") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", *arguments],
            env=environment(),
            stdout=stream,
            stderr=stream,
        )

        def ask(path: str, body: dict | None = None, **query) -> bytes:
            question = f"?{urllib.parse.urlencode(query)}" if query else ""
            request = urllib.request.Request(f"http://127.0.0.1:{port}/data/{path}{question}")
            if body is not None:
                request.data = json.dumps(body).encode()
                request.add_header("Content-Type", "application/json")
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read()

        try:
            deadline = time.monotonic() + 90
            while True:
                assert server.poll() is None, log.read_text()
                try:
                    if run in json.loads(ask("runs")):
                        break
                except (urllib.error.URLError, ConnectionError):
                    pass
                assert time.monotonic() < deadline, "TensorBoard did not find the run in time"
                time.sleep(0.2)
            yield ask
        finally:
            server.kill()
            server.wait()
