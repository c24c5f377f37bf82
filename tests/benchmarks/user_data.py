"""CPU of decoding, merging and validating user data, beside that of YAML alone.

One cloud-config of 16 KB with 60 keys in processes of their own, above `import yaml`; then lists of 1,000
and of 10,000 entries, right and wrong, beside yaml's own C loader, each of which may take ten times as long
as the shorter one, and half as much again. Medians of user and system time.

Usage: user_data.py [--rounds N]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from user_data_file import CHECKOUT, LISTS, entries, load_schemas, make  # noqa: E402 (beside this file)

sys.path.insert(0, CHECKOUT)

BUDGET = 60.0  # ms above `import yaml`
GROWTH = 15.0  # from 1,000 entries to 10,000
PEER = "import yaml"
WORK = """
import sys; sys.path.insert(0, %(checkout)r)
import json
data = open(%(file)r, 'rb').read()
schemas = json.load(open(%(schemas)r, encoding='utf-8'))
%(before)s
from tsagent.userdata.assemble import assemble
from tsagent.userdata.validation import accept
settings = assemble(data)
config, problems = accept(settings.config, settings.marks, schemas)
assert not settings.problems, settings.problems
assert not [problem for problem in problems if problem.severity == 'error'], problems
"""
# The two other ways to say "valid", for comparison.
GENERATED_FIRST = """
import tsagent.userdata.fastvalid as fast, tsagent.userdata.quickvalid as quick
def generated():
    import sys; sys.path.insert(0, %r)
    import validators_generated
    return validators_generated.VALIDATORS
fast.generated = generated
quick.quick_valid = lambda *words: None
"""
LIBRARY = """
import tsagent.userdata.fastvalid as fast, tsagent.userdata.quickvalid as quick
fast.generated = dict
quick.quick_valid = lambda *words: None
"""
PARSE = "import yaml\nyaml.load(open(%(file)r, 'rb'), Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))"
SCHEMAS = "import json\njson.load(open(%(schemas)r, encoding='utf-8'))"


def cpu(program):
    """Milliseconds of user and system time of one program; it must succeed."""
    # Compiled once, as an installed package is.
    environment = {name: os.environ[name] for name in os.environ if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit("status %d: %s" % (status, program))
    return (usage.ru_utime + usage.ru_stime) * 1000


def whole(work, rounds, schemas):
    """Print the first table; whether the budget holds."""
    import json

    data, keys = make(schemas=schemas)
    names = {"checkout": CHECKOUT, "file": work + "/user-data", "schemas": work + "/schemas.json"}
    with open(names["file"], "wb") as stream:
        stream.write(data)
    with open(names["schemas"], "w", encoding="utf-8") as stream:
        json.dump(schemas, stream)
    programs = {
        PEER: PEER,
        "yaml.load with the C loader": PARSE % names,
        "reading the schemas": SCHEMAS % names,
        "all of it": WORK % dict(names, before=""),
        "all of it, by jsonschema": WORK % dict(names, before=LIBRARY),
    }
    generator = os.path.join(CHECKOUT, "packaging", "generate_validators.py")
    try:
        import fastjsonschema  # noqa: F401
    except ImportError:
        pass
    else:
        output = os.path.join(work, "validators_generated.py")
        subprocess.check_call([sys.executable, generator, "--output", output], stdout=subprocess.DEVNULL)
        programs["all of it, by generated validators"] = WORK % dict(names, before=GENERATED_FIRST % work)
    times = {name: [] for name in programs}
    for _ in range(rounds + 1):
        for name, program in programs.items():
            times[name].append(cpu(program))
    medians = {name: statistics.median(figures[1:]) for name, figures in times.items()}
    print("cloud-config of %d bytes with %d keys, Python %d.%d" % ((len(data), keys) + sys.version_info[:2]))
    print("%-40s %8s %14s %8s" % ("", "ms", "above yaml", "ratio"))
    good = keys >= 60
    for name, median in medians.items():
        above = median - medians[PEER]
        print("%-40s %8.1f %14.1f %8.2f" % (name, median, above, median / medians[PEER]))
        good = good and (name != "all of it" or above <= BUDGET)
    print("budget: %.0f ms above yaml: %s\n" % (BUDGET, "holds" if good else "DOES NOT HOLD"))
    return good


def long_lists(schemas):
    """Print the second table; whether all of it grows with the length alone."""
    import yaml

    from tsagent.userdata.assemble import assemble
    from tsagent.userdata.validation import accept

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    print("%-28s %10s %10s %8s %14s" % ("ms of CPU", "1,000", "10,000", "growth", "10,000: yaml"))
    good = True
    for wrong in (False, True):
        for key in LISTS:
            figures = []
            for count in (1000, 10000):
                data = entries(key, count, wrong)
                best = None
                for _ in range(3):
                    start = time.process_time()
                    settings = assemble(data)
                    _, problems = accept(settings.config, settings.marks, schemas)
                    took = time.process_time() - start
                    best = took if best is None else min(best, took)
                if bool([problem for problem in problems if problem.severity == "error"]) is not wrong:
                    raise SystemExit("%s: %s" % (key, problems[:3]))
                figures.append(best * 1000)
            start = time.process_time()
            yaml.load(data, Loader=loader)  # noqa: S506 (a safe loader)
            peer = (time.process_time() - start) * 1000
            growth = figures[1] / figures[0]
            good = good and growth <= GROWTH
            row = (key + (", wrong" if wrong else ""),) + tuple(figures) + (growth, peer)
            print("%-28s %10.1f %10.1f %8.1f %14.1f" % row)
    print("linear (growth at most %.0f): %s" % (GROWTH, "holds" if good else "DOES NOT HOLD"))
    return good


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    values = parser.parse_args()
    schemas = load_schemas()
    with tempfile.TemporaryDirectory(prefix="tsagent-bench-") as work:
        good = whole(work, values.rounds, schemas)
    return 0 if long_lists(schemas) and good else 1


if __name__ == "__main__":
    sys.exit(main())
