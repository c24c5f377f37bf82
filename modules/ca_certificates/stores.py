"""Where distributions keep the certificates they trust.

Source: update-ca-certificates(8) of Debian, update-ca-trust(8) of RHEL, update-ca-certificates(8) of SUSE.
The names of files are those that cloud-init gives: people refer to them.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Sequence

    from tsagent.registry.context import Context

NAME = "cloud-init-ca-cert-%s.crt"


class Store:
    """The trust store of a family of distributions."""

    def __init__(
        self,
        anchors: str,
        tool: str,
        places: "Sequence[str]",
        bundle: str,
        configuration: "Optional[str]" = None,
        shipped: str = "",
        sources: "Sequence[str]" = (),
    ) -> None:
        self.anchors = anchors  # the directory of the administrator's own
        self.tool = tool  # what makes the bundle of all sources anew
        self.places = tuple("%s/%s" % (place, tool) for place in places)
        self.bundle = bundle  # what programs read
        self.configuration = configuration  # the file that selects of the shipped ones
        self.shipped = shipped  # where those lie
        self.sources = tuple(sources)  # directories whose files are trusted without being selected

    def installed(self, context: "Context") -> bool:
        """Whether its tool is there."""
        return any(context.exists(place) for place in self.places)


_BINARIES = ("/usr/bin", "/usr/sbin")
DEBIAN = Store(
    "/usr/local/share/ca-certificates",
    "update-ca-certificates",
    _BINARIES,
    "/etc/ssl/certs/ca-certificates.crt",
    configuration="/etc/ca-certificates.conf",
    shipped="/usr/share/ca-certificates",
)
RHEL = Store(
    "/etc/pki/ca-trust/source/anchors",
    "update-ca-trust",
    _BINARIES,
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    sources=(
        "/usr/share/pki/ca-trust-source",
        "/usr/share/pki/ca-trust-source/anchors",
        "/etc/pki/ca-trust/source",
        "/etc/pki/ca-trust/source/anchors",
    ),
)
SUSE = Store(
    "/etc/pki/trust/anchors",
    "update-ca-certificates",
    _BINARIES,
    "/var/lib/ca-certificates/ca-bundle.pem",
    sources=(
        "/usr/share/pki/trust",
        "/usr/share/pki/trust/anchors",
        "/etc/pki/trust",
        "/etc/pki/trust/anchors",
    ),
)


def store_of(context: "Context") -> "Optional[Store]":
    """The trust store of the root; None where none is known."""
    family = context.facts.os.family or "unknown"
    if family == "debian":
        return DEBIAN
    if family == "suse":
        return SUSE
    if family == "fedora" or context.facts.os.rhel_generation is not None or RHEL.installed(context):
        return RHEL
    return DEBIAN if DEBIAN.installed(context) else None
