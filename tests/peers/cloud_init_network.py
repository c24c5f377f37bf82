"""How far the network's renderers and cloud-init's agree, on the cases of cloud-init's own tests.

    cloud_init_network.py --upstream DIR [--python PYTHON] [--renderer R]... [--case WORD]... [--verbose]
    cloud_init_network.py --fetch [...]

cloud-init's tests run in an environment of their own, with a recorder. Each input is rendered here; the files
expected there and those made here are read back (tests/unit/netconfig/readback) and compared as facts: an
address is an address, however it is written. `--against own` compares with what cloud-init's renderers make
of an input, where its tests expect no file. `--literal` shows what is not written alike, key by key.

Figures of a renderer: configurations that are alike in each fact; those in which all that cloud-init's files
say is said here too, and more only where they leave out what the input asks for ("held"); facts that are
alike or held. A difference that has its reason in the table of docs/network-files.md is shown with it;
without one, more is a difference like any other. Inputs that are wrong are counted apart. Exit 1: less than
--bar percent of the facts are held, or a difference has no reason.
"""

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [CHECKOUT, HERE, os.path.join(CHECKOUT, "tests", "unit", "netconfig")]

import readback  # noqa: E402
from cloud_init import environment, fetch  # noqa: E402

RENDERERS = ("networkmanager", "ifcfg", "networkd")
# A new name of a card: cloud-init gives it itself, and writes no file for it but a udev rule.
NOT_COMPARED = (
    "set_name",
    "accept_ra_said",
    "autoconf_said",
    "stp_said",
    "labels",
    "ipv4_said",
    "ipv6_said",
    "addr_gen_said",
    "metrics",
)
TESTS = ("tests/unittests/test_net.py", "tests/unittests/net")
REASONS = os.path.join(CHECKOUT, "docs", "network-files.md")
HEADING = "Where it differs from cloud-init"


def record(upstream, python, kept=None):
    """The cases that cloud-init's tests show; see the recorder. `kept` is a file of them."""
    if kept and os.path.exists(kept):
        with open(kept, encoding="utf-8") as stream:
            return json.load(stream)
    with tempfile.TemporaryDirectory(prefix="tsagent-peers-") as work:
        file, log = os.path.join(work, "record.json"), os.path.join(work, "log")
        variables = dict(os.environ, PYTHONPATH=HERE, TSAGENT_PEER_RECORD=file, PYTHONDONTWRITEBYTECODE="1")
        command = [
            python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "cloud_init_network_recorder",
            "-p",
            "no:cacheprovider",
        ]
        with open(log, "wb") as stream:
            subprocess.call(
                command + list(TESTS), cwd=upstream, env=variables, stdout=stream, stderr=subprocess.STDOUT
            )
        try:
            with open(file, encoding="utf-8") as stream:
                cases = json.load(stream)
        except OSError:
            with open(log, encoding="utf-8", errors="replace") as stream:
                raise SystemExit("cloud-init's tests did not run:\n" + stream.read()[-2000:]) from None
    if kept:
        with open(kept, "w", encoding="utf-8") as stream:
            json.dump(cases, stream, indent=1)
    return cases


def readable(text):
    """Cases with real hardware addresses: tests have `xx:xx:xx:xx:xx:01` in inputs and expectations."""
    return text.replace("xx:xx:xx:xx:xx:", "02:00:00:00:00:").replace("XX:XX:XX:XX:XX:", "02:00:00:00:00:")


def render(case, renderer):
    """({path: text}, problems as text) of a case."""
    from tsagent import netconfig
    from tsagent.netconfig import renderers

    given = json.dumps(case["input"]).encode("utf-8")
    if case["names"]:  # a test that says which card has which name
        form, document = netconfig.parse(given, "case")
        network = netconfig.read(form, document, "case")
        cards = [
            {"name": name, "mac": mac, "kind": "physical", "ifindex": number}
            for number, (mac, name) in enumerate(sorted(case["names"].items()), 2)
        ]
        netconfig.resolve(network, cards)
        files = renderers.render(network, renderer, renderers.Options(offline=True))
        return {item.path: item.content for item in files}, [str(item) for item in network.problems]
    with tempfile.TemporaryDirectory(prefix="tsagent-peers-") as output:
        made = netconfig.render(given, "case", renderer, output)
        files = {}
        for path in made.files:
            with open(output + path, encoding="utf-8") as stream:
                files[path] = stream.read()
    return files, [str(item) for item in made.problems]


def paired(theirs, ours):
    """[(label, facts, facts)]: the same device of both, by its name, else by its hardware address."""
    left, made = dict(ours), []
    for label in sorted(theirs):
        other = label if label in left else None
        if other is None:
            mac = theirs[label].get("mac")
            other = next((name for name in sorted(left) if mac and left[name].get("mac") == mac), None)
        made.append((label, theirs[label], left.pop(other, None) if other else None))
    return made + [(label, None, left[label]) for label in sorted(left)]


