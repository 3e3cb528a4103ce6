"""In which form one server takes requests, and the bodies that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Fields of a body that not every server knows, in the order in which they are given up.
OPTIONAL_FIELDS = ("continuous_usage_stats", "return_token_ids", "min_tokens", "ignore_eos", "include_usage")
STREAM_FIELDS = ("continuous_usage_stats", "include_usage")  #: those of them that only a stream has


@dataclass(frozen=True, slots=True)
class Form:
    """What the bodies of requests hold."""

    endpoint: str  #: completions or chat
    model: str
    takes_tokens: bool = True  #: prompts are lists of token ids, else text
    fields: frozenset[str] = frozenset(OPTIONAL_FIELDS)  #: that the server takes
    length_field: str = "max_tokens"
    always_ids: bool = False  #: whether the ids of every output are asked for, because they alone tell tokens
    extra: Mapping[str, Any] = field(default_factory=dict)  #: of every body

    def body(
        self, content: Any, output_tokens: int, is_streamed: bool, wants_ids: bool, model: str | None = None
    ) -> dict[str, Any]:
        """The body of one request, whose answer is to have exactly so many tokens.

        Parameters
        ----------
        content : list of int, str or list of messages
        output_tokens : int
            Fewer than 1 are not to be had.
        is_streamed : bool
        wants_ids : bool
            Whether the ids of the output are needed.
        model : str, optional
            Instead of the form's.
        """
        n_tokens = max(output_tokens, 1)
        body: dict[str, Any] = {"model": model or self.model}
        if self.endpoint == "completions":
            body["prompt"] = content
        else:
            body["messages"] = content if isinstance(content, list) else [{"role": "user", "content": content}]
        body[self.length_field] = n_tokens
        if "min_tokens" in self.fields:
            body["min_tokens"] = n_tokens
        if "ignore_eos" in self.fields:
            body["ignore_eos"] = True
        if "return_token_ids" in self.fields and (wants_ids or self.always_ids):
            body["return_token_ids"] = True
        body["stream"] = is_streamed
        options = {name: True for name in STREAM_FIELDS if name in self.fields}
        if is_streamed and options:
            body["stream_options"] = options
        return {**body, **self.extra}
