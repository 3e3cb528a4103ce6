"""How long an instance takes from being placed on its GPUs to serving: a sum of steps, some by the model's size.

The defaults are those of one measured start of Llama 3.1 8B with vLLM, weights on the node's disk and no other cache
(tensorfuse.io, "Reducing GPU cold starts", 2025-09: weights 33 s for 16 GB, Dynamo and compilation 52 s, capture of the
CUDA graphs 54 s, imports and the engine's own start 94 s, and a download of 61 s where they are not there). The same
start with its caches warm: 0, 18, 23, 7 and 34 s. That a step is linear in a size is also what "Understanding inference
start-up" (arXiv 2606.07362) finds.
"""

from dataclasses import dataclass

from blis.foundation.checks import check_keys, check_number

LONGEST_S = 1e6
_BYTES_PER_GB = 1e9


@dataclass(frozen=True, slots=True)
class StartUp:
    """The steps of a start."""

    node_s: float = 0.0  #: ≥ 0, until there is a machine: 0 where one is spare
    download_gb_per_s: float = 0.0  #: ≥ 0, of the weights to the machine; 0: they are there
    load_gb_per_s: float = 0.5  #: > 0, of the weights to the GPUs: 0.5 from a cold disk, 5 from memory or as a stream
    compile_s: float = 52.0  #: ≥ 0
    capture_s: float = 54.0  #: ≥ 0, of CUDA graphs
    engine_s: float = 94.0  #: ≥ 0, imports and whatever else the engine does before it listens

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "StartUp":
        """The checked numbers of a plain mapping.

        Raises
        ------
        ConfigError
            If a key is unknown, or a value out of its range.
        """
        given = check_keys(where, mapping, tuple(cls.__slots__))
        values = {}
        for name, value in given.items():
            if value is None:
                continue
            if name == "load_gb_per_s":
                values[name] = check_number(f"{where}.{name}", value, maximum=1e6, above=0, unit="GB/s")
            else:
                unit = "GB/s" if name.endswith("gb_per_s") else "s"
                values[name] = check_number(f"{where}.{name}", value, 0, LONGEST_S, unit)
        return cls(**values)

    def seconds(self, weight_bytes: float) -> float:
        """How long a start takes with so many bytes of weights, on all its GPUs together."""
        size_gb = weight_bytes / _BYTES_PER_GB
        download_s = size_gb / self.download_gb_per_s if self.download_gb_per_s > 0 else 0.0
        fixed_s = self.node_s + self.compile_s + self.capture_s + self.engine_s
        return fixed_s + download_s + size_gb / self.load_gb_per_s
