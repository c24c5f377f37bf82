"""What is asked of the metadata service, in which order, and what becomes of it.

First what a boot cannot do without (instance id, user data), then what modules use, then what is nice
to know. A listing is asked for where it saves asking for what is absent; values that another answer
already implies are not asked for (the address of a NIC that has only one stands in its listing).
A one-NIC instance takes at most 25 requests; extras are left out, not asked, when many keys would
take it past that.
Source: Tencent Cloud, "Querying Instance Metadata"; `hostname`, `password` and `public-keys/` are
undocumented and taken only where they are listed.
"""

from tsagent.errors import AgentError
from tsagent.sources.data import SourceData
from tsagent.sources.imds import shapes
from tsagent.sources.imds.client import MAX_USER_DATA, Client
from tsagent.sources.imds.transport import CONNECT_LIMIT, REQUEST_LIMIT, Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from tsagent.host.clock import Clock
    from tsagent.sources.imds.client import Trace

DEADLINE = 120.0  # seconds for a whole crawl

MAX_REQUESTS = 25  # for an instance of one NIC
MORE_FOR_A_NIC = 8
MAX_NICS = 64

ROOT = "/latest/meta-data/"


def fetch(
    base_url: str,
    clock: "Clock",
    deadline: float = DEADLINE,
    trace: "Optional[Trace]" = None,
    request_limit: float = REQUEST_LIMIT,
    connect_limit: float = CONNECT_LIMIT,
    random: "Optional[Callable[[], float]]" = None,
) -> SourceData:
    """Everything the metadata service at `base_url` says about this instance.

    `deadline` bounds the whole in seconds, by `clock.monotonic()`; waits go through `clock.sleep()`.
    `trace` is called with a dict after each request: path, try, seconds, outcome.
    Raises AgentError `imds-unreachable`, `imds-timeout` or `imds-bad-answer` when the instance id, or
    a definite word on the user data, could not be had. All else that is missing is a warning.
    """
    base = base_url.rstrip("/")
    transport = Transport(base, clock, request_limit, connect_limit)
    client = Client(transport, clock, deadline, random, trace)
    try:
        return Crawl(client, base).run()
    finally:
        transport.close()


def credentials(
    base_url: str,
    clock: "Clock",
    role: "Optional[str]" = None,
    deadline: float = 10.0,
    random: "Optional[Callable[[], float]]" = None,
) -> "Dict[str, Any]":
    """The temporary credentials of the instance's role: secret, short-lived, so never part of a crawl.

    `role` defaults to the only one listed. Returns the service's own fields (`TmpSecretId`,
    `TmpSecretKey`, `Token`, `ExpiredTime`, `Expiration`). Raises AgentError `imds-no-role` where the
    instance has none, and as `fetch` does.
    """
    base = base_url.rstrip("/")
    directory = ROOT + "cam/security-credentials/"
    transport = Transport(base, clock)
    client = Client(transport, clock, deadline, random)
    try:
        if role is None:
            names = client.required(directory, shapes.listing) or []
            if len(names) > 1:
                raise AgentError("the instance has several roles", "imds-no-role", "name the one to use")
            role = names[0] if names else None
        found = client.required(directory + role, _credential) if role else None
    finally:
        transport.close()
    if found is None:
        raise AgentError(
            "no credentials at %s%s" % (base, directory), "imds-no-role", "bind a CAM role to the instance"
        )
    return found


def _credential(body: bytes) -> "Dict[str, Any]":
    import json

    try:
        found = json.loads(shapes.text(body))
    except ValueError:
        raise ValueError("something that is no credential document") from None
    if not isinstance(found, dict) or found.get("Code") != "Success":
        raise ValueError("a credential document without success")
    if not all(isinstance(found.get(key), str) for key in ("TmpSecretId", "TmpSecretKey", "Token")):
        raise ValueError("a credential document without its keys")
    return found


