"""What says how the network is to be: the first that says anything. Looks only.

The order is cloud-init's: the kernel's command line, the image's configuration, the source; and nothing.
"""

from tsagent.errors import AgentError
from tsagent.netconfig.checking import NO_VERSION, says_nothing
from tsagent.netconfig.readers import format_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Tuple

    from tsagent.registry.context import Context

DISABLED = "disabled"
IMAGE = "network: in the configuration"
KERNEL = "network-config= on the kernel command line"


def configuration(context: "Context", settings: "Dict[str, Any]") -> "Tuple[str, Any, str]":
    """The format, the configuration and where it is from.

    The format is one of `readers.FORMATS`, DISABLED, or empty where nothing says anything. What cannot be
    read on the kernel's command line is told and passed over: a machine that nobody reaches helps nobody.
    """
    given = context.facts.kernel.parameters or {}
    word = given.get("network-config")
    if word == DISABLED:
        return DISABLED, None, "network-config=disabled on the kernel command line"
    if isinstance(word, str) and word:
        try:
            form, config = _decode(word)
            return form, config, KERNEL
        except AgentError as error:
            context.warn("%s; it is passed over" % error)
    if settings.get("config") == DISABLED:
        return DISABLED, None, IMAGE
    config = settings["config"] if isinstance(settings.get("config"), dict) else settings
    form = format_of(config) or format_of({"version": settings.get("version")})
    if form in ("v1", "v2"):
        return form, config, IMAGE
    if not says_nothing(config):
        context.warn("%s %s" % (IMAGE, NO_VERSION))
    if context.network is not None and context.network.get("format") and not context.provisional:
        config = context.network.get("config")
        if isinstance(config, dict) and config.get("config") == DISABLED:
            return DISABLED, None, "the instance's network data"
        return str(context.network.get("format")), config, "the instance's network data"
    if context.provisional:
        return "", None, "no answer of the metadata service yet"
    return "", None, "no network configuration"


def _decode(word: str) -> "Tuple[str, Any]":
    """A configuration in base64 (plain or gzip), as the kernel's command line carries it."""
    import base64
    import binascii
    import zlib

    from tsagent import netconfig

    try:
        data = base64.b64decode(word, validate=True)
        if data[:2] == b"\x1f\x8b":
            data = zlib.decompressobj(31).decompress(data, 1 << 20)
    except (binascii.Error, zlib.error, ValueError):
        raise AgentError(
            "%s is neither `disabled` nor a configuration in base64" % KERNEL, "network-config"
        ) from None
    return netconfig.parse(data, KERNEL)
