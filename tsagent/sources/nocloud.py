"""The NoCloud seed: `meta-data`, `user-data`, `vendor-data`, `network-config` in one directory.

`meta-data` is YAML or JSON with `instance-id`, `local-hostname` or `hostname`, `public-keys`. A seed
without an instance id is taken, as `nocloud`, with a warning: replacing such a seed by another is
then not seen as a new instance.
Source: cloud-init documentation, "NoCloud".
"""

from tsagent.errors import AgentError
from tsagent.sources import documents
from tsagent.sources.data import SourceData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.host.tree import Tree

STANDARD_PLACES = (
    "/var/lib/tsagent/seed",
    "/var/lib/cloud/seed/nocloud",
    "/var/lib/cloud/seed/nocloud-net",
)
FILES = ("meta-data", "user-data", "vendor-data", "network-config")
DEFAULT_ID = "nocloud"
_BAD = "nocloud-bad-document"


def present(tree: "Tree", directory: str) -> bool:
    """Whether a directory is a seed: one of meta-data and user-data is there."""
    return any(tree.exists(directory + "/" + name) for name in ("meta-data", "user-data"))


def find(tree: "Tree") -> "Optional[str]":
    """The first standard place of `tree` that holds a seed."""
    return next((place for place in STANDARD_PLACES if present(tree, place)), None)


def fingerprint(tree: "Tree", directory: str) -> "List[List[Any]]":
    """Tells whether the seed is still the one read before, without reading it."""
    return documents.fingerprint(tree, [directory + "/" + name for name in FILES])


def read(tree: "Tree", directory: str) -> SourceData:
    """The seed in `directory` of `tree`.

    Raises AgentError: `nocloud-absent` (no seed there), `nocloud-bad-document` (with file, line and
    column), `source-unreadable`, `file-too-large`.
    """
    directory = "/" + directory.strip("/")
    if not present(tree, directory):
        raise AgentError(
            "%s holds neither meta-data nor user-data" % directory,
            "nocloud-absent",
            "name the seed's directory: nocloud:DIR",
        )
    warnings: "List[str]" = []
    meta_name = directory + "/meta-data"
    raw = documents.read_bytes(tree, meta_name, documents.MAX_DOCUMENT)
    meta = documents.parse_mapping(raw, meta_name, _BAD) if raw is not None else {}
    given = documents.instance_id(documents.text(meta, "instance-id", "instance_id"), meta_name, _BAD)
    if given is None:
        warnings.append(
            "%s states no instance-id: taken as %r, so another seed will not be seen as a new instance"
            % (meta_name, DEFAULT_ID)
        )
    if "network-interfaces" in meta:
        warnings.append("%s: network-interfaces is ignored: use network-config" % meta_name)
    instance_id = given or DEFAULT_ID
    return SourceData(
        "nocloud",
        directory,
        instance_id,
        metadata=_metadata(meta, meta_name, instance_id, warnings),
        sensitive={"meta_data": meta} if meta else {},
        user_data=documents.read_bytes(tree, directory + "/user-data", documents.MAX_USER_DATA) or None,
        vendor_data=documents.read_bytes(tree, directory + "/vendor-data", documents.MAX_USER_DATA) or None,
        network=_network(tree, directory + "/network-config", warnings),
        warnings=warnings,
        fingerprint=fingerprint(tree, directory),
    )


def _metadata(meta: "Dict[str, Any]", name: str, instance_id: str, warnings: "List[str]") -> "Dict[str, Any]":
    values = {
        "instance_id": instance_id,
        "instance_type": documents.text(meta, "instance-type", "instance_type"),
        "hostname": documents.hostname(
            documents.text(meta, "local-hostname", "local_hostname", "hostname"), name, warnings
        ),
        "region": documents.text(meta, "region"),
        "zone": documents.text(meta, "availability-zone", "availability_zone", "zone"),
    }
    metadata: "Dict[str, Any]" = {key: value for key, value in values.items() if value is not None}
    metadata["public_keys"] = documents.public_keys(meta.get("public-keys", meta.get("public_keys")))
    return metadata


def _network(tree: "Tree", name: str, warnings: "List[str]") -> "Optional[Dict[str, Any]]":
    """The network configuration of either version, with or without its `network:` wrapper."""
    data = documents.read_bytes(tree, name, documents.MAX_DOCUMENT)
    if data is None or not data.strip():
        return None
    config = documents.parse_mapping(data, name, _BAD)
    inner = config.get("network")
    if isinstance(inner, dict):
        config = inner
    version = config.get("version")
    if version in (1, 2, "1", "2"):
        return {"format": "v%s" % version, "config": config}
    if config.get("config") == "disabled":
        return {"format": "v1", "config": {"version": 1, "config": "disabled"}}
    warnings.append("%s: no version 1 or 2 of network configuration: left out" % name)
    return None
