"""Encoding images, audio and video: how many tokens of them a chunk of a prompt needs, and what that takes.

As with vLLM (vllm/v1/core/sched/scheduler.py, `_try_schedule_encoder_inputs`): what a chunk of a prompt needs is
encoded in the step that computes the chunk, before the model runs; what lies in a prefix that the cache has is not
encoded, and what has been encoded once stays, so a request that gives way need not have it again.

Where the media lie in a prompt nobody records, so they are spread evenly: of the first x of n tokens, e of which are
media, x e / n are, rounded down. That never asks for more in a step than its token budget, which is vLLM's own limit of
what a step may encode (`max_num_encoder_input_tokens` and `encoder_cache_size` are `max_num_batched_tokens`). vLLM
encodes a picture whole, with the chunk that meets its first token; and its cache of embeddings may lose some that a
request needs again.
"""

import math

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.codes import ENCODER_TOKENS
from blis.engine.state import State
from blis.engine.views import World


@kernel
def encoder_us(world: World, instance: int, tokens: int) -> int:
    """How long one pass of the encoder takes."""
    limits = world.limits
    return math.ceil(limits.encoder_base_us[instance] + limits.encoder_token_us[instance] * tokens)


@kernel
def _media_before(world: World, request: int, position: int) -> int:
    """Tokens of media among the leading ones of a prompt."""
    table = world.workload.table
    prompt = table.input_tokens[request]
    return table.encoder_tokens[request] * min(position, prompt) // prompt


@seldom_kernel
def expected_encoder_us(world: World, state: State, instance: int, request: int, cached_tokens: int) -> int:
    """How long one pass takes over what nobody has encoded of a prompt, behind tokens that are in the cache."""
    encoded = max(state.encoding.requests.encoded_tokens[request], _media_before(world, request, cached_tokens))
    tokens = world.workload.table.encoder_tokens[request] - encoded
    return encoder_us(world, instance, tokens) if tokens > 0 else 0


@kernel
def encode_chunk(world: World, state: State, request: int, start: int, chunk: int) -> None:
    """Let the step in the making encode what a chunk of a text needs, and nobody has encoded."""
    encoded = state.encoding.requests
    before = max(encoded.encoded_tokens[request], _media_before(world, request, start))
    after = max(before, _media_before(world, request, start + chunk))
    encoded.encoded_tokens[request] = after
    encoded.chunk_tokens[request] = after - before
    state.scratch.step[ENCODER_TOKENS] += after - before


@kernel
def take_back_encoding(state: State, request: int) -> None:
    """The step in the making does not encode for a request that gives way."""
    encoded = state.encoding.requests
    state.scratch.step[ENCODER_TOKENS] -= encoded.chunk_tokens[request]
    encoded.encoded_tokens[request] -= encoded.chunk_tokens[request]
    encoded.chunk_tokens[request] = 0


@kernel
def note_pass(world: World, state: State, instance: int, tokens: int) -> int:
    """Count a pass of the encoder; return how long it takes."""
    encoders, taken_us = state.encoding.instances, encoder_us(world, instance, tokens)
    encoders.passes[instance] += 1
    encoders.tokens[instance] += tokens
    encoders.encoding_us[instance] += taken_us
    return taken_us


@kernel
def forget_encoded(state: State, request: int) -> None:
    """Let a request be as if nothing of it had been encoded: it is computed where its embeddings are not."""
    encoded = state.encoding.requests
    encoded.encoded_tokens[request] = 0
    encoded.chunk_tokens[request] = 0


@kernel
def forget_encoding(state: State, request: int) -> None:
    """The same of a request that begins anew, wherever its media were encoded."""
    encoded = state.encoding.requests
    forget_encoded(state, request)
    encoded.encode_instance[request] = -1
    encoded.sent_us[request] = -1
    encoded.started_us[request] = -1
    encoded.encoded_us[request] = -1
    encoded.arrives_us[request] = -1
    encoded.depth[request] = 0
