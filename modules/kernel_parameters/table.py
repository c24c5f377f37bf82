"""Kernel parameters by class of machine and line of kernel: data only.

Each row says where its value comes from. A row may be narrowed to some classes or kernel lines; of several
rows for one key, the last that fits wins. `least` marks a value that is never lowered to.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Sequence

_IMAGES = "Tencent Cloud documentation, page 'Introduction to Linux Kernel Parameters'"
_ESNET = "ESnet, Host Tuning, Linux hosts of 10 Gb/s and more"
_ORACLE = "Oracle Database Installation Guide, minimum kernel parameters"
_ELASTIC = "Elasticsearch reference, 'Increase virtual memory'"
_KERNEL_VM = "Linux documentation, sysctl/vm"
_IP_SYSCTL = "Linux documentation, ip-sysctl"
_NCCL = "NVIDIA NCCL documentation, troubleshooting"
_HPC = "tuned, profile hpc-compute"
_CLOUDERA = "Cloudera documentation, 'Optimizing Performance in CDH'"

_FAST = ("hpc", "gpu", "bare-metal")
_CACHING = ("memory", "high-io", "big-data", "gpu", "bare-metal")


class Row:
    """One value. `classes` and `lines` are None for all."""

    __slots__ = ("classes", "key", "least", "lines", "source", "value", "why")

    def __init__(
        self,
        key: str,
        value: str,
        why: str,
        source: str,
        classes: "Optional[Sequence[str]]" = None,
        lines: "Optional[Sequence[str]]" = None,
        least: bool = False,
    ) -> None:
        self.key = key
        self.value = value
        self.why = why
        self.source = source
        self.classes = classes
        self.lines = lines
        self.least = least


ROWS = [
    Row("kernel.numa_balancing", "0", "pages that move between nodes cost latency", _IMAGES),
    Row("kernel.numa_balancing", "0", "page faults of balancing stall GPU transfers", _NCCL, ("gpu",)),
    Row("kernel.printk", "5 4 1 7", "no chatter on the serial console", _IMAGES),
    Row("kernel.sysrq", "1", "a hung machine can be told to sync and dump", _IMAGES),
    Row("net.core.rmem_default", "655360", "room for bursts of datagrams", _IMAGES, least=True),
    Row("net.core.rmem_max", "3276800", "room for an application's own choice", _IMAGES, least=True),
    Row("net.core.rmem_max", "67108864", "a fast link's bandwidth times delay", _ESNET, _FAST, least=True),
    Row("net.core.wmem_max", "67108864", "a fast link's bandwidth times delay", _ESNET, _FAST, least=True),
    Row("net.ipv4.tcp_rmem", "4096 87380 33554432", "TCP may grow its window", _ESNET, _FAST),
    Row("net.ipv4.tcp_wmem", "4096 65536 33554432", "TCP may grow its window", _ESNET, _FAST),
    Row("net.core.somaxconn", "4096", "the default of 5.4 and newer; 128 before", _IP_SYSCTL, least=True),
    Row("net.ipv4.neigh.default.gc_thresh3", "4096", "large subnets", _IMAGES, least=True),
    Row(
        "net.ipv4.tcp_tw_recycle",
        "0",
        "it drops connections behind NAT; newer kernels have no such key",
        _IMAGES,
        lines=("tkernel3",),
    ),
    Row("vm.vfs_cache_pressure", "250", "names and inodes give way to data", _IMAGES),
    Row("vm.zone_reclaim_mode", "0", "another node's memory is better than no cache", _KERNEL_VM, _CACHING),
    Row("vm.zone_reclaim_mode", "1", "ranks keep to their own node's memory", _HPC, ("hpc",)),
    Row("net.core.busy_read", "50", "microseconds of polling save an interrupt's latency", _HPC, ("hpc",)),
    Row("net.core.busy_poll", "50", "microseconds of polling save an interrupt's latency", _HPC, ("hpc",)),
    Row("vm.max_map_count", "1048576", "stores that map their files", _ELASTIC, _CACHING, least=True),
    Row("vm.swappiness", "1", "a swapped-out JVM stalls its cluster", _CLOUDERA, ("big-data",)),
    Row(
        "fs.aio-max-nr", "1048576", "many requests in flight", _ORACLE, ("high-io", "bare-metal"), least=True
    ),
]

# Memory kept free for bursts, in parts of all memory, on hosts from a size on; both in bytes.
# Source: Tencent Cloud documentation, the page named above ("about 1 % on large hosts"). The kernel's own
# default never passes 256 MiB. Source: Linux, mm/page_alloc.c. The upper bound keeps a machine of
# terabytes from losing tens of gigabytes.
RESERVE_SOURCE = _IMAGES
RESERVE_PART = 100
RESERVE_FROM = 64 << 30
RESERVE_MOST = 4 << 30
