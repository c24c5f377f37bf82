"""The config drive: an OpenStack-layout directory, or a small disk that holds one.

Read are `openstack/latest/` `meta_data.json`, `network_data.json`, `vendor_data.json`,
`vendor_data2.json` and `user_data`. The instance id is `instance_id` of `meta_data.json` where there is
one (`ins-…`), else `uuid`, as OpenStack has it.
Source: OpenStack documentation, "Config drives"; cloud-init documentation, "Config drive".
"""

import stat

from tsagent.errors import AgentError
from tsagent.host.tree import Tree
from tsagent.sources import documents
from tsagent.sources.data import SourceData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.host import Host

# The label is lower case on ISO 9660; vfat, whose labels are upper case, gives the other.
LABELS = ("/dev/disk/by-label/config-2", "/dev/disk/by-label/CONFIG-2")
FILE_SYSTEMS = "iso9660,vfat"  # the two OpenStack makes; nothing else is mounted
FINGERPRINT_BYTES = 1 << 20
MOUNT_LIMIT = 15.0  # seconds
_LATEST = "/openstack/latest/"
_FILES = ("meta_data.json", "network_data.json", "vendor_data.json", "vendor_data2.json", "user_data")
_BAD = "configdrive-bad-document"


def find(root: Tree) -> "Optional[str]":
    """The labelled drive of a root, as a path in it; None where there is none.

    A scratch root never yields a block device: those belong to the machine that prepares the root.
    """
    for path in LABELS:
        try:
            mode = root.stat(path).st_mode
        except OSError:
            continue
        if root.live or not stat.S_ISBLK(mode):
            return path
    return None


def present(directory: Tree) -> bool:
    """Whether a directory (as a Tree) has the layout of a config drive."""
    return directory.exists(_LATEST + "meta_data.json")


