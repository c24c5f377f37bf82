"""Downloading ahead, while an image is built, what its first boots will install.

The modules that install packages plan as they will at the first boot: with the image's configuration, and
for each GPU model asked for as on a machine that has it. Instead of being applied, an installation is
downloaded; files that it needs (a repository, a module stream) are there meanwhile and put back.
"""

import contextlib
import hashlib
import json
import os

from tsagent.changes import package_store
from tsagent.changes.package_managers import PackageManager, why
from tsagent.changes.packages import InstallPackages
from tsagent.engine import results
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.registry.metadata import ModuleInfo
    from tsagent.session.session import Session

SCHEMA = "tsagent.bake/1"
_LOCK = "packages"  # what a module declares that installs packages
_FILE_CHANGES = ("write_file", "edit_file", "remove_file")
_MANAGERS = ("dnf", "yum")
_PARTIAL = package_store.DIRECTORY + "/partial"


def bake(host: "Host", gpus: "List[str]", user_data: "Optional[str]" = None) -> "Dict[str, Any]":
    """Download; a document of schema `tsagent.bake/1`.

    Raises AgentError where a GPU asked for would get no driver, and where a download fails.
    """
    from tsagent.report import Report
    from tsagent.session.options import Options
    from tsagent.session.session import Session

    options = Options(stage="all", source="none", user_data=user_data)
    session = Session(host, options, Report(), readonly=True)
    session.complete()
    document: "Dict[str, Any]" = {
        "schema": SCHEMA,
        "directory": package_store.DIRECTORY,
        "sets": [],
        "left_out": list(session.warnings()),
    }
    host.root.remove_tree(package_store.DIRECTORY)
    try:
        for info in _installing(session):
            for gpu in gpus if "gpu_driver" in info.provides else [""]:
                _bake_module(host, session, info, gpu, document)
    finally:
        host.root.remove_tree(_PARTIAL)
    for gpu in gpus:
        if not any(item["gpu"] == gpu for item in document["sets"]) and not any(
            "installed already" in line and gpu in line for line in document["left_out"]
        ):
            reasons = [line for line in document["left_out"] if " for %s:" % gpu in line]
            raise AgentError(
                "; ".join(reasons) or "nothing here installs a driver for %s" % gpu, "bake-nothing"
            )
    host.root.flush()
    return document


def _installing(session: "Session") -> "List[ModuleInfo]":
    """The modules that install packages and are not turned off."""
    return [
        info
        for name, info in sorted(session.modules.items())
        if _LOCK in info.locks and info.stage == "final" and name not in session.off
    ]


def _bake_module(
    host: "Host", session: "Session", info: "ModuleInfo", gpu: str, document: "Dict[str, Any]"
) -> None:
    title = info.name + (" for %s" % gpu if gpu else "")
    nothing = ""
    downloaded = 0
    for nvswitches in _boards(gpu):
        changes, reason = _plan(host, session, info, gpu, nvswitches)
        nothing = nothing or reason
        with _put_back(host, changes):
            for change in changes:
                if change.type in _FILE_CHANGES:
                    change.apply(host)
                elif change.type == "install_packages":
                    assert isinstance(change, InstallPackages)
                    found = _download(host, change, document["sets"])
                    if found is None:
                        nothing = "%s: installed already" % change.target
                        continue
                    downloaded += 1
                    found = dict(found, module=info.name, gpu=gpu or None)
                    if found not in document["sets"]:
                        document["sets"].append(found)
    if not downloaded and nothing and nothing != results.NOT_ASKED:
        document["left_out"].append("%s: %s" % (title, nothing))


def _boards(gpu: str) -> "List[bool]":
    from tsagent.facts.pci_tables import ON_NVSWITCHES

    return [False, True] if gpu in ON_NVSWITCHES else [False]


def _plan(host: "Host", session: "Session", info: "ModuleInfo", gpu: str, nvswitches: bool) -> "Any":
    """(changes, why there are none) of a module, as on a machine with this GPU."""
    from tsagent.engine.executor import plan_module
    from tsagent.facts import Facts
    from tsagent.facts.record import Record, Records

    facts = Facts(host.hardware, host.root)
    facts.__dict__["gpus"] = Records([_gpu(gpu)] if gpu else [])
    switch = Record(address="0000:80:00.0", device_id="22a3", model=None, driver=None, source=None)
    facts.__dict__["nvswitches"] = Records([switch] if nvswitches else [])
    facts.__dict__["virtualization"] = Record((key, None) for key in facts.virtualization)
    session.facts = host.facts = facts
    context = session.context(info)
    if info.only_with_keys and not any(key in context.settings for key in info.keys):
        return [], results.NOT_ASKED
    context.live = False  # the kernels of the image count, not the one that builds it
    changes = plan_module(info, context, host)
    return changes, "" if changes else context.reason or "nothing to install"


