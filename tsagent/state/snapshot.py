"""The frozen settings of an instance: what its source said and what that was made into.

A resume and every later boot work from the snapshot, never from a fresh fetch.
"""

from tsagent.state import paths
from tsagent.state.store import check_format, read_json, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.host import Tree
    from tsagent.sources.data import SourceData

FORMAT = 1


class Snapshot:
    """What one instance was told. `source` and `settings` are JSON data until somebody needs more."""

    def __init__(self, source: "Dict[str, Any]", settings: "Dict[str, Any]") -> None:
        self.source = source
        self.settings = settings

    @property
    def metadata(self) -> "Dict[str, Any]":
        """The normalised public metadata."""
        metadata = self.source["metadata"]
        assert isinstance(metadata, dict)
        return metadata

    @property
    def config(self) -> "Dict[str, Any]":
        """The merged configuration."""
        config = self.settings["config"]
        assert isinstance(config, dict)
        return config


def read_snapshot(tree: "Tree", instance_id: str) -> "Optional[Snapshot]":
    """The snapshot of an instance, or None before its first run."""
    path = paths.instance_directory(instance_id) + "/settings.json"
    data = read_json(tree, path)
    if data is None:
        return None
    check_format(data, FORMAT, path)
    return Snapshot(data["source"], data["settings"])


def write_snapshot(tree: "Tree", instance_id: str, snapshot: Snapshot, source: "SourceData") -> None:
    """Freeze the settings and keep the raw bytes of user and vendor data beside them, all mode 0600."""
    directory = paths.instance_directory(instance_id)
    tree.mkdir(paths.INSTANCES, 0o700)
    tree.mkdir(directory, 0o700)
    for name, data in (("user-data", source.user_data), ("vendor-data", source.vendor_data)):
        if data is not None:
            tree.write_atomic(directory + "/" + name, data, 0o600)
    write_json(
        tree,
        directory + "/settings.json",
        {"format": FORMAT, "source": snapshot.source, "settings": snapshot.settings},
    )


def publish(tree: "Tree", snapshot: Snapshot, instance_id: str) -> None:
    """Write instance.json (public) and instance-sensitive.json (all) under /run/tsagent."""
    head = {
        "schema": "tsagent.instance/1",
        "instance_id": instance_id,
        "source": snapshot.source["source"],
        "origin": snapshot.source["origin"],
    }
    public = dict(head, metadata=snapshot.metadata)
    write_json(tree, paths.INSTANCE, public, 0o644, sync=False)
    everything = dict(public, sensitive=snapshot.source.get("sensitive", {}), config=snapshot.config)
    write_json(tree, paths.INSTANCE_SENSITIVE, everything, 0o600, sync=False)
