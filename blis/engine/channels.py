"""Channels on which KV blocks travel between the GPU and a tier: one transfer after the other, in the order of asking.

The blocks of a transfer are under way together, and so are those of the transfers that it waits for. A device gives a
single block `single_fraction` of its bandwidth, and all of it when `saturation_blocks` are under way; in between the
bandwidth rises in a straight line. It is fixed when the transfer is asked for.

Source: inference-sim's offload devices (`saturation_queue_depth`, `single_transfer_fraction`), which fix it when
service starts. Differs in that what comes later, while a transfer still waits, does not make it quicker; and blocks
ahead are counted from the time that they will take, at the rate of the last of them.
"""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.records import Records

READ, WRITE = range(2)


@kernel
def channel_of(device: int, direction: int) -> int:
    """Record of a device's channel in a direction."""
    return 2 * device + direction


@kernel
def transfer_us(channels: Records, channel: int, blocks: int, blocks_ahead: int) -> float:
    """How long a transfer of so many blocks takes behind so many others, waiting aside."""
    return channels.base_us[channel] + _moving_us(channels, channel, blocks, blocks_ahead)


@kernel
def _moving_us(channels: Records, channel: int, blocks: int, blocks_ahead: int) -> float:
    """How long so many blocks are on the channel behind so many others."""
    deepest = max(1.0, channels.saturation_blocks[channel])
    depth = min(float(blocks + blocks_ahead), deepest)
    share = 1.0
    if deepest > 1.0:
        single = channels.single_fraction[channel]
        share = single + (1.0 - single) * (depth - 1.0) / (deepest - 1.0)
    return blocks * channels.block_us[channel] / share


@kernel
def blocks_ahead(channels: Records, channel: int, now_us: int) -> int:
    """Blocks that are still to be transferred."""
    left_us = channels.free_us[channel] - now_us
    if left_us <= 0 or channels.latest_block_us[channel] <= 0.0:
        return 0
    return int(np.ceil(left_us / channels.latest_block_us[channel]))


@kernel
def transfer_end_us(channels: Records, channel: int, blocks: int, now_us: int) -> int:
    """When a transfer that is asked for now would end."""
    length_us = transfer_us(channels, channel, blocks, blocks_ahead(channels, channel, now_us))
    return max(now_us, channels.free_us[channel]) + int(length_us + 0.5)


@kernel
def transfer(channels: Records, channel: int, blocks: int, now_us: int) -> int:
    """Ask for a transfer, and return when it ends."""
    begin_us = max(now_us, channels.free_us[channel])
    end_us = transfer_end_us(channels, channel, blocks, now_us)
    channels.free_us[channel] = end_us
    channels.latest_block_us[channel] = (end_us - begin_us) / blocks
    channels.transfers[channel] += 1
    channels.blocks[channel] += blocks
    channels.busy_us[channel] += end_us - begin_us
    channels.waited_us[channel] += begin_us - now_us
    return end_us


@kernel
def continue_transfer(channels: Records, channel: int, blocks: int, now_us: int) -> int:
    """Let more blocks travel with the transfer that was asked for last, at this moment, and return when it ends."""
    ahead = blocks_ahead(channels, channel, now_us)
    length_us = int(_moving_us(channels, channel, blocks, ahead) + 0.5)
    channels.free_us[channel] += length_us
    channels.latest_block_us[channel] = max(channels.latest_block_us[channel], length_us / blocks)
    channels.blocks[channel] += blocks
    channels.busy_us[channel] += length_us
    return channels.free_us[channel]


@kernel
def be_idle(channels: Records, channel: int) -> None:
    """Forget the transfers under way: the device begins anew."""
    channels.free_us[channel] = 0
    channels.latest_block_us[channel] = 0.0
