"""Boots one tree with cloud-init, with tsagent and with neither, in turn, and compares what that costs.

    boots.py [--rounds N] [--suites bookworm,trixie] [--output DIR]

Needs root, systemd-nspawn and debootstrap: `make bench`. A boot in which not all the work was done, or in
which anything failed, ends the run with what was wrong. docs/benchmarks/README.md says what is measured.
"""

import argparse
import contextlib
import datetime
import io
import json
import os
import subprocess
import sys
import tempfile

import arms
import counted
import nspawn_tree
import plot
import tables

BOOTS = ("first", "second")


class Void(Exception):
    """A boot that did not do its work: its figures mean nothing."""


def say(text):
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def boot(made, arm, keys=None):
    """One boot, whose work is looked at. Its report."""
    with contextlib.redirect_stdout(io.StringIO()) as told:
        report = made.boot().report
    wrong = ["no report"] if report is None else arms.mistakes(made, arm, report, keys)
    if wrong:
        sys.stderr.write(told.getvalue()[-60000:])
        raise Void("%s: %s" % (arm, "; ".join(wrong)))
    return report


def figures(report):
    """What a timed boot cost: seconds."""
    units = report["units"]
    by_unit = {
        name: values["CPUUsageNSec"] / 1e9
        for name, values in units.items()
        if isinstance(values.get("CPUUsageNSec"), int)
    }
    ends = [values["ExecMainExitTimestampMonotonic"] for values in units.values()]
    return {
        "cpu": sum(by_unit.values()),
        "cpu_by_unit": by_unit,
        "cpu_whole": report["whole_cpu"],
        "cpu_generator": arms.generator_cpu(report),
        "to_sshd": (report["ssh"]["ActiveEnterTimestampMonotonic"] - report["started"]) / 1e6,
        "to_end": (max(ends) - report["started"]) / 1e6 if max(ends, default=0) else None,
        "load": report["load"],
    }


class Bench:
    """The images, and machines made of them one after the other."""

    def __init__(self, work, suites):
        self.work = work
        self.images = {}
        self.versions = {}
        package = nspawn_tree.build_package(work)
        for suite in suites:
            for arm in arms.ARMS:
                say("image: %s, %s" % (arms.SUITES[suite], arm))
                tree = arms.make(suite, arm, work, package)
                self.images[suite, arm] = tree
                self.versions.setdefault(suite, {})[arm] = arms.version(tree, arm)

    def machine(self, suite, arm):
        """A machine of this image, before its first boot."""
        image = self.images[suite, arm]
        return arms.machine(image, image + "-machine")

    def timed(self, suite, arm, prepare=None):
        """A first boot and a second: the figures of both."""
        made = self.machine(suite, arm)
        if prepare is not None:
            prepare(made)
        result, keys, asked = {}, None, 0
        for name in BOOTS:
            report = boot(made, arm, keys)
            keys = arms.host_keys(made)
            result[name] = figures(report)
            result[name]["requests"] = arms.requests(made)[asked:]
            asked += len(result[name]["requests"])
        self.versions[suite].update(python=report["python"], systemd=report["systemd"])
        return result

    def count(self, suite, arm):
        """What a first boot and a second call, import and flush."""
        result = {name: {} for name in BOOTS}
        for kind in counted.KINDS:
            made = self.machine(suite, arm)
            counted.prepare(made, arm, kind)
            keys = None
            for name in BOOTS:
                boot(made, arm, keys)
                keys = arms.host_keys(made)
                result[name][kind] = counted.collect(made, kind)
        return result


def measure(work, rounds, suites):
    """All of it: what results.json holds."""
    bench = Bench(work, suites)
    results = {suite: {"timed": {}, "counted": {}} for suite in suites}
    for number in range(rounds):
        for suite in suites:
            turn = number % len(arms.ARMS)
            for arm in arms.ARMS[turn:] + arms.ARMS[:turn]:
                pair = bench.timed(suite, arm)
                results[suite]["timed"].setdefault(arm, []).append(pair)
                costs = ", ".join("%s boot %.3f s" % (name, pair[name]["cpu"]) for name in BOOTS)
                say("round %d of %d: %s, %s: CPU %s" % (number + 1, rounds, arms.SUITES[suite], arm, costs))
    for suite in suites:
        for arm in (arms.PEER, arms.AGENT):
            say("counting: %s, %s" % (arms.SUITES[suite], arm))
            results[suite]["counted"][arm] = bench.count(suite, arm)
        say("metadata service: %s" % arms.SUITES[suite])
        results[suite]["imds"] = [
            bench.timed(suite, arms.AGENT, arms.ask_metadata_service) for _ in range((rounds + 1) // 2)
        ]
        results[suite]["versions"] = bench.versions[suite]
    return results


def machine():
    """The machine that measures, for whoever compares."""
    with open("/proc/cpuinfo", encoding="ascii") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "?")
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    nspawn = subprocess.run(["systemd-nspawn", "--version"], stdout=subprocess.PIPE).stdout.decode()
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30),
        "kernel": os.uname().release,
        "nspawn": nspawn.split("\n")[0],
    }


def commit():
    """The commit that is measured, marked where the checkout has changes beside it."""
    command = ["git", "-C", nspawn_tree.CHECKOUT, "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.decode().strip() or "unknown"


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="first and second boots of each; default 5")
    parser.add_argument("--suites", default=",".join(arms.SUITES), help="default: %(default)s")
    parser.add_argument(
        "--output",
        default=os.path.join(nspawn_tree.CHECKOUT, "build", "benchmarks"),
        help="where table, plot and all figures go; default: build/benchmarks",
    )
    options = parser.parse_args()
    suites = options.suites.split(",")
    if options.rounds < 1 or not set(suites) <= set(arms.SUITES):
        parser.error("at least one round, and suites among " + ", ".join(arms.SUITES))
    if os.geteuid() != 0:
        parser.error("booting a tree needs root")
    began = datetime.datetime.now(datetime.timezone.utc)
    work = tempfile.mkdtemp(prefix="boots-", dir=nspawn_tree.cache())
    try:
        results = {
            "schema": "tsagent.benchmark/1",
            "date": began.strftime("%Y-%m-%d %H:%M UTC"),
            "commit": commit(),
            "rounds": options.rounds,
            "machine": machine(),
            "load_before": os.getloadavg()[0],
            "suites": measure(work, options.rounds, suites),
        }
    except Void as void:
        raise SystemExit("void: %s" % void) from None
    finally:
        nspawn_tree.remove(work)
    results["minutes"] = (datetime.datetime.now(datetime.timezone.utc) - began).total_seconds() / 60
    os.makedirs(options.output, exist_ok=True)
    with open(os.path.join(options.output, "results.json"), "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
        file.write("\n")
    text = tables.markdown(results)
    with open(os.path.join(options.output, "results.md"), "w", encoding="utf-8") as file:
        file.write(text)
    plot.draw(results, os.path.join(options.output, "results.svg"))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
