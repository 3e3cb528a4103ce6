"""The servers that were measured, as the catalogue knows them: their models, and the KV blocks beside these."""

from dataclasses import replace
from pathlib import Path

from blis.cluster.catalog import Model, read_device, read_model
from blis.cluster.kv_capacity import Load, kv_blocks, kv_bytes_per_token
from blis.foundation.files import write_text_whole
from experiments.fidelity.points import Point, package_folder
from experiments.fidelity.pricing import DEVICES, shape_of
from experiments.fidelity.simulating import BLOCK_SIZE_TOKENS

#: Shipped models of the same shape in the precision of the sample.
_SHIPPED = {
    ("meta-llama/Llama-3.1-70B", "fp8"): "llama-3.1-70b-instruct-fp8",
    ("meta-llama/Llama-3.1-70B", "fp4"): "llama-3.1-70b-instruct-fp8",
    ("Qwen/Qwen3-32B", "fp8"): "qwen3-32b-fp8",
}


def model_of(point: Point, folder: Path) -> Model:
    """The checkpoint that a point's server loaded.

    Raises
    ------
    ConfigError
        If its configuration cannot be read.
    """
    shipped = _SHIPPED.get((point.model, point.precision))
    return read_model(shipped) if shipped else read_model(_configuration(shape_of(point), folder))


def kv_blocks_of(point: Point, folder: Path) -> int:
    """KV blocks of a point's server, all ranks together.

    Raises
    ------
    ConfigError
        If the model's memory cannot be counted, or does not fit.
    """
    model = _on_ranks(model_of(point, folder), point)
    protocol = point.protocol
    load = Load(protocol.step_token_budget, protocol.max_running_requests)
    device = read_device(DEVICES[point.system])
    tensor_parallel, _, data_parallel = point.widths
    return data_parallel * kv_blocks(
        model, device, tensor_parallel, BLOCK_SIZE_TOKENS, protocol.memory_utilisation, load
    )


def kv_bytes_of(point: Point, folder: Path) -> float:
    """Bytes of a token's KV on each of the GPUs that hold it.

    Raises
    ------
    ConfigError
        If the model's configuration cannot be read.
    """
    return kv_bytes_per_token(model_of(point, folder), point.widths[0])


def _on_ranks(model: Model, point: Point) -> Model:
    """The model as one rank of attention sees it: it has a copy of all weights but experts, which all ranks share."""
    ranks = point.widths[2]
    weights = (
        one._replace(stored_bytes=one.stored_bytes / ranks) if one.part == "experts" else one for one in model.weights
    )
    return replace(model, weights=tuple(weights))


def _configuration(name: str, folder: Path) -> Path:
    """A folder with the published configuration of a model that the package knows by `name`."""
    target = folder / "models" / name.replace("/", "--")
    source = package_folder() / "model_configs"
    for file in ("config.json", "hf_quant_config.json"):
        published = source / f"{name.replace('/', '--')}_{file}"
        if published.is_file() and not (target / file).is_file():
            target.mkdir(parents=True, exist_ok=True)
            write_text_whole("--tables", target / file, published.read_text(encoding="utf-8"))
    return target
