"""The package repository that has NVIDIA's driver: the one configured, or the one the user names."""

import re

from tsagent.changes.files import WriteFile
from tsagent.errors import AgentError

from . import matrix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context

DIRECTORY = "/etc/yum.repos.d"
OWN_FILE = DIRECTORY + "/tsagent-nvidia.repo"
_WORDS = ("nvidia", "cuda")


def configured(context: "Context") -> "Optional[str]":
    """The file of an enabled repository that is called after NVIDIA or CUDA, or None."""
    for name in context.listdir(DIRECTORY):
        if not name.endswith(".repo"):
            continue
        path = DIRECTORY + "/" + name
        text = (context.read(path) or b"").decode("utf-8", "replace")
        for section in re.split(r"\n(?=[ \t]*\[)", text):
            enabled = re.search(r"(?mi)^\s*enabled\s*=\s*(\S+)", section)
            if enabled and enabled.group(1).lower() in ("0", "false", "no"):
                continue
            named = re.findall(r"(?m)^\s*\[(.+?)\]|^\s*(?:baseurl|mirrorlist|metalink)\s*=\s*(.+)$", section)
            if any(word in part.lower() for pair in named for part in pair for word in _WORDS):
                return path
    return None


def repository_file(context: "Context", wanted: "Any") -> "Change":
    """The change that writes the repository the user names.

    That is `nvidia`, an address, or an object with `baseurl` and `gpgkey`. Raises AgentError
    `bad-repository`.
    """
    named = wanted if isinstance(wanted, dict) else {"baseurl": wanted}
    base, key = named.get("baseurl"), named.get("gpgkey")
    if base == "nvidia":
        base, key = _vendor(context)
    for what, address in (("baseurl", base), ("gpgkey", key)):
        if address is not None and not re.fullmatch(r"(https?|file)://[^\s@\[\]]+", str(address)):
            raise AgentError(
                "gpu_driver.repository: %s is no address of a repository" % what,
                "bad-repository",
                "an http, https or file address without a password",
            )
    lines = ["[tsagent-nvidia]", "name=NVIDIA driver", "baseurl=%s" % base, "enabled=1"]
    if key is not None:
        lines += ["gpgcheck=1", "gpgkey=%s" % key]
    elif str(base).startswith("http://"):
        raise AgentError(
            "gpu_driver.repository: %s is not encrypted, and no key is named to check its packages with"
            % base,
            "bad-repository",
            "name its gpgkey",
        )
    else:
        lines.append("gpgcheck=0")  # with the check on and no key, dnf refuses to start
    lines.append("skip_if_unavailable=0")
    text = "\n".join(lines) + "\n"
    return WriteFile(OWN_FILE, text, 0o644, "root", "root", reason="gpu_driver.repository names it")


def _vendor(context: "Context") -> "Any":
    system = context.facts.os
    machine = matrix.REPOSITORY_MACHINES.get(context.facts.cpu.architecture or "x86_64")
    generation = system.rhel_generation
    if machine is None or generation not in matrix.REPOSITORY_GENERATIONS:
        raise AgentError(
            "gpu_driver.repository: NVIDIA has none for %s on %s"
            % (system.pretty_name or system.id or "this system", context.facts.cpu.architecture),
            "bad-repository",
            "name the address of one",
        )
    base = matrix.REPOSITORY.format(generation=generation, machine=machine)
    return base, base + matrix.REPOSITORY_KEY


def stream_file(stream: str, previous: "Optional[bytes]") -> bytes:
    """The state file of the module nvidia-driver, as `dnf module enable` writes it."""
    seen = dict(
        re.findall(r"(?m)^[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", (previous or b"").decode("utf-8", "replace"))
    )
    if previous is not None and seen.get("stream") == stream and seen.get("state") == "enabled":
        return previous
    lines = ["[nvidia-driver]", "name=nvidia-driver", "stream=" + stream, "profiles=", "state=enabled"]
    return ("\n".join(lines) + "\n").encode("utf-8")
