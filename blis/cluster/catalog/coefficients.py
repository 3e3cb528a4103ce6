"""Looks up the affine latency coefficients measured for a model on a GPU."""

from collections.abc import Iterable
from dataclasses import dataclass

from blis.cluster.catalog.files import rows_of_model
from blis.foundation.errors import UnknownChoiceError
from blis.foundation.words import shown

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Coefficients:
    """One row of `blis/cluster/catalog/data/coefficients.csv`; its README says where the numbers come from."""

    model: str
    gpu: str
    tensor_parallel: int
    vllm_version: str  #: container image of the measured server
    alpha_us: Three  #: per request, per prompt token, per output token
    beta_us: Three  #: per step, per computed prompt token, per decode
    kv_blocks: int | None  #: KV blocks (16 tokens) of one instance; None: not in the table


def find_coefficients(model: str, gpu: str, tensor_parallel: int, vllm_version: str | None = None) -> Coefficients:
    """The first row that matches; without a version, the first in file order.

    Parameters
    ----------
    model : str             model id in any case, with or without its vendor part
    gpu : str               device name as in the table, exactly
    tensor_parallel : int   GPUs per instance
    vllm_version : str      whole image name ("vllm/vllm-openai:v0.8.4") or its tag ("v0.8.4")

    Returns
    -------
    Coefficients

    Raises
    ------
    UnknownChoiceError
        If there is no such row; the message says what there is for the model.
    """
    of_model = [_coefficients(row) for row in rows_of_model("coefficients.csv", model)]
    deployed = [row for row in of_model if row.gpu == gpu and row.tensor_parallel == tensor_parallel]
    if not deployed:
        raise UnknownChoiceError(
            f"coefficients: no row of model {shown(of_model[0].model)} for gpu {shown(gpu)} with tensor_parallel "
            f"{shown(tensor_parallel)}. Rows: {_deployments(of_model)}."
        )
    for row in deployed:
        if vllm_version is None or vllm_version in (row.vllm_version, row.vllm_version.rpartition(":")[2]):
            return row
    versions = list(dict.fromkeys(row.vllm_version for row in deployed))
    raise UnknownChoiceError(
        f"coefficients: no row of model {shown(deployed[0].model)} for gpu {shown(gpu)} with tensor_parallel "
        f"{shown(tensor_parallel)} and vllm_version {shown(vllm_version)}. Versions: {', '.join(versions)}."
    )


def _coefficients(row: dict[str, str]) -> Coefficients:
    blocks = row["total_kv_blocks"]
    return Coefficients(
        model=row["model"],
        gpu=row["gpu"],
        tensor_parallel=int(row["tp"]),
        vllm_version=row["vllm_version"],
        alpha_us=(float(row["alpha0"]), float(row["alpha1"]), float(row["alpha2"])),
        beta_us=(float(row["beta0"]), float(row["beta1"]), float(row["beta2"])),
        kv_blocks=int(blocks) if blocks else None,
    )


def _deployments(rows: Iterable[Coefficients]) -> str:
    """For instance "A100-80 with tensor_parallel 1, 2; H100 with tensor_parallel 1"."""
    degrees: dict[str, set[int]] = {}
    for row in rows:
        degrees.setdefault(row.gpu, set()).add(row.tensor_parallel)
    return "; ".join(
        f"{gpu} with tensor_parallel {', '.join(map(str, sorted(degrees[gpu])))}" for gpu in sorted(degrees)
    )
