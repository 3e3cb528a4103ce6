"""Invent requests: short, often at once, alike in their beginnings, some waiting for the end of others."""

from __future__ import annotations

from random import Random
from typing import Any

from experiments.fuzz.case import ROW_DEFAULTS

CLASSES = ("", "critical", "realtime", "standard", "interactive", "batch", "sheddable", "background")
TENANTS = ("", "front", "front", "back")
US_PER_S = 1_000_000


def draw_rows(random: Random, block_size: int, n: int, pace_us: int, is_pressed: bool) -> list[dict[str, Any]]:
    """Requests one by one."""
    gaps = random.choice(
        ((0,), (0, 1, 2, 5), (0, pace_us, pace_us + 5))
        if is_pressed
        else ((0,), (0, 0, 1), (0, 1, 2, 5), (0, pace_us, pace_us + 5), (pace_us // 2 + 1, 3 * pace_us, 10 * pace_us))
    )
    longest = random.choice((4, 12, 40, 80, 200))
    longest_output = random.choice((9, 40) if is_pressed else (1, 3, 9, 40))
    groups = {f"g{number}": random.randint(0, longest) for number in range(random.randint(0, 3))}
    share_group, share_context = random.choice((0, 0.5, 0.9)), random.choice((0, 0, 0.3, 0.7))
    share_closed = random.choice((0, 0, 0.3, 0.9))
    thinks = random.choice(((0,), (0, 1), (0, pace_us), (10 * pace_us, 100 * pace_us)))
    rows: list[dict[str, Any]] = []
    arrival_us = random.choice((0, 0, 3))
    for row in range(n):
        n_input = random.randint(1, longest)
        if random.random() < 0.4:
            n_input = max(1, -(-n_input // block_size)) * block_size
        columns = ROW_DEFAULTS | {
            "arrival_us": arrival_us,
            "input_tokens": n_input,
            "output_tokens": random.choice(
                (0, 1, 2, random.randint(0, longest_output), random.randint(0, longest_output))
            ),
            "slo_class": random.choice(CLASSES),
            "tenant": random.choice(TENANTS),
            "round": random.choice((0, 0, 1, 3)),
            "session": random.choice((-1, -1, 0, 1, 2)),
        }
        if rows and random.random() < share_context:
            _continue(random, columns, rows)
        elif groups and random.random() < share_group:
            name = random.choice(sorted(groups))
            length = groups[name] if random.random() < 0.6 else random.randint(0, longest)
            columns |= {"prefix_group": name, "prefix_length": min(length, n_input)}
            if random.random() < 0.5 and length:
                columns |= {"input_tokens": length, "prefix_length": length}
        if rows and random.random() < share_closed:
            columns |= {"after": random.randrange(max(0, row - 6), row), "think_us": random.choice(thinks)}
        rows.append(columns)
        arrival_us += random.choice(gaps)
    return rows


def draw_workload(random: Random, n: int, pace_us: int, is_pressed: bool) -> tuple[dict[str, Any], int]:
    """A workload's mapping, and about the most tokens that one of its requests has."""
    longest = random.choice((6, 20, 60))
    rate = US_PER_S / pace_us * random.choice((1, 5, 100) if is_pressed else (0.1, 1, 5, 100))
    if random.random() < 0.2:
        return _distribution(random, n, longest, rate), 2 * longest
    clients = [_client(random, place, longest) for place in range(random.randint(1, 3))]
    document: dict[str, Any] = {"version": "1", "num_requests": n, "clients": clients}
    if any("concurrency" not in client for client in clients):
        document["aggregate_rate"] = rate
        if random.random() < 0.2:
            document["profile"] = random.choice(
                (
                    {"type": "step", "at_s": n / rate / 2, "factor": 4},
                    {"type": "spike", "at_s": n / rate / 3, "duration_s": n / rate / 5, "factor": 20},
                    {"type": "diurnal", "period_s": n / rate, "peak_s": 0, "amplitude": 0.9},
                )
            )
    return {"kind": "spec", "spec": document}, random.choice((3, 6)) * longest


def draw_targets(random: Random, pace_us: int) -> dict[str, Any]:
    """What some classes are promised: about as long as requests take here."""
    targets: dict[str, Any] = {}
    for name in random.sample(("default", *CLASSES[1:]), random.randint(1, 4)):
        bounds = random.sample(("ttft_ms", "itl_ms", "e2e_ms"), random.randint(1, 2))
        targets[name] = {bound: random.choice((0.001, 0.5, 1, 30)) * pace_us / 1000 for bound in bounds}
    return targets


def _continue(random: Random, columns: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Repeat the conversation of an earlier request, wholly or in part, with or without something new."""
    place = random.randrange(len(rows))
    said = rows[place]["input_tokens"] + rows[place]["output_tokens"]
    length = said if random.random() < 0.6 else random.randint(1, said)
    new = random.choice((0, 0, 1, random.randint(0, 12)))
    columns |= {"context_of": place, "context_length": length, "input_tokens": length + new}


def _distribution(random: Random, n: int, longest: int, rate: float) -> dict[str, Any]:
    arrival = random.choice(("poisson", "constant", "gamma", "weibull", "normalized"))
    mapping: dict[str, Any] = {"kind": "distribution", "num_requests": n, "rate": rate, "arrival": arrival}
    if arrival in ("gamma", "weibull"):
        mapping["cv"] = random.choice((0.5, 1, 3.5))
    for part, least in (("prompt", 1), ("output", 0)):
        mapping |= {
            f"{part}_tokens_mean": longest / 2,
            f"{part}_tokens_stdev": random.choice((0, longest / 4)),
            f"{part}_tokens_min": least,
            f"{part}_tokens_max": longest,
        }
    if random.random() < 0.6:
        mapping |= {"prefix_groups": random.randint(1, 3), "prefix_tokens": random.randint(1, longest)}
        mapping["prefix_share"] = random.choice((0.5, 1))
    mapping["slo_classes"] = dict.fromkeys(random.sample(CLASSES[1:], 2), 1)
    return mapping


def _client(random: Random, place: int, longest: int) -> dict[str, Any]:
    client: dict[str, Any] = {
        "id": f"client{place}",
        "tenant_id": random.choice(("front", "back")),
        "slo_class": random.choice(CLASSES),
        "input_distribution": _lengths(random, longest, 1),
        "output_distribution": _lengths(random, random.choice((1, longest)), 0),
    }
    has_users = random.random() < 0.3
    if has_users:
        client["concurrency"] = random.randint(1, 6)
    else:
        client |= {"rate_fraction": random.choice((0.1, 0.5, 1)), "arrival": _arrival(random)}
    if random.random() < 0.6:
        client["sessions"] = _sessions(random, longest)
        if not has_users and random.random() < 0.6:
            client["loop"] = "closed"
        if random.random() < 0.5:
            client["estimated_us_per_output_token"] = random.choice((0, 1, 100))
    if random.random() < 0.5:
        client |= _prefixes(random, place, longest)
    if random.random() < 0.15:
        client["reasoning"] = {"chain_distribution": _lengths(random, longest, 1)}
    if random.random() < 0.1:
        del client["input_distribution"]
        client["multimodal"] = {
            "text_distribution": _lengths(random, longest, 1),
            "image_count_distribution": {"type": "constant", "params": {"value": random.randint(0, 2)}},
            "image_distribution": _lengths(random, longest, 1),
        }
    if random.random() < 0.1:
        client["network"] = {"rtt_ms": 20, "bandwidth_mbps": 10}
    return client


def _arrival(random: Random) -> dict[str, Any]:
    process = random.choice(("poisson", "constant", "gamma", "weibull"))
    return {"process": process, **({"cv": random.choice((0.5, 2, 4))} if process in ("gamma", "weibull") else {})}


def _sessions(random: Random, longest: int) -> dict[str, Any]:
    growth = random.choice(("accumulate", "accumulate", "none", "bounded"))
    sessions: dict[str, Any] = {
        "rounds": random.choice((1, 2, 3, 6, {"type": "exponential", "params": {"mean": 2}})),
        "think_time_ms": random.choice((0, 0, 0, 1, 7, {"type": "exponential", "params": {"mean": 2}})),
        "context_growth": growth,
    }
    if growth == "bounded":
        sessions["max_context_tokens"] = random.randint(1, 3 * longest)
    if random.random() < 0.4:
        sessions["tools"] = {
            "calls": random.choice((0, 1, 2, {"type": "empirical", "params": {0: 0.5, 3: 0.5}})),
            "latency_ms": random.choice((0, 0, 3)),
            "output_tokens": random.randint(1, longest),
        }
    return sessions


def _prefixes(random: Random, place: int, longest: int) -> dict[str, Any]:
    if random.random() < 0.4:
        return {"prefix_group": random.choice(("shared", f"own{place}")), "prefix_length": longest}
    groups: list[dict[str, Any]] = [{"name": f"root{place}", "tokens": random.randint(1, longest)}]
    if random.random() < 0.6:
        groups.append({"name": f"branch{place}", "tokens": random.randint(1, longest), "extends": f"root{place}"})
    if random.random() < 0.3:
        groups.append({"name": f"many{place}", "count": 3, "zipf_exponent": 1.0, "tokens": random.randint(1, longest)})
    return {"prefix_groups": groups, "prefix_share": random.choice((0.5, 1))}


def _lengths(random: Random, longest: int, least: int) -> dict[str, Any]:
    kind = random.choice(("gaussian", "exponential", "empirical", "constant"))
    if kind == "gaussian":
        params: dict[Any, Any] = {"mean": longest / 2, "std_dev": longest / 4, "min": least, "max": longest}
        params["mean"] = max(params["mean"], least)
    elif kind == "exponential":
        params = {"mean": max(1.0, longest / 4)}
    elif kind == "empirical":
        params = {least: 0.4, max(least + 1, longest // 2): 0.3, longest + 2: 0.3}
    else:
        params = {"value": random.randint(least, max(least, longest))}
    return {"type": kind, "params": params}