def fingerprint(tree: Tree, path: str) -> "Any":
    """Tells whether a drive is still the one read before, without mounting it.

    Of a directory the files' sizes, times and inodes; of a drive the SHA-256 of its first 1 MiB, which
    holds the directories of both file systems. Raises AgentError `source-unreadable`.
    """
    if tree.is_dir(path):
        inner = Tree(tree.host_path(path))
        return documents.fingerprint(inner, [_LATEST + name for name in _FILES])
    import hashlib
    import os

    digest = hashlib.sha256()
    left = FINGERPRINT_BYTES
    try:
        descriptor = os.open(tree.host_path(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            while left > 0:
                block = os.read(descriptor, min(left, 65536))
                if not block:
                    break
                digest.update(block)
                left -= len(block)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise AgentError("%s: %s" % (path, error.strerror), "source-unreadable") from None
    return "sha256:" + digest.hexdigest()


def read(host: "Host", tree: Tree, path: str, file_systems: str = FILE_SYSTEMS) -> SourceData:
    """The config drive at `path` of `tree`: a directory, a block device or an image of one.

    A drive is mounted read-only in a private directory and unmounted again; `file_systems` are those it
    may hold, as `mount -t` takes them.
    Raises AgentError: `configdrive-absent`, `configdrive-unreadable` (it cannot be mounted),
    `configdrive-bad-document` (with file, line and column), `source-unreadable`, `file-too-large`.
    """
    try:
        mode = tree.stat(path).st_mode
    except OSError as error:
        raise AgentError(
            "config drive %s: %s" % (path, error.strerror),
            "configdrive-absent",
            "name a directory, a device or an image: configdrive:PATH",
        ) from None
    before = fingerprint(tree, path)
    if stat.S_ISDIR(mode):
        data = read_directory(tree.host_path(path), path)
    else:
        data = _read_mounted(host, tree.host_path(path), path, file_systems)
    data.fingerprint = before
    return data


def _read_mounted(host: "Host", device: str, origin: str, file_systems: str) -> SourceData:
    import os
    import tempfile

    place = tempfile.mkdtemp(
        prefix="tsagent-config-drive-", dir="/run" if os.access("/run", os.W_OK) else None
    )
    try:
        options = "ro,nosuid,nodev,noexec"
        result = host.run(["mount", "-t", file_systems, "-o", options, device, place], timeout=MOUNT_LIMIT)
        if result.status != 0:
            # The first line says why; the last only refers to the kernel's log.
            why = result.text.strip().partition("\n")[0] or "mount failed"
            raise AgentError(
                "config drive %s cannot be mounted: %s" % (origin, why),
                "configdrive-unreadable",
                "it must hold a file system of %s that the kernel knows" % file_systems,
            )
        try:
            return read_directory(place, origin)
        finally:
            if host.run(["umount", place], timeout=MOUNT_LIMIT).status != 0:
                # Somebody looks at it: gone from the tree now, from the kernel when they are done.
                host.run(["umount", "--lazy", place], timeout=MOUNT_LIMIT)
    finally:
        os.rmdir(place)


def read_directory(directory: str, origin: "Optional[str]" = None) -> SourceData:
    """The config drive whose files stand under `directory` of this machine. Raises as `read` does."""
    origin = origin or directory
    tree = Tree(directory)  # links on a foreign drive lead nowhere outside it
    warnings: "List[str]" = []
    name = origin.rstrip("/") + _LATEST
    raw = documents.read_bytes(tree, _LATEST + "meta_data.json", documents.MAX_DOCUMENT)
    if raw is None:
        raise AgentError(
            "config drive %s: no openstack/latest/meta_data.json" % origin,
            "configdrive-absent",
            "it must have the layout of OpenStack",
        )
    meta_name = name + "meta_data.json"
    meta = documents.parse_json(raw, meta_name, _BAD)
    if not isinstance(meta, dict):
        raise documents.BadDocument("%s:1:1: not an object" % meta_name, _BAD)
    stated = documents.text(meta, "instance_id", "instance-id", "uuid")
    instance_id = documents.instance_id(stated, meta_name, _BAD)
    if instance_id is None:
        raise documents.BadDocument("%s: neither instance_id nor uuid" % meta_name, _BAD)
    if meta.get("files"):
        warnings.append("%s: injected files are not written: use write_files in user data" % meta_name)
    return SourceData(
        "configdrive",
        origin,
        instance_id,
        metadata=_metadata(meta, meta_name, instance_id, warnings),
        sensitive=_sensitive(meta),
        user_data=documents.read_bytes(tree, _LATEST + "user_data", documents.MAX_USER_DATA) or None,
        vendor_data=_vendor(tree, name, "vendor_data.json", warnings),
        vendor_data2=_vendor(tree, name, "vendor_data2.json", warnings),
        network=_network(tree, name, warnings),
        warnings=warnings,
    )


def _metadata(meta: "Dict[str, Any]", name: str, instance_id: str, warnings: "List[str]") -> "Dict[str, Any]":
    values = {
        "instance_id": instance_id,
        "uuid": documents.text(meta, "uuid"),
        "instance_name": documents.text(meta, "name"),
        "instance_type": documents.text(meta, "instance_type", "instance-type"),
        "hostname": documents.hostname(documents.text(meta, "hostname", "local-hostname"), name, warnings),
        "region": documents.text(meta, "region", "region_id"),
        "zone": documents.text(meta, "zone", "availability_zone"),
        "image_id": documents.text(meta, "image_id"),
    }
    metadata: "Dict[str, Any]" = {key: value for key, value in values.items() if value is not None}
    keys = documents.public_keys(meta.get("public_keys", meta.get("public-keys")))
    listed = meta.get("keys")
    for key in listed if isinstance(listed, list) else []:
        if isinstance(key, dict) and key.get("type") == "ssh":
            keys.extend(documents.public_keys(key.get("data")))
    metadata["public_keys"] = list(dict.fromkeys(keys))
    return metadata


def _sensitive(meta: "Dict[str, Any]") -> "Dict[str, Any]":
    sensitive: "Dict[str, Any]" = {"meta_data": meta}
    inner = meta.get("meta")
    password = documents.text(meta, "admin_pass")
    if password is None and isinstance(inner, dict):
        password = documents.text(inner, "admin_pass")
    if password is not None:
        sensitive["password"] = password
    return sensitive


# -- vendor data ----------------------------------------------------------------------------------


def _json(tree: Tree, prefix: str, name: str, warnings: "List[str]") -> "Any":
    """A document the boot can do without: what is wrong with it is a warning."""
    try:
        data = documents.read_bytes(tree, _LATEST + name, documents.MAX_DOCUMENT)
        if data is None or not data.strip():
            return None
        return documents.parse_json(data, prefix + name, _BAD)
    except AgentError as error:
        warnings.append("left out: %s" % error.message)
        return None


def _vendor(tree: Tree, prefix: str, name: str, warnings: "List[str]") -> "Optional[bytes]":
    """Vendor data: a text, or an object whose `cloud-init` is a text, a configuration, or a list of both."""
    value = _json(tree, prefix, name, warnings)
    if isinstance(value, dict):
        static = value.get("static")
        if "cloud-init" not in value and isinstance(static, dict):
            value = static  # where OpenStack's dynamic vendor data puts what the static file says
        if value and "cloud-init" not in value:
            warnings.append("%s%s: no `cloud-init` in it: left out" % (prefix, name))
        value = value.get("cloud-init")
    items = value if isinstance(value, list) else [value]
    parts = []
    for item in items:
        part = _part(item)
        if part is None:
            warnings.append("%s%s: a part that is neither text nor a mapping: left out" % (prefix, name))
        elif part.strip():
            parts.append(part)
    if len(parts) < 2:
        return parts[0] if parts else None
    return _multipart(parts)


def _part(item: "Any") -> "Optional[bytes]":
    import json

    if item is None:
        return b""
    if isinstance(item, str):
        return item.encode("utf-8", "surrogatepass")
    if isinstance(item, dict):
        # JSON is YAML: a configuration given as a mapping is one as text.
        return b"#cloud-config\n" + json.dumps(item).encode("ascii") + b"\n" if item else b""
    return None


def _multipart(parts: "List[bytes]") -> bytes:
    """Several parts as one MIME message; each part itself says what it is, and may be a message, too."""
    from email.mime.multipart import MIMEMultipart
    from email.mime.nonmultipart import MIMENonMultipart

    message = MIMEMultipart("mixed", boundary="=-tsagent-vendor-data-=")
    for part in parts:
        import base64

        inner = MIMENonMultipart("text", "x-not-multipart")
        inner["Content-Transfer-Encoding"] = "base64"
        inner.set_payload(base64.encodebytes(part).decode("ascii"))
        message.attach(inner)
    return message.as_bytes()


def _network(tree: Tree, prefix: str, warnings: "List[str]") -> "Optional[Dict[str, Any]]":
    config = _json(tree, prefix, "network_data.json", warnings)
    if config is None or config == {}:
        return None
    if not isinstance(config, dict) or not any(key in config for key in ("links", "networks", "services")):
        warnings.append("%snetwork_data.json: neither links nor networks: left out" % prefix)
        return None
    return {"format": "openstack", "config": config}
