"""How far the agent and cloud-init agree: schema verdicts, merging, the examples of its documentation.

    cloud_init.py --upstream DIR [--python PYTHON] [--key KEY]... [--verbose]
    cloud_init.py --fetch [...]

DIR is a tree of cloud-init's source; --fetch gets Debian's with `apt-get source` (a deb-src line is needed).
cloud-init's own tests run in an environment of their own, with a recorder; what they show is compared with
what the agent makes of the same. Without --python that environment is made with pip, and kept.
Exit 1: fewer than --bar percent of the verdicts are the same, or a merge or an example differs.
"""

import argparse
import glob
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, CHECKOUT)

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tsagent-peers")
TESTS = (
    "tests/unittests/config",
    "tests/unittests/test_merging.py",
    "tests/unittests/test_data.py",
    "tests/unittests/reporting",
)
NOT_HERE = "not for this system"
# A part handler is refused unless the image allows it; the archives hold parts of invented types, and a text
# in place of a configuration; the others are no user data but notes on it.
NOT_EXAMPLES = (
    "part-handler.txt",
    "part-handler-v2.txt",
    "cloud-config-archive.txt",
    "cloud-config-archive-launch-index.txt",
    "kernel-command-line.txt",
    "plain-ignored.txt",
)


def fetch():
    """The source tree that apt has, in the cache."""
    os.makedirs(CACHE, exist_ok=True)
    if not glob.glob(CACHE + "/cloud-init-*/cloudinit"):
        command = ["apt-get", "source", "-q", "--download-only", "cloud-init"]
        if subprocess.call(command, cwd=CACHE):
            raise SystemExit(
                "apt-get source failed: it needs a deb-src line; else give a tree with --upstream"
            )
        for archive in glob.glob(CACHE + "/cloud-init_*.orig.tar.*"):
            subprocess.check_call(["tar", "-xf", archive], cwd=CACHE)
    return sorted(glob.glob(CACHE + "/cloud-init-*/"))[-1]


def environment(upstream):
    """The interpreter of an environment with what cloud-init's tests need, made once."""
    wanted = os.path.join(upstream, "test-requirements.txt")
    with open(wanted, "rb") as stream:
        name = hashlib.sha256(stream.read()).hexdigest()[:12]
    python = os.path.join(CACHE, "environment-" + name, "bin", "python")
    if not os.path.exists(python + ".ready"):
        subprocess.check_call([sys.executable, "-m", "venv", os.path.dirname(os.path.dirname(python))])
        subprocess.check_call([python, "-m", "pip", "install", "-q", "pytest<8", "-r", wanted])
        open(python + ".ready", "w").close()
    return python


def record(upstream, python):
    """What cloud-init's tests show."""
    with tempfile.TemporaryDirectory(prefix="tsagent-peers-") as work:
        file = os.path.join(work, "record.json")
        variables = dict(os.environ, PYTHONPATH=HERE, TSAGENT_PEER_RECORD=file, PYTHONDONTWRITEBYTECODE="1")
        command = [python, "-m", "pytest", "-q", "-p", "cloud_init_recorder", "-p", "no:cacheprovider"]
        tests = [test for test in TESTS if os.path.exists(os.path.join(upstream, test))]
        log = os.path.join(work, "log")
        with open(log, "wb") as stream:
            subprocess.call(
                command + tests, cwd=upstream, env=variables, stdout=stream, stderr=subprocess.STDOUT
            )
        try:
            with open(file, encoding="utf-8") as stream:
                return json.load(stream)
        except OSError:
            with open(log, encoding="utf-8", errors="replace") as stream:
                raise SystemExit("cloud-init's tests did not run:\n" + stream.read()[-2000:]) from None


class Table:
    """Same and different, a row a module of cloud-init."""

    def __init__(self):
        self.rows = {}
        self.different = []

    def count(self, row, same, what=""):
        """Count a case. `same` None: it is about keys that are not for this system."""
        cell = self.rows.setdefault(row, [0, 0, 0])
        cell[2 if same is None else 0 if same else 1] += 1
        if same is False:
            self.different.append("%s: %s" % (row, what))

    def total(self):
        """(same, different, not for this system)."""
        return tuple(sum(row[column] for row in self.rows.values()) for column in range(3))

    def show(self, title):
        """The table as text."""
        print("\n%-28s %6s %6s %10s %20s" % (title, "cases", "same", "different", NOT_HERE))
        for name, (same, different, other) in sorted(self.rows.items()):
            print("%-28s %6d %6d %10s %20s" % (name, same + different, same, different or "", other or ""))
        same, different, other = self.total()
        share = 100.0 * same / (same + different) if same + different else 100.0
        print(
            "%-28s %6d %6d %10s %20s   %.2f %%"
            % ("total", same + different, same, different or "", other or "", share)
        )
        return share


