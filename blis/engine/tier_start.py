"""The tiers before the first event: devices that hold nothing, and channels on which nothing travels."""

from typing import NamedTuple

import numpy as np

from blis.engine.records import Records, records
from blis.engine.state import MOST_TIERS, N_FRAME_PLACES, State, Tiers
from blis.engine.tier_fields import CHANNEL_FIELDS, DEVICE_FIELDS, TIER_RUN_FIELDS


class TierTables(NamedTuple):
    """What is given of the tiers; copied, never changed."""

    devices: Records  # (tiers · m,) DEVICE_FIELDS
    channels: Records  # (2 · tiers · m,) CHANNEL_FIELDS


def with_learning_tiers(state: State, settings: Records) -> State:
    """The state, before its first event, with tiers that evict as the settings say."""
    m = int(settings.n_instances)
    for tier in range(int(settings.n_tiers)):
        state.tiers.devices.learns[tier * m : (tier + 1) * m] = settings.tiers_learning >> tier & 1
    return state


def new_tiers(tables: TierTables | None, n_runs: int) -> Tiers:
    """Devices as they are before anybody has used them; without tiers none."""
    devices, channels = tables or (records(DEVICE_FIELDS, 0), records(CHANNEL_FIELDS, 0))
    return Tiers(
        devices=devices.copy(),
        channels=channels.copy(),
        runs=records(TIER_RUN_FIELDS, 0 if tables is None else n_runs),
        frames=np.zeros((MOST_TIERS, N_FRAME_PLACES), np.int64),
    )
