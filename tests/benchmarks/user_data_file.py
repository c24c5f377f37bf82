"""A cloud-config of a given size and number of keys, made of the documentation's examples."""

import glob
import json
import os

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# For keys that no example has.
PLAIN = {
    "array": ["alpha", "beta"],
    "string": "alpha",
    "boolean": True,
    "integer": 5,
    "number": 5,
    "object": {},
}


def load_schemas(checkout=CHECKOUT):
    """The schemas of the checkout's modules."""
    schemas = []
    for path in sorted(glob.glob(os.path.join(checkout, "schemas", "*.json"))):
        with open(path, encoding="utf-8") as stream:
            schemas.append(json.load(stream))
    return schemas


def examples(checkout=CHECKOUT):
    """The examples' configurations, by file name."""
    import yaml

    for path in sorted(glob.glob(os.path.join(checkout, "docs", "examples", "*", "*.yaml"))):
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        if text.startswith("#cloud-config"):
            config = yaml.safe_load(text)
            if isinstance(config, dict):
                yield path, config


def make(keys=60, size=16384, schemas=None):
    """The bytes of a valid cloud-config with so many top-level keys, padded to `size` bytes."""
    import yaml

    from tsagent.userdata.validation import validate

    schemas = schemas or load_schemas()
    config = {}
    for _, example in examples():
        for key, value in example.items():
            if len(config) < keys:
                config.setdefault(key, value)
    for schema in schemas:
        for key, below in schema.get("properties", {}).items():
            if key in config or len(config) >= keys or below.get("x-tsagent", {}).get("deprecated"):
                continue
            for value in list(PLAIN.values()) + below.get("enum", []):
                if not validate({key: value}, None, schemas):
                    config[key] = value
                    break
    for key in [key for key in config if validate({key: config[key]}, None, schemas)]:
        del config[key]  # one that is right only beside others
    config.pop("write_files", None)
    text = "#cloud-config\n" + yaml.safe_dump(config, default_flow_style=False, allow_unicode=True)
    text += "write_files:\n"
    number = 0
    while len(text.encode("utf-8")) < size - 200:
        text += (
            "- path: /etc/application/settings-%d.conf\n  owner: root:root\n  permissions: '0644'\n"
            "  content: |\n    # Settings of part %d\n    [main]\n    interval = %d\n    name = part-%d\n"
        ) % ((number,) * 4)
        number += 1
    return text.encode("utf-8"), len(config) + 1


def entries(key, count, wrong=False):
    """A cloud-config of one list with so many entries, each of them wrong or right."""
    line = {
        "runcmd": ("- [echo, 'a%d']\n", "- {a: %d}\n"),
        "bootcmd": ("- echo a%d\n", "- {a: %d}\n"),
        "packages": ("- package-%d\n", "- {a: {b: %d}}\n"),
        "ssh_authorized_keys": ("- ssh-ed25519 AAAA%d somebody\n", "- [%d]\n"),
        "users": ("- name: user%d\n  groups: [a, b]\n", "- nam: user%d\n  groups: [a, b]\n"),
        "write_files": (
            "- path: /srv/%d\n  content: text\n  permissions: '0644'\n",
            "- path: /srv/%d\n  contnt: text\n  permissions: '0644'\n",
        ),
    }[key][1 if wrong else 0]
    return ("#cloud-config\n%s:\n" % key + "".join(line % number for number in range(count))).encode("utf-8")


LISTS = ("runcmd", "bootcmd", "packages", "ssh_authorized_keys", "users", "write_files")
