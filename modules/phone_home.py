"""Phone home: a form with the machine's names and public host keys, when all else is done."""

from tsagent.changes import PostForm
from tsagent.netconfig.hostnames import host_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

_KEYS = ("pub_key_rsa", "pub_key_ecdsa", "pub_key_ed25519")
_FIELDS = _KEYS + ("instance_id", "hostname", "fqdn")
_TRIES = 10
_MISSING = "N/A"  # what receivers know for a value that is not to be had


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One form. Host keys are there by now: they are made in an earlier stage."""
    settings = context.settings.get("phone_home")
    if not isinstance(settings, dict) or not settings.get("url"):
        return context.nothing("phone_home has no url")
    wanted = settings.get("post", "all")
    names = list(_FIELDS) if wanted == "all" else list(wanted)
    instance_id = str(context.instance.get("instance_id") or "")
    short, full = host_names(context)
    values = {"instance_id": instance_id, "hostname": short, "fqdn": full}
    for name in _KEYS:
        kind = name[len("pub_key_") :]
        text = context.text("/etc/ssh/ssh_host_%s_key.pub" % kind)
        if text:
            values[name] = text + "\n"
        elif name in names and wanted != "all":
            context.warn("there is no %s host key to post; %s is sent" % (kind, _MISSING))
    url = settings["url"]
    if isinstance(url, bytes):  # YAML's !!binary
        url = url.decode("utf-8", "replace")
    url = url.replace("${INSTANCE_ID}", instance_id).replace("$INSTANCE_ID", instance_id)
    form: "List[Tuple[str, str]]" = [(name, values.get(name) or _MISSING) for name in names]
    try:
        tries = int(settings.get("tries", _TRIES))
    except (TypeError, ValueError, OverflowError):  # OverflowError: infinity
        context.warn("phone_home.tries is not a number; it is posted %d times at most" % _TRIES)
        tries = _TRIES
    return iter([PostForm(url, form, tries)])
