"""Server-sent events from the bytes of a stream, as they come: https://html.spec.whatwg.org/multipage/server-sent-events.html.

Only the data of events is wanted: names, ids, comments and unknown fields are passed over, as the specification says.
"""

LONGEST_EVENT_BYTES = 2**24  #: a prompt of a million token ids, echoed


class MalformedStreamError(ValueError):
    """What came is no stream of events, or says what the protocol does not know."""


class EventStream:
    """The events of one stream."""

    __slots__ = ("_data", "_pieces", "_size", "longest_event_bytes")

    def __init__(self, longest_event_bytes: int = LONGEST_EVENT_BYTES) -> None:
        self.longest_event_bytes = longest_event_bytes
        self._pieces: list[bytes] = []  # of the line whose end has not come
        self._data: list[bytes] = []  # of the event whose end has not come
        self._size = 0  # of both [bytes]

    @property
    def is_inside(self) -> bool:
        """Whether an event has begun that has not ended."""
        return bool(self._data) or any(piece.strip() for piece in self._pieces)

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that end in the next bytes of the stream.

        Raises
        ------
        MalformedStreamError
            If an event is longer than any that is sensible.
        """
        self._size += len(piece)
        if b"\n" not in piece:
            self._pieces.append(piece)
            self._check_size()
            return []
        lines = b"".join((*self._pieces, piece)).split(b"\n")
        self._pieces = [lines.pop()]
        events: list[bytes] = []
        for line in lines:
            if line.endswith(b"\r"):
                line = line[:-1]
            if not line:
                if self._data:
                    events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data = []
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        self._size = len(self._pieces[0]) + sum(map(len, self._data))
        self._check_size()
        return events

    def _check_size(self) -> None:
        if self._size > self.longest_event_bytes:
            raise MalformedStreamError(f"an event is longer than {self.longest_event_bytes} bytes")
