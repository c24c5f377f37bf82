"""What must hold for any user data: the targets of the fuzzers.

Each takes bytes, and raises where something is wrong: an exception that escapes, a problem without a place,
a configuration that is not plain data, a boot's configuration that is still wrong.
"""

import glob
import json
import os

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOWS = (
    "",
    "list(append)+dict(recurse_list)+str()",
    "dict(replace)+list()+str(append)",
    "list(prepend,recurse_dict)+dict(no_replace,recurse_str)+str(append)",
    "dict(allow_delete,recurse_array)+list(no_replace)",
    "nonsense(",
)
_SCHEMAS = []


def schemas():
    """The schemas of the checkout's modules."""
    if not _SCHEMAS:
        for path in sorted(glob.glob(os.path.join(CHECKOUT, "schemas", "*.json"))):
            with open(path, encoding="utf-8") as stream:
                _SCHEMAS.append(json.load(stream))
    return _SCHEMAS


def seeds():
    """The documentation's examples and the tests' user data, to begin with."""
    found = glob.glob(os.path.join(CHECKOUT, "docs", "examples", "*", "*.yaml"))
    found.append(os.path.join(CHECKOUT, "tests", "benchmarks", "user-data.yaml"))
    for path in sorted(found):
        with open(path, "rb") as stream:
            yield stream.read()
    yield b"#!/bin/sh\necho a\n"
    yield b"#include\nhttp://127.0.0.1:9/a\n"
    yield b"#cloud-config-archive\n- type: text/cloud-config\n  content: |\n    fqdn: a\n- '#!/bin/sh'\n"
    yield b'#cloud-config-jsonp\n[{"op": "add", "path": "/runcmd", "value": ["a"]}]\n'
    yield b"## template: jinja\n#cloud-config\nfqdn: {{ v1.instance_id }}\n{% if 1 %}runcmd: [a]{% endif %}\n"
    yield (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/cloud-config\n"
        b"Merge-Type: list(append)+dict(recurse_list)\n\nruncmd: [a]\n"
        b"--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--b--\n"
    )
    yield b"#cloud-config\na: &a {b: [1, 0644, 22:22, no, 1.10]}\n<<: *a\nc: !!binary aGVsbG8=\n"
    yield b"#cloud-config\nd: 2024-01-01\ne: [~, .nan, 0x1f, 1_000]\n"


def _plain(value):
    if isinstance(value, dict):
        for key, item in value.items():
            assert isinstance(key, str), key
            _plain(item)
    elif isinstance(value, list):
        for item in value:
            _plain(item)
    else:
        assert value is None or isinstance(value, (str, int, float, bool, bytes)), type(value)


def _problems(found):
    for problem in found:
        assert problem.severity in ("error", "warning")
        assert problem.message and "\n" not in str(problem) and "\x1b" not in str(problem), str(problem)
        assert problem.line >= 0 and problem.column >= 0
        assert problem.path == "" or problem.path.startswith("/"), problem.path


def assembled(data, **more):
    """Decode and merge; what comes out is plain data, and survives its own file."""
    from tsagent.userdata.assemble import assemble
    from tsagent.userdata.settings import Settings

    settings = assemble(data, instance_data={"v1": {"instance_id": "i-1"}}, **more)
    assert isinstance(settings.config, dict)
    _plain(settings.config)
    _problems(settings.problems)
    back = Settings.from_json(settings.to_json())
    assert repr(back.config) == repr(settings.config)  # NaN is not equal to itself
    return settings


def decode_and_merge(data):
    """Any bytes as user data, half of them as vendor data."""
    assembled(data)
    half = len(data) // 2
    assembled(data[:half], vendor_data=data[half:])


def merge_parts(data):
    """Parts of cloud-config, merged in a way that the first byte chooses."""
    how = HOWS[data[0] % len(HOWS)] if data else ""
    parts = data[1:].split(b"\x00")[:8]
    lines = [b"Content-Type: multipart/mixed; boundary=bbb", b""]
    for part in parts:
        lines += [b"--bbb", b"Content-Type: text/cloud-config"]
        if how:
            lines.append(b"Merge-Type: " + how.encode("ascii"))
        lines += [b"", part]
    assembled(b"\n".join(lines + [b"--bbb--", b""]))


def _judges(config):
    """The quick look and the library agree wherever the first is sure."""
    import jsonschema

    from tsagent.userdata.quickvalid import quick_valid

    for schema in schemas():
        for key in schema.get("properties", {}):
            if key in config:
                quick = quick_valid(config[key], schema["properties"][key], schema)
                whole = {"definitions": schema.get("definitions", {}), "allOf": [schema["properties"][key]]}
                if quick is not None:
                    assert quick is jsonschema.Draft4Validator(whole).is_valid(config[key]), key


def validate(data):
    """Validation: problems have their places, and what a boot acts on is right."""
    from tsagent.userdata.secrets import mask, secret_values
    from tsagent.userdata.validation import accept
    from tsagent.userdata.validation import validate as judge

    settings = assembled(b"#cloud-config\n" + data)
    config, problems = accept(settings.config, settings.marks, schemas())
    _problems(problems)
    left = [problem for problem in judge(config, None, schemas()) if problem.severity == "error"]
    assert not [problem for problem in left if problem.drop is not None], left
    _judges(settings.config)
    mask(settings.config, schemas())
    secret_values(config, schemas())


def annotate(data):
    """The command: what it prints is text that a terminal only shows."""
    from tsagent.userdata.annotate import annotated
    from tsagent.userdata.command import check

    problems, parts = check(data, "f", schemas())
    _problems(problems)
    for problem in problems:
        assert problem.name == "f" or problem.name.startswith("f:"), problem.name
    text = annotated("f", data, problems, parts)
    assert not any(char < " " and char not in "\n\t" for char in text)
    assert sum(line.lstrip().startswith("^ ") for line in text.splitlines()) <= len(problems) + len(data)


TARGETS = {
    "decode-and-merge": decode_and_merge,
    "merge-parts": merge_parts,
    "validate": validate,
    "annotate": annotate,
}
