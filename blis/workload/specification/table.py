"""The kept requests of all clients of a document as one table."""

import numpy as np

from blis.foundation.units import Int64Vector
from blis.workload.clients.sources import Rows, Source
from blis.workload.labels import Labels, number_names
from blis.workload.network import Network
from blis.workload.prefixes.nested import keys_of_texts
from blis.workload.prefixes.texts import PrefixTexts
from blis.workload.requests import Requests
from blis.workload.specification.document import Specification
from blis.workload.table import requests_of, whole_microseconds


def table_of(
    document: Specification,
    sources: list[Source],
    order: Int64Vector,
    texts: PrefixTexts,
    block_size_tokens: int,
    notes: tuple[str, ...],
) -> Requests:
    """Draw what the kept requests consist of, and put their columns together.

    Parameters
    ----------
    document : Specification
    sources : list of Source
        One for each client.
    order : (n,) int64
        Kept rows of the sources, counted one source after another, in order of arrival.
    texts : PrefixTexts
    block_size_tokens : int ≥ 1
    notes : tuple of str

    Returns
    -------
    Requests
    """
    clients = document.clients
    n_rows = np.array([len(source.times_us) for source in sources])
    source_of = np.repeat(np.arange(len(sources)), n_rows)[order]
    counts = np.bincount(source_of, minlength=len(sources))
    parts = [source.rows(int(count)) for source, count in zip(sources, counts, strict=True)]
    times_us = np.concatenate([source.times_us for source in sources])[order]
    # `parts` are one after another, each in the order in which its rows are kept
    within = np.argsort(source_of, kind="stable")
    at = np.empty(len(order), np.int64)
    at[within] = np.arange(len(order))
    previous = _previous(parts, counts, within)[at]

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(part.columns, name) for part in parts])[at]

    def new_tokens(name: str) -> np.ndarray:
        return np.concatenate([getattr(part.columns.prompt, name) for part in parts])[at]

    input_tokens, output_tokens = column("input_tokens"), column("output_tokens")
    text, prefix_tokens = column("text"), column("prefix_tokens")
    context_tokens = column("context_tokens")
    keys = keys_of_texts(
        texts,
        input_tokens,
        output_tokens,
        text,
        prefix_tokens,
        block_size_tokens,
        np.where(context_tokens > 0, previous, -1),
        context_tokens,
    )
    is_closed = np.array([client.is_closed for client in clients])[source_of]
    after = np.where(is_closed, previous, -1)
    return requests_of(
        arrival_us=whole_microseconds("workload.aggregate_rate", times_us),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=keys,
        block_size_tokens=block_size_tokens,
        slo_class=_labels_of([client.slo_class for client in clients], source_of),
        tenant=_labels_of([client.tenant for client in clients], source_of),
        session=_sessions_of(document, source_of, column("session")),
        turn=column("turn").astype(np.int32),
        prefix_group=_used(text, texts.names),
        prefix_tokens=prefix_tokens,
        after=after,
        think_us=np.where(after >= 0, column("pause_us"), 0),
        image_tokens=new_tokens("image"),
        audio_tokens=new_tokens("audio"),
        video_tokens=new_tokens("video"),
        reason_ratio=column("reason_ratio"),
        model=_labels_of([client.model for client in clients], source_of, empty_is_none=True),
        adapter=_labels_of([client.adapter for client in clients], source_of, empty_is_none=True),
        client=Labels(source_of.astype(np.int32), tuple(client.name for client in clients)),
        streaming=np.array([client.streaming for client in clients])[source_of],
        networks=_networks([client.network for client in clients]),
        notes=notes,
    )


def _previous(parts: list[Rows], counts: Int64Vector, within: Int64Vector) -> Int64Vector:
    """Row of the whole table that each row of the concatenated parts comes after, -1 for none."""
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    previous = np.concatenate(
        [np.where(part.previous >= 0, part.previous + start, -1) for part, start in zip(parts, starts, strict=True)]
    )
    rows: Int64Vector = np.where(previous >= 0, within[previous], -1)
    return rows


def _networks(networks: list[Network]) -> tuple[Network, ...]:
    """The clients' networks, or nothing if there is none to speak of."""
    return tuple(networks) if any(network != Network() for network in networks) else ()


def _labels_of(names: list[str], source_of: Int64Vector, empty_is_none: bool = False) -> Labels:
    """Labels of requests from the names of their clients."""
    labels = number_names(names, empty_is_none)
    return Labels(labels.indices[source_of], labels.names)


def _used(indices: Int64Vector, names: tuple[str, ...]) -> Labels:
    """Labels whose names are those in use, in the order of the table."""
    used = np.unique(indices[indices >= 0])
    number = np.full(len(names) + 1, -1, np.int32)  # the last entry is that of no name
    number[used] = np.arange(len(used))
    return Labels(number[indices], tuple(names[index] for index in used.tolist()))


def _sessions_of(document: Specification, source_of: Int64Vector, session: Int64Vector) -> Labels:
    """Sessions by client and number; requests of a client without sessions have none."""
    has_sessions = np.array([client.sessions is not None for client in document.clients])[source_of]
    session = np.where(has_sessions, session, -1)
    n_sessions = int(session.max(initial=-1)) + 1
    rows = np.flatnonzero(session >= 0)
    codes, indices = np.unique(source_of[rows] * n_sessions + session[rows], return_inverse=True)
    column = np.full(len(session), -1, np.int32)
    column[rows] = indices
    clients = [client.name for client in document.clients]
    return Labels(column, tuple(f"{clients[code // n_sessions]}/{code % n_sessions}" for code in codes.tolist()))
