"""How far the kernels of a deployment were measured: read from the tables behind the package's answers.

The package answers beyond them too, by its own estimates, and does not say so.
"""

from collections.abc import Iterable
from pathlib import Path

from blis.cluster.steps.measured import Measured
from blis.foundation.errors import ConfigError

#: Families of tables, the files that bound a number, and the column that holds it.
_STEP_TOKENS = (("gemm", "gemm_perf", "m"), ("moe", "moe_perf", "num_tokens"))
_ATTENTION = {
    "attention": ("context_attention_perf", "generation_attention_perf"),
    "mla": ("mla_context_module_perf", "mla_generation_module_perf"),
    "sparse_attention": ("dsa_context_module_perf", "dsa_generation_module_perf"),
    "msa": ("msa_context_module_perf", "msa_generation_module_perf"),
}
#: Words in the names of operations, and the family that they are of.
_FAMILIES = {"mla": "mla", "dsa": "sparse_attention", "msa": "msa", "attention": "attention"}


def reach(data: Path, engine: str, operations: Iterable[str]) -> Measured:
    """How far measurements reach.

    Parameters
    ----------
    data : Path                 the package's tables of one system
    engine : str                whose kernels; another engine's, where the package falls back on them
    operations : iterable       names of the operations that a step consists of

    Returns
    -------
    Measured

    Raises
    ------
    ConfigError
        If there are no tables for one of the operations.
    """
    names = list(operations)
    attention = next(family for word, family in _FAMILIES.items() if any(word in name for name in names))
    prompts, decodes = _ATTENTION[attention]
    mixture = any("moe" in name for name in names)
    step_tokens = [_largest(data, engine, *one) for one in _STEP_TOKENS if mixture or one[0] != "moe"]
    return Measured(
        step_tokens=min(step_tokens),
        decode_requests=_largest(data, engine, attention, decodes, "batch_size"),
        context_tokens=_largest(data, engine, attention, decodes, "step"),
        prompt_tokens=_largest(data, engine, attention, prompts, "isl"),
    )


def _largest(data: Path, engine: str, family: str, file: str, column: str) -> int:
    import pyarrow.compute
    import pyarrow.parquet

    files = sorted(data.glob(f"{family}/{engine}/*/{file}.parquet")) or sorted(
        data.glob(f"{family}/*/*/{file}.parquet")
    )
    if not files:
        raise ConfigError(f"no measured kernels: {data.name} has no table {family}/{file}")
    columns = (pyarrow.parquet.read_table(path, columns=[column])[column] for path in files)
    return max(int(pyarrow.compute.max(values).as_py()) for values in columns)
