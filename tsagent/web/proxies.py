"""Which proxy a request goes by: the image's, else the environment's."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional

_KEYS = ("http", "https", "no_proxy")
EXPECTED = "expected http://[USER:PASSWORD@]HOST:PORT, or {http: URL, https: URL, no_proxy: [HOST, ...]}"


def wrong(value: "Any") -> str:
    """What is wrong with `proxy:` of the image's configuration, in words; empty where nothing is."""
    if value is None:
        return ""
    if isinstance(value, str):
        return "" if _is_proxy(value) else EXPECTED
    if not isinstance(value, dict) or any(key not in _KEYS for key in value):
        return EXPECTED
    for key in ("http", "https"):
        if value.get(key) is not None and not (isinstance(value[key], str) and _is_proxy(value[key])):
            return EXPECTED
    names = value.get("no_proxy")
    if names is None or isinstance(names, str):
        return ""
    return "" if isinstance(names, list) and all(isinstance(name, str) for name in names) else EXPECTED


def proxy_for(
    scheme: str, host: str, image: "Any", environment: "Optional[Mapping[str, str]]" = None
) -> "Optional[str]":
    """The proxy's URL for a host; None to go there directly. This machine itself is always direct.

    The image's `proxy` hides the environment's as a whole.
    """
    if host in ("localhost", "::1") or host.startswith("127."):
        return None
    if image:
        settings = dict.fromkeys(("http", "https"), image) if isinstance(image, str) else image
    else:
        settings = _from_environment(environment)
    proxy = settings.get(scheme)
    if not proxy or _excepted(host, _names(settings.get("no_proxy"))):
        return None
    return proxy if "://" in proxy else "http://" + proxy


def _from_environment(environment: "Optional[Mapping[str, str]]") -> "Dict[str, Any]":
    """As curl has it: small letters first; HTTP_PROXY in capitals may be a header of a CGI script's."""
    import os

    values = os.environ if environment is None else environment

    def first(*names: str) -> "Optional[str]":
        return next((values[name] for name in names if values.get(name)), None)

    return {
        "http": first("http_proxy", "all_proxy", "ALL_PROXY"),
        "https": first("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
        "no_proxy": first("no_proxy", "NO_PROXY"),
    }


def _is_proxy(value: str) -> bool:
    from tsagent.web.problem import Failure
    from tsagent.web.urls import target

    try:
        found = target(value if "://" in value else "http://" + value)
    except Failure:
        return False
    return found.scheme == "http"


def _names(value: "Any") -> "List[str]":
    items = value.replace(",", " ").split() if isinstance(value, str) else value or []
    return [str(item).strip().lower() for item in items if str(item).strip()]


def _excepted(host: str, names: "List[str]") -> bool:
    """Whether `no_proxy` names the host: "*", a name and what is below it, an address, a network."""
    for name in names:
        if name == "*" or name.strip("[]") == host:
            return True
        if "/" in name:
            import ipaddress

            try:
                if ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False):
                    return True
            except ValueError:
                pass  # a host with a name, or no network
            continue
        name = name.partition(":")[0].lstrip("*").lstrip(".")
        if name and (host == name or host.endswith("." + name)):
            return True
    return False
