"""Numbers by which an eviction policy names its queues, and says what is to happen to the blocks at their fronts."""

from blis.engine._jit import kernel
from blis.engine.state import MOST_QUEUES
from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector


def only_queue(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> int:
    """0: what a policy with one queue answers, both where blocks are kept and which queue gives way."""
    return 0


@kernel
def move(source: int, target: int) -> int:
    """What `give_way` answers to have the first run of one queue put into another, and to be asked again."""
    return MOST_QUEUES * (1 + source) + target


@kernel
def queue_place(instance: int, queue: int) -> int:
    """Record of a queue among those of all instances; of what belongs to the instance as a whole, the first queue's."""
    return instance * MOST_QUEUES + queue
