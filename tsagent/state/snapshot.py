"""The frozen settings of an instance: what its source said and what that was made into.

A resume and every later boot work from the snapshot, never from a fresh fetch.
"""

from tsagent.quickjson import loads
from tsagent.state import paths
from tsagent.state.store import read_state, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.host import Tree
    from tsagent.sources.data import SourceData
    from tsagent.userdata.settings import Settings

FORMAT = 1


class Snapshot:
    """What one instance was told: the source's word as JSON data, the settings made of it, and what was
    wrong with them.

    `incomplete`: what the user data include was not fetched yet, because the network was not up.
    """

    def __init__(
        self, source: "Dict[str, Any]", settings: "Settings", warnings: "List[str]", incomplete: bool = False
    ) -> None:
        self.source = source
        self.settings = settings
        self.warnings = warnings
        self.incomplete = incomplete

    @property
    def metadata(self) -> "Dict[str, Any]":
        """The normalised public metadata."""
        metadata = self.source["metadata"]
        assert isinstance(metadata, dict)
        return metadata

    @property
    def config(self) -> "Dict[str, Any]":
        """The merged configuration."""
        return self.settings.config


def read_snapshot(tree: "Tree", instance_id: str) -> "Optional[Snapshot]":
    """The snapshot of an instance, or None before its first run."""
    path = paths.instance_directory(instance_id) + "/snapshot.json"
    found: "Optional[Snapshot]" = read_state(tree, path, FORMAT, _snapshot)
    return found


def _snapshot(data: "Dict[str, Any]") -> Snapshot:
    from tsagent.userdata.settings import Settings

    settings = Settings.from_json(data["settings"])
    snapshot = Snapshot(data["source"], settings, data["warnings"], data.get("incomplete", False))
    if not isinstance(snapshot.source["metadata"], dict) or not isinstance(snapshot.config, dict):
        raise TypeError("a snapshot without settings")
    return snapshot


def write_snapshot(tree: "Tree", instance_id: str, snapshot: Snapshot, source: "SourceData") -> None:
    """Freeze the settings and keep the raw bytes of user and vendor data beside them, all mode 0600."""
    directory = paths.instance_directory(instance_id)
    tree.mkdir(paths.INSTANCES, 0o700)
    tree.mkdir(directory, 0o700)
    for name, data in (("user-data", source.user_data), ("vendor-data", source.vendor_data)):
        if data is not None:
            tree.write_atomic(directory + "/" + name, data, 0o600)
    frozen: "Dict[str, Any]" = {
        "format": FORMAT,
        "source": snapshot.source,
        "settings": snapshot.settings.to_json(),
        "warnings": snapshot.warnings,
    }
    if snapshot.incomplete:
        frozen["incomplete"] = True
    write_json(tree, directory + "/snapshot.json", frozen)


def publish(
    tree: "Tree", snapshot: Snapshot, instance_id: str, image: "Optional[Dict[str, Any]]" = None
) -> None:
    """Write instance.json (public) and instance-sensitive.json (all) under /run/tsagent.

    `image` are the image's own settings.
    """
    from tsagent.state.instance_data import instance_data

    source = snapshot.source
    head = {
        "schema": "tsagent.instance/1",
        "instance_id": instance_id,
        "source": source["source"],
        "origin": source["origin"],
        "metadata": snapshot.metadata,
    }
    public = dict(instance_data(source, tree, image, private=False), **head)
    write_json(tree, paths.INSTANCE, public, 0o644, sync=False)
    settings = loads(snapshot.settings.to_json())  # bytes in the form JSON can hold
    everything = dict(instance_data(source, tree, image), **head)
    everything.update(sensitive=source.get("sensitive", {}), config=settings["config"])
    write_json(tree, paths.INSTANCE_SENSITIVE, everything, 0o600, sync=False)
