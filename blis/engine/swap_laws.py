"""Laws of the host's memory: what was copied there is there, or has come back, or went with its request."""

import numpy as np

from blis.engine.codes import AWAITING_KV, QUEUED
from blis.engine.state import State
from blis.foundation.errors import LawBrokenError


def _require(law: str, instance: int, expected: int, got: int) -> None:
    if expected != got:
        raise LawBrokenError(f"{law}: instance {instance} must have {expected}; got {got}.")


def check_swap_laws(state: State) -> None:
    """Check that no block in the host's memory is lost, and that only those who wait have any.

    Raises
    ------
    LawBrokenError
        If one is broken; the message names the law, the instance and both numbers.
    """
    copies, requests = state.swap.requests.view(np.ndarray), state.requests.view(np.ndarray)
    for instance, space in enumerate(state.swap.spaces):
        here = requests["instance"] == instance
        held = int(copies["blocks"][here].sum())
        _require("blocks in the host's memory are counted", instance, held, int(space.blocks))
        _require("the host's memory holds what it can", instance, 0, max(0, int(space.blocks - space.capacity_blocks)))
        moving = int(copies["blocks"][here & (copies["tokens"] == 0)].sum())
        left = int(space.in_blocks + space.found_blocks + space.lost_blocks - space.given_up_blocks)
        _require("copied blocks are there or have left", instance, int(space.out_blocks) - left, held - moving)
        waits = np.isin(requests["status"], (QUEUED, AWAITING_KV))
        _require("who has a copy waits", instance, 0, int(((copies["blocks"] > 0) & here & ~waits).sum()))
