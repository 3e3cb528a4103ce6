"""The judge for packages that evaluate in processes of their own: one line of JSON in, one out, over a local socket.

The socket lies in a folder that only this user can enter.
"""

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.algorithms.outside import ClosedError
from evolve.bridges.judging import Judging
from evolve.bridges.sections import parted
from evolve.bridges.verdict import Verdict

#: Environment variable that tells a package's processes where to ask.
SOCKET = "BLIS_BRIDGE_SOCKET"
_MOST_LINE = 1 << 20


@contextmanager
def served(judging: Judging) -> Iterator[Path]:
    """The path of a socket behind which the judge listens."""
    with tempfile.TemporaryDirectory(prefix="blis-bridge-") as folder:  # of mode 0700
        path = Path(folder) / "judge"
        server = _Server(str(path), _Handler)
        server.judging = judging
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield path
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def answer(judging: Judging, request: Any) -> dict[str, Any]:
    """The reply to a request: {"text": candidate, "parent": text of the one that it was made from, or null}."""
    try:
        sources = parted(judging.questions, str(request["text"]))
    except ConfigError as error:
        return judging.refusal({"candidate": str(request["text"])}, str(error)).plain()
    parent = request.get("parent")
    parents = judging.digest_of(parted(judging.questions, parent)) if isinstance(parent, str) else ()
    try:
        verdict: Verdict = judging.judge(sources, parents)
    except ClosedError as error:
        return {"closed": str(error)}
    return verdict.plain()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    judging: Judging


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        line = self.rfile.readline(_MOST_LINE)
        try:
            reply = answer(self.server.judging, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reply = {"closed": f"the judge was asked what is no question: {type(error).__name__}"}
        self.wfile.write(json.dumps(reply).encode() + b"\n")
