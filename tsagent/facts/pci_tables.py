"""PCI numbers of accelerators and adapters: data only.

Source: the PCI ID repository (pci.ids), and NVIDIA's table of supported data-centre GPUs.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Tuple

VENDORS = {
    "10de": "NVIDIA",
    "1002": "AMD",
    "8086": "Intel",
    "15b3": "Mellanox",
    "19e5": "Huawei",
    "cabc": "Cambricon",
    "1ed5": "Moore Threads",
    "1d94": "Hygon",
}

# (vendor, device): (architecture, model)
GPUS: "Dict[Tuple[str, str], Tuple[str, str]]" = {
    ("10de", "15f8"): ("Pascal", "P100"),
    ("10de", "1b38"): ("Pascal", "P40"),
    ("10de", "1bb3"): ("Pascal", "P4"),
    ("10de", "1db1"): ("Volta", "V100"),
    ("10de", "1db4"): ("Volta", "V100"),
    ("10de", "1db5"): ("Volta", "V100"),
    ("10de", "1db6"): ("Volta", "V100"),
    ("10de", "1eb8"): ("Turing", "T4"),
    ("10de", "1e37"): ("Turing", "T10"),
    ("10de", "1e04"): ("Turing", "RTX 2080 Ti"),
    ("10de", "1e07"): ("Turing", "RTX 2080 Ti"),
    ("10de", "20b0"): ("Ampere", "A100"),
    ("10de", "20b2"): ("Ampere", "A100"),
    ("10de", "20b5"): ("Ampere", "A100"),
    ("10de", "20f1"): ("Ampere", "A100"),
    ("10de", "20b7"): ("Ampere", "A30"),
    ("10de", "20f3"): ("Ampere", "A800"),
    ("10de", "20f5"): ("Ampere", "A800"),
    ("10de", "2236"): ("Ampere", "A10"),
    ("10de", "2204"): ("Ampere", "RTX 3090"),
    ("10de", "2206"): ("Ampere", "RTX 3080"),
    ("10de", "2216"): ("Ampere", "RTX 3080"),
    ("10de", "2484"): ("Ampere", "RTX 3070"),
    ("10de", "2488"): ("Ampere", "RTX 3070"),
    ("10de", "27b8"): ("Ada", "L4"),
    ("10de", "27b6"): ("Ada", "L2"),
    ("10de", "26ba"): ("Ada", "L20"),
    ("10de", "26b5"): ("Ada", "L40"),
    ("10de", "26b9"): ("Ada", "L40S"),
    ("10de", "2330"): ("Hopper", "H100"),
    ("10de", "2331"): ("Hopper", "H100"),
    ("10de", "2339"): ("Hopper", "H100"),
    ("10de", "2324"): ("Hopper", "H800"),
    ("10de", "2329"): ("Hopper", "H20"),
    ("10de", "232c"): ("Hopper", "H20-3e"),
    ("10de", "2335"): ("Hopper", "H200"),
    ("10de", "2901"): ("Blackwell", "B200"),
    ("10de", "2941"): ("Blackwell", "GB200"),
    ("10de", "3182"): ("Blackwell", "B300"),
    ("10de", "2bb5"): ("Blackwell", "RTX PRO 6000 Server"),
    ("1002", "740f"): ("CDNA 2", "MI210"),
    ("1002", "7408"): ("CDNA 2", "MI250X"),
    ("1002", "738c"): ("CDNA", "MI100"),
    ("8086", "4907"): ("Xe", "SG1"),
}

# Screens of server boards (management controllers) by makers who also make GPUs.
NOT_GPUS = {("1002", "515e"), ("1002", "5969")}

# A plain VGA controller (class 0300) counts only from a maker of GPUs: cirrus, bochs, qxl, virtio and
# the management controllers' screens have the same class.
GPU_MAKERS = ("10de", "1002", "8086", "1ed5")

# Models that come on boards with NVSwitches, too. Source: NVIDIA's HGX and DGX data sheets.
ON_NVSWITCHES = ("V100", "A100", "A800", "H100", "H800", "H20", "H20-3e", "H200", "B200", "B300")

NVSWITCHES = {"1ac2": "NVSwitch 1", "1af1": "NVSwitch 2", "22a3": "NVSwitch 3"}

# RDMA adapters of vendor 15b3: (model, whether it is a virtual function).
ADAPTERS = {
    "1015": ("ConnectX-4 Lx", False),
    "1017": ("ConnectX-5", False),
    "1018": ("ConnectX-5 VF", True),
    "1019": ("ConnectX-5 Ex", False),
    "101a": ("ConnectX-5 Ex VF", True),
    "101b": ("ConnectX-6", False),
    "101d": ("ConnectX-6 Dx", False),
    "101e": ("mlx5 VF", True),
    "1021": ("ConnectX-7", False),
    "a2d6": ("BlueField-2", False),
    "a2dc": ("BlueField-3", False),
}
