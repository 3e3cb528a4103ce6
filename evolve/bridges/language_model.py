"""The language model that a package asks, by the protocol of OpenAI; where it is and its key say the environment."""

import os
from collections.abc import Callable
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.algorithms.outside_params import Params

#: As the client library reads them.
ENDPOINT, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"


def check_model(params: Params) -> None:
    """Say before the search begins what is missing.

    Raises
    ------
    ConfigError
        If no model is named, or the environment has no key.
    """
    if not params.model:
        raise ConfigError("algorithm.model must name the language model that writes candidates; got null.")
    if not os.environ.get(KEY):
        raise ConfigError(
            f"{KEY} must be set in the environment, to ask the language model {params.model!r}; a local server takes "
            f"any text. {ENDPOINT} says where it is, if not at OpenAI."
        )


def language_model(params: Params, seed: int) -> Callable[[Any], str]:
    """A function from a prompt, as text or as messages, to what the model says."""
    import openai

    client = openai.OpenAI(timeout=params.timeout_s, max_retries=2)

    def say(prompt: Any) -> str:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        wanted: dict[str, Any] = {"model": params.model, "messages": messages, "max_tokens": params.max_tokens}
        if params.temperature is not None:
            wanted["temperature"] = params.temperature
        reply = client.chat.completions.create(**wanted, seed=seed)
        return str(reply.choices[0].message.content or "")

    return say
