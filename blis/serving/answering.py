"""What the server says: bodies and chunks of completions and chat completions, as vLLM's server has them."""

import json
from collections.abc import Sequence as Several
from typing import Any

from blis.serving.asking import Asked

DONE = b"data: [DONE]\n\n"


def usage(prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> dict[str, Any]:
    """How many tokens a request took."""
    return {
        "prompt_tokens": prompt_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "completion_tokens": completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }


class Phrases:
    """The bodies of one answer: what stays the same is made once, because a chunk is made for each token."""

    def __init__(self, asked: Asked, identity: str, created_s: int, model: str) -> None:
        self._asked = asked
        kind = "chat.completion" if asked.is_chat else "text_completion"
        self._head = {"id": identity, "object": kind, "created": created_s, "model": model}
        if asked.is_chat:
            chunk_head = {**self._head, "object": "chat.completion.chunk"}
        else:
            chunk_head = self._head
        self._chunk_head = chunk_head
        opened = json.dumps(chunk_head)[:-1]
        self._before = [
            f'data: {opened}, "choices": [{{"index": {index}, {self._content_key()}'.encode()
            for index in range(asked.n_choices * len(asked.prompts))
        ]
        self._after = b'"}, "logprobs": null, "finish_reason": null}]}\n\n' if asked.is_chat else (
            b'", "logprobs": null, "finish_reason": null, "stop_reason": null}]}\n\n'
        )  # fmt: skip

    def _content_key(self) -> str:
        return '"delta": {"content": "' if self._asked.is_chat else '"text": "'

    def first(self, index: int) -> bytes:
        """What opens the answer of a chat; nothing elsewhere."""
        if not self._asked.is_chat:
            return b""
        choice = {"index": index, "delta": {"role": "assistant", "content": ""}, "logprobs": None,
                  "finish_reason": None}  # fmt: skip
        return self._event({**self._chunk_head, "choices": [choice]})

    def tokens(self, index: int, text: str) -> bytes:
        """A chunk in the midst of an answer; the text has nothing that JSON would have to escape."""
        return self._before[index] + text.encode("ascii") + self._after

    def chunk(
        self,
        index: int,
        text: str,
        finish_reason: str | None,
        ids: Several[int] | None = None,
        used: dict[str, Any] | None = None,
    ) -> bytes:
        """Any chunk, in full."""
        choice: dict[str, Any] = {"index": index}
        choice |= {"delta": {"content": text}} if self._asked.is_chat else {"text": text}
        choice |= {"logprobs": None, "finish_reason": finish_reason, "stop_reason": None}
        if ids is not None:
            choice["token_ids"] = list(ids)
        body = {**self._chunk_head, "choices": [choice]}
        return self._event(body if used is None else {**body, "usage": used})

    def usage_chunk(self, used: dict[str, Any]) -> bytes:
        """The chunk behind the last one that tells what was used."""
        return self._event({**self._chunk_head, "choices": [], "usage": used})

    def whole(
        self, texts: Several[str], reasons: Several[str], used: dict[str, Any], ids: Several[Several[int]] | None
    ) -> dict[str, Any]:
        """The body of an answer that does not stream."""
        choices = []
        for index, (text, reason) in enumerate(zip(texts, reasons, strict=True)):
            choice: dict[str, Any] = {"index": index}
            if self._asked.is_chat:
                choice["message"] = {"role": "assistant", "content": text}
            else:
                choice["text"] = text
            choice |= {"logprobs": None, "finish_reason": reason, "stop_reason": None}
            if ids is not None:
                choice["token_ids"] = list(ids[index])
            choices.append(choice)
        return {**self._head, "choices": choices, "usage": used}

    @staticmethod
    def _event(body: dict[str, Any]) -> bytes:
        return b"data: " + json.dumps(body).encode() + b"\n\n"
