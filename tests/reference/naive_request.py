"""This file turns rows of a request list into requests with literal tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.reference.naive_cache import Block


NAMED_CLASSES = ("critical", "realtime", "standard", "interactive", "batch", "sheddable", "background")


@dataclass(eq=False)
class Request:
    """One request, its tokens, and everything that has happened to it."""

    row: int
    arrival_us: int
    prompt: list[int]
    output: list[int]
    slo_class: str
    tenant: str = ""
    number: int = 0  # what its name counts
    round: int = 0
    session: str | int | None = None  # None: of none
    model: str | None = None  # that it asks for; None: whichever is served
    adapter: str | None = None  # of that model's weights; None: none
    after: int = -1  # row of the request that must leave first
    think_us: int = 0  # from then to the arrival
    ttft_target_us: int = 0  # after its arrival, when its first token is due
    itl_target_us: int = 0  # mean time between its tokens that it is promised

    status: str = "not_started"
    instance: int | None = None
    priority: float = 0.0
    position: int = 0  # tokens of prompt and output stored so far, in this life
    written: int = 0  # output tokens that are known
    under_way: int = 0  # output tokens of steps that have not ended yet
    has_drafts: bool = False  # whether there are drafts behind its latest token
    steps_under_way: int = 0  # steps that serve it and have not ended yet
    is_decoding: bool = False  # has computed its text in this life, and steps to come
    is_answered: bool = False  # its first token was known once, or it was dropped
    n_unheld: int = 0  # leading tokens that it uses without holding their blocks
    n_keyed: int = 0  # leading blocks that were given their keys
    may_look_again: bool = False  # for what nobody else shares: it has lost its blocks, or somebody else has them too
    blocks: list[Block] = field(default_factory=list)
    prompt_keys: list[int] = field(default_factory=list)  # one per whole block of the prompt
    last_token_us: int = 0  # end of the step that made the latest token

    ttft_us: int | None = None
    intervals_us: list[int] = field(default_factory=list)
    e2e_us: int | None = None
    scheduling_delay_us: int | None = None
    cached_blocks: int | None = None
    preemptions: int = 0
    attempts: int = 0  # how often it has come again after a refusal
    first_arrival_us: int = 0  # of a request that has come again
    regret: float | None = None
    score: float | None = None

    @property
    def named_class(self) -> str:
        """Its class; one that is not listed counts as unnamed."""
        return self.slo_class if self.slo_class in NAMED_CLASSES else ""

    @property
    def name(self) -> str:
        """The name that breaks ties, as text: request_10 comes before request_2."""
        return f"request_{self.number}"

    @property
    def final_position(self) -> int:
        """Where the request is complete; no output behaves as one output token."""
        return len(self.prompt) + max(len(self.output), 1) - 1

    @property
    def known(self) -> int:
        """Tokens of prompt and output that are known."""
        return len(self.prompt) + self.written

    @property
    def is_over(self) -> bool:
        """Whether its last token is known, or under way."""
        return self.written + self.under_way >= max(len(self.output), 1)

    @property
    def text(self) -> list[int]:
        """The tokens that it computes as one prompt when it is taken."""
        return self.prompt + self.output[: self.written]

    @property
    def last_token_is_out_us(self) -> int:
        """When the client has the last token, given that it is known or under way."""
        assert self.ttft_us is not None
        return self.arrival_us + self.ttft_us + sum(self.intervals_us)

    def token(self, position: int) -> int:
        """The token stored at a position: of the prompt, then of the output."""
        if position < len(self.prompt):
            return self.prompt[position]
        return self.output[position - len(self.prompt)]


class Keys:
    """Numbers for block contents: equal exactly when all tokens from the beginning are equal."""

    ROOT = 0

    def __init__(self) -> None:
        self.number_of: dict[tuple[int, tuple[int, ...]], int] = {}

    def key(self, parent: int, tokens: list[int]) -> int:
        """The key of a full block behind a parent key (ROOT: nothing before it)."""
        return self.number_of.setdefault((parent, tuple(tokens)), len(self.number_of) + 1)

    def of_whole_blocks(self, tokens: list[int], block_size: int) -> list[int]:
        """The keys of the leading whole blocks of a text."""
        keys = []
        parent = self.ROOT
        for start in range(0, len(tokens) - block_size + 1, block_size):
            parent = self.key(parent, tokens[start : start + block_size])
            keys.append(parent)
        return keys


def read_requests(rows: list[dict[str, Any]], block_size: int, keys: Keys) -> list[Request]:
    """Give every row its tokens: shared ones where the columns say so, else tokens that occur once."""
    fresh = count(1)
    keyed_texts: dict[tuple[str, int, int], int] = {}
    group_texts: dict[str, list[int]] = {}
    requests: list[Request] = []
    variants: dict[tuple[str, int], int] = {}
    for row, columns in enumerate(rows):
        n_prompt, n_output = columns["input_tokens"], columns["output_tokens"]
        prompt: list[int] = []
        output: list[int] = []
        if columns.get("text") is not None:
            prompt, output = columns["text"][:n_prompt], columns["text"][n_prompt:]
        elif columns.get("keys") is not None:
            text = _keyed_text(columns, block_size, fresh, keyed_texts)
            prompt, output = text[:n_prompt], text[n_prompt:]
        elif columns.get("context_of", -1) not in (None, -1):
            before = requests[columns["context_of"]]
            prompt = (before.prompt + before.output)[: columns["context_length"]]
        elif columns.get("prefix_group"):
            text = group_texts.setdefault(columns["prefix_group"], [])
            while len(text) < columns["prefix_length"]:
                text.append(next(fresh))
            prompt = text[: columns["prefix_length"]]
        prompt = prompt + [next(fresh) for _ in range(n_prompt - len(prompt))]
        output = output + [next(fresh) for _ in range(n_output - len(output))]
        slo_class = columns.get("slo_class") or ""
        number = row if columns.get("number") is None else columns["number"]
        tenant = columns.get("tenant") or ""
        request = Request(
            row, columns["arrival_us"], prompt, output, slo_class, tenant, number, columns.get("round") or 0
        )
        request.model = columns.get("model") or None
        request.adapter = columns.get("adapter") or None
        request.session = None if columns.get("session") in ("", -1) else columns.get("session")
        request.after, request.think_us = columns.get("after", -1), columns.get("think_us", 0)
        requests.append(request)
    for request in requests:
        if request.adapter is not None:  # what another adapter computes is another content
            request.prompt = _told_apart(request.prompt, request.adapter, variants)
            request.output = _told_apart(request.output, request.adapter, variants)
        request.prompt_keys = keys.of_whole_blocks(request.prompt, block_size)
    return requests


def _told_apart(tokens: list[int], adapter: str, variants: dict[tuple[str, int], int]) -> list[int]:
    """Tokens that are equal exactly where the tokens and the adapters are."""
    return [variants.setdefault((adapter, token), -(10**9) - len(variants)) for token in tokens]


def _keyed_text(
    columns: dict[str, Any], block_size: int, fresh: Iterator[int], texts: dict[tuple[str, int, int], int]
) -> list[int]:
    """Prompt and output that are alike exactly where keys of blocks, or identities of whole prompts, are."""
    text = []
    for position in range(columns["input_tokens"] + columns["output_tokens"]):
        block, place = divmod(position, block_size)
        if block < len(columns["keys"]):
            text.append(texts.setdefault(("block", columns["keys"][block], place), -len(texts) - 1))
        elif position < columns["input_tokens"]:
            text.append(texts.setdefault(("prompt", columns["prompt"], position), -len(texts) - 1))
        else:
            text.append(next(fresh))
    return text
