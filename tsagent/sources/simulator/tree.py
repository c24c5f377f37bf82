"""The tree the simulator serves: metadata of an invented instance of any type.

A tree is nested dicts; a leaf is text or bytes. Every value follows from the instance type, so that
two simulators of one type serve the same. What the type decides is taken from the type tables.
Source of paths, forms, versions: Tencent Cloud, "Querying Instance Metadata"; `hostname`,
`password`, `public-keys/` and `rdma-subnet` have been seen on instances but are not documented.
"""

import hashlib

from tsagent.errors import UsageError
from tsagent.facts.instance_type import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

DEFAULT_TYPE = "S5.MEDIUM4"

# A key of no owner: the base64 of an ed25519 key whose 32 bytes are a digest of a sentence.
SAMPLE_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIz8+zBC09XHDiEz9VT4eS6YWrpK1G3aSBAzQUCedA8y simulator@tsagent"
)

# Since which version of the service a top-level name (or a path) is there; the rest since 1.0.
# Names that are not documented are served in the latest version only.
SINCE = {
    "app-id": "2017-09-19",
    "as-group-id": "2017-09-19",
    "payment": "2017-09-19",
    "spot": "2017-09-19",
    "instance": "2017-09-19",
    "volumes": "2017-09-19",
    "cam": "2019-12-11",
    "hostname": "latest",
    "password": "latest",
    "public-keys": "latest",
    "rdma-subnet": "latest",
}
VERSIONS = ("1.0", "2017-09-19", "latest")


def instance_tree(
    instance_type: str = DEFAULT_TYPE,
    nics: "Optional[int]" = None,
    volumes: int = 1,
    role: "Optional[str]" = None,
    spot: "Optional[str]" = None,
    keys: "Sequence[str]" = (SAMPLE_KEY,),
    hostname: "Optional[str]" = None,
    password: "Optional[str]" = None,
) -> "Dict[str, Any]":
    """The `meta-data` tree of an instance.

    `nics` defaults to one, and to one more for each RDMA adapter of an HPC type. `role` adds role
    credentials, `spot` a termination time (`YYYY-MM-DD hh:mm:ss`, UTC+8), `password` the undocumented
    path of that name.
    """
    known = parse(instance_type)
    if nics is None:
        nics = 1
        if known.instance_class == "hpc" and known.rdma:
            nics += known.rdma["count"] or 1
    seed = hashlib.sha256(instance_type.encode("utf-8")).hexdigest()
    instance_id = "ins-" + seed[:8]
    addresses = ["10.%d.0.%d" % (104 + index, 17) for index in range(nics)]
    macs = ["52:54:00:%02X:%02X:%02X" % (int(seed[8:10], 16), int(seed[10:12], 16), i) for i in range(nics)]
    public = "139.199.11.29"
    tree = {
        "app-id": "1250000000",
        "hostname": hostname or "vm-0-17-tencentos",
        "instance-id": instance_id,
        "instance-name": "simulated " + instance_type,
        "instance": {
            "bandwidth-limit-egress": "1500000",
            "bandwidth-limit-ingress": "1500000",
            "image-id": "img-" + seed[12:20],
            "instance-type": instance_type,
            "security-group": "sg-" + seed[20:28],
        },
        "local-ipv4": addresses[0] if addresses else "",
        "mac": macs[0] if macs else "",
        "network": {"interfaces": {"macs": {}}},
        "payment": {"charge-type": "SPOTPAID" if spot else "POSTPAID_BY_HOUR"},
        "placement": {"region": "ap-guangzhou", "zone": "ap-guangzhou-3"},
        "public-ipv4": public,
        "uuid": "-".join((seed[:8], seed[8:12], "4" + seed[13:16], "a" + seed[17:20], seed[20:32])),
        "volumes": {"disk-" + seed[i : i + 8]: {} for i in range(32, 32 + volumes)},
    }  # type: Dict[str, Any]
    tree["payment"]["create-time"] = "2018-09-18 11:27:33"
    for index, mac in enumerate(macs):
        tree["network"]["interfaces"]["macs"][mac] = _nic(mac, addresses[index], public if index == 0 else "")
    if keys:
        tree["public-keys"] = {
            "skey-%s%d" % (seed[:7], i): {"openssh-key": key} for i, key in enumerate(keys)
        }
    if role:
        tree["cam"] = {"security-credentials": {role: _credentials()}}
    if spot:
        tree["spot"] = {"termination-time": spot}
    if password:
        tree["password"] = password
    if known.rdma:
        tree["rdma-subnet"] = "10.200.0.0/16"
    return tree


