"""What KV blocks may be kept on beneath the GPUs: bandwidths and latencies of devices, by name."""

from typing import NamedTuple


class TierDevice(NamedTuple):
    """How quickly blocks come from a device, and get there."""

    read_gb_per_s: float  #: 10^9 bytes/s
    write_gb_per_s: float
    base_latency_us: float  #: of a transfer of any length
    per_gpu: bool = False  #: each GPU of an instance has such a path of its own
    saturation_queue_depth: int = 1  #: blocks under way at a time from which on all of the bandwidth is used
    single_transfer_fraction: float = 1.0  #: of the bandwidth that a single block gets


#: Names as in a configuration. Host memory by PCIe: measured on an H100 SXM (PCIe 5.0 x16), pinned memory, copies of
#: 4 KiB to 2 GiB: 40.8 ms for 2 GiB to the GPU and 39.4 ms from it, 49 µs and 48 µs for 2 MiB. In pieces of 32 KiB, as
#: where each layer of a block lies elsewhere, 75.7 ms and 78.4 ms for 512 MiB. PCIe 4.0 x16 is taken for half of 5.0.
#: nvme, sata, s3 and cpu-dram: inference-sim's device classes (`sim/kv/offload_*.go`). filesystem: the storage on which
#: llm-d tested its filesystem backend, about 10 GB/s; its latency is our assumption. rdma: a store in the memory of
#: other hosts by one link of 200 Gbit/s, as Mooncake's; nine tenths of the link and the latency are our assumptions.
TIER_DEVICES = {
    "cpu-pcie5": TierDevice(52.7, 54.5, 9.5, per_gpu=True),
    "cpu-pcie5-by-layer": TierDevice(7.1, 6.8, 9.5, per_gpu=True),
    "cpu-pcie4": TierDevice(26.3, 27.2, 9.5, per_gpu=True),
    "cpu-dram": TierDevice(20.0, 20.0, 1.0),
    "nvme-gen4": TierDevice(7.0, 5.0, 80.0),
    "nvme-gen3": TierDevice(3.5, 3.0, 100.0),
    "sata": TierDevice(0.55, 0.5, 150.0),
    "filesystem": TierDevice(10.0, 10.0, 1000.0),
    "rdma": TierDevice(22.5, 22.5, 50.0),
    "s3": TierDevice(1.0, 1.0, 30_000.0),
}
