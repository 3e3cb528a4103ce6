"""What stands behind one port: an engine, the models that it serves, and how a body becomes sequences of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from blis.cluster.served_models import served_models
from blis.foundation.slo import class_index
from blis.online import MOST_TENANTS
from blis.serving.answering import Phrases
from blis.serving.asking import Asked
from blis.serving.calls import Call
from blis.serving.engine import Sequence
from blis.serving.errors import bad_request, no_such_model
from blis.serving.lateness import Lateness
from blis.serving.outputs import Wish, Writer
from blis.serving.pacing import Pacer
from blis.serving.settings import ServeSettings
from blis.serving.tokenizer import Tokenizer, as_vector

#: Headers that say whose a request is; the second of each is that of llm-d's gateway.
HEADERS = {
    "slo_class": ("x-slo-class", "x-gateway-inference-objective"),
    "tenant_id": ("x-tenant-id", "x-gateway-inference-fairness-id"),
    "session_id": ("x-session-id",),
}


@dataclass(slots=True)
class Counts:
    """What came to a port, and what became of it."""

    requests: int = 0
    answered: int = 0
    refused: int = 0  #: by the cluster: 429, 503 or no room
    wrong: int = 0  #: 4xx: what was sent could not be served
    disconnected: int = 0  #: clients that went away before their answer ended
    ignored: dict[str, int] = field(default_factory=dict)  #: keys that were not read, and how often


class Front:
    """Turns what clients ask for into calls.

    Parameters
    ----------
    pacer : Pacer
    settings : ServeSettings
    place : int
        Which of the server's ports it is.
    """

    def __init__(self, pacer: Pacer, settings: ServeSettings, place: int) -> None:
        self.pacer, self.settings, self.place = pacer, settings, place
        self.engine = pacer.engine
        self.lateness = Lateness()
        self.counts = Counts()
        self.is_ending = False  #: whether it cuts off what has not been answered
        self.tokenizer = Tokenizer()
        instances = self.engine.prepared.cluster.instances
        self._served = served_models(instances)
        self.models = self._names()
        longest = [one.max_model_len_tokens for one in instances]
        self.max_model_len = max(longest) if min(longest) > 0 else 0  #: 0: none
        self._is_mixed = any(one.served_model_names != instances[0].served_model_names for one in instances)
        self._writer = Writer(settings.scenario.seed, settings.output_tokens)
        self._tenants: dict[str, int] = {"": 0}
        self._sessions: dict[str, list[int]] = {}  #: number, turns so far
        self._tag = "" if place == 0 else f"{place}-"

    def call(self, asked: Asked, headers: Mapping[str, str]) -> Call:
        """Let a request come now.

        Raises
        ------
        Refusal
            If it cannot be served.
        """
        model = self._model(asked.model)
        number = self.counts.requests
        name = f"{'chatcmpl' if asked.is_chat else 'cmpl'}-{headers.get('x-request-id') or f'{self._tag}{number}'}"
        for key in asked.ignored:
            self.counts.ignored[key] = self.counts.ignored.get(key, 0) + 1
        phrases = Phrases(asked, name, int(time.time()), asked.model or self.models[0])
        call = Call(asked, phrases, self.engine, self.pacer.clock, self.lateness, self.settings)
        sequences = [
            self._sequence(asked, prompt, copy, headers, model)
            for prompt in asked.prompts
            for copy in range(asked.n_choices)
        ]
        for choice, sequence in zip(call.choices, sequences, strict=True):
            choice.sequence, sequence.receiver = sequence, choice
            sequence.labels["streaming"] = asked.streams
            self.pacer.add(sequence)
        return call

    def abandon(self, call: Call) -> None:
        """Its client has gone before the answer had ended: what has not ended of it is taken out of the simulation."""
        call.is_abandoned = True
        if self.is_ending:
            return
        self.counts.disconnected += 1
        for sequence in call.open_sequences():
            self.pacer.cancel(sequence)

    def _names(self) -> tuple[str, ...]:
        if self.settings.model_name is not None:
            return (self.settings.model_name,)
        return self._served or ("blis",)

    def _model(self, name: str | None) -> int:
        if name is None or (name in self.models and not self._is_mixed):
            return -1
        if name not in self.models:
            raise no_such_model(name)
        return self._served.index(name) if name in self._served else -1

    def _sequence(self, asked: Asked, prompt: list[int], copy: int, headers: Mapping[str, str], model: int) -> Sequence:
        ids = as_vector(prompt)
        digest = blake2b(ids.tobytes(), digest_size=16).digest()
        wish = Wish(self._most_tokens(asked, len(prompt)), asked.least_tokens, asked.ignores_end, asked.seed)
        output = self._writer.output(digest, wish, copy)
        session, turn = self._session(headers)
        labels = {name: _header(headers, names) for name, names in HEADERS.items()}
        return Sequence(
            prompt=ids,
            output=output.tokens,
            finish_reason=output.finish_reason,
            receiver=None,  # type: ignore[arg-type]  # the choice that asks for it
            prompt_digest=digest,
            slo_class=class_index(labels["slo_class"]),
            tenant=self._tenant(labels["tenant_id"]),
            session=session,
            turn=turn,
            model=model,
            labels=dict(labels),
        )

    def _most_tokens(self, asked: Asked, n_prompt: int) -> int:
        longest = self.max_model_len
        if longest and n_prompt >= longest:
            raise bad_request(
                f"This model's maximum context length is {longest} tokens. However, the prompt has {n_prompt} tokens, "
                "which leaves none for the answer. Please shorten it.",
                "messages" if asked.is_chat else "prompt",
            )
        cluster = self.engine.prepared.cluster
        room = max(one.kv_blocks for one in cluster.instances) * cluster.block_size_tokens - n_prompt
        if asked.most_tokens is None:
            return max(1, min(longest - n_prompt if longest else room, room))
        if longest and n_prompt + asked.most_tokens > longest:
            raise bad_request(
                f"This model's maximum context length is {longest} tokens. However, {n_prompt + asked.most_tokens} were"
                f" requested: {n_prompt} in the prompt, {asked.most_tokens} for the answer. Please reduce either.",
                "max_tokens",
            )
        if asked.ignores_end and asked.most_tokens > room + 1:  # the last token need not be stored
            raise bad_request(f"The KV cache has room for {max(room, 0)} tokens behind the prompt.", "max_tokens")
        return max(1, min(asked.most_tokens, room + 1))

    def _tenant(self, name: str) -> int:
        """The number of a tenant; those beyond the last that are told apart share it."""
        if len(self._tenants) >= MOST_TENANTS:
            return self._tenants.get(name, MOST_TENANTS - 1)
        return self._tenants.setdefault(name, len(self._tenants))

    def _session(self, headers: Mapping[str, str]) -> tuple[int, int]:
        name = _header(headers, HEADERS["session_id"])
        if not name:
            return -1, 0
        found = self._sessions.setdefault(name, [len(self._sessions), -1])
        found[1] += 1
        return found[0], found[1]


def _header(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((headers[name] for name in names if headers.get(name)), "")