def _nic(mac: str, address: str, public: str) -> "Dict[str, Any]":
    network = address.rsplit(".", 2)[0]
    detail = {"gateway": network + ".0.1", "local-ipv4": address, "subnet-mask": "255.255.192.0"}
    if public:
        detail.update({"public-ipv4": public, "public-ipv4-mode": "NAT"})
    return {
        "local-ipv4s": {address: detail},
        "mac": mac,
        "vpc-id": "vpc-ja82n9op",
        "subnet-id": "subnet-ja82n9op",
        "owner-id": "1250000000",
        "primary-local-ipv4": address,
        "public-ipv4s": public,
    }


def _credentials() -> str:
    import json

    return json.dumps(
        {
            "TmpSecretId": "AKIDsimulated",
            "TmpSecretKey": "simulated-secret-key",
            "ExpiredTime": 1615590047,
            "Expiration": "2021-03-12T23:00:47Z",
            "Token": "simulated-token",
            "Code": "Success",
        },
        indent=2,
    )


def override(tree: "Dict[str, Any]", changes: "Dict[str, Any]", at: str = "") -> None:
    """Put `changes` into `tree`, in place.

    A key may be a path (`placement/zone`) or nested mappings; None takes the value away; a mapping
    merges into a directory. Raises UsageError naming the path of a value that cannot be served.
    """
    for key, value in changes.items():
        if not isinstance(key, str):
            raise UsageError("%s: the name %r is no text" % (at or "tree", key), "put it in quotes")
        names = [name for name in key.split("/") if name]
        if not names:
            raise UsageError("%s: an empty name" % (at or "tree"))
        here = tree
        for name in names[:-1]:
            below = here.get(name)
            if not isinstance(below, dict):
                below = here[name] = {}
            here = below
        path = at + "/" + "/".join(names)
        last = names[-1]
        if value is None:
            here.pop(last, None)
        elif isinstance(value, dict):
            if not isinstance(here.get(last), dict):
                here[last] = {}
            override(here[last], value, path)
        elif isinstance(value, bool) or not isinstance(value, (str, bytes, int)):
            raise UsageError("%s: a value must be text" % path, "put it in quotes")
        else:
            here[last] = value if isinstance(value, bytes) else str(value)


def find(tree: "Any", names: "List[str]") -> "Any":
    """The dict or leaf at a path, None where there is none. Case-sensitive."""
    for name in names:
        if not isinstance(tree, dict) or name not in tree:
            return None
        tree = tree[name]
    return tree


def listing(directory: "Dict[str, Any]") -> bytes:
    """A directory as the service lists it: a name a line, directories with a slash after them.

    A network interface's directory lists `local-ipv4s/` twice, as the documented answer does.
    """
    names = [name + "/" if isinstance(value, dict) else name for name, value in directory.items()]
    if "local-ipv4s/" in names and "mac" in names:
        names.append("local-ipv4s/")
    return "\n".join(names).encode("utf-8")


def of_version(tree: "Dict[str, Any]", version: str) -> "Dict[str, Any]":
    """The part of a `meta-data` tree that a version of the service knows."""
    if version == "latest":
        return tree
    return {name: value for name, value in tree.items() if SINCE.get(name, "1.0") <= version}
