"""Instance data under the names that cloud-init documents: `v1`, `ds` and what stands beside them.

For templates, for `tsagent query` and for instance.json. Whoever is not root sees a whitelist of the
source's own document, for nobody knows what else people write there.
Source: cloud-init's documentation, "Instance-data".
"""

import os
import sys

from tsagent.errors import AgentError
from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.host import Tree

REDACTED = "redacted for non-root user"
DS_DOC = "What the source says, in its own words; another source has others."
SYSTEM_DOC = "The image's configuration: `defaults` of /etc/tsagent/agent.yaml as top-level keys."
_CLOUDS = {"imds": "tencentcloud", "configdrive": "tencentcloud"}
_SUBPLATFORMS = {"imds": "metadata", "configdrive": "config-disk", "nocloud": "seed-dir"}
# Names of a source's own document that anybody may see, in either spelling.
_PUBLIC = frozenset(
    (
        "ami_id",
        "ami_launch_index",
        "availability_zone",
        "dsmode",
        "hostname",
        "image_id",
        "instance_id",
        "instance_name",
        "instance_type",
        "launch_index",
        "local_hostname",
        "local_ipv4",
        "mac",
        "name",
        "placement",
        "project_id",
        "public_hostname",
        "public_ipv4",
        "public_keys",
        "region",
        "uuid",
        "zone",
    )
)
# The second name that cloud-init gives a name of ours.
_ALSO = (("hostname", "local-hostname"), ("zone", "availability-zone"))
_DASHED = ("availability_zone", "cloud_name", "instance_id", "local_hostname")


def instance_data(
    source: "Dict[str, Any]", tree: "Tree", image: "Optional[Dict[str, Any]]" = None, private: bool = True
) -> "Dict[str, Any]":
    """`v1`, `ds`, `merged_system_cfg`, `merged_cfg`, `sensitive_keys`; without `private`, what all may see.

    `source` is what the source said, as `SourceData.to_json` has it; `image` are the image's own settings.
    """
    sensitive = ["merged_cfg", "merged_system_cfg", "userdata", "vendordata"]
    meta = dict(source.get("sensitive", {}).get("meta_data") or _documented(source["metadata"]))
    for name in list(meta):
        if str(name).replace("-", "_") not in _PUBLIC or not _simple(meta[name]):
            sensitive.append("ds/meta_data/%s" % name)
            if not private:
                meta[name] = REDACTED
    system: "Any" = dict(image or {}, _doc=SYSTEM_DOC) if private else REDACTED
    data: "Dict[str, Any]" = {
        "v1": version1(source, tree),
        "ds": {"_doc": DS_DOC, "meta_data": meta},
        "merged_cfg": system,
        "merged_system_cfg": system,
        "sensitive_keys": sorted(sensitive),
    }
    if not private:
        data.update(userdata=REDACTED, vendordata=REDACTED)
    return data


def version1(source: "Dict[str, Any]", tree: "Tree") -> "Dict[str, Any]":
    """The standardized names, each there whatever the source; None for what is not known."""
    meta = source["metadata"]
    kind = source["source"]
    system, node, release, _, machine = os.uname()
    name, version, codename = _distribution(tree)
    cloud = _CLOUDS.get(kind, kind)
    hostname = meta.get("hostname") or (node if tree.live else None)
    values = {
        "_beta_keys": ["subplatform"],
        "availability_zone": meta.get("zone"),
        "cloud_id": cloud,
        "cloud_name": cloud,
        "distro": name,
        "distro_release": codename,
        "distro_version": version,
        "instance_id": source["instance_id"],
        "kernel_release": release,
        "local_hostname": hostname.split(".")[0] if hostname else None,
        "machine": machine,
        "platform": kind,
        "public_ssh_keys": meta.get("public_keys", []),
        "python_version": "%d.%d.%d" % sys.version_info[:3],
        "region": meta.get("region"),
        "subplatform": "%s (%s)" % (_SUBPLATFORMS.get(kind, kind), source["origin"]),
        "system_platform": "%s-%s-%s-with-%s" % (system, release, machine, _c_library()),
        "variant": {"redhat": "rhel"}.get(name, name) or "unknown",
    }
    values.update((known.replace("_", "-"), values[known]) for known in _DASHED)
    return values


def _documented(metadata: "Dict[str, Any]") -> "Dict[str, Any]":
    """Metadata under our names and, beside them, as EC2's service spells them, which cloud-init shows."""
    meta = dict(metadata)
    for name, value in metadata.items():
        if "_" in name:
            meta[name.replace("_", "-")] = value
    for ours, theirs in _ALSO:
        if ours in metadata:
            meta.setdefault(theirs, metadata[ours])
    return meta


def _simple(value: "Any") -> bool:
    if isinstance(value, (list, dict)):
        items = value.values() if isinstance(value, dict) else value
        return all(not isinstance(item, (list, dict)) for item in items)
    return True


def _distribution(tree: "Tree") -> "Any":
    """(id, version, code name) of os-release. Not by the facts: these load `re`, and each boot asks."""
    words: "Dict[str, str]" = {}
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        text = tree.text(path)
        if text:
            for line in text.splitlines():
                key, _, value = line.partition("=")
                words[key.strip()] = value.strip().strip("\"'")
            break
    name = words.get("ID", "").lower()
    codename = words.get("VERSION_CODENAME", "")
    if not codename:
        codename = words.get("VERSION", "").partition("(")[2].partition(")")[0]
    return {"rhel": "redhat"}.get(name, name), words.get("VERSION_ID", ""), codename


def _c_library() -> str:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "libc").replace(" ", "")
    except (ValueError, OSError):
        return "libc"


# -- looking up ---------------------------------------------------------------------------------------


def find(data: "Dict[str, Any]", path: str) -> "Any":
    """The value at a dotted path, with each name in either spelling, and the names of `v1` at the top, too.

    Raises AgentError `no-such-path`.
    """
    value: "Any" = dict(data.get("v1") or {}, **data)
    walked: "List[str]" = []
    for step in path.split(".") if path else []:
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            name = _name(value, step) if isinstance(value, dict) else None
            if name is None:
                known = ", ".join(sorted(map(str, value))) if isinstance(value, dict) else "no names"
                there = "in %s" % ".".join(walked) if walked else "here"
                raise AgentError("there is no %s %s" % (step, there), "no-such-path", "there: " + known)
            value = value[name]
        walked.append(step)
    return value


def _name(value: "Dict[str, Any]", step: str) -> "Optional[str]":
    if step in value:
        return step
    plain = "".join(letter if letter.isalnum() else "_" for letter in step)
    for name in value:
        if "".join(letter if letter.isalnum() else "_" for letter in str(name)) == plain:
            return name
    return None


def told(tree: "Tree", name: str) -> str:
    """What the instance was told, `user-data` or `vendor-data`: unpacked; what is no text in base64, marked.

    Empty where there is none, or where it may not be read.
    """
    from tsagent.userdata.compressed import gunzip

    try:
        data = tree.read("%s/%s" % (paths.INSTANCE_LINK, name))
    except OSError:
        return ""
    if data[:2] == b"\x1f\x8b":
        try:
            data = gunzip(data, 32 << 20)
        except AgentError:
            pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        import base64

        return "ci-b64:" + base64.b64encode(data).decode("ascii")
