"""What the header of a trace says of the server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from blis.observing.conducting import observe, recover
from blis.observing.settings import ObserveSettings
from blis.workload.plan import generate_requests, workload_plan
from tests.observing.loopback import Server

Settings = Callable[..., ObserveSettings]


def cache_config(engine: int = 0, blocks: str = "2048", utilization: str = "0.9") -> str:
    labels = f'block_size="16",gpu_memory_utilization="{utilization}",num_gpu_blocks="{blocks}",engine="{engine}"'
    return f"vllm:cache_config_info{{{labels}}} 1.0\n"


def header(folder: Path) -> Any:
    return yaml.safe_load((folder / "trace.yaml").read_text())["server"]


def test_it_is_what_the_server_says_of_itself(settings: Settings, folder: Path, server: Server) -> None:
    server.version, server.card = "0.32.0", {"owned_by": "vllm", "max_model_len": 4096}
    server.metrics = "# TYPE vllm:cache_config_info gauge\n" + cache_config(0) + cache_config(1)

    told = settings(server.url, server__probe=True, scrape_s=60)
    observe(told, folder)

    expected = {
        "type": "vllm",
        "version": "0.32.0",
        "model": "tiny",
        "block_size": 16,
        "kv_blocks": 2048,
        "max_model_len": 4096,
        "gpu_memory_utilization": 0.9,
    }
    assert header(folder) == expected
    assert len(generate_requests(workload_plan({"kind": "trace-v2", "path": str(folder / "trace.yaml")}), 1, 16)) == 5
    recover(told, folder)
    assert header(folder) == expected


@pytest.mark.parametrize(
    ("version", "card", "metrics", "expected"),
    [
        (None, {}, None, {}),
        ("", {"owned_by": "", "max_model_len": None}, "no metrics at all", {}),
        ("x" * 300, {"owned_by": ["vllm"], "max_model_len": -1}, cache_config(blocks="None"),
         {"block_size": 16, "gpu_memory_utilization": 0.9}),
        ("1", {}, cache_config(0, "2048") + cache_config(1, "1024", "nan"), {"version": "1", "block_size": 16}),
    ],
)  # fmt: skip
def test_what_it_does_not_say_is_left_out(
    version: str | None,
    card: dict[str, Any],
    metrics: str | None,
    expected: dict[str, Any],
    settings: Settings,
    folder: Path,
    server: Server,
) -> None:
    server.version, server.card, server.metrics = version, card, metrics

    observe(settings(server.url, server__probe=True, scrape_s=60), folder)

    assert header(folder) == {"model": "tiny", **expected}


def test_a_server_that_is_not_probed_is_asked_nothing(settings: Settings, folder: Path, server: Server) -> None:
    server.version, server.card = "0.32.0", {"owned_by": "vllm"}

    observe(settings(server.url), folder)

    assert header(folder) == {"model": "tiny"}
