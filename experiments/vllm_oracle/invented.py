"""Scenarios invented by seed, as plain data, so that recordings need not hold them.

Token ids occur once unless sharing is wanted. What a seed draws must stay as it is: recordings were made of it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from experiments.vllm_oracle.drafts import write_acceptance

BASE = {
    "block_size": 16,
    "kv_blocks": 4000,
    "max_num_seqs": 64,
    "max_num_batched_tokens": 2048,
    "long_prefill_token_threshold": 0,
    "prefix_caching": True,
    "policy": "fcfs",
    "beta_us": [6000.0, 20.0, 60.0],  # per step, per prompt token, per decode
    "async_scheduling": False,
    "reserve_full_isl": False,
    "watermark": 0.0,
    "max_model_len": 65536,
}


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.fresh = itertools.count(1)
        self.clock = 0.0
        self.requests: list[dict] = []

    def tokens(self, n: int) -> list[int]:
        return [next(self.fresh) for _ in range(n)]

    def gap(self, rate_per_s: float) -> None:
        self.clock += self.rng.expovariate(rate_per_s) * 1e6

    def length(self, mean: float, low: int, high: int) -> int:
        return max(low, min(high, int(self.rng.lognormvariate(0, 0.8) * mean)))

    def add(self, prompt: list[int], n_output: int, priority: int = 0, output: list[int] | None = None) -> dict:
        row = {
            "arrival_us": int(self.clock),
            "prompt": prompt,
            "output": output if output is not None else self.tokens(n_output),
            "priority": priority,
        }
        self.requests.append(row)
        return row


def _scenario(name: str, maker: _Maker, **changes: object) -> dict:
    rows = sorted(maker.requests, key=lambda row: row["arrival_us"])
    return {"name": name, "params": BASE | changes, "requests": rows}


def light(seed: int = 1) -> dict:
    make = _Maker(seed)
    for _ in range(150):
        make.gap(3.0)
        make.add(make.tokens(make.length(400, 10, 1800)), make.length(80, 1, 300))
    return _scenario("a-light", make)


def chunked(seed: int = 2, threshold: int = 0, rate: float = 1.2) -> dict:
    make = _Maker(seed)
    for _ in range(150):
        make.gap(rate)
        make.add(make.tokens(make.length(5000, 100, 20000)), make.length(60, 1, 200))
    name = "b-chunked" + (f"-threshold{threshold}" if threshold else "") + ("-light" if rate < 1 else "")
    return _scenario(name, make, kv_blocks=20000, long_prefill_token_threshold=threshold)


def many_decodes_small_budget(seed: int = 3) -> dict:
    """More decodes than the token budget: some running requests are left out of a step."""
    make = _Maker(seed)
    for _ in range(200):
        make.gap(40.0)
        make.add(make.tokens(make.length(60, 4, 200)), make.length(100, 20, 300))
    return _scenario("b-budget-below-decodes", make, max_num_batched_tokens=32, max_num_seqs=32)


def max_seqs(seed: int = 4) -> dict:
    make = _Maker(seed)
    for _ in range(200):
        make.gap(12.0)
        make.add(make.tokens(make.length(200, 10, 800)), make.length(80, 1, 300))
    return _scenario("c-max-seqs", make, max_num_seqs=8)


def pressure(seed: int = 5, caching: bool = True, rate: float = 6.0) -> dict:
    make = _Maker(seed)
    for _ in range(200):
        make.gap(rate)
        make.add(make.tokens(make.length(300, 10, 1200)), make.length(200, 20, 600))
    return _scenario("d-pressure" + ("" if caching else "-no-cache"), make, kv_blocks=260, prefix_caching=caching)


def pressure_long(seed: int = 6) -> dict:
    """Chunked prompts that are longer than the free memory."""
    make = _Maker(seed)
    for _ in range(150):
        make.gap(2.0)
        make.add(make.tokens(make.length(1600, 100, 5000)), make.length(120, 10, 400))
    return _scenario("d-pressure-long-prompts", make, kv_blocks=480, max_num_batched_tokens=512)


def shared(seed: int = 7, blocks: int = 20000, name: str = "e-shared", block_size: int = 16) -> dict:
    make = _Maker(seed)
    groups = [make.tokens(make.rng.choice([160, 330, 512, 1000, 2000])) for _ in range(12)]
    for _ in range(250):
        make.gap(5.0)
        head = make.rng.choice(groups)
        make.add(head + make.tokens(make.length(120, 1, 500)), make.length(60, 1, 200))
    return _scenario(name, make, kv_blocks=blocks, block_size=block_size)


def conversations(seed: int = 8, blocks: int = 20000, name: str = "e-conversations") -> dict:
    make = _Maker(seed)
    plan = []
    for _ in range(50):
        start = make.rng.uniform(0, 40e6)
        text = make.tokens(make.length(200, 20, 600))
        clock = start
        for _ in range(make.rng.randint(2, 7)):
            output = make.tokens(make.length(90, 1, 250))
            plan.append((clock, list(text), output))
            text = text + output + make.tokens(make.length(50, 1, 150))
            clock += make.rng.uniform(4e6, 14e6)
    for clock, prompt, output in sorted(plan, key=lambda p: p[0]):
        make.clock = clock
        make.add(prompt, 0, output=output)
    return _scenario(name, make, kv_blocks=blocks)


def priority(seed: int = 9) -> dict:
    make = _Maker(seed)
    for _ in range(200):
        make.gap(7.0)
        make.add(make.tokens(make.length(300, 10, 1000)), make.length(100, 10, 300), make.rng.choice([0, 0, 1, 2]))
    return _scenario("g-priority", make, max_num_seqs=16, policy="priority")


def priority_pressure(seed: int = 10) -> dict:
    make = _Maker(seed)
    for _ in range(200):
        make.gap(6.0)
        make.add(make.tokens(make.length(300, 10, 1000)), make.length(150, 10, 400), make.rng.choice([0, 0, 1, 2]))
    return _scenario("g-priority-pressure", make, kv_blocks=260, policy="priority")


def duplicates(seed: int = 11, block_size: int = 16) -> dict:
    """Whole prompts that come again, some of them whole blocks long."""
    make = _Maker(seed)
    texts = [make.tokens(block_size * make.rng.randint(1, 30) + make.rng.choice([0, 0, 0, 1, 5])) for _ in range(20)]
    for _ in range(200):
        make.gap(8.0)
        make.add(list(make.rng.choice(texts)), make.length(40, 1, 150))
    return _scenario("i-duplicates", make, block_size=block_size)


def simultaneous(seed: int = 12) -> dict:
    """Bursts of equal arrival times with one shared beginning."""
    make = _Maker(seed)
    heads = [make.tokens(n) for n in (64, 256, 700)]
    for _ in range(25):
        make.gap(0.8)
        for _ in range(make.rng.randint(2, 12)):
            make.add(make.rng.choice(heads) + make.tokens(make.rng.randint(0, 200)), make.length(40, 1, 150))
    return _scenario("e-bursts", make, max_num_batched_tokens=512)


def mix(seed: int) -> dict:
    make = _Maker(1000 + seed)
    rng = make.rng
    groups = [make.tokens(rng.randint(20, 1500)) for _ in range(8)]
    rate = rng.choice([2.0, 4.0, 8.0, 16.0])
    for _ in range(200):
        make.gap(rate)
        kind = rng.random()
        earlier = [r for r in make.requests if r["arrival_us"] + 3_000_000 < make.clock]
        if kind < 0.35:
            prompt = make.tokens(make.length(400, 5, 3000))
        elif kind < 0.7:
            prompt = rng.choice(groups) + make.tokens(rng.randint(0, 300))
        elif kind < 0.8 or not earlier:
            prompt = list(rng.choice(groups))
        elif kind < 0.9:
            prompt = list(rng.choice(earlier)["prompt"])
        else:
            before = rng.choice(earlier)
            prompt = before["prompt"] + before["output"] + make.tokens(rng.randint(1, 100))
        make.add(prompt[:6000], make.length(100, 1, 400))
    block_size = rng.choice([16, 32])
    return _scenario(
        f"j-mix-{seed}",
        make,
        block_size=block_size,
        kv_blocks=rng.choice([8000, 8000, 12000]) * 16 // block_size // rng.choice([1, 2, 8, 16]),
        max_num_seqs=rng.choice([8, 32, 128]),
        max_num_batched_tokens=rng.choice([256, 1024, 2048]),
        long_prefill_token_threshold=rng.choice([0, 0, 200]),
        prefix_caching=rng.random() < 0.8,
    )


def tight(seed: int) -> dict:
    """Short, hostile: little memory, much repetition, every switch of vLLM's drawn."""
    make = _Maker(5000 + seed)
    rng = make.rng
    size = rng.choice([4, 16])
    texts = [make.tokens(size * rng.randint(1, 8) + rng.choice([0, 0, 1])) for _ in range(5)]
    for _ in range(60):
        if rng.random() < 0.7:
            make.gap(rng.choice([5.0, 40.0]))
        earlier = [r for r in make.requests if r["arrival_us"] + 1_000_000 < make.clock]
        kind = rng.random()
        if kind < 0.4:
            prompt = list(rng.choice(texts))
        elif kind < 0.6 and earlier:
            before = rng.choice(earlier)
            prompt = (before["prompt"] + before["output"] + make.tokens(rng.randint(0, 9)))[: size * 14]
        else:
            prompt = rng.choice(texts)[: rng.randint(0, 60)] + make.tokens(rng.randint(1, size * 5))
        make.add(prompt, rng.randint(1, size * 5), rng.choice([0, 1, 2]))
    return _scenario(
        f"k-tight-{seed}",
        make,
        block_size=size,
        kv_blocks=rng.choice([22, 30, 45, 90]),
        max_num_seqs=rng.choice([4, 16]),
        max_num_batched_tokens=rng.choice([16, 48, 256]),
        long_prefill_token_threshold=rng.choice([0, 0, 10]),
        prefix_caching=rng.random() < 0.85,
        policy=rng.choice(["fcfs", "fcfs", "priority"]),
        async_scheduling=rng.random() < 0.5,
        reserve_full_isl=rng.random() < 0.5,
        watermark=rng.choice([0.0, 0.0, 0.05, 0.1]),
        stop_by_token=False,
    )


