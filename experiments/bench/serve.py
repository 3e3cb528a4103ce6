"""The simulator as a server with 1,000 streams at a time: how much later than simulated clients get their tokens.

The server runs in a process of its own, the streams come from this one over loopback. Four replicas of Llama 3.1 70B
decode for 250 clients at a time, so each client's next token is due every 20 to 40 ms. Beside it one stream alone.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

from experiments.bench import Measurement

STREAMS, TOKENS = 1_000, 300
ALONE_TOKENS = 300
_HOST = "127.0.0.1"
_RAMP_S = 4.0  #: in which the streams begin; they last longer


def measure() -> Measurement:
    """Seconds from the first request to the last token; the notes tell the lateness."""
    with tempfile.TemporaryDirectory() as folder:
        alone = _served(folder, 1, ALONE_TOKENS)
        many = _served(folder, STREAMS, TOKENS)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    late, own = many["lateness"], alone["lateness"]
    note = (
        f"late by {late['p50_ms']:.1f} ms at the median, p99 {late['p99_ms']:.1f}; one stream alone "
        f"{own['p50_ms']:.1f}, p99 {own['p99_ms']:.1f}; {many['tokens_per_s']:,.0f} tokens/s, "
        f"{many['server_cpu']:.0%} of a core"
    )
    times_s = {"late_p50": late["p50_ms"] / 1e3, "late_p99": late["p99_ms"] / 1e3, "alone_p50": own["p50_ms"] / 1e3}
    must = "late by 5 ms at the median"
    return Measurement("serve", many["wall_s"], STREAMS / many["wall_s"], peak, must, None, note, times_s)


def _served(folder: str, n_streams: int, n_tokens: int) -> dict[str, Any]:
    command = [
        *(sys.executable, "-m", "blis.serve", "cluster=llama-70b-h200", "cluster.instances=4", "behind=router"),
        *("routing=least-loaded", "port=0", "output=json", f"hydra.run.dir={folder}/serve"),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert server.stderr is not None
        while "http://" not in (line := server.stderr.readline()):
            if not line:
                raise RuntimeError("the server did not start")
        port = int(line.split("http://", 1)[1].split()[0].rsplit(":", 1)[1])
        before_s = _cpu_s(server.pid)
        started_s = time.perf_counter()
        asyncio.run(_streams(port, n_streams, n_tokens))
        wall_s = time.perf_counter() - started_s
        cpu_s = _cpu_s(server.pid) - before_s
        server.terminate()
        out, _ = server.communicate(timeout=60)
    finally:
        server.kill()
    told = json.loads(out)["ports"][0]
    assert told["output_tokens"] == n_streams * n_tokens
    return {
        "wall_s": wall_s,
        "tokens_per_s": told["output_tokens"] / wall_s,
        "server_cpu": cpu_s / wall_s,
        "lateness": told["lateness"],
    }


async def _streams(port: int, n_streams: int, n_tokens: int) -> None:
    await asyncio.gather(
        *(_stream(port, number, n_tokens, _RAMP_S * number / n_streams) for number in range(n_streams))
    )


async def _stream(port: int, number: int, n_tokens: int, after_s: float) -> None:
    """One answer, read as it comes; what clients do with chunks costs them, not the server, so nothing is parsed."""
    await asyncio.sleep(after_s)
    prompt = [number % 1000 + 1] * 64 + [number % 97] * 64
    body = json.dumps({"prompt": prompt, "max_tokens": n_tokens, "ignore_eos": True, "stream": True}).encode()
    reader, writer = await asyncio.open_connection(_HOST, port)
    head = f"POST /v1/completions HTTP/1.1\r\nHost: {_HOST}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    tail = b""
    while data := await reader.read(65536):
        tail = (tail + data)[-64:]
        if b"data: [DONE]" in tail:
            break
    writer.close()


def _cpu_s(process: int) -> float:
    """Processor time of a process so far."""
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
