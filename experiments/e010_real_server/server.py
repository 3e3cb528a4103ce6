"""A vLLM server of a small random model on loopback: started, waited for, and stopped whatever happens."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from experiments.e010_real_server.environment import CannotRunError, program

NAME = "tiny"  #: under which the model is served
#: Two layers, 73 million weights in a step: it reads 145 MB and takes some 12 ms; HTTP and Python are small beside it.
MODEL = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 1024,
    "intermediate_size": 8192,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "vocab_size": 16384,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MAX_RUNNING_REQUESTS, STEP_TOKEN_BUDGET, BLOCK_SIZE_TOKENS, MAX_MODEL_LEN_TOKENS = 16, 512, 32, 2048
KV_BLOCKS = 8191  #: of 1 GiB: 8,192, one of which vLLM keeps for itself
START_S, STOP_S, KILL_S = 600, 30, 5  #: so long a server may take to begin, to end, and to be gone when it is killed
HIGHEST = -20  #: niceness
REAL_TIME_PRIORITY = 10


@contextmanager
def running_server(venv: Path, folder: Path, first: bool, port: int = 0) -> Iterator[str]:
    """The address of a server that answers as long as the context lasts.

    Parameters
    ----------
    venv : Path     environment with vLLM
    folder : Path   for the model's configuration and the server's log
    first : bool    before all else on this machine, where that is allowed: other jobs would be in every figure
    port : int      0: any free one

    Raises
    ------
    CannotRunError
        If the server ends, or does not answer in time.
    """
    model = folder / "model"
    model.mkdir(parents=True, exist_ok=True)
    (model / "config.json").write_text(json.dumps(MODEL, indent=1) + "\n", encoding="utf-8")
    port = port or _free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "server.log"
    cores, last = shared_cores()
    with log.open("wb") as file, on_cores(cores):
        process = subprocess.Popen(
            command(venv, model, port),
            env=_environment(last),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        is_first = first and _put_first(process.pid)  # now, because starting takes minutes beside other jobs
        _await(process, url, log)
        if first and not (is_first and _put_http_first(process.pid)):
            print("note: the server may not go before other jobs here: they are in its times", file=sys.stderr)
        yield url
    finally:
        _stop(process)


def command(venv: Path, model: Path, port: int) -> list[str]:
    """The words that start the server."""
    return [
        *(str(program(venv)), "serve", str(model), "--host", "127.0.0.1", "--port", str(port)),
        *("--load-format", "dummy", "--skip-tokenizer-init", "--enforce-eager", "--served-model-name", NAME),
        *("--max-model-len", str(MAX_MODEL_LEN_TOKENS), "--max-num-seqs", str(MAX_RUNNING_REQUESTS)),
        *("--max-num-batched-tokens", str(STEP_TOKEN_BUDGET), "--block-size", str(BLOCK_SIZE_TOKENS)),
        *("--enable-prompt-tokens-details", "--disable-uvicorn-access-log"),
    ]


def shared_cores() -> tuple[set[int], int]:
    """The cores of HTTP, engine and client, and the one of the model: the last, which the others leave alone."""
    *others, last = sorted(os.sched_getaffinity(0))
    return set(others or [last]), last


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """What is started meanwhile stays on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _put_first(pid: int) -> bool:
    """Let the server's session as a whole, and all that it starts, go before other jobs."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, HIGHEST)
        group = Path(f"/proc/{pid}/autogroup")  # where sessions share the processor, niceness counts within one only
        if group.exists():
            group.write_text(str(HIGHEST), encoding="utf-8")
    except OSError:
        return False
    return True


def _put_http_first(pid: int) -> bool:
    """Let the server's HTTP side go before its engine, which is on the same core.

    The engine's process waits by asking again and again: with real-time priority it would starve the HTTP side.
    """
    try:
        for thread in _threads(pid):
            os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(REAL_TIME_PRIORITY))
    except OSError:
        return False
    return True


def _threads(pid: int) -> list[int]:
    return [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]


def _environment(core: int) -> dict[str, str]:
    """One thread for the model, on a core of its own; nothing is told to anybody, and nothing fetched."""
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    own = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": str(core), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **quiet, **own}


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise CannotRunError(f"the server ended with status {process.returncode}; {log} ends: {lines[-1:]}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise CannotRunError(f"the server did not answer within {START_S} s; see {log}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and all that it started: kindly, then not."""
    family = [process.pid, *_children(process.pid)]
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    left = [pid for pid in family if _is_of_session(pid, process.pid)]  # numbers may be others' by now
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    end = time.monotonic() + KILL_S
    while time.monotonic() < end and any(_is_of_session(pid, process.pid) for pid in left):
        time.sleep(0.02)


def _children(pid: int) -> list[int]:
    """All processes beneath one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for word in task.read_text(encoding="utf-8").split():
            found += [int(word), *_children(int(word))]
    return found


def _is_of_session(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session
    except ProcessLookupError:
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
