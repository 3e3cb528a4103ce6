"""Encoders of images, audio and video, as a cluster has them: what encoding takes, and how embeddings move.

What a token of media takes is given, or follows from the encoder's size: 2 FLOP for each weight of its layers and each
patch that it sees, at the rate that one GPU reaches for prompts (`peak_tflops_16bit` and `mfu_prefill` of the device's
file). More GPUs do not help: Qwen2.5-VL 72B encoded the four pictures of a request in 492, 466 and 524 ms on 2, 4 and 8
H20 (LMSYS, "EPD Disaggregation", 2026-01-12), because what they have to tell each other takes as long as they save.
Left out are the attention between patches, the reading of pixels and the projection into the model's width.

Sizes: Qwen2.5-VL has a vision transformer of 32 layers, 1,280 wide and 3,420 in between, with a gated feed-forward
part: 0.63 thousand million weights (Qwen2.5-VL Technical Report, arXiv 2502.13923, table 1). 2 x 2 patches become one
token there, in Llama 4 (`pixel_shuffle_ratio` 0.5) and in InternVL: 4 patches a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from blis.cluster.catalog import Device, Model
from blis.cluster.disaggregation import CONTENTIONS, MOST_BANDWIDTH, MOST_LATENCY_US, MOST_TOKEN_BYTES
from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

MOST_TOKEN_US = 1e6  #: µs that a token of media takes
MOST_PARAMETERS = 1e6  #: millions
MOST_PATCHES = 1e4  #: in a token
ACTIVATION_BYTES = 2  #: of a number of an embedding: 16 bits
_FLOP_PER_WEIGHT = 2  #: a product and a sum
_BYTES_PER_MS = 1e6  #: of 1 GB/s


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """What encoding takes, and what a transfer of embeddings costs; where media are encoded is the policy's."""

    us_per_token: float | None = None  #: ≥ 0, of each token of media; None: from the encoder's size
    parameters_millions: float | None = None  #: > 0, weights of its layers; None: from the model's configuration
    patches_per_token: float = 4.0  #: > 0, that the encoder sees for each token that the model gets
    base_us: float = 0.0  #: ≥ 0, of each pass of the encoder
    embedding_bytes_per_token: float | None = None  #: > 0; None: the model's width in numbers of 16 bits
    bandwidth_gb_per_s: float = 25.0  #: > 0, 10^9 bytes per second between an instance that encodes and others
    base_latency_us: float = 50.0  #: ≥ 0, of each transfer
    contention: str = "fair-share"  #: one of blis.cluster.disaggregation.CONTENTIONS

    @property
    def needs_model(self) -> bool:
        """Whether something follows from the model's configuration."""
        derives_price = self.us_per_token is None and self.parameters_millions is None
        return derives_price or self.embedding_bytes_per_token is None

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Encoder":
        """The checked values of a plain mapping; what is left out has its default.

        Raises
        ------
        ConfigError
            If a key is unknown, or a value out of its range.
        """
        own = ("us_per_token", "parameters_millions", "patches_per_token", "base_us", "embedding_bytes_per_token")
        given = check_keys(where, mapping, (*own, "transfer"))
        transfer = given.get("transfer")
        if transfer is not None and not isinstance(transfer, Mapping):
            raise ConfigError(f"{where}.transfer must be a mapping; got {shown(transfer)}.")
        at = f"{where}.transfer"
        moved = check_keys(at, transfer or {}, ("bandwidth_gb_per_s", "base_latency_us", "contention"))
        values: dict[str, object] = {}
        _take(values, where, given, "us_per_token", "µs", minimum=0, maximum=MOST_TOKEN_US)
        _take(values, where, given, "parameters_millions", "10^6 weights", above=0, maximum=MOST_PARAMETERS)
        _take(values, where, given, "patches_per_token", "patches", above=0, maximum=MOST_PATCHES)
        _take(values, where, given, "base_us", "µs", minimum=0, maximum=MOST_LATENCY_US)
        _take(values, where, given, "embedding_bytes_per_token", "bytes", above=0, maximum=MOST_TOKEN_BYTES)
        _take(values, at, moved, "bandwidth_gb_per_s", "GB/s", minimum=1e-6, maximum=MOST_BANDWIDTH)
        _take(values, at, moved, "base_latency_us", "µs", minimum=0, maximum=MOST_LATENCY_US)
        if moved.get("contention") is not None:
            values["contention"] = check_choice(f"{at}.contention", moved["contention"], CONTENTIONS)
        if "us_per_token" in values and ("parameters_millions" in values or "patches_per_token" in values):
            raise ConfigError(
                f"{where}.us_per_token must stand alone, or parameters_millions and patches_per_token from which it is "
                "derived; got both."
            )
        return cls(**values)  # type: ignore[arg-type]


def _take(
    values: dict[str, object], where: str, given: Mapping[str, object], name: str, unit: str, **bounds: float
) -> None:
    """Check a number that is given, and keep it."""
    if given.get(name) is not None:
        values[name] = check_number(f"{where}.{name}", given[name], unit=unit, **bounds)


def media_token_us(encoder: Encoder, model: Model | None, device: Device | None, where: str) -> float:
    """What encoding a token of media takes on an instance.

    Raises
    ------
    ConfigError
        If it is neither given nor to be derived.
    """
    if encoder.us_per_token is not None:
        return encoder.us_per_token
    weights = parameters(encoder, model)
    if weights is None or device is None:
        raise ConfigError(
            f"{where}: encoder.us_per_token must be given, or encoder.parameters_millions and hardware to derive it "
            "from; the model's configuration has no vision_config."
        )
    flop_per_us = device.peak_tflops_16bit * 1e6 * device.mfu_prefill
    return _FLOP_PER_WEIGHT * weights * encoder.patches_per_token / flop_per_us


def parameters(encoder: Encoder, model: Model | None) -> float | None:
    """Weights of the encoder's layers, as given or by the model's configuration; None if neither says it."""
    if encoder.parameters_millions is not None:
        return encoder.parameters_millions * 1e6
    counted = sum(one.n_weights for one in model.weights if one.part == "image encoder") if model is not None else 0
    return float(counted) or None


def embedding_bytes(encoder: Encoder, model: Model | None, where: str) -> float:
    """Bytes of the embedding of a token.

    Raises
    ------
    ConfigError
        If they are neither given nor to be derived.
    """
    if encoder.embedding_bytes_per_token is not None:
        return encoder.embedding_bytes_per_token
    if model is None:
        raise ConfigError(
            f"{where}: encoder.embedding_bytes_per_token must be given where a pool of the role encode has no model to "
            "derive it from; got none."
        )
    return float(model.hidden * ACTIVATION_BYTES)


def encoder_settings(encoder: Encoder | None) -> dict[str, int]:
    """What the kernel's settings follow from."""
    one = Encoder() if encoder is None else encoder
    return {
        "has_encoder": encoder is not None,
        "embedding_base_us": round(one.base_latency_us),
        "embedding_bytes_per_ms": max(1, round(one.bandwidth_gb_per_s * _BYTES_PER_MS)),
        "embeddings_share": one.contention == "fair-share",
    }
