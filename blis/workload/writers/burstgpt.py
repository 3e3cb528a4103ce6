"""The CSV format of BurstGPT: times, lengths, models, sessions."""

import csv
from pathlib import Path

from blis.workload.kinds.burstgpt import COLUMNS, SESSION_COLUMN
from blis.workload.requests import Requests
from blis.workload.writers._losses import Loss, losses
from blis.workload.writers._text import seconds, text_file

SUFFIXES = ()  #: .csv means several formats
HOLDS = frozenset({"tenants", "sessions"})
LOG_TYPE = "API log"


def files(path: Path) -> tuple[Path, ...]:
    """The one file."""
    return (path,)


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write the requests; a tenant is a model, and the rounds of a session are in the order of arrival."""
    has_sessions = bool((requests.session >= 0).any())
    sessions = (*requests.sessions, "")
    columns = [
        seconds(requests.arrival_us),
        *([[sessions[index] for index in requests.session.tolist()]] if has_sessions else []),
        [requests.tenants[index] for index in requests.tenant.tolist()],
        requests.input_tokens.tolist(),
        requests.output_tokens.tolist(),
        (requests.input_tokens + requests.output_tokens).tolist(),
        [LOG_TYPE] * len(requests),
    ]
    with text_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((COLUMNS[0], *([SESSION_COLUMN] if has_sessions else []), *COLUMNS[1:]))
        writer.writerows(zip(*columns, strict=True))
    n_silent = int((requests.output_tokens == 0).sum())
    why = "a response of 0 tokens counts as failed, and is left out unless failures: keep"
    return (*losses(requests, HOLDS), *([Loss("requests without output", n_silent, why)] if n_silent else []))