def load_schemas():
    """The schemas of the checkout's modules."""
    schemas = []
    for path in sorted(glob.glob(os.path.join(CHECKOUT, "schemas", "*.json"))):
        with open(path, encoding="utf-8") as stream:
            schemas.append(json.load(stream))
    return schemas


def keys_not_here(schemas):
    """The keys that the agent recognises and does not act on."""
    from tsagent.userdata.cloud_init import NOT_HERE as KEPT_OUT
    from tsagent.userdata.cloud_init import table
    from tsagent.userdata.schemawalk import owners

    rows = table()
    keys = {key for row in rows["modules"] if row["state"] == KEPT_OUT for key in row["keys"]}
    keys.update(key for group in rows["other_keys"] for key in group["keys"])
    return keys - set(owners(schemas))


def module_of(test):
    """cloud-init's module that a test is about."""
    name = os.path.basename(test.split("::")[0])[: -len(".py")]
    return name[len("test_") :] if name.startswith("test_") else name


def compare_verdicts(cases, schemas, keys):
    """Schema verdicts."""
    from tsagent.userdata.validation import validate

    table, seen, other = Table(), set(), keys_not_here(schemas)
    for case in cases:
        config, text = case["config"], json.dumps(case["config"], sort_keys=True)
        if text in seen or (keys and not set(keys) & set(config)):
            continue
        seen.add(text)
        row = module_of(case["test"])
        if set(config) & other:
            table.count(row, None)
            continue
        wrong = [problem for problem in validate(config, None, schemas) if problem.severity == "error"]
        ours = "valid" if not wrong else "wrong: %s: %s" % (wrong[0].path, wrong[0].message)
        theirs = "valid" if case["valid"] else "wrong: " + " ".join(case["error"].split())[:160]
        table.count(row, (not wrong) == case["valid"], "%s\n    %s\n    here %s" % (text[:200], theirs, ours))
    return table


