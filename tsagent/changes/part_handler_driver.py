"""Runs one part handler of the user's, by cloud-init's protocol. A program of its own, never imported.

What it needs is in DATA, which stands before this text where it is run. A handler is asked for its
types, told that parts begin, given each of them, and told that they end. What it fails at is printed and
makes the exit status 1; the other parts still come. A file beside this one says that the instance has seen
its first boot.
"""

import base64
import json
import os
import sys
import traceback
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

DATA = ""  # base64 of JSON: name, source, instance_id, hostname, parts
PER_INSTANCE = "once-per-instance"
ALWAYS = "always"


class Cloud:
    """What a handler gets as `data`: as much of cloud-init's object as handlers use."""

    def __init__(self, instance_id: str, hostname: "Optional[str]") -> None:
        self.instance_id = instance_id
        self.hostname = hostname

    def get_instance_id(self) -> str:
        """The id of this instance."""
        return self.instance_id

    def get_hostname(self, fqdn: bool = False, metadata_only: bool = False) -> "Optional[str]":
        """The name that the source gives this instance."""
        return self.hostname


def main() -> int:
    """Run the handler; 1 where it failed at anything."""
    given = json.loads(base64.b64decode(DATA).decode("ascii"))
    name = given["name"]
    stand_in_for_cloud_init()
    module: "Any" = types.ModuleType(name.replace("-", "_"))
    seen = os.path.abspath(__file__) + ".seen"
    frequency = ALWAYS if os.path.exists(seen) else PER_INSTANCE
    cloud = Cloud(given["instance_id"], given["hostname"])
    try:
        exec(compile(base64.b64decode(given["source"]), name, "exec"), module.__dict__)  # noqa: S102
        wanted = getattr(module, "frequency", PER_INSTANCE)
        if wanted != ALWAYS and (wanted != PER_INSTANCE or frequency != PER_INSTANCE):
            return 0
        kinds = [str(kind).lower() for kind in module.list_types()]
    except BaseException:  # noqa: BLE001 (whatever a stranger's code raises)
        traceback.print_exc()
        return 1
    failed = not call(module, cloud, "__begin__", None, None, frequency, {})
    for part in given["parts"]:
        kind = part["type"]
        if kind not in kinds:
            print("%s does not take %s (%s): not handled" % (name, part["name"], kind), flush=True)
            continue
        payload: "Any" = base64.b64decode(part["content"])
        if kind.startswith("text/"):
            payload = payload.decode("utf-8", "surrogateescape")
        headers = {name.title(): value for name, value in part["headers"].items()}
        if not call(module, cloud, kind, part["name"], payload, frequency, headers):
            failed = True
    if not call(module, cloud, "__end__", None, None, frequency, {}):
        failed = True
    with open(seen, "w"):
        pass
    return 1 if failed else 0


def call(
    module: "Any",
    cloud: Cloud,
    kind: str,
    filename: "Optional[str]",
    payload: "Any",
    frequency: str,
    headers: "Dict[str, str]",
) -> bool:
    """Whether `handle_part` took it, called as its version wants."""
    try:
        version = int(getattr(module, "handler_version", 1))
    except (TypeError, ValueError):
        version = 1
    arguments: "Any" = [cloud, kind, filename, payload]
    if version >= 2:
        arguments.append(frequency)
    if version >= 3:
        arguments.append(dict(headers, **{"Content-Type": kind}))
    try:
        if version not in (1, 2, 3):
            raise ValueError("unknown handler_version %d" % version)
        module.handle_part(*arguments)
    except BaseException:  # noqa: BLE001 (sys.exit() in a handler ends no more than its part)
        print("the part handler failed at %s" % (filename or kind), file=sys.stderr)
        traceback.print_exc()
        return False
    finally:
        sys.stdout.flush()
    return True


def stand_in_for_cloud_init() -> None:
    """The few modules of cloud-init that handlers import, where it is not installed."""
    try:
        import cloudinit  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        pass
    else:
        return

    def made(name: str, **values: "Any") -> None:
        module = types.ModuleType(name)
        module.__dict__.update(values)
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)

    def write_file(filename: str, content: "Any", mode: int = 0o644, omode: str = "wb") -> None:
        os.makedirs(os.path.dirname(filename) or ".", exist_ok=True)
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        with open(filename, "ab" if "a" in omode else "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)

    def load_binary_file(filename: str) -> bytes:
        with open(filename, "rb") as stream:
            return stream.read()

    def load_text_file(filename: str) -> str:
        return load_binary_file(filename).decode("utf-8", "surrogateescape")

    def subp(
        args: "Any", data: "Any" = None, capture: bool = True, shell: bool = False, **_ignored: "Any"
    ) -> "Tuple[str, str]":
        import subprocess

        stream = subprocess.PIPE if capture else None
        done = subprocess.run(  # noqa: S602
            args, input=data, stdout=stream, stderr=stream, shell=shell, check=True
        )
        return (done.stdout or b"").decode("utf-8", "replace"), (done.stderr or b"").decode(
            "utf-8", "replace"
        )

    made("cloudinit", __path__=[])
    made("cloudinit.cloud", Cloud=Cloud)
    made("cloudinit.settings", PER_ALWAYS=ALWAYS, PER_INSTANCE=PER_INSTANCE, PER_ONCE="once")
    made("cloudinit.subp", subp=subp)
    made("cloudinit.handlers", CONTENT_START="__begin__", CONTENT_END="__end__")
    made(
        "cloudinit.util",
        write_file=write_file,
        load_binary_file=load_binary_file,
        load_text_file=load_text_file,
        load_file=load_text_file,
        subp=subp,
    )


if __name__ == "__main__":
    sys.exit(main())