def plain(value):
    """A fact in a comparable shape: nothing said is nothing, and the order of what has none is none."""
    if isinstance(value, dict):
        value = {key: value[key] for key in sorted(value) if value[key] not in (None, "")}
    if isinstance(value, list):
        value = sorted(value)
    return None if value in (None, "", [], {}) else value


def differences(renderer, theirs, ours):
    """([(device, fact, theirs, here, whether theirs is a default)], number of facts) of two sides."""
    found, count = [], 0
    for label, left, right in paired(theirs, ours):
        if left is None or right is None:
            sides = ("there" if left is not None else None, "there" if right is not None else None)
            found.append((label, "device") + sides + (False,))
            count += 1
            continue
        for key in sorted((set(left) | set(right)) - set(NOT_COMPARED)):
            one, other = plain(left.get(key)), plain(right.get(key))
            # Servers are asked in their order; but cloud-init's networkd files have their lines sorted.
            if key == "nameservers" and renderer != "networkd":
                one, other = left.get(key) or None, right.get(key) or None
            if one is None and other is None:
                continue
            count += 1
            if one != other:
                # What follows from a default of the service is nothing that cloud-init's file says.
                silent = left.get(key + "_said", one) is None
                found.append((label, key, one, other, silent))
    return found, count


def settings(renderer, files):
    """{device or file: {setting as written}} without judging what it means."""
    made = {}
    for path in sorted(files):
        name = path.rsplit("/", 1)[1]
        for prefix in ("10-cloud-init-", "10-tsagent-", "cloud-init-", "tsagent-"):
            if name.startswith(prefix):
                name = name[len(prefix) :]
        if renderer == "ifcfg" and "network-scripts" in path and name.startswith("ifcfg-"):
            lines = {"%s=%s" % item for item in readback.ifcfg.parse(files[path]).items()}
        elif renderer == "ifcfg" or "." not in name:
            lines = {line for line in files[path].splitlines() if line and line[0] not in "#;"}
        else:
            lines = set()
            for section, pairs in readback.networkd.parse(files[path]):
                lines.update("[%s] %s=%s" % ((section,) + pair) for pair in pairs)
        made[name] = lines
    return made


