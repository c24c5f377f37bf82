"""Random numbers for a machine that has just begun: `random_seed`, and what the source gives."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

_FILE = "/dev/urandom"
_LIMIT = 1 << 20  # bytes of a seed


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """The seed first, then the command that may make more of it."""
    settings = context.settings.get("random_seed")
    settings = settings if isinstance(settings, dict) else {}
    seed = _given(context, settings)
    if not seed and not settings.get("command") and not settings.get("command_required"):
        return context.nothing("no seed is given")
    return _changes(context, settings, seed)


def _changes(context: "Context", settings: "Dict[str, Any]", seed: bytes) -> "Iterator[Change]":
    # Every first boot asks whether its source gives a seed, and most have none.
    from tsagent.changes.entropy import SeedCommand, SeedDevice
    from tsagent.changes.files import AppendFile
    from tsagent.changes.user_scripts import environment

    file = settings.get("file")
    if not isinstance(file, str) or not file.startswith("/"):
        if file is not None:
            context.warn("random_seed.file is not an absolute path: %s is used" % _FILE)
        file = _FILE
    if seed:
        if file.startswith("/dev/") and not file.startswith("/dev/shm/"):
            yield SeedDevice(file, seed, "random_seed")
        else:
            yield AppendFile(file, seed, 0o600, secret=True, reason="random_seed")
    command = settings.get("command")
    if (isinstance(command, list) and command) or settings.get("command_required"):
        words = command if isinstance(command, list) else []
        yield SeedCommand(words, file, bool(settings.get("command_required")), environment(context))


def _given(context: "Context", settings: "Dict[str, Any]") -> bytes:
    """The user's seed and the source's."""
    data = settings.get("data")
    meta = context.sensitive.get("meta_data")
    theirs = meta.get("random_seed") if isinstance(meta, dict) else None
    if not data and not isinstance(theirs, (str, bytes)):
        return b""
    from tsagent.changes.file_entries import decode
    from tsagent.errors import AgentError

    seed = b""
    if isinstance(data, (str, bytes)) and data:
        encoding = str(settings.get("encoding") or "raw")
        try:
            seed = decode(data, "" if encoding.strip().lower() == "raw" else encoding, _LIMIT)
        except (AgentError, UnicodeEncodeError) as error:
            why = error.message if isinstance(error, AgentError) else "it is not text"
            context.warn("random_seed.data is left out: %s" % why)
    if isinstance(theirs, (str, bytes)):
        try:
            # OpenStack, and so a config drive, gives it in base64.
            seed += decode(theirs, "base64", _LIMIT)
        except (AgentError, ValueError):
            seed += theirs.encode("utf-8", "replace") if isinstance(theirs, str) else theirs
    return seed