def hostile(seed: int) -> dict:
    """The same with still less memory, larger priorities, other step times, batches down to one, and sudden crowds."""
    scenario = tight(seed)
    rng = random.Random(seed)
    params = scenario["params"]
    params["max_num_seqs"] = rng.choice([1, 2, 3, 4, 8, 16, 16])
    params["max_num_batched_tokens"] = max(params["max_num_seqs"], rng.choice([16, 17, 20, 32, 48, 256]))
    params["kv_blocks"] = rng.choice([21, 22, 24, 27, 33])
    params["async_scheduling"] = rng.random() < 0.75
    params["policy"] = rng.choice(["fcfs", "priority"])
    params["long_prefill_token_threshold"] = rng.choice([0, 0, 1, 5, 10, 30])
    params["watermark"] = rng.choice([0.0, 0.05, 0.1, 0.3])
    params["beta_us"] = rng.choice([[6000.0, 20.0, 60.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [500.0, 300.0, 10.0]])
    if rng.random() < 0.3:
        for row in scenario["requests"]:
            row["arrival_us"] //= 100
    return scenario | {"name": f"h-{seed}"}


def drafting(seed: int) -> dict:
    """Tight or hostile by turns, with drafts of all widths, one step at a time; no sequence exceeds the memory."""
    scenario = tight(seed) if seed % 2 else hostile(seed)
    rng = random.Random(f"drafts {seed}")
    width = rng.randint(1, 7)
    params = scenario["params"]
    params["draft_tokens"] = width
    params["accepted_tokens"] = rng.choice([0.0, float(width), width * rng.random(), width * rng.random()])
    params["async_scheduling"] = False
    params["max_model_len"] = params["kv_blocks"] * params["block_size"] + 1
    write_acceptance(scenario)
    return scenario | {"name": f"d-{seed}"}


def large() -> list[dict]:
    """One situation after the other, of some hundred requests each."""
    return [
        light(),
        chunked(),
        chunked(threshold=400),
        chunked(seed=22, threshold=400, rate=0.15),
        many_decodes_small_budget(),
        max_seqs(),
        pressure(),
        pressure(caching=False),
        pressure_long(),
        shared(),
        conversations(),
        simultaneous(),
        shared(seed=14, blocks=520, name="f-eviction"),
        conversations(seed=15, blocks=520, name="f-eviction-conversations"),
        priority(),
        priority_pressure(),
        shared(seed=16, blocks=10000, name="h-block32", block_size=32),
        shared(seed=16, blocks=260, name="h-block32-eviction", block_size=32),
        duplicates(),
        *(mix(seed) for seed in range(10)),
    ]


#: Collections by name; those that are made by seed have one scenario for each.
COLLECTIONS: dict[str, Callable[[int], dict] | None] = {
    "large": None,
    "tight": tight,
    "hostile": hostile,
    "mix": mix,
    "drafting": drafting,
}
LAST_SEED = 59  #: of a collection by seed, unless other seeds are asked for


def collection(name: str, first: int = 0, last: int = LAST_SEED) -> list[dict]:
    """The scenarios of a collection, those of the seeds `first` to `last` where seeds make them."""
    by_seed = COLLECTIONS[name]
    return large() if by_seed is None else [by_seed(seed) for seed in range(first, last + 1)]
