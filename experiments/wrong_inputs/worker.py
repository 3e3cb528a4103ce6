"""The process that trials happen in: takes a call per line, makes it, and says what came of it.

A process of its own, so that a trial that hangs can be killed, and that one that takes too much memory meets a bound.
"""

import contextlib
import importlib
import json
import os
import resource
import sys
import tempfile
import time
import traceback
from typing import Any

#: Address space of a worker; the numerical libraries alone take a good part of it.
MOST_ADDRESSES = 24 * 2**30


def main() -> None:
    """Serve calls from the first pipe that is named, and answer on the second."""
    calls, answers = (os.fdopen(int(number), mode) for number, mode in zip(sys.argv[1:3], "rw", strict=True))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    sys.stdin.close()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        for line in calls:
            os.dup2(out.fileno(), 1)  # anew: a command that cannot write gives its output up
            os.dup2(err.fileno(), 2)
            answers.write(json.dumps(_called(json.loads(line), out, err)) + "\n")
            answers.flush()


def _called(call: dict[str, Any], out: Any, err: Any) -> dict[str, Any]:
    os.chdir(call["folder"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started_s = time.perf_counter()
    told = ""
    try:
        status = importlib.import_module(call["module"]).main(call["arguments"])
    except SystemExit as leaving:
        status = leaving.code
    except BaseException:  # noqa: BLE001
        status, told = "raised", traceback.format_exc()
    took_s = time.perf_counter() - started_s
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "status": status,
        "out": _taken(out),
        "err": _taken(err) + told,
        "took_s": took_s,
        "more_bytes": 1024 * (after - before),
    }


def _taken(file: Any) -> str:
    """What a stream has got since it was last asked."""
    file.flush()
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    text = file.read(20_000).decode("utf-8", "replace")
    file.seek(0)
    file.truncate()
    return text if size <= 20_000 else f"{text} ... {size} bytes"


if __name__ == "__main__":
    main()
