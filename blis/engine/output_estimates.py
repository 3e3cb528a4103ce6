"""What outputs are likely to be: how long those of completed requests were, by tenant and SLO class.

An instance learns from what it has completed itself, which is paid once for each completion; the router weighs the
instances' means by what each has completed. The mean follows the latest requests: the plain mean of the first eight,
then one that moves an eighth of the way to each further length, as TCP follows round trips (RFC 6298, section 2). The
true length of a request counts once it has been written, and never before.
"""

from blis.engine._jit import kernel
from blis.engine.state import State
from blis.engine.views import World
from blis.foundation.slo import CLASSES

#: Where an instance's mean lies: one entry for each tenant and class, and one of all requests behind them.
N_CLASSES = len(CLASSES)
#: What a further length moves the mean by.
GAIN = 0.125


@kernel
def note_length(world: World, state: State, instance: int, request: int) -> None:
    """Learn from a request that has completed."""
    groups = N_CLASSES * world.settings.n_tenants
    first, table = instance * (groups + 1), world.workload.table
    own = N_CLASSES * table.tenant[request] + table.slo_class[request]
    tokens = float(table.output_tokens[request])
    _follow(state, first + own, tokens)
    _follow(state, first + groups, tokens)


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
    lengths, groups = state.learned.lengths, N_CLASSES * world.settings.n_tenants
    place = N_CLASSES * world.workload.table.tenant[request] + world.workload.table.slo_class[request]
    for _ in range(2):
        count, tokens = 0, 0.0
        for instance in range(first, last):
            entry = instance * (groups + 1) + place
            count += lengths.completed_requests[entry]
            tokens += lengths.completed_requests[entry] * lengths.mean_tokens[entry]
        if count > 0:
            return tokens / count
        place = groups
    return 0.0