def reasons():
    """[[renderer, pattern of the setting, reason, how often needed]] of the documentation's table."""
    with open(REASONS, encoding="utf-8") as stream:
        _, _, text = stream.read().partition("## " + HEADING)
    made = []
    for line in text.partition("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and "`" in cells[1]:
            for pattern in cells[1].split("`")[1::2]:
                made.append([cells[0], pattern, cells[2], 0])
    return made


def reason_of(known, renderer, case, label, fact):
    """Why a fact may differ, or nothing. A pattern is of a fact, or `CASE: [DEVICE] FACT`."""
    for row in known:
        name, pattern, reason, _ = row
        subjects = [fact]
        if ": " in pattern:
            subjects = ["%s: %s" % (case, fact), "%s: %s %s" % (case, label, fact)]
        if name in (renderer, "all") and any(fnmatch.fnmatchcase(item, pattern) for item in subjects):
            row[3] += 1
            return reason
    return ""


def held(one, other):
    """Whether all that cloud-init says of a fact is said here, and more."""
    if one is None or one is True:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return all(other.get(key) == one[key] for key in one)
    return isinstance(one, list) and isinstance(other, list) and set(one) <= set(other)


class Figures:
    """What agrees, of one renderer."""

    def __init__(self):
        self.cases, self.alike, self.held, self.wrong = 0, 0, 0, 0
        self.facts, self.same_facts, self.held_facts = 0, 0, 0
        self.lines, self.unexplained = [], 0

    def count(self, facts, found, more):
        """Take in a configuration: its facts, those that differ, and those of them that are held."""
        self.cases += 1
        self.alike += not found
        self.held += found == more
        self.facts += facts
        self.same_facts += facts - found
        self.held_facts += facts - found + more

    def show(self, title):
        """One line of figures. Returns the percentage of facts that are held."""
        rows = [(self.alike, self.cases), (self.held, self.cases)]
        rows += [(self.same_facts, self.facts), (self.held_facts, self.facts)]
        shares = [100.0 * same / total if total else 100.0 for same, total in rows]
        line = "%-16s configurations: %d, alike %d (%.1f %%), held %d (%.1f %%)" % (
            title, self.cases, self.alike, shares[0], self.held, shares[1],
        )  # fmt: skip
        line += "; facts: %d, alike %.1f %%, held %.1f %%" % (self.facts, shares[2], shares[3])
        print(line + ("; %d more with a wrong input" % self.wrong if self.wrong else ""))
        return shares[3]


def compare(cases, renderer, against, known, literal, verbose):
    """Figures and differences of one renderer."""
    figures = Figures()
    for case in cases:
        expected = case["expected"].get(renderer)
        if against == "own":
            expected = None if expected else case["own"].get(renderer)
        if not isinstance(expected, dict) or not expected:
            continue
        where = "%s: %s" % (renderer, case["name"])
        try:
            files, problems = render(case, renderer)
        except Exception as error:  # noqa: BLE001 (a fault of ours is a difference, not the end)
            figures.lines.append("%s: nothing rendered here: %s: %s" % (where, type(error).__name__, error))
            figures.unexplained += 1
            figures.count(1, 1, 0)
            continue
        wrong = [text for text in problems if ": error: " in text]
        if wrong:
            figures.wrong += 1
            figures.lines.append("%s: the input is wrong, and not counted: %s" % (where, wrong[0]))
            continue
        theirs, ours = readback.read(renderer, expected), readback.read(renderer, files)
        # Files that a test does not look at: only those that it does are compared.
        if renderer == "networkd" and against != "own":
            ours = {label: facts for label, facts in ours.items() if label in theirs} or ours
        found, count = differences(renderer, theirs, ours)
        upstream = case["own"].get(renderer)
        odd = ""
        if isinstance(upstream, dict) and differences(renderer, theirs, readback.read(renderer, upstream))[0]:
            odd = " (cloud-init's own renderer differs from it, too)"
        place, more = len(figures.lines), 0
        for label, key, one, other, silent in found:
            reason = reason_of(known, renderer, case["name"], label, key)
            figures.unexplained += not reason
            more += bool(reason) and (silent or held(one, other))
            line = "    %s %s: cloud-init %s, here %s" % (label, key, said(one), said(other))
            figures.lines.append(line + ("   [%s]" % reason if reason else ""))
        figures.count(count, len(found), more)
        if found:
            held_all = ": all that cloud-init says is said here" if more == len(found) else ""
            figures.lines.insert(place, where + held_all + odd)
        if literal:
            lines = literal_lines(renderer, expected, files)
            figures.lines += (["%s, as written" % where] if lines and not found else []) + lines
        if verbose and (found or literal):
            figures.lines.append("    input " + json.dumps(case["input"]))
            figures.lines += ["    problem here: " + text for text in problems]
            for title, side in (("cloud-init", expected), ("here", files)):
                for path in sorted(side):
                    figures.lines.append("    %s: %s" % (title, path))
                    figures.lines += ["        " + text for text in side[path].splitlines()]
    return figures


def literal_lines(renderer, expected, files):
    """What is not written alike, a line a setting."""
    left, right, lines = settings(renderer, expected), settings(renderer, files), []
    for name in sorted(set(left) | set(right)):
        one, other = left.get(name, set()), right.get(name, set())
        lines += ["    literal %s: only cloud-init: %s" % (name, text) for text in sorted(one - other)]
        lines += ["    literal %s: only here: %s" % (name, text) for text in sorted(other - one)]
    return lines


def said(value):
    """A fact as a short text."""
    return "nothing" if value is None else json.dumps(value, sort_keys=True)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--upstream", metavar="DIR", help="a tree of cloud-init's source")
    place.add_argument("--fetch", action="store_true", help="get it with apt-get source")
    parser.add_argument("--python", help="an interpreter with what cloud-init's tests need")
    parser.add_argument("--renderer", action="append", choices=RENDERERS, help="only this one")
    parser.add_argument("--case", action="append", default=[], help="only cases with this in their name")
    parser.add_argument("--against", choices=("expected", "own"), default="expected")
    parser.add_argument("--literal", action="store_true", help="settings that are not written alike, too")
    parser.add_argument("--verbose", action="store_true", help="inputs and files of what differs")
    parser.add_argument("--bar", type=float, default=95.0, help="percent of facts that must be held")
    parser.add_argument(
        "--keep", metavar="FILE", help="keep what the tests show in FILE, and use it from then on"
    )
    values = parser.parse_args()
    upstream = os.path.abspath(values.upstream or fetch())
    python = os.path.abspath(values.python) if values.python else environment(upstream)
    cases = json.loads(readable(json.dumps(record(upstream, python, values.keep))))
    cases = [case for case in cases if all(word in case["name"] for word in values.case)]
    known, good, made = reasons(), True, []
    for renderer in values.renderer or RENDERERS:
        made.append(
            (renderer, compare(cases, renderer, values.against, known, values.literal, values.verbose))
        )
    for _, figures in made:
        print("\n".join(figures.lines + [""]) if figures.lines else "")
    for renderer, figures in made:
        good = figures.show(renderer) >= values.bar and not figures.unexplained and good
    if values.against == "expected" and not values.case and not values.renderer:
        for name, pattern, _, needed in known:
            if not needed:
                print("no difference needs the reason of `%s` for %s any more" % (pattern, name))
    return 0 if good or values.against == "own" else 1


if __name__ == "__main__":
    sys.exit(main())
