"""Which NVIDIA driver runs which GPU on which kernel: data only.

Source: NVIDIA, "Data Center Drivers" release notes and support matrix (branches, architectures, the open
kernel modules' GPUs), "Driver Installation Guide" (package and stream names), "Fabric Manager" guide; the
least kernel of a branch from the minimum software versions in each branch's own documentation.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Tuple

OPEN, PROPRIETARY = "open", "proprietary"

# The branches that are maintained, oldest first. November 2026.
BRANCHES = {
    535: "long-term support, old",
    550: "production, old; the last that builds on 4.14",
    580: "long-term support, 580.159.04",
    595: "production, 595.84",
    610: "new feature, 610.43.02",
}
DEFAULT_OLD_KERNEL = 550
DEFAULT = 580

# From this branch on a kernel must be at least this version.
NEWER_KERNEL_FROM = 555
NEWER_KERNEL = (4, 15)

# The last branch that NVIDIA packaged for a generation. Source: CUDA release notes, 12.4 is the last for 7.
LAST_PACKAGED = {7: 550}

OPEN_SINCE = 515  # the first branch with open kernel modules for data-centre GPUs
OPEN_IS_DEFAULT_SINCE = 560


class Support:
    """What an architecture needs.

    `least` and `most`: branches, `most` None for no end. `flavours`: those that run it. `old_kernel`:
    whether any branch runs it on a kernel older than NEWER_KERNEL.
    """

    __slots__ = ("flavours", "least", "most", "old_kernel")

    def __init__(
        self, least: int, most: "Optional[int]", flavours: "Tuple[str, ...]", old_kernel: bool = True
    ) -> None:
        self.least = least
        self.most = most
        self.flavours = flavours
        self.old_kernel = old_kernel


ARCHITECTURES: "Dict[str, Support]" = {
    "Maxwell": Support(384, 580, (PROPRIETARY,)),
    "Pascal": Support(384, 580, (PROPRIETARY,)),
    "Volta": Support(384, 580, (PROPRIETARY,)),
    "Turing": Support(418, None, (OPEN, PROPRIETARY)),
    "Ampere": Support(450, None, (OPEN, PROPRIETARY)),
    "Ada": Support(525, None, (OPEN, PROPRIETARY)),
    "Hopper": Support(525, None, (OPEN, PROPRIETARY)),
    "Blackwell": Support(570, None, (OPEN,), old_kernel=False),
}

# Models that need more than their architecture.
LEAST_OF_MODEL = {"RTX PRO 6000 Server": 575, "B300": 580}

# Packages. `{branch}` and `{flavour}` are filled in. With modular repositories (dnf) a stream pins the
# branch; without them (yum) the version does.
STREAM = "{branch}-{suffix}"
STREAM_SUFFIX = {OPEN: "open", PROPRIETARY: "dkms"}
DNF_PACKAGES = {
    OPEN: ["kmod-nvidia-open-dkms", "nvidia-driver-cuda"],
    PROPRIETARY: ["kmod-nvidia-latest-dkms", "nvidia-driver-cuda"],
}
YUM_PACKAGES = {
    OPEN: ["kmod-nvidia-open-dkms", "nvidia-driver-latest-dkms-cuda"],
    PROPRIETARY: ["kmod-nvidia-latest-dkms", "nvidia-driver-latest-dkms-cuda"],
}
FABRIC_MANAGER = "nvidia-fabric-manager"
FABRIC_MANAGER_UNIT = "nvidia-fabricmanager.service"
PERSISTENCE_UNIT = "nvidia-persistenced.service"

# NVIDIA's own repository, by generation and processor.
REPOSITORY = "https://developer.download.nvidia.com/compute/cuda/repos/rhel{generation}/{machine}/"
REPOSITORY_KEY = "D42D0685.pub"
REPOSITORY_MACHINES = {"x86_64": "x86_64", "aarch64": "sbsa"}
REPOSITORY_GENERATIONS = (7, 8, 9)

# Tencent Cloud's own way to a driver: what the console's choice leaves behind, and its installer.
# Source: Tencent Cloud documentation, "Installing NVIDIA Driver"; files seen in GPU images.
TENCENT_CHOICE = "/tmp/user_define_install_info.ini"
TENCENT_DIRECTORY = "/usr/local/qcloud/nv"
TENCENT_PROCESSES = ("nv_driver_install_helper.sh", "/install/GPU/auto_install.sh", "nv_gpu_conf")
