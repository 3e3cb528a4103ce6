"""What a client asks for: the bodies of completions and chat completions, checked."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blis.serving.errors import Refusal, bad_request
from blis.serving.tokenizer import ALL_IDS, Tokenizer

#: Choices for one prompt, and prompts of one request.
MOST_CHOICES = 128
_DEFAULT_COMPLETION_TOKENS = 16  # of the completions API
#: Keys that are read; the others change nothing of what is simulated, see `Asked.ignored`.
_READ = {
    *("model", "prompt", "messages", "max_tokens", "max_completion_tokens", "min_tokens", "ignore_eos", "stream"),
    *("stream_options", "n", "seed", "echo", "best_of", "return_token_ids"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it was sent."""

    is_chat: bool
    model: str | None
    prompts: tuple[list[int], ...]  #: token ids of each
    n_choices: int  #: of each prompt
    most_tokens: int | None  #: None: what the longest sequence leaves
    least_tokens: int
    ignores_end: bool
    seed: int
    streams: bool
    includes_usage: bool  #: a last chunk tells it
    continuous_usage: bool  #: every chunk tells it
    returns_ids: bool  #: token ids beside the text
    ignored: tuple[str, ...]  #: keys that were not read


def parsed(data: bytes) -> dict[str, Any]:
    """The body as a mapping."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body must be JSON: {error}.") from error
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object.")
    return body


def asked_of(body: Mapping[str, Any], tokenizer: Tokenizer, *, is_chat: bool) -> Asked:
    """What a body asks for.

    Raises
    ------
    Refusal
        If a value is wrong, or something is asked for that is not simulated.
    """
    _refuse_unsupported(body)
    if is_chat:
        prompts = [tokenizer.ids_of_chat(_messages(body.get("messages")))]
    else:
        prompts = _prompts(body.get("prompt"), tokenizer)
    options = body.get("stream_options") or {}
    if not isinstance(options, Mapping):
        raise bad_request("stream_options must be an object.", "stream_options")
    streams = _flag(body, "stream")
    if body.get("stream_options") is not None and not streams:
        raise bad_request("stream_options can only be given when stream is true.", "stream_options")
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise bad_request("model must be a string.", "model")
    most = _most_tokens(body, is_chat)
    least = _whole(body, "min_tokens", 0, 0)
    if most is not None and least > most:
        raise bad_request(f"min_tokens must be less than or equal to max_tokens={most}, got {least}.", "min_tokens")
    return Asked(
        is_chat=is_chat,
        model=model,
        prompts=tuple(prompts),
        n_choices=_whole(body, "n", 1, 1, MOST_CHOICES),
        most_tokens=most,
        least_tokens=least,
        ignores_end=_flag(body, "ignore_eos"),
        seed=_whole(body, "seed", 0, -(2**63)),
        streams=streams,
        includes_usage=_flag(options, "include_usage"),
        continuous_usage=_flag(options, "continuous_usage_stats"),
        returns_ids=_flag(body, "return_token_ids"),
        ignored=tuple(sorted(key for key, value in body.items() if key not in _READ and value is not None)),
    )


def token_ids(prompt: Any, tokenizer: Tokenizer) -> list[int]:
    """The ids of a text, or of ids."""
    if isinstance(prompt, str):
        return tokenizer.ids_of(prompt)
    if isinstance(prompt, list) and all(type(one) is int for one in prompt):
        if prompt and (min(prompt) < 0 or max(prompt) >= ALL_IDS):
            wrong = next(one for one in prompt if not 0 <= one < ALL_IDS)
            raise bad_request(f"Token id {wrong} is out of vocabulary [0, {ALL_IDS}).", "prompt")
        return list(prompt)
    raise bad_request("prompt must be a string, a list of strings, a list of ids, or a list of lists of ids.", "prompt")


def _prompts(prompt: Any, tokenizer: Tokenizer) -> list[list[int]]:
    is_list_of_prompts = isinstance(prompt, list) and bool(prompt) and isinstance(prompt[0], str | list)
    several = prompt if is_list_of_prompts else [prompt]
    if len(several) > MOST_CHOICES:
        raise bad_request(f"At most {MOST_CHOICES} prompts in one request; got {len(several)}.", "prompt")
    ids = [token_ids(one, tokenizer) for one in several]
    if not all(ids):
        raise bad_request("The prompt must hold at least one token.", "prompt")
    return ids


def _messages(messages: Any) -> list[tuple[str, str]]:
    if not isinstance(messages, list) or not messages:
        raise bad_request("messages must be a list of at least one message.", "messages")
    texts = []
    for place, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise bad_request(f"messages[{place}] must be an object with a role.", "messages")
        texts.append((message["role"], _content(message.get("content"), place)))
    return texts


def _content(content: Any, place: int) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise bad_request(f"messages[{place}].content must be a string or a list of parts.", "messages")
    texts = []
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise bad_request(f"messages[{place}].content: only parts of type text are simulated.", "messages")
        texts.append(part["text"])
    return "\n".join(texts)


def _most_tokens(body: Mapping[str, Any], is_chat: bool) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        if body.get(name) is not None:
            return _whole(body, name, 1, 1)
    return None if is_chat else _DEFAULT_COMPLETION_TOKENS


def _refuse_unsupported(body: Mapping[str, Any]) -> None:
    if body.get("echo"):
        raise bad_request("echo is not simulated.", "echo")
    if body.get("best_of") not in (None, 1, body.get("n")):
        raise bad_request("best_of beyond n is not simulated.", "best_of")


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_request(f"{name} must be true or false.", name)
    return bool(value)


def _whole(body: Mapping[str, Any], name: str, default: int, least: int, most: int = 2**63 - 1) -> int:
    value = body.get(name)
    if value is None:
        return default
    is_whole = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value) and value == int(value))
    if isinstance(value, bool) or not is_whole or not least <= int(value) <= most:
        bounds = f"at least {least}" if most == 2**63 - 1 else f"in [{least}, {most}]"
        raise bad_request(f"{name} must be an integer {bounds}, got {value!r}.", name)
    return int(value)


__all__ = ["Asked", "Refusal", "asked_of", "parsed", "token_ids"]
