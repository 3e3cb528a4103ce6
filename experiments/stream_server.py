"""A server that only streams: every request gets its tokens at one steady pace, all streams in the same steps.

`python -m experiments.stream_server STEP_S` prints its port, and serves until it is killed. It speaks as much of the
protocol as `blis.observe` needs, and costs little, so that it is the client that is measured.
"""

import asyncio
import json
import sys

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Server: stream\r\nConnection: keep-alive\r\n\r\n"
)
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


TOKEN = chunk(event({"id": "cmpl-1", "object": "text_completion", "choices": [{"index": 0, "text": " token"}]}))


class Streams:
    """Who still gets tokens."""

    def __init__(self, step_s: float) -> None:
        self.step_s = step_s
        self.left: dict[asyncio.Transport, list[int]] = {}  # tokens to come, tokens in all, prompt tokens

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self.step_s, loop.time())
            await asyncio.sleep(due - loop.time())
            for transport, numbers in list(self.left.items()):
                numbers[0] -= 1
                if numbers[0] > 0:
                    transport.write(TOKEN)
                    continue
                del self.left[transport]
                usage = {"prompt_tokens": numbers[2], "completion_tokens": numbers[1]}
                end = event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n"
                transport.write(TOKEN + chunk(end) + LAST)


class Connection(asyncio.Protocol):
    """One connection, on which requests follow each other."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.streams.left.pop(self.transport, None)

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, found, body = self.data.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(body) < length:
            return
        self.data = body[length:]
        if head.startswith(b"POST"):
            asked = json.loads(body[:length])
            self.transport.write(HEAD)
            self.streams.left[self.transport] = [asked["max_tokens"], asked["max_tokens"], len(asked["prompt"])]
        elif b"/v1/models" in head:
            self.answer(b'{"data": [{"id": "tiny"}]}', b"200 OK")
        else:
            self.answer(b"{}", b"404 Not Found")

    def answer(self, body: bytes, status: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)


async def main(step_s: float) -> None:
    streams = Streams(step_s)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(streams), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await streams.run()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
