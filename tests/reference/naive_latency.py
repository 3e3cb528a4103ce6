"""This file says how long queueing and steps take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Share(NamedTuple):
    """What one request does in a step: a prompt chunk, or one decode token and the drafts behind it."""

    is_prompt: bool
    new_tokens: int
    history_tokens: int
    prompt_tokens: int = 0  # of the whole request
    n_drafts: int = 0  # of the new tokens


class Affine:
    """Times that are affine in prompt tokens computed and decode tokens."""

    def __init__(self, latency: dict[str, Any]) -> None:
        self.alpha = latency["alpha_us"]
        self.beta = latency["beta_us"]
        self.per_token_us = int(self.alpha[2])
        self.completion_us = 0

    def exact_queueing_us(self, n_prompt: int) -> float:
        """From the arrival at an instance to its queue, with the fraction of a microsecond."""
        return float(self.alpha[0] + self.alpha[1] * n_prompt)

    def queueing_us(self, n_prompt: int) -> int:
        """From the arrival at an instance to its queue."""
        return int(self.exact_queueing_us(n_prompt))

    def step_us(self, shares: list[Share]) -> int:
        """A step with nobody served still takes beta0."""
        n_prompt = sum(share.new_tokens for share in shares if share.is_prompt)
        n_decode = sum(share.new_tokens for share in shares if not share.is_prompt)
        return max(1, int(self.beta[0] + self.beta[1] * n_prompt + self.beta[2] * n_decode))


class Roofline:
    """The slower of compute and memory traffic (reference/latency.md, section 3)."""

    def __init__(self, latency: dict[str, Any]) -> None:
        model, hardware = latency["model"], latency["hardware"]
        self.tp = latency["tensor_parallel"]
        self.per_token_us = latency.get("per_output_token_us", 0)
        self.completion_us = 0
        self.constant_queueing_us = latency.get("queueing_us", 0)
        layers, d, heads = model["layers"], model["hidden"], model["heads"]
        kv_heads = model["kv_heads"] or heads
        width = model["intermediate"] or 4 * d
        self.bytes_per_param = model["bytes_per_param"]
        self.experts = model["experts"] if model["experts"] >= 2 else 0
        self.experts_per_token = model["experts_per_token"]
        head_dim = d / heads
        kv_dim = kv_heads * head_dim

        active_widths = width * (self.experts_per_token if self.experts else 1)
        self.flops_per_token = layers * (4 * d * d + 4 * d * kv_dim + 2 * d) + 4 * d * active_widths * layers
        self.flops_per_pair = layers * heads * (4 * head_dim + 5)
        self.attention_weights = layers * (d * (d + 2 * kv_dim) + d * d)
        self.mlp_weights = 2 * d * width * layers  # of one expert
        self.kv_bytes = 2 * layers * kv_heads * head_dim * self.bytes_per_param
        self.activation_bytes = layers * d * self.bytes_per_param

        has_fp8 = self.bytes_per_param == 1 and hardware["tflops_fp8"] > 0
        peak = hardware["tflops_fp8" if has_fp8 else "tflops_fp16"] * 1e12
        self.prefill_flops_per_s = peak * hardware["mfu_prefill"]
        self.decode_flops_per_s = peak * hardware["mfu_decode"]
        self.bytes_per_s = hardware["bandwidth_tb_s"] * 1e12

    def exact_queueing_us(self, n_prompt: int) -> float:
        """As in `Affine`."""
        return float(self.constant_queueing_us)

    def queueing_us(self, n_prompt: int) -> int:
        """From the arrival at an instance to its queue."""
        return self.constant_queueing_us

    def step_us(self, shares: list[Share]) -> int:
        """A request that computes nothing is no member; a step without members lasts 1."""
        prompts = [share for share in shares if share.is_prompt and share.new_tokens > 0]
        decodes = [share for share in shares if not share.is_prompt]
        if not prompts and not decodes:
            return 1
        new_tokens = sum(share.new_tokens for share in prompts)
        twice_pairs = sum(
            2 * share.new_tokens * share.history_tokens + share.new_tokens * (share.new_tokens - 1) for share in prompts
        )
        prompt_history = sum(share.history_tokens for share in prompts)
        decode_history = sum(share.history_tokens for share in decodes)
        n_decode = sum(share.new_tokens for share in decodes)

        prefill_flops = new_tokens * self.flops_per_token + twice_pairs / 2 * self.flops_per_pair
        decode_flops = n_decode * self.flops_per_token + decode_history * self.flops_per_pair
        compute_s = prefill_flops / self.tp / self.prefill_flops_per_s
        compute_s += decode_flops / self.tp / self.decode_flops_per_s

        tokens = new_tokens + n_decode
        moved = self.kv_bytes * (tokens + prompt_history + decode_history) + self.activation_bytes * tokens
        memory_s = (self._weight_bytes(tokens) / self.tp + moved / self.tp) / self.bytes_per_s
        return max(1, int(max(compute_s, memory_s) * 1e6))

    def _weight_bytes(self, tokens: int) -> float:
        """Weights are read once; of the experts those that some token of the step is expected to use."""
        loaded = 1.0
        if self.experts:
            unused_share = (self.experts - self.experts_per_token) / self.experts
            loaded = self.experts * (1 - unused_share**tokens)
        return self.bytes_per_param * (self.attention_weights + self.mlp_weights * loaded)


class Priced:
    """Sums of a batch, priced by a function from outside: what is compared then is the batch, not the price."""

    def __init__(self, latency: dict[str, Any]) -> None:
        self.price: Callable[..., int] = latency["price"]
        self.fixed_us, self.fixed_us_per_token = latency["queueing_us"], latency["queueing_us_per_token"]
        self.per_token_us = int(latency["output_token_us"])
        self.completion_us = int(latency["completion_us"])

    def exact_queueing_us(self, n_prompt: int) -> float:
        """As in `Affine`."""
        return float(self.fixed_us + self.fixed_us_per_token * n_prompt)

    def queueing_us(self, n_prompt: int) -> int:
        """From the arrival at an instance to its queue."""
        return int(self.exact_queueing_us(n_prompt))

    def step_us(self, shares: list[Share]) -> int:
        """A request that computes nothing is no member."""
        prompts = [share for share in shares if share.is_prompt and share.new_tokens > 0]
        decodes = [share for share in shares if not share.is_prompt]
        return self.price(
            prefill_requests=len(prompts),
            prefill_tokens=sum(share.new_tokens for share in prompts),
            prefill_history_tokens=sum(share.history_tokens for share in prompts),
            prefill_attention_x2=sum(
                2 * share.new_tokens * share.history_tokens + share.new_tokens * (share.new_tokens - 1)
                for share in prompts
            ),
            prefill_prompt_attention_x2=sum(
                2 * share.new_tokens * share.prompt_tokens + share.new_tokens**2 for share in prompts
            ),
            decode_requests=sum(share.new_tokens for share in decodes),
            decode_context_tokens=sum(share.history_tokens for share in decodes),
        )


def read_latency(latency: dict[str, Any]) -> Affine | Roofline | Priced:
    """The latency model of a case."""
    if latency["kind"] == "priced":
        return Priced(latency)
    return {"affine": Affine, "roofline": Roofline}[latency["kind"]](latency)
