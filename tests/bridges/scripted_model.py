"""A language model that says what a script says, behind the protocol of OpenAI on the loopback interface."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ScriptedModel:
    """Its answers in their order, the last one again and again; and what it was asked."""

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self._lock = threading.Lock()
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.url = ""

    def say(self, request: dict[str, Any], key: str) -> str:
        """The next answer."""
        with self._lock:
            place = min(len(self.asked), len(self._answers) - 1)
            self.asked.append(request)
            self.keys.append(key)
            return self._answers[place]


@contextmanager
def scripted_model(answers: Sequence[str]) -> Iterator[ScriptedModel]:
    """The model while it can be asked, at `url`."""
    model = ScriptedModel(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = model.say(request, self.headers.get("Authorization", ""))
            message = {"role": "assistant", "content": text}
            body = json.dumps(
                {
                    "id": "scripted", "object": "chat.completion", "created": 0, "model": request["model"],
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
                }
            ).encode()  # fmt: skip
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
