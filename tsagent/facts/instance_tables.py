"""What the vendor documents of instance types: data only, read by `instance_type`.

Source: Tencent Cloud documentation, pages "Instance Types" (CVM), "Computing Instance" and "Rendering
Instance" (Cloud GPU Service), "Hyper Computing Cluster" and "Cloud Bare Metal instance types".
Everything here is a hint: the machine overrules it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

# Families by class. A pattern is a regular expression that must match the whole family name.
CLASSES: "List[Tuple[str, str]]" = [
    ("hpc", r"HCC[A-Z0-9]+[a-z0-9]*"),
    ("bare-metal", r"BM[A-Z0-9]+[a-z0-9]*"),
    ("gpu", r"GN\d+[A-Z]?[a-z]*|GNV\d+[a-z]*|GI\d+[A-Z]?[a-z]*|GT\d+[a-z]*|PNV\d+[a-z]*|GC\d+[a-z]*"),
    ("standard", r"S[1-9](e|pro)?|S2ne|S5se|SN3ne|SA[1-5]|SA9e?|SR1|SK1"),
    ("compute", r"C[2-6]|CN3|TC3"),
    ("memory", r"M[1-6]|M6(ce|p|mp)|M[89]|MA[2-5]|MA9e?"),
    ("high-io", r"I[1-3]|IT[235]|ITA5"),
    ("big-data", r"D[1-3]"),
]

# Families with Arm processors.
ARM = ("SR1", "BMIK1", "BMDK1")

# vCPU of one unit of each size.
SIZES = {"SMALL": 1, "MEDIUM": 2, "LARGE": 4, "XLARGE": 4}

# Types whose vCPU count is not what their name says.
VCPU_EXCEPTIONS = {
    "GN10Xp.2XLARGE40": 10,
    "GN7.2XLARGE40": 10,
    "GN8.LARGE56": 6,
    "GN8.3XLARGE112": 14,
    "GT4.20XLARGE474": 82,
    "GI1.10XLARGE160": 42,
    "GI3X.22XLARGE226": 90,
    "GNV4v.XLARGE24": 6,
    "GNV4v.3XLARGE58": 14,
    "SA2.22XLARGE224": 90,
}

# Bare metal sold without a size: (vCPU, memory in GB).
WHOLE_MACHINES = {
    "BMS5": (208, 768),
    "BMSA2": (192, 512),
    "BMG5t": (96, 384),
    "BMG5v": (96, 384),
    "BMGNV4": (208, 768),
    "BMI5": (96, 384),
    "BMIA2": (192, 512),
    "BMIA2m": (192, 1024),
    "BMM5": (96, 1536),
    "BMM5r": (96, 768),
    "BMM5c": (208, 3072),
    "BMD3": (96, 384),
    "BMD3c": (96, 384),
    "BMDA2": (192, 512),
    "BMIK1": (128, 512),
    "BMDK1": (128, 512),
    "HCCG5v": (96, 384),
    "HCCPNV4h": (192, 1024),
    "HCCPNV4s": (256, 1024),
    "HCCIC5": (64, 384),
}

# Accelerators of a family: (vendor, model as `gpus` names it, count by size or the count of each machine).
# A size that is not listed has an unknown count.
ACCELERATORS: "Dict[str, Tuple[str, str, object]]" = {
    "GN6": ("NVIDIA", "P4", {"7XLARGE48": 1, "14XLARGE96": 2}),
    "GN6S": ("NVIDIA", "P4", {"LARGE20": 1, "2XLARGE40": 2}),
    "GN7": (
        "NVIDIA",
        "T4",
        {
            "LARGE20": 1,
            "2XLARGE40": 1,
            "2XLARGE32": 1,
            "5XLARGE80": 1,
            "8XLARGE128": 1,
            "10XLARGE160": 2,
            "20XLARGE320": 4,
        },
    ),
    "GN7vi": ("NVIDIA", "T4", {"5XLARGE80": 1, "10XLARGE160": 2, "20XLARGE320": 4}),
    "GN7vw": ("NVIDIA", "T4", {"LARGE16": 1, "2XLARGE32": 1, "4XLARGE64": 1, "8XLARGE128": 2}),
    "GI3X": ("NVIDIA", "T4", {"8XLARGE64": 1, "22XLARGE226": 2, "45XLARGE452": 4}),
    "GN8": ("NVIDIA", "P40", {"LARGE56": 1, "3XLARGE112": 2, "7XLARGE224": 4, "14XLARGE448": 8}),
    "GN10X": ("NVIDIA", "V100", {"2XLARGE40": 1, "4XLARGE80": 2, "9XLARGE160": 4, "18XLARGE320": 8}),
    "GN10Xp": ("NVIDIA", "V100", {"2XLARGE40": 1, "5XLARGE80": 2, "10XLARGE160": 4, "20XLARGE320": 8}),
    "GT4": ("NVIDIA", "A100", {"4XLARGE96": 1, "8XLARGE192": 2, "20XLARGE474": 4, "41XLARGE948": 8}),
    "PNV4": ("NVIDIA", "A10", {"7XLARGE116": 1, "14XLARGE232": 2, "28XLARGE466": 4, "56XLARGE932": 8}),
    "GNV4": ("NVIDIA", "A10", {"3XLARGE44": 1}),
    "GNV4v": ("NVIDIA", "A10", {"XLARGE24": 1, "3XLARGE58": 1, "7XLARGE116": 1}),
    "GI1": ("Intel", "SG1", {"10XLARGE160": 4, "21XLARGE320": 8}),
    "PNV6": ("NVIDIA", "H20", {}),
    "BMG5t": ("NVIDIA", "T4", 4),
    "BMG5v": ("NVIDIA", "V100", 8),
    "BMGNV4": ("NVIDIA", "A10", 16),
    "HCCG5v": ("NVIDIA", "V100", 8),
    "HCCPNV4h": ("NVIDIA", "A100", 8),
    "HCCPNV4s": ("NVIDIA", "A100", 8),
    "HCCPNV5": ("NVIDIA", "H800", 8),
    "HCCPNV6": ("NVIDIA", "H20", 8),
}

# Types that get a share of a GPU, or a whole one through the vGPU manager: these need the GRID driver.
VGPU = {
    "GN7.LARGE20": "1/4",
    "GN7.2XLARGE40": "1/2",
    "GN7vw.LARGE16": "1/4",
    "GN7vw.2XLARGE32": "1/2",
    "GN7vw.4XLARGE64": "1",
    "GN7vw.8XLARGE128": "1",
    "GNV4v.XLARGE24": "1/4",
    "GNV4v.3XLARGE58": "1/2",
    "GNV4v.7XLARGE116": "1",
}

# Local disks: (kind, count, bytes of each or None), by family; by size where that differs.
TERABYTE = 10**12
LOCAL_DISKS: "Dict[str, object]" = {
    "IT3": {
        "4XLARGE64": ("nvme", 1, None),
        "8XLARGE128": ("nvme", 2, None),
        "16XLARGE256": ("nvme", 4, None),
    },
    "IT5": {
        "4XLARGE64": ("nvme", 1, None),
        "8XLARGE128": ("nvme", 2, None),
        "16XLARGE256": ("nvme", 4, None),
    },
    "BMI5": [("nvme", 2, 3840 * TERABYTE // 1000)],
    "BMM5": [("nvme", 2, 3840 * TERABYTE // 1000)],
    "BMIA2": [("nvme", 4, 3840 * TERABYTE // 1000)],
    "BMDA2": [("hdd", 12, 16 * TERABYTE), ("nvme", 1, 3840 * TERABYTE // 1000)],
    "BMG5v": [("nvme", 4, 3200 * TERABYTE // 1000)],
    "BMGNV4": [("nvme", 4, 3200 * TERABYTE // 1000)],
    "HCCG5v": [("nvme", 4, 3200 * TERABYTE // 1000)],
    "HCCPNV4h": [("nvme", 4, 3200 * TERABYTE // 1000)],
    "HCCPNV4s": [("nvme", 4, 3200 * TERABYTE // 1000)],
    "HCCIC5": [("nvme", 2, 3840 * TERABYTE // 1000)],
}

# Classes whose instances have local disks at all, of whichever number: high IO and big data.
LOCAL_DISK_CLASSES = {"high-io": "nvme", "big-data": "hdd"}

# RDMA adapters: (count or None, Gb/s of each or None, adapter).
RDMA: "Dict[str, Tuple[Optional[int], Optional[int], str]]" = {
    "HCCG5v": (2, 100, "ConnectX-5"),
    "HCCPNV4h": (2, 100, "ConnectX-5"),
    "HCCIC5": (2, 100, "ConnectX-5"),
    "HCCPNV4s": (None, None, "ConnectX-6 Dx"),
    "HCCPNV5": (8, 400, "ConnectX-7"),
    "HCCPNV6": (8, 400, "ConnectX-7"),
}
