"""Qwen-Bailian usage traces: JSON lines of times [s], lengths, conversations, and one hash per 16 prompt tokens.

Format: github.com/alibaba-edu/qwen-bailian-usagetraces-anon. Fields `chat_id`, `parent_chat_id` (-1 for the first
turn), `timestamp` [s], `input_length`, `output_length`, `type`, `turn` (from 1), `hash_ids`. A row is a whole prompt,
so a later turn has the hashes of what it repeats.
"""

import math
from array import array
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S
from blis.foundation.words import listed
from blis.workload.logs.hashed_prompts import FIELD as HASHES
from blis.workload.logs.hashed_prompts import MOST_BLOCK_TOKENS, HashColumn
from blis.workload.logs.json_rows import Place, read_rows, time, tokens
from blis.workload.logs.log import Log, replayed
from blis.workload.logs.name_column import NameColumn
from blis.workload.logs.options import LogParams
from blis.workload.logs.recognition import JSON_LINES, Head
from blis.workload.logs.recorded import LATEST_US
from blis.workload.requests import Requests

FIELDS = ("timestamp", "input_length", "output_length", "chat_id", "parent_chat_id", "type", "turn", HASHES)
HASH_BLOCK_TOKENS = 16
NO_PARENT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Params(LogParams):
    """Options of a trace."""

    counts: ClassVar = {**LogParams.counts, "hash_block_tokens": MOST_BLOCK_TOKENS}

    hash_block_tokens: int | None = None  #: ≥ 1 [tokens] behind one hash; None: 16, or what fits all rows


def recognises(head: Head) -> bool:
    """Whether a file is such a trace."""
    return head.form == JSON_LINES and {"chat_id", "input_length"} <= set(head.names)


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """The requests of a trace: a session is a conversation, and a tenant the type of its requests."""
    hashes, session, kind = HashColumn(), NameColumn(), NameColumn()
    times, prompts, outputs = array("d"), array("q"), array("q")
    session_of: dict[str, str] = {}
    names: tuple[list[str], list[str]] = ([], [])

    def take(where: Place, record: dict[str, Any]) -> None:
        times.append(time(where, record, "timestamp", LATEST_US / US_PER_S, "s"))
        if math.isnan(times[-1]):
            raise ConfigError(f"{where}: must be a JSON object with timestamp [s]; fields: {listed(record)}.")
        prompts.append(tokens(where, record, "input_length"))
        outputs.append(tokens(where, record, "output_length"))
        hashes.append(where, record.get(HASHES))
        parent = record.get("parent_chat_id", NO_PARENT)
        chat = str(record.get("chat_id"))
        session_of[chat] = chat if parent in (NO_PARENT, None) else session_of.get(str(parent), str(parent))
        names[0].append(session_of[chat])
        names[1].append(str(record.get("type") or ""))

    notes = read_rows(params.file, take, FIELDS)
    session.extend(names[0])
    kind.extend(names[1])
    input_tokens = np.array(prompts, np.int64)
    hashed = hashes.prompts(params.file, input_tokens, HASH_BLOCK_TOKENS, params.hash_block_tokens)
    log = Log(
        times_us=np.array(times) * US_PER_S,
        input_tokens=input_tokens,
        output_tokens=np.array(outputs, np.int64),
        keys=hashed.keys,
        columns={"session": session, "tenant": kind},
        notes=(*notes, *hashed.notes),
    )
    return replayed(log, params, seed, block_size_tokens)
