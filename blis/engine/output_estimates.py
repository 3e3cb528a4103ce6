"""What outputs are likely to be: how long those of completed requests were, by tenant and SLO class.

An instance learns from what it has completed itself, which is paid once for each completion; the router weighs the
instances' means by what each has completed. The mean follows the latest requests: the plain mean of the first eight,
then one that moves an eighth of the way to each further length, as TCP follows round trips (RFC 6298, section 2). The
true length of a request counts once it has been written, and never before.
"""

from blis.engine._jit import kernel
from blis.engine.state import State
from blis.engine.views import World

#: What a further length moves the mean by.
GAIN = 0.125


@kernel
def note_length(world: World, state: State, instance: int, request: int) -> None:
    """Learn from a request that has completed."""
    kinds, table = world.settings.n_kinds, world.workload.table
    first, tokens = instance * (kinds + 1), float(table.output_tokens[request])
    _follow(state, first + table.kind[request], tokens)
    _follow(state, first + kinds, tokens)


@kernel
def _follow(state: State, entry: int, tokens: float) -> None:
    lengths = state.learned.lengths
    lengths.completed_requests[entry] += 1
    gain = max(GAIN, 1.0 / lengths.completed_requests[entry])
    lengths.mean_tokens[entry] += (tokens - lengths.mean_tokens[entry]) * gain


@kernel
def expected_output(world: World, state: State, first: int, last: int, request: int) -> float:
    """Tokens that a request like this one has written in the mean, on the instances from `first` to before `last`.

    Before anyone of its tenant and class has completed it is the mean of everybody; before that, 0.
    """
    lengths, kinds = state.learned.lengths, world.settings.n_kinds
    place = world.workload.table.kind[request]
    for _ in range(2):
        count, tokens = 0, 0.0
        for instance in range(first, last):
            entry = instance * (kinds + 1) + place
            count += lengths.completed_requests[entry]
            tokens += lengths.completed_requests[entry] * lengths.mean_tokens[entry]
        if count > 0:
            return tokens / count
        place = kinds
    return 0.0