def _gpu(model: str) -> "Any":
    from tsagent.facts.pci import GPU_KEYS
    from tsagent.facts.pci_tables import GPUS
    from tsagent.facts.record import as_record

    for (vendor, device), (architecture, name) in sorted(GPUS.items()):
        if name == model and vendor == "10de":
            values = {
                "address": "0000:08:00.0",
                "vendor": "NVIDIA",
                "vendor_id": vendor,
                "device_id": device,
                "architecture": architecture,
                "model": name,
                "vgpu": False,
                "source": "--gpu",
            }
            return as_record(values, GPU_KEYS)
    raise AgentError("no GPU here is called %s" % model, "usage")


@contextlib.contextmanager
def _put_back(host: "Host", changes: "List[Change]") -> "Iterator[None]":
    """Undo the changes to files."""
    tree = host.root
    absent = set()
    before: "List[Tuple[str, Optional[bytes], int]]" = []
    for change in changes:
        if change.type in _FILE_CHANGES:
            path = str(change.target)
            if not tree.exists(path.rsplit("/", 1)[0]):
                absent.add(path.rsplit("/", 1)[0])
            try:
                before.append((path, tree.read(path), tree.stat(path).st_mode & 0o7777))
            except FileNotFoundError:
                before.append((path, None, 0))
    try:
        yield
    finally:
        for path, content, mode in reversed(before):
            if content is None:
                tree.unlink(path, missing_ok=True)
                directory = path.rsplit("/", 1)[0]
                if directory in absent and not tree.listdir(directory):
                    tree.remove_tree(directory)
            else:
                tree.write_atomic(path, content, mode)


def _download(
    host: "Host", change: InstallPackages, sets: "List[Dict[str, Any]]"
) -> "Optional[Dict[str, Any]]":
    """One set: the packages that the image lacks, with all that they need. None where it has them all.

    `sets` are there already.
    """
    manager = PackageManager(host, change.manager)
    if manager.name not in _MANAGERS:
        raise AgentError(
            "packages can be downloaded ahead by %s, and here the package manager is %s"
            % (" or ".join(_MANAGERS), manager.name),
            "no-package-manager",
        )
    missing, unclear = manager.missing(change.packages)
    wanted = missing + unclear
    if not wanted:
        return None
    words = [manager.word(item) for item in wanted]
    for item in sets:
        if (item["packages"], item["variant"]) == (words, change.variant):
            return item
    tree = host.root
    tree.remove_tree(_PARTIAL)
    tree.mkdir(_PARTIAL)
    result = manager.download(wanted, tree.host_path(_PARTIAL))
    names = [name for name in tree.listdir(_PARTIAL) if name.endswith(".rpm")]
    if result.status != 0 or not names:
        raise AgentError(
            "%s cannot be downloaded: %s" % (", ".join(words), why(result)),
            "packages-missing",
            "check the names and that the repositories can be reached",
        )
    tree.mkdir(package_store.FILES)
    total = 0
    for name in names:
        total += tree.stat("%s/%s" % (_PARTIAL, name)).st_size
        _sync(host, "%s/%s" % (_PARTIAL, name))
        tree.rename("%s/%s" % (_PARTIAL, name), "%s/%s" % (package_store.FILES, name))
    data = {
        "format": package_store.FORMAT,
        "manager": manager.name,
        "variant": change.variant,
        "packages": words,
        "files": names,
    }
    key = hashlib.sha256(json.dumps([words, change.variant]).encode("utf-8")).hexdigest()[:12]
    text = json.dumps(data, indent=1) + "\n"
    tree.write_atomic("%s/%s.json" % (package_store.DIRECTORY, key), text.encode("utf-8"), 0o644)
    return {"packages": words, "variant": change.variant, "files": names, "bytes": total}


def _sync(host: "Host", path: str) -> None:
    descriptor = host.root.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
