"""Prices of the deployments that were measured: tables made from kernels, kept in a folder from run to run."""

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

from blis.cluster.steps import making, table
from blis.cluster.steps.file import SUFFIX, read_table, written
from blis.cluster.steps.making import SYSTEMS, Quantised, make_table
from blis.cluster.steps.table import Deployed, StepTable
from blis.foundation.errors import ConfigError
from blis.foundation.files import write_text_whole
from experiments.fidelity.points import Point

#: The published checkpoint that a run served, by model and precision, where its element types are its own.
#: The sample's columns name one type for all weights; checkpoints keep attention or the head in another one.
_CHECKPOINTS = {
    ("MiniMaxAI/MiniMax-M2.5", "fp8"): "MiniMaxAI/MiniMax-M2.5",
    ("MiniMaxAI/MiniMax-M2.5", "fp4"): "nvidia/MiniMax-M2.5-NVFP4",
    ("Qwen/Qwen3-235B-A22B-FP8", "fp8"): "Qwen/Qwen3-235B-A22B-FP8",
    ("Qwen/Qwen3.5-397B-A17B", "bf16"): "Qwen/Qwen3.5-397B-A17B",
    ("Qwen/Qwen3.5-397B-A17B", "fp4"): "nvidia/Qwen3.5-397B-A17B-NVFP4",
    ("deepseek-ai/DeepSeek-R1", "fp8"): "deepseek-ai/DeepSeek-R1",
    ("deepseek-ai/DeepSeek-R1", "fp4"): "nvidia/DeepSeek-V3.1-NVFP4",
    ("deepseek-ai/DeepSeek-V3", "fp8"): "deepseek-ai/DeepSeek-V3",
    ("deepseek-ai/DeepSeek-V3", "fp4"): "nvidia/DeepSeek-V3.1-NVFP4",
    ("nvidia/DeepSeek-V3.1-NVFP4", "fp4"): "nvidia/DeepSeek-V3.1-NVFP4",
    ("moonshotai/Kimi-K2.5", "int4"): "moonshotai/Kimi-K2.5",
    ("moonshotai/Kimi-K2.5", "fp4"): "nvidia/Kimi-K2.5-NVFP4",
    ("openai/gpt-oss-120b", "fp4"): "openai/gpt-oss-120b",
    ("zhipuai/GLM-5", "fp8"): "zai-org/GLM-5-FP8",
    ("zhipuai/GLM-5", "fp4"): "nvidia/GLM-5-NVFP4",
}
#: The package's names of models whose types the columns give.
_SHAPES = {
    "meta-llama/Llama-3.1-70B": "meta-llama/Meta-Llama-3.1-70B",
    "meta-llama/Llama-3.1-8B-Instruct": "meta-llama/Meta-Llama-3.1-8B",
    "nvidia/Llama-3.1-8B-Instruct-FP8": "meta-llama/Meta-Llama-3.1-8B",
    "nvidia/Qwen3-32B-NVFP4": "Qwen/Qwen3-32B",
}
#: Models with latent attention.
_LATENT = (
    "deepseek-ai/DeepSeek-R1",
    "deepseek-ai/DeepSeek-V3",
    "moonshotai/Kimi-K2.5",
    "nvidia/DeepSeek-R1-NVFP4",
    "nvidia/DeepSeek-V3.1-NVFP4",
)
DEVICES = {system: device for device, system in reversed(SYSTEMS.items())}


def shape_of(point: Point) -> str:
    """The package's name of the configuration that a point's server loaded."""
    return _CHECKPOINTS.get((point.model, point.precision)) or _SHAPES.get(point.model, point.model)


def _types(point: Point) -> Quantised:
    """Element types, where not as the checkpoint says.

    Experts that blocks of 128 do not divide were never block-wise. Latent attention over 8-bit keys was measured with
    16-bit products alone under SGLang and TensorRT-LLM; the package asks for 8-bit ones wherever keys are of 8 bits,
    and finds none.
    """
    types = _stored_types(point)
    if point.engine != "vllm" and point.model in _LATENT:
        return replace(types, attention="bfloat16")
    return types


def _stored_types(point: Point) -> Quantised:
    if (point.model, point.precision) not in _CHECKPOINTS:
        return Quantised(weights=point.weights, experts=point.experts)
    if point.model == "MiniMaxAI/MiniMax-M2.5" and point.precision == "fp8" and point.expert_tensor_parallel == 8:
        return Quantised(weights="fp8", experts="fp8")
    return Quantised()


@cache
def _made_by() -> str:
    """A mark of how tables are made: those of another way are not used again."""
    sources = (making.__file__, table.__file__)
    return hashlib.sha256(b"".join(Path(source).read_bytes() for source in sources)).hexdigest()[:8]


def table_of(point: Point, folder: Path) -> StepTable:
    """The table of a point's deployment, from the folder or made now.

    Raises
    ------
    ConfigError
        If the point's widths cannot be, or there are no kernels for it.
    """
    tensor_parallel, expert_parallel, data_parallel = point.widths
    ranks, widths = tensor_parallel * data_parallel, point.expert_tensor_parallel * expert_parallel
    if widths not in (1, ranks):
        raise ConfigError(f"widths do not match: {ranks} ranks of attention, {widths} of experts")
    deployed = Deployed(
        model=point.model.rpartition("/")[2].lower(),
        device=DEVICES[point.system],
        tensor_parallel=tensor_parallel,
        engine=point.engine,
        expert_parallel=expert_parallel,
        data_parallel=data_parallel,
    )
    types = _types(point)
    shape = shape_of(point)
    named = (shape.replace("/", "--"), types.weights or "own", types.experts or "own", types.attention)
    words = "--".join([deployed.name, *(word for word in named if word)])
    path = folder / f"{words}--{_made_by()}{SUFFIX}"
    if path.is_file():
        return read_table(path)
    made = make_table(deployed, shape, types)
    folder.mkdir(parents=True, exist_ok=True)
    write_text_whole("--tables", path, written(made))  # another process may make, or read, the same one
    return made