def merged_here(parts):
    """What the agent makes of parts: [(type, text, headers)]."""
    from tsagent.userdata.assemble import assemble

    lines = ["MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="=peer="', ""]
    for kind, text, headers in parts:
        lines += ["--=peer=", "Content-Type: %s" % kind]
        lines += [
            "%s: %s" % (name, headers[name]) for name in ("Merge-Type", "X-Merge-Type") if name in headers
        ]
        lines += ["", text]
    lines += ["--=peer=--", ""]
    return assemble("\n".join(lines).encode("utf-8")).config


def layers_here(layers):
    """Configurations merged, the first one highest."""
    from tsagent.userdata.merge import BETWEEN_SOURCES, merge

    merged = {}
    for layer in layers:
        merged = merge(merged, layer, BETWEEN_SOURCES)
    return merged


def compare_merges(seen, python, upstream, count):
    """Merging: what the tests show, the documentation's example, and `count` random cases."""
    table, done = Table(), set()
    for case in seen["parts"]:
        # These texts are after the rendering of templates; a first line that is left over is a comment.
        parts = [
            (part["type"], part["text"].replace("## template: jinja\n", ""), part["headers"])
            for part in case["parts"]
        ]
        once = json.dumps([case["parts"], case["config"]])
        if once not in done:
            done.add(once)
            table.count(module_of(case["test"]), merged_here(parts) == case["config"], once[:300])
    for case in seen["sources"]:
        once = json.dumps([case["layers"], case["config"]])
        if once not in done:
            done.add(once)
            same = layers_here(case["layers"]) == case["config"]
            table.count(module_of(case["test"]) + " (sources)", same, once[:300])
    cases = [documented(upstream)] + list(random_merges(count))
    for number, (case, theirs) in enumerate(zip(cases, asked("merges", cases, python, upstream))):
        if theirs is None:
            continue
        if "layers" in case:
            ours, row = layers_here(case["layers"]), "random (sources)"
        else:
            ours = merged_here([("text/cloud-config", text, {}) for text in case["parts"]])
            row = "random (parts)" if number else "documentation"
        what = "%s\n    %s\n    here %s" % (json.dumps(case), json.dumps(theirs), json.dumps(ours))
        table.count(row, ours == theirs, what)
    return table


def asked(what, cases, python, upstream):
    """cloud-init's answers to cases."""
    process = subprocess.Popen(
        [python, os.path.join(HERE, "cloud_init_%s.py" % what)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ, PYTHONPATH=upstream),
    )
    answer, _ = process.communicate(json.dumps(cases).encode("utf-8"))
    return json.loads(answer.decode("utf-8"))


def compare_variants(cases, python, upstream, schemas, keys, count):
    """Verdicts on configurations of the tests and examples with one thing in each changed."""
    from tsagent.userdata.validation import validate
    from tsagent.userdata.yamlfile import load_yaml

    other, sections = keys_not_here(schemas), {}
    for case in cases:
        for key, value in case["config"].items():
            sections.setdefault(key, {})[json.dumps(value, sort_keys=True)] = value
    for file in glob.glob(os.path.join(upstream, "doc/module-docs/*/example*.yaml")):
        with open(file, "rb") as stream:
            config = load_yaml(stream.read(), file).value
        for key, value in (config if isinstance(config, dict) else {}).items():
            try:
                sections.setdefault(key, {})[json.dumps(value, sort_keys=True)] = value
            except TypeError:
                continue
    known = {key for schema in schemas for key in schema.get("properties") or {}}
    known.update(("merge_how", "merge_type", "vendor_data", "launch-index"))
    rng, variants, seen = random.Random(7), [], set()
    names = sorted(key for key in sections if key in known and key not in other and (not keys or key in keys))
    for key in names:
        values = [sections[key][text] for text in sorted(sections[key])]
        for _ in range(count):
            config = {key: changed(rng, rng.choice(values))}
            text = json.dumps(config, sort_keys=True)
            if text not in seen:
                seen.add(text)
                variants.append(config)
    table = Table()
    for config, theirs in zip(variants, asked("verdicts", variants, python, upstream)):
        if theirs is None:
            continue
        wrong = [problem for problem in validate(config, None, schemas) if problem.severity == "error"]
        ours = "valid" if not wrong else "wrong: %s: %s" % (wrong[0].path, wrong[0].message)
        what = "%s\n    %s\n    here %s" % (json.dumps(config)[:300], theirs[0][:200] or "valid", ours)
        table.count(list(config)[0], (not wrong) == (not theirs[0]), what)
    return table


def compare_deprecations(cases, python, upstream, schemas, keys):
    """Whether a configuration that cloud-init's tests validate has something deprecated in it."""
    from tsagent.userdata.validation import validate

    table, other, configs = Table(), keys_not_here(schemas), {}
    for case in cases:
        config = case["config"]
        if not set(config) & other and (not keys or set(keys) & set(config)):
            configs.setdefault(json.dumps(config, sort_keys=True), (module_of(case["test"]), config))
    chosen = [configs[text] for text in sorted(configs)]
    answers = asked("verdicts", [config for _, config in chosen], python, upstream)
    for (row, config), theirs in zip(chosen, answers):
        if theirs is not None:
            ours = [item.path for item in validate(config, None, schemas) if item.rule == "deprecated"]
            what = "%s\n    deprecated: %s, here %s" % (json.dumps(config)[:300], theirs[1], ours)
            table.count(row, bool(ours) is theirs[1], what)
    return table


def changed(rng, value):
    """A copy of a value with something in it replaced, removed, added or misspelt."""
    odd = [None, True, False, 0, -1, 5, 1.5, "", "x", "5", "true", [], ["a"], [5], [[]], {}, {"a": "b"}, [{}]]
    value = json.loads(json.dumps({"": value}))
    place = value
    while True:
        steps = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        step = rng.choice(steps)
        if isinstance(place[step], (dict, list)) and place[step] and rng.random() < 0.75:
            place = place[step]
            continue
        break
    roll = rng.random()
    if roll < 0.25 and place is not value:
        del place[step]
    elif roll < 0.35 and isinstance(place, dict) and place is not value:
        place[step + "x"] = place.pop(step)
    elif roll < 0.45 and isinstance(place, list):
        place.append(rng.choice(odd))
    else:
        place[step] = rng.choice(odd)
    return value[""]


def documented(upstream):
    """The documentation's example: its last two blocks of cloud-config."""
    with open(os.path.join(upstream, "doc/rtd/reference/merging.rst"), encoding="utf-8") as stream:
        blocks = stream.read().split(".. code-block:: yaml\n")
    texts = []
    for block in blocks[-2:]:
        lines = []
        for line in block.splitlines():
            if line and not line.startswith(" "):
                break
            lines.append(line[3:])
        texts.append("\n".join(lines).strip() + "\n")
    return {"parts": texts}


def random_merges(count):
    """Cases by chance, the same ones each time."""
    rng = random.Random(20)

    def value(depth):
        roll = rng.random()
        if depth and roll < 0.35:
            return {rng.choice("abcd"): value(depth - 1) for _ in range(rng.randrange(4))}
        if depth and roll < 0.65:
            return [value(depth - 1) for _ in range(rng.randrange(4))]
        return rng.choice([None, True, 1, 2, "x", "y z", ""])

    def mapping():
        return {key: value(3) for key in "abcde" if rng.random() < 0.7}

    words = {
        "list": ["append", "prepend", "no_replace", "replace"],
        "dict": ["replace", "no_replace", "allow_delete"],
        "str": ["append"],
    }
    recursing = ["recurse_dict", "recurse_list", "recurse_array", "recurse_str"]
    for number in range(count):
        if number % 4 == 0:
            yield {"layers": [mapping() for _ in range(rng.randrange(2, 5))]}
            continue
        parts = []
        for _ in range(rng.randrange(2, 4)):
            part = mapping()
            if rng.random() < 0.8:
                how = []
                for name in ["dict", "list", "str"]:
                    if name == "dict" or rng.random() < 0.8:
                        options = [word for word in words[name] + recursing if rng.random() < 0.3]
                        how.append((name, options))
                rng.shuffle(how)
                if rng.random() < 0.5:
                    part["merge_how"] = "+".join("%s(%s)" % (name, ",".join(opts)) for name, opts in how)
                else:
                    part["merge_type"] = [{"name": name, "settings": opts} for name, opts in how]
            parts.append("#cloud-config\n" + json.dumps(part))
        yield {"parts": parts}


def compare_examples(upstream, schemas, keys):
    """The documentation's examples: `tsagent validate` finds no error in them."""
    from tsagent.userdata.command import check_file
    from tsagent.userdata.yamlfile import load_yaml

    table, other = Table(), keys_not_here(schemas)
    for file in sorted(
        glob.glob(os.path.join(upstream, "doc/module-docs/*/example*.yaml"))
        + glob.glob(os.path.join(upstream, "doc/examples/*.txt"))
    ):
        name = os.path.basename(file)
        if name in NOT_EXAMPLES:
            continue
        row = "doc/examples" if file.endswith(".txt") else os.path.basename(os.path.dirname(file))
        with open(file, "rb") as stream:
            config = load_yaml(stream.read(), name).value
        found = set(config) if isinstance(config, dict) else set()
        if keys and not set(keys) & found:
            continue
        wrong = [str(problem) for problem in check_file(file, schemas)[0] if problem.severity == "error"]
        if found and found <= other:
            table.count(row, None)
        else:
            table.count(row, not wrong, "\n    ".join(wrong))
    return table


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--upstream", metavar="DIR", help="a tree of cloud-init's source")
    place.add_argument("--fetch", action="store_true", help="get it with apt-get source")
    parser.add_argument("--python", help="an interpreter with what cloud-init's tests need")
    parser.add_argument("--key", action="append", default=[], help="only cases with this top-level key")
    parser.add_argument("--random", type=int, default=3000, help="how many random merges (default: 3000)")
    parser.add_argument("--variants", type=int, default=60, help="changed sections a key (default: 60)")
    parser.add_argument("--bar", type=float, default=98.0, help="percent of verdicts that must be the same")
    parser.add_argument("--verbose", action="store_true", help="every difference")
    values = parser.parse_args()
    upstream = os.path.abspath(values.upstream or fetch())
    python = os.path.abspath(values.python) if values.python else environment(upstream)
    seen = record(upstream, python)
    schemas = load_schemas()
    tables = [("verdicts", compare_verdicts(seen["schema"], schemas, values.key))]
    tables.append(("examples", compare_examples(upstream, schemas, values.key)))
    made = compare_variants(seen["schema"], python, upstream, schemas, values.key, values.variants)
    tables.append(("variants", made))
    made = compare_deprecations(seen["schema"], python, upstream, schemas, values.key)
    tables.append(("deprecations", made))
    if not values.key:
        tables.append(("merges", compare_merges(seen, python, upstream, values.random)))
    good = True
    for title, table in tables:
        share = table.show(title)
        bars = {"verdicts": values.bar, "variants": values.bar, "deprecations": values.bar}
        good = good and share >= bars.get(title, 100.0)
    for title, table in tables:
        shown = table.different if values.verbose else table.different[:10]
        for line in shown:
            print("\n%s: %s" % (title, line))
        if len(shown) < len(table.different):
            print("\n%s: %d more with --verbose" % (title, len(table.different) - len(shown)))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
