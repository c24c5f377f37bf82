"""What a source said, in one shape whatever the source was.

`metadata` holds these names, each only where the source states it (`instance_id` and `public_keys`
always; the metadata service also always `nics` and `volumes`):

    instance_id            "ins-3g445roi"; what the instance's directory is called after
    instance_name          as its owner named it
    uuid                   of OpenStack or of the service, as written there
    app_id                 digits
    instance_type          "S5.MEDIUM4"
    image_id               "img-…"
    hostname               short or fully qualified
    region, zone           "ap-guangzhou", "ap-guangzhou-3"
    public_keys            list of OpenSSH public keys, a key a text
    mac, local_ipv4, public_ipv4   of the primary NIC
    nics                   list, the service's order; each a dict, None for what is not known:
        mac                lower case, as the kernel writes it
        primary            whether it is eth0
        local_ipv4         its primary private address
        local_ipv4s        all of them, the primary first
        netmask, prefix    "255.255.192.0", 18
        gateway            of its subnet
        public_ipv4        bound to the primary address
        vpc_id, subnet_id
    volumes                list of cloud disk ids, "disk-…"
    spot_termination_time  "YYYY-MM-DD hh:mm:ss", UTC+8; only while being reclaimed

`sensitive` holds `password` (text) and, of local sources, `meta_data`: all of that document, raw.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

# The form written by `to_json`; raised when an older agent could misread it.
FORMAT = 1

_BYTES = ("user_data", "vendor_data", "vendor_data2")


class SourceData:
    """All that one source said about one instance.

    `source` is "imds", "configdrive", "nocloud" or "none"; `origin` the URL or path it came from.
    `metadata` is public and holds plain JSON values under normalised names; `sensitive` is never
    shown, logged or written to a readable file.
    `network` is None or `{"format": "openstack" | "v1" | "v2" | "imds", "config": {...}}`.
    `warnings` are whole sentences for the report, free of any value that could be secret.
    `fingerprint` tells whether a local source is still the one read before; None where unknown.
    """

    def __init__(
        self,
        source: str,
        origin: str,
        instance_id: str,
        metadata: "Optional[Dict[str, Any]]" = None,
        sensitive: "Optional[Dict[str, Any]]" = None,
        user_data: "Optional[bytes]" = None,
        vendor_data: "Optional[bytes]" = None,
        vendor_data2: "Optional[bytes]" = None,
        network: "Optional[Dict[str, Any]]" = None,
        warnings: "Optional[List[str]]" = None,
        fingerprint: "Any" = None,
    ) -> None:
        self.source = source
        self.origin = origin
        self.instance_id = instance_id
        self.metadata = metadata if metadata is not None else {}
        self.sensitive = sensitive if sensitive is not None else {}
        self.user_data = user_data
        self.vendor_data = vendor_data
        self.vendor_data2 = vendor_data2
        self.network = network
        self.warnings = warnings if warnings is not None else []
        self.fingerprint = fingerprint

    def __repr__(self) -> str:
        # Nothing of the content: a repr ends up in tracebacks.
        return "SourceData(source=%r, origin=%r, instance_id=%r)" % (
            self.source,
            self.origin,
            self.instance_id,
        )

    def to_json(self) -> "Dict[str, Any]":
        """Everything as JSON data (bytes as base64). Holds secrets: only for files of mode 0600."""
        import base64

        data: "Dict[str, Any]" = {"format": FORMAT}
        data.update(self.__dict__)
        for name in _BYTES:
            value = data[name]
            data[name] = None if value is None else base64.b64encode(value).decode("ascii")
        return data

    @classmethod
    def from_json(cls, data: "Any") -> "SourceData":
        """The inverse of `to_json`. Raises ValueError for data of another format or shape."""
        import base64

        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError("not source data of format %d" % FORMAT)
        fields = {name: value for name, value in data.items() if name != "format"}
        for name in _BYTES:
            if fields.get(name) is not None:
                fields[name] = base64.b64decode(fields[name])
        try:
            return cls(**fields)
        except TypeError as error:
            raise ValueError("not source data: %s" % error) from None


def none(instance_id: str) -> SourceData:
    """The data of `--source none`: nothing but an identity the caller supplies (the machine id)."""
    return SourceData("none", "none", instance_id, {"instance_id": instance_id})
