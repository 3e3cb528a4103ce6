"""Server-sent events, however their bytes are cut."""

import pytest

from blis.observing.protocol.event_stream import EventStream, MalformedStreamError

STREAM = b": a comment\n\ndata: one\n\nevent: x\nid: 7\ndata:two\r\ndata: lines\r\n\r\nretry: 5\n\ndata: [DONE]\n\n"
EVENTS = [b"one", b"two\nlines", b"[DONE]"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_the_bytes_come(size: int) -> None:
    events = EventStream()

    found = [one for at in range(0, len(STREAM), size) for one in events.feed(STREAM[at : at + size])]

    assert found == EVENTS
    assert not events.is_inside


def test_event_that_has_not_ended_is_noticed() -> None:
    events = EventStream()

    assert events.feed(b"data: on") == []
    assert events.is_inside


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 95], [b"data: xxxx\n"] * 30, [b"x" * 10] * 11])
def test_event_beyond_the_bound_is_refused(pieces: list[bytes]) -> None:
    events = EventStream(longest_event_bytes=100)

    with pytest.raises(MalformedStreamError, match="longer than 100 bytes"):
        list(map(events.feed, pieces))