class Crawl:
    """One walk through the tree, filling a SourceData."""

    def __init__(self, client: Client, base: str) -> None:
        self._client = client
        self._base = base
        self._data: "Dict[str, Any]" = {}
        self._sensitive: "Dict[str, Any]" = {}
        self._top: "List[str]" = []
        self._allowance = MAX_REQUESTS
        # MAC address in lower case -> as the service spells it: its paths are case-sensitive.
        self._spelling: "Dict[str, str]" = {}

    def run(self) -> SourceData:
        """All of it."""
        client = self._client
        path = ROOT + "instance-id"
        instance_id = client.required(path, _present(shapes.token))
        if instance_id is None:
            raise AgentError(
                "metadata service: GET %s%s: absent (404)" % (self._base, path),
                code="imds-bad-answer",
                hint="this is no metadata service of Tencent Cloud; check the address given with imds:",
            )
        self._data["instance_id"] = instance_id
        user_data = self._user_data()
        self._top = self._list("")
        self._keep("instance_type", "instance/instance-type", shapes.token)
        self._keep("image_id", "instance/image-id", shapes.token)
        self._keep("zone", "placement/zone", shapes.token)
        self._keep("region", "placement/region", shapes.token)
        self._data["public_keys"] = self._public_keys()
        self._listed("hostname", "hostname", shapes.hostname)
        nics = self.nics()
        self._data["nics"] = nics
        self._data["volumes"] = [name.rstrip("/") for name in self._list("volumes/")]
        self._password()
        self._extras(nics)
        return SourceData(
            "imds",
            self._base,
            instance_id,
            metadata={key: value for key, value in self._data.items() if value is not None},
            sensitive=self._sensitive,
            user_data=user_data,
            network={"format": "imds", "config": {"nics": nics}} if nics else None,
            warnings=client.warnings,
        )

    # -- asking -----------------------------------------------------------------------------------

    def _value(self, path: str, shape: "Callable[[bytes], str]") -> "Optional[str]":
        return self._client.optional(ROOT + path, shape) or None

    def _list(self, path: str) -> "List[str]":
        return self._client.optional(ROOT + path, shapes.listing) or []

    def _keep(self, key: str, path: str, shape: "Callable[[bytes], str]") -> None:
        """A documented value: asked for whatever the listing holds (a documented listing lacks some)."""
        self._data[key] = self._value(path, shape)

    def _listed(self, key: str, path: str, shape: "Callable[[bytes], str]") -> None:
        """A value asked for only where the top listing shows it."""
        if path in self._top:
            self._data[key] = self._value(path, shape)

    def _room(self) -> bool:
        """Whether another extra fits the number of requests an instance may take."""
        return self._client.asked < self._allowance

    # -- parts ------------------------------------------------------------------------------------

    def _user_data(self) -> "Optional[bytes]":
        """User data, or None.

        A boot without the user's word would be remembered as done, so silence here is an error. A
        refusal (a redirect, 403, too many bytes) is a warning: asking again will not help.
        """
        client = self._client
        try:
            return client.required("/latest/user-data", shapes.user_data, MAX_USER_DATA) or None
        except AgentError as error:
            if error.code != "imds-bad-answer" or client.remaining() < 0.1:
                raise
            client.warnings.append("user data left out: " + error.message)
            return None

    def _public_keys(self) -> "List[str]":
        keys: "List[str]" = []
        for name in self._list("public-keys/"):
            path = "%spublic-keys/%s/openssh-key" % (ROOT, shapes.key_id(name))
            keys.extend(self._client.optional(path, shapes.openssh_keys) or [])
        return list(dict.fromkeys(keys))

    def _password(self) -> None:
        if "password" in self._top:
            password = self._value("password", shapes.line)
            if password:
                self._sensitive["password"] = password

    def nics(self) -> "List[Dict[str, Any]]":
        """The network cards: addresses, mask and gateway of each."""
        names = self._list("network/interfaces/macs/")
        good = [name for name in names if shapes.is_mac(name.rstrip("/"))]
        if len(good) < len(names):
            odd = len(names) - len(good)
            self._warn("%d entries of network/interfaces/macs/ are no MAC addresses" % odd)
        if len(good) > MAX_NICS:
            self._warn("only the first %d of %d network interfaces were read" % (MAX_NICS, len(good)))
        good = good[:MAX_NICS]
        self._allowance += MORE_FOR_A_NIC * max(0, len(good) - 1)
        primary = self._primary(good)
        self._spelling = {name.rstrip("/").lower(): name.rstrip("/") for name in good}
        return [self._nic(name, mac == primary) for mac, name in self._spelling.items()]

    def _primary(self, names: "List[str]") -> "Optional[str]":
        """The MAC of eth0: the only one, the one the service names, or the first listed."""
        macs = [name.rstrip("/").lower() for name in names]
        named = self._value("mac", shapes.mac) if len(macs) != 1 else None
        primary = named or (macs[0] if macs else None)
        self._data["mac"] = primary
        return primary

    def _nic(self, name: str, primary: bool) -> "Dict[str, Any]":
        top = "network/interfaces/macs/%s/" % name
        present = self._list(top)
        nic = {
            "mac": name.lower(),
            "primary": primary,
            "local_ipv4": None,
            "local_ipv4s": [],
            "netmask": None,
            "prefix": None,
            "gateway": None,
            "public_ipv4": None,
            "vpc_id": None,
            "subnet_id": None,
        }  # type: Dict[str, Any]
        addresses = [entry.rstrip("/") for entry in self._list(top + "local-ipv4s/")]
        good = [address for address in addresses if shapes.is_ipv4(address)]
        if len(good) < len(addresses):
            self._warn("local-ipv4s/ of %s holds something that is no IPv4 address" % name)
        first = good[0] if good else None
        if len(good) != 1 and "primary-local-ipv4" in present:
            first = self._value(top + "primary-local-ipv4", shapes.ipv4) or first
        if first is None:
            self._warn("network interface %s has no address the service could name" % name)
            return nic
        nic["local_ipv4"] = first
        nic["local_ipv4s"] = [first] + [address for address in good if address != first]
        # All addresses of an interface are of one subnet: its first stands for them.
        under = "%slocal-ipv4s/%s/" % (top, first)
        nic["gateway"] = self._value(under + "gateway", shapes.ipv4)
        nic["netmask"] = self._value(under + "subnet-mask", shapes.netmask)
        nic["prefix"] = shapes.prefix_of(nic["netmask"]) if nic["netmask"] else None
        return nic

    def _extras(self, nics: "List[Dict[str, Any]]") -> None:
        """What is nice to know, while the number of requests allows."""
        first = next((nic for nic in nics if nic["primary"]), None)
        if first is not None:
            self._data["local_ipv4"] = first["local_ipv4"]
        elif self._room():
            self._keep("local_ipv4", "local-ipv4", shapes.ipv4)
        wanted = [
            ("instance_name", "instance-name", shapes.line),
            ("public_ipv4", "public-ipv4", shapes.ipv4),
            ("uuid", "uuid", shapes.token),
            ("app_id", "app-id", shapes.digits),
        ]  # type: List[Any]
        for key, path, shape in wanted:
            if self._room():
                self._listed(key, path, shape)
        if "spot/" in self._top and self._room():
            self._keep("spot_termination_time", "spot/termination-time", shapes.datetime)
        if first is not None:
            first["public_ipv4"] = self._data.get("public_ipv4")
        for nic in nics:
            self._nic_extras(nic)

    def _nic_extras(self, nic: "Dict[str, Any]") -> None:
        top = "network/interfaces/macs/%s/" % self._spelling[nic["mac"]]
        present = self._list(top)
        for key, leaf in (("vpc_id", "vpc-id"), ("subnet_id", "subnet-id")):
            if leaf in present and self._room():
                nic[key] = self._value(top + leaf, shapes.token)
        if not nic["primary"] and nic["local_ipv4"] and self._room():
            path = "%slocal-ipv4s/%s/public-ipv4" % (top, nic["local_ipv4"])
            nic["public_ipv4"] = self._value(path, shapes.ipv4)

    def _warn(self, words: str) -> None:
        self._client.warnings.append("metadata service: " + words)


def _present(shape: "Callable[[bytes], str]") -> "Callable[[bytes], str]":
    """The same shape, for a value that must not be empty."""

    def check(body: bytes) -> str:
        value = shape(body)
        if not value:
            raise ValueError("an empty answer")
        return value

    return check
