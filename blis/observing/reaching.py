"""Whether the server answers at all, and which models it serves."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from blis.foundation.checks import nearest
from blis.foundation.errors import BlisError, ConfigError
from blis.foundation.words import listed, shown
from blis.observing.exchange import HTTP_OK, MOST_OF_ERROR_BYTES, beginning, reason
from blis.observing.packages import needed
from blis.observing.protocol.answers import error_words

MOST_LETTERS = 200  #: of a name that a server says of itself
PAUSE_S = 1.0  #: between two looks at a server that does not answer yet


class UnreachableError(BlisError):
    """The server does not answer, or not as one that speaks the protocol."""


class Served(NamedTuple):
    """What a server says that it serves."""

    names: tuple[str, ...] = ()
    most_tokens: int | None = None  #: of a prompt with its output; None: it does not say
    owner: str | None = None  #: who it says owns the first model: vllm, sglang


async def served_models(session: Any, url: str, wait_s: float) -> Served:
    """The models that a server lists, none where it has no list; waits for a server that starts.

    Raises
    ------
    UnreachableError
        If nobody answers.
    """
    aiohttp = needed("aiohttp")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while True:
        try:
            async with session.get("v1/models", allow_redirects=False) as response:
                body = await beginning(response, MOST_OF_ERROR_BYTES * 16)
                if response.status == HTTP_OK:
                    return _served(body)
                if response.status in (401, 403):
                    raise UnreachableError(
                        f"server.url: {url}/v1/models answers HTTP {response.status}: {error_words(body)}; the key is "
                        "read from the variable of the environment that server.api_key_variable names."
                    )
                if response.status < 500:
                    return Served()
                problem = f"HTTP {response.status}: {error_words(body)}"
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            problem = reason(error)
        if loop.time() >= deadline:
            raise UnreachableError(f"server.url: no server answers at {url}: {problem}.")
        await asyncio.sleep(PAUSE_S)


def chosen_model(wanted: str | None, served: Sequence[str], url: str) -> str:
    """The model that requests ask for which do not say another.

    Raises
    ------
    ConfigError
        If none is given and the server lists none, or the server does not serve it.
    """
    if wanted is None:
        if not served:
            raise ConfigError(f"server.model must be given; {url}/v1/models lists none.")
        return served[0]
    if served and wanted not in served:
        raise ConfigError(
            f"server.model: the server serves no {shown(wanted)}{nearest(wanted, served)} It lists: {listed(served)}."
        )
    return wanted


def check_models(asked: list[str], names: Mapping[str, str], served: Sequence[str]) -> None:
    """Refuse a workload that asks for models or adapters which the server does not list.

    Raises
    ------
    ConfigError
    """
    for name in names:
        if name not in asked:
            raise ConfigError(
                f"server.models: the workload asks for no {shown(name)}{nearest(name, asked)} "
                f"It asks for: {listed(asked) or 'none'}."
            )
    for name in asked:
        there = names.get(name, name)
        if served and there not in served:
            raise ConfigError(
                f"server.models: the workload asks for {shown(name)}, and the server serves no {shown(there)}"
                f"{nearest(there, served)} Give server.models={{{name}: NAME}}; it lists: {listed(served)}."
            )


def _served(body: bytes) -> Served:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Served()
    data = document.get("data") if isinstance(document, Mapping) else None
    entries = [one for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []
    names = tuple(one["id"] for one in entries if isinstance(one.get("id"), str))
    most = entries[0].get("max_model_len") if entries else None  # as vLLM and SGLang list it
    owner = entries[0].get("owned_by") if entries else None
    return Served(
        names,
        most if isinstance(most, int) and most > 0 else None,
        owner if isinstance(owner, str) and 0 < len(owner) <= MOST_LETTERS else None,
    )
