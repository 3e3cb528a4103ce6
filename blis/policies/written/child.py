"""The process that decides for a written policy: reads what a decision may see, and answers.

It is started as a script, by a Python without site packages, knows nothing of this package but the file beside it, and
confines itself before it has read the policy. What comes and goes is `wire`'s, in `sandbox`.
"""

import json
import math
import os
import struct
import sys
from typing import Any, NoReturn

if __name__ == "__main__":  # a script without this package: it finds the file beside it, and nothing after that
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import confinement  # type: ignore[import-not-found]

    sys.path.clear()
else:
    from blis.policies.written import confinement

_LOW_32_BITS = 0xFFFFFFFF
_MOST_LETTERS = 400


class Memory:
    """Numbers that remember which of them were written."""

    __slots__ = ("numbers", "written")

    def __init__(self, count: int) -> None:
        self.numbers = [0.0] * count
        self.written: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: Any) -> Any:
        return self.numbers[place]

    def __setitem__(self, place: int, value: float) -> None:
        value = float(value)
        self.numbers[place] = value
        self.written[place % len(self.numbers)] = value


def spend(cell: list[int]) -> bool:
    """Count one step."""
    cell[0] -= 1
    if cell[0] < 0:
        raise RuntimeError("one decision takes too many steps")
    return True


def counted_range(cell: list[int], *bounds: int) -> range:
    """A range that is counted before anybody goes through it."""
    found = range(*bounds)
    cell[0] -= len(found)
    if cell[0] < 0:
        raise RuntimeError("one decision takes too many steps")
    return found


def mixed(word: int) -> int:
    """See `blis.engine.choice.mixed`."""
    word = ((word >> 16) ^ word) * 0x45D9F3B & _LOW_32_BITS
    word = ((word >> 16) ^ word) * 0x45D9F3B & _LOW_32_BITS
    return (word >> 16) ^ word


def best_instance(scores: Any, candidates: Any, tie_draw: int) -> int:
    """See `blis.engine.choice.best_instance`."""
    best: int = candidates[0]
    for instance in candidates:
        if scores[instance] != scores[best]:
            if scores[instance] > scores[best]:
                best = instance
        elif instance != best and tie_draw != -1 and mixed(tie_draw ^ instance) > mixed(tie_draw ^ best):
            best = instance
    return best


def read_exactly(count: int) -> bytes:
    """So many bytes of standard input; the process ends where the simulator is gone."""
    parts = []
    while count:
        part = os.read(0, count)
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame() -> bytes:
    """One message."""
    (length,) = struct.unpack("<I", read_exactly(4))
    return read_exactly(length)


def write_frame(kind: int, content: bytes) -> None:
    """One message of a kind: 0 ready, 1 answer, 2 failure."""
    frame = memoryview(struct.pack("<IB", len(content) + 1, kind) + content)
    while frame:
        frame = frame[os.write(1, frame) :]


def view_class(fields: list[list[str]]) -> type:
    """A record of these fields, which is all that it has."""
    return type("View", (), {"__slots__": tuple(name for name, _ in fields)})


def filled(made: type, fields: list[list[str]], content: bytes, place: int) -> tuple[Any, int]:
    """A record with the fields in a message, from a place in it; and where it ends."""
    view = made()
    for name, code in fields:
        if code in "qd":
            (value,) = struct.unpack_from(f"<{code}", content, place)
            place += 8
        else:
            (count,) = struct.unpack_from("<I", content, place)
            value = struct.unpack_from(f"<{count}{code.lower()}", content, place + 4)
            place += 4 + 8 * count
        setattr(view, name, value)
    return view, place


def answer_of(found: Any, kind: str) -> bytes:
    """What the verb returned, as the simulator reads it: a code of its type, and eight bytes."""
    if kind == "nothing":
        return struct.pack("<cq", b"n", 0)
    if kind == "yes":
        return struct.pack("<cq", b"q", 1 if found else 0)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError(f"it must return a number; got {type(found).__name__}")
    if isinstance(found, int):
        return struct.pack("<cq", b"q", found)
    return struct.pack("<cd", b"d", found)


def namespace(setup: dict[str, Any]) -> dict[str, Any]:
    """All that the policy's names can mean."""
    import builtins

    allowed = {name: getattr(builtins, name) for name in setup["builtins"]}
    known = {name: getattr(math, name) for name in setup["math"]}
    module = type(
        "math", (), {name: value if isinstance(value, float) else staticmethod(value) for name, value in known.items()}
    )
    known |= {"math": module, "best_instance": best_instance}
    space: dict[str, Any] = {"__builtins__": allowed}
    space |= {given: known[name] for given, name in setup["imported"]}
    return space | {setup["spend"]: spend, setup["range"]: counted_range}


def main() -> NoReturn:
    """Be confined, read the policy, and answer until nobody asks any more."""
    limits = json.loads(read_frame())
    confinement.close_all_but((0, 1))
    confinement.end_with_parent()
    confinement.limit(limits["memory_bytes"], limits["cpu_s"])
    is_filtered = confinement.only_compute()
    setup = json.loads(read_frame())
    space = namespace(setup)
    try:
        exec(compile(setup["source"], "policy", "exec"), space)
        decide = space[setup["verb"]]
    except BaseException as error:  # noqa: BLE001  (whatever it is, it is told)
        write_frame(2, failure(error))
        os._exit(1)
    write_frame(0, bytes([is_filtered]))
    views = [(view_class(fields), fields) for fields in setup["views"]]
    memory = Memory(setup["memory"])
    while True:
        content = read_frame()
        try:
            reply = decided(decide, setup, views, memory, content)
        except BaseException as error:  # noqa: BLE001  (as above)
            write_frame(2, failure(error))
        else:
            write_frame(1, reply)


def decided(decide: Any, setup: dict[str, Any], views: Any, memory: Memory, content: bytes) -> bytes:
    """The answer to one question."""
    if content[0]:
        memory.numbers[:] = struct.unpack_from(f"<{len(memory)}d", content, 1)
    place = 1 + 8 * len(memory) * content[0]
    given: dict[str, Any] = {"memory": memory, "params": (0.0,)}
    for name, (made, fields) in zip(("view", "request"), views, strict=False):
        given[name], place = filled(made, fields, content, place)
    code = setup["fills_code"]
    count = (len(content) - place) // 8
    filled_in = list(struct.unpack_from(f"<{count}{code}", content, place))
    given[setup["fills"]] = filled_in
    memory.written = {}
    found = decide([setup["steps"]], *(given[name] for name in setup["arguments"]))
    if len(filled_in) != count:
        raise TypeError(f"{setup['fills']} must keep its length")
    reply = answer_of(found, setup["answers"])
    reply += struct.pack(f"<I{count}{code}", count, *filled_in)
    places, values = list(memory.written), list(memory.written.values())
    return reply + struct.pack(f"<I{len(places)}q{len(values)}d", len(places), *places, *values)


def failure(error: BaseException) -> bytes:
    """What is said of an error."""
    text = str(error) if isinstance(error, RuntimeError) else f"{type(error).__name__}: {error}"
    return text[:_MOST_LETTERS].encode("utf-8", "replace")


if __name__ == "__main__":
    main()
