"""The message of each request: its body and headers, ready to be posted."""

import json
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from blis.observing.exchange import Message
from blis.observing.prompts.prompts import Prompts
from blis.observing.protocol.form import Form
from blis.observing.server_settings import ServerSettings
from blis.workload.requests import Requests


class Letters(NamedTuple):
    """Makes the messages of a workload."""

    requests: Requests
    prompts: Prompts
    form: Form
    server: ServerSettings

    def message(self, row: int) -> Message:
        """The message of one request, with what is known of its conversation now."""
        requests = self.requests
        is_streamed = self.is_streamed(row)
        prompt = self.prompts.prompt(row)
        body = self.form.body(
            prompt.content,
            int(requests.output_tokens[row]),
            is_streamed,
            self.server.token_ids and self.prompts.needs_answer(row),
            self.model(row),
        )
        text = json.dumps(body, separators=(",", ":")).encode()
        return Message(self.server.path, text, self.headers(row), is_streamed)

    def is_streamed(self, row: int) -> bool:
        """Whether the answer of a request is to come as it is made."""
        if self.server.streaming == "workload":
            return bool(self.requests.streaming[row])
        return self.server.streaming == "all"

    def model(self, row: int) -> str | None:
        """The server's name of the model that a request asks for; an adapter is served under a name of its own."""
        return server_name(self.requests, row, self.server.models)

    def headers(self, row: int) -> Mapping[str, str]:
        """What the headers of a request say of it."""
        requests, names = self.requests, self.server.headers
        session = int(requests.session[row])
        said = {
            "request": f"request_{requests.number[row]}",
            "session": requests.sessions[session] if session >= 0 else "",
            "slo_class": requests.slo_classes[requests.slo_class[row]],
            "tenant": requests.tenants[requests.tenant[row]],
        }
        return {names[key]: quote(value, safe=" -_./:") for key, value in said.items() if value and key in names}


def asked_models(requests: Requests) -> list[str]:
    """Names of the models and adapters that requests ask for."""
    rows = [
        *((requests.adapters[index]) for index in np.unique(requests.adapter) if index >= 0),
        *((requests.models[index]) for index in np.unique(requests.model[requests.adapter < 0]) if index >= 0),
    ]
    return [name for name in dict.fromkeys(rows) if name]


def server_name(requests: Requests, row: int, names: Mapping[str, str]) -> str | None:
    """The server's name of what one request asks for; None: it does not mind."""
    adapter, model = int(requests.adapter[row]), int(requests.model[row])
    name = ""
    if adapter >= 0:
        name = requests.adapters[adapter]
    if not name and model >= 0:
        name = requests.models[model]
    return names.get(name, name) or None
