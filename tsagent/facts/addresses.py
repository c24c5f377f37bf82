"""IP addresses and gateways: the one place that knows where they come from.

On the machine itself they come from `netifaces`, imported here and nowhere else. With a recorded tree
they come from `addresses.json` at its top, which is the form `gather` returns:

    {"interfaces": {"eth0": {"ipv4": [{"address": "10.0.0.17", "prefix": 24}],
                             "ipv6": [{"address": "fe80::5054:ff:fe00:1", "prefix": 64}]}},
     "gateways": [{"interface": "eth0", "address": "10.0.0.1", "family": "ipv4", "default": true}]}

`default` marks the gateway the system prefers in its family. Prefixes are numbers of bits.
"""

from tsagent.errors import AgentError
from tsagent.facts.record import Record, as_records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.facts import Facts
    from tsagent.host.tree import Tree

RECORDED = "/addresses.json"
_LIMIT = 1 << 20


def gather(facts: "Facts") -> Record:
    """{"interfaces", "gateways", "source", "problem"}: `problem` says why addresses are unknown."""
    if facts.addresses is not None:
        return _checked(facts.addresses, "given")
    if facts.hardware.root != "/":
        return _recorded(facts.hardware)
    try:
        import netifaces
    except ImportError as error:
        return _unknown("netifaces", "the Python module netifaces cannot be imported: %s" % error)
    try:
        return _live(netifaces)
    except (OSError, ValueError) as error:
        return _unknown("netifaces", "netifaces failed: %s" % error)


def prefix_length(netmask: "Optional[str]") -> "Optional[int]":
    """The length of a netmask: "255.255.255.0" 24, "ffff:ffff::/32" 32, "ffff:ffff:ffff:ffff::" 64."""
    if not netmask:
        return None
    mask, slash, length = netmask.partition("/")
    if slash:
        return int(length) if length.isdigit() and int(length) <= 128 else None
    import _socket  # of `socket` only its C part is needed

    family = _socket.AF_INET6 if ":" in mask else _socket.AF_INET
    try:
        packed = _socket.inet_pton(family, mask)
    except OSError:
        return None
    bits = "".join("{:08b}".format(byte) for byte in packed)
    length_found = len(bits.rstrip("0"))
    return length_found if "0" not in bits[:length_found] else None


def _live(netifaces: "Any") -> Record:
    families = (("ipv4", netifaces.AF_INET), ("ipv6", netifaces.AF_INET6))
    interfaces = Record()
    for name in netifaces.interfaces():
        try:
            listed = netifaces.ifaddresses(name)
        except ValueError:
            continue  # the interface went away between the two calls
        interfaces[name] = Record(
            (key, [_address(entry) for entry in listed.get(family, []) if entry.get("addr")])
            for key, family in families
        )
    gateways = []
    listed = netifaces.gateways()
    preferred = listed.get("default", {})
    for key, family in families:
        for entry in listed.get(family, []):
            gateways.append(
                Record(
                    interface=entry[1],
                    address=str(entry[0]).split("%")[0],
                    family=key,
                    default=tuple(preferred.get(family, ())) == tuple(entry[:2]),
                )
            )
    return Record(interfaces=interfaces, gateways=gateways, source="netifaces", problem=None)


def _address(entry: "Dict[str, str]") -> Record:
    return Record(
        address=entry["addr"].split("%")[0], prefix=prefix_length(entry.get("netmask") or entry.get("mask"))
    )


def _recorded(tree: "Tree") -> Record:
    import json

    try:
        data = json.loads(tree.read(RECORDED, _LIMIT).decode("utf-8"))
    except (OSError, AgentError) as error:
        return _unknown(RECORDED, "no recorded addresses: %s" % error)
    except (ValueError, RecursionError) as error:
        return _unknown(RECORDED, "the recorded addresses are not JSON: %s" % error)
    return _checked(data, RECORDED)


def _checked(data: "Any", source: str) -> Record:
    """Recorded data of the right shape; entries of another shape are left out."""
    if not isinstance(data, dict):
        return _unknown(source, "addresses must be a JSON object")
    interfaces = Record()
    listed = data.get("interfaces")
    for name, families in (listed if isinstance(listed, dict) else {}).items():
        families = families if isinstance(families, dict) else {}
        interfaces[name] = Record((key, _addresses(families.get(key))) for key in ("ipv4", "ipv6"))
    gateways = []
    for entry in _dicts(data.get("gateways")):
        if isinstance(entry.get("interface"), str) and isinstance(entry.get("address"), str):
            gateways.append(
                Record(
                    interface=entry["interface"],
                    address=entry["address"],
                    family="ipv6" if ":" in entry["address"] else "ipv4",
                    default=entry.get("default") is True,
                )
            )
    return Record(interfaces=interfaces, gateways=gateways, source=source, problem=None)


def _addresses(value: "Any") -> "List[Record]":
    return [
        as_records({"address": entry["address"], "prefix": entry.get("prefix")})
        for entry in _dicts(value)
        if isinstance(entry.get("address"), str)
    ]


def _dicts(value: "Any") -> "List[Dict[str, Any]]":
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _unknown(source: str, problem: str) -> Record:
    return Record(interfaces=Record(), gateways=[], source=source, problem=problem)
