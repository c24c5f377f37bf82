"""hypothesis strategies for user data: configurations near to right ones, YAML text, and containers."""

import base64
import gzip
import json

from hypothesis import strategies as st
from user_data_targets import HOWS, schemas, seeds

WORDS = [
    "", "a", "no", "0644", "22:22", "1.10", "~", "{", "[", "- x", "a: b", "*a", "&a b", "!x y", "|", ">",
    "#", "%", "@", "`", "'", '"', "<<", "=", "1e3", ".nan", ".inf", "0x1f", "1_0", "2024-01-01", "2024-13-99",
    "\t", "\u00a0x", "\uff1a", "\u201cx\u201d", "\u4f60\u597d", "\U0001f600", "x" * 300, "../../etc",
    "root:root", "$HOME", "{{ v1.instance_id }}",
]  # fmt: skip
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=8),
)


def keys():
    """The top-level keys, and some that are none."""
    known = sorted({key for schema in schemas() for key in schema.get("properties", {})})
    return st.one_of(
        st.sampled_from(known), st.sampled_from(["vendor_data", "merge_how", "launch-index", "snap", "x"])
    )


def names():
    """Keys that stand below them."""
    found = set()

    def visit(value):
        if isinstance(value, dict):
            if isinstance(value.get("properties"), dict):
                found.update(value["properties"])
            for item in value.values():
                visit(item)
        elif isinstance(value, list):
            for item in value:
                visit(item)

    for schema in schemas():
        visit(schema)
    return st.sampled_from(sorted(found) + ["x", "<<"])


def values():
    """Any plain data, with the keys that schemas know."""

    def inner(below):
        return st.one_of(st.lists(below, max_size=4), st.dictionaries(names(), below, max_size=4))

    return st.recursive(scalars, inner, max_leaves=12)


def examples():
    """The values of the examples' keys: what is right, to be made wrong."""
    import yaml

    found = []
    for text in seeds():
        if text.startswith(b"#cloud-config\n"):
            try:
                config = yaml.safe_load(text.decode("utf-8"))
            except yaml.YAMLError:
                continue
            found.extend(item for item in (config or {}).items() if json.dumps(item, default=str))
    return found


@st.composite
def near_right(draw):
    """An example's key with one thing in it changed."""
    key, value = draw(st.sampled_from(EXAMPLES))
    value = json.loads(json.dumps(value, default=str))
    place, at = {key: value}, key
    while isinstance(place[at], (dict, list)) and place[at] and draw(st.booleans()):
        place = place[at]
        at = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
    change = draw(st.integers(0, 3))
    if change == 0:
        place[at] = draw(values())
    elif change == 1 and isinstance(place, dict) and place is not value:
        place[str(at) + draw(st.sampled_from(["x", "-", " "]))] = place.pop(at)
    elif change == 2 and isinstance(place[at], list):
        place[at] = place[at] * 2
    return {key: place.get(key, value) if isinstance(place, dict) else value}


EXAMPLES = examples()


@st.composite
def configurations(draw):
    """A configuration as YAML or JSON text."""
    config = {}
    for part in draw(
        st.lists(st.one_of(near_right(), st.dictionaries(keys(), values(), max_size=2)), max_size=4)
    ):
        config.update(part)
    if draw(st.booleans()):
        return json.dumps(config).encode("utf-8")
    return _dumped(config).encode("utf-8", "replace")


def _dumped(config):
    import yaml

    return yaml.safe_dump(config, default_flow_style=False, allow_unicode=True)


@st.composite
def texts(draw):
    """Lines that look like YAML."""
    lines = []
    for _ in range(draw(st.integers(0, 8))):
        indentation = draw(st.sampled_from(["", "  ", "    ", "\t", " \u00a0", "- "]))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            lines.append("%s%s: %s" % (indentation, draw(keys()), draw(st.sampled_from(WORDS))))
        elif kind == 1:
            lines.append("%s- %s" % (indentation, draw(st.sampled_from(WORDS))))
        elif kind == 2:
            lines.append("%s%s:" % (indentation, draw(names())))
        else:
            lines.append(indentation + draw(st.text(max_size=12)))
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines).encode("utf-8", "replace") + b"\n"


def bodies():
    """Cloud-config without its first line."""
    return st.one_of(configurations(), texts())


HEADERS = [
    b"#cloud-config\n", b"#cloud-config-archive\n", b"#cloud-config-jsonp\n", b"#!/bin/sh\n",
    b"#cloud-boothook\n",
    b"#include\n", b"## template: jinja\n#cloud-config\n", b"#part-handler\n", b"#clod-config\n",
    b"\xef\xbb\xbf#cloud-config\n",
]  # fmt: skip


@st.composite
def files(draw):
    """User data of any format."""
    body = draw(st.one_of(bodies(), st.binary(max_size=40)))
    data = draw(st.sampled_from(HEADERS)) + body
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return gzip.compress(data)
    if kind == 1:
        return base64.b64encode(data)
    if kind == 2:
        types = [
            "text/cloud-config",
            "text/plain",
            "text/x-shellscript",
            "text/jinja2",
            "application/octet-stream",
        ]
        lines = [b"Content-Type: multipart/mixed; boundary=b", b""]
        for _ in range(draw(st.integers(0, 3))):
            lines += [b"--b", b"Content-Type: " + draw(st.sampled_from(types)).encode("ascii")]
            how = draw(st.sampled_from(HOWS))
            if how:
                lines.append(b"Merge-Type: " + how.encode("ascii"))
            part = draw(bodies())
            if draw(st.booleans()):
                lines.append(b"Content-Transfer-Encoding: base64")
                part = base64.b64encode(part)
            lines += [b"", part]
        return b"\n".join(lines + draw(st.sampled_from([[b"--b--", b""], [b"--b"], []])))
    if kind == 3 and data:
        at = draw(st.integers(0, len(data) - 1))
        return data[:at] + draw(st.binary(max_size=3)) + data[at + 1 :]
    return data


@st.composite
def several(draw):
    """Parts for `merge_parts`."""
    parts = draw(st.lists(bodies(), max_size=4))
    return bytes([draw(st.integers(0, 5))]) + b"\x00".join(parts)


STRATEGIES = {"decode-and-merge": files, "merge-parts": several, "validate": bodies, "annotate": files}
