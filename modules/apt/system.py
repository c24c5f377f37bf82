"""What apt's system is: distribution, release, architecture, and the files of its own sources."""

from tsagent.facts.operating_system import FILES, parse_os_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.registry.context import Context

LIST = "/etc/apt/sources.list"
PARTS = "/etc/apt/sources.list.d"
# What dpkg calls the architectures that the kernel names otherwise. Source: dpkg's cputable.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "i686": "i386",
    "ppc64le": "ppc64el",
    "armv7l": "armhf",
}
# Source: the sources that the distributions' own images ship.
_ARCHIVES = {
    "debian": ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security"),
    "ubuntu": ("http://archive.ubuntu.com/ubuntu", "http://security.ubuntu.com/ubuntu"),
    "ports": ("http://ports.ubuntu.com/ubuntu-ports", "http://ports.ubuntu.com/ubuntu-ports"),
}
_KEYRINGS = {
    "debian": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "ubuntu": "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
}


class System:
    """Facts that the sources of packages depend on."""

    def __init__(self, context: "Context") -> None:
        self.id = context.facts.os.id or "debian"
        self.release = self._release(context)
        machine = context.facts.cpu.architecture or ""
        self.architecture = _ARCHITECTURES.get(machine, machine)
        self.parts = "%s/%s.sources" % (PARTS, self.id)
        self.files = (LIST, self.parts)
        self.ubuntu = self.id == "ubuntu" or "ubuntu" in (context.facts.os.id_like or [])
        kind = "debian"
        if self.ubuntu:
            kind = "ubuntu" if self.architecture in ("amd64", "i386") else "ports"
        self.primary, self.security = _ARCHIVES[kind]
        self.keyring = _KEYRINGS["ubuntu" if self.ubuntu else "debian"]

    @staticmethod
    def _release(context: "Context") -> str:
        """The code name of the release; empty where it is not known."""
        for path in FILES:
            values = parse_os_release(context.text(path) or "")
            for key in ("VERSION_CODENAME", "UBUNTU_CODENAME", "DEBIAN_CODENAME"):
                if values.get(key):
                    return values[key]
        return ""
