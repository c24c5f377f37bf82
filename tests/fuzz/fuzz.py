"""Odd user data, for a long time: decoding, merging, validation, `--annotate`; by hypothesis and atheris.

    fuzz.py [--minutes N] [--engine hypothesis|atheris|both] [--target NAME]... [--seed N]

Each engine has N minutes, shared by the targets. Exit 1: something was found; it is printed, with the bytes.
atheris is libFuzzer for Python: it is guided by what code is reached; what it keeps lies in
~/.cache/tsagent-fuzz. One input may take 20 seconds and 1 GiB.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(1, os.path.dirname(os.path.dirname(HERE)))

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tsagent-fuzz")
SECONDS_EACH = 20
MEMORY = 1 << 30


def by_hypothesis(name, seconds, seed):
    """Run one target by hypothesis; whether nothing was found."""
    import random

    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from user_data_strategies import STRATEGIES
    from user_data_targets import TARGETS

    target, end, count, slowest = TARGETS[name], time.time() + seconds, [0], [0.0]
    numbers = random.Random(seed)
    found = True
    while time.time() < end and found:

        @seeded(numbers.randrange(1 << 60))
        @settings(
            max_examples=500,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck) if isinstance(HealthCheck, type) else [],
            phases=[Phase.generate, Phase.shrink],
        )
        @given(STRATEGIES[name]())
        def once(data):
            start = time.process_time()
            target(data)
            took = time.process_time() - start
            count[0] += 1
            slowest[0] = max(slowest[0], took)
            assert took < SECONDS_EACH, "%.1f s for %r" % (took, data[:2000])

        try:
            once()
        except Exception:  # noqa: BLE001 (whatever it is, it is what is looked for)
            traceback.print_exc()
            found = False
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        "hypothesis %-18s %8d inputs, slowest %.2f s, memory at most %d MiB: %s"
        % (name, count[0], slowest[0], peak, "nothing found" if found else "FOUND"),
        flush=True,
    )
    return found


def atheris_child(name, words):
    """One target under atheris, in a process of its own; never returns."""
    import atheris

    with atheris.instrument_imports(include=["tsagent", "yaml"]):
        from user_data_targets import TARGETS

        import tsagent.userdata.annotate
        import tsagent.userdata.assemble
        import tsagent.userdata.command
        import tsagent.userdata.mime
        import tsagent.userdata.quickvalid
        import tsagent.userdata.schemaerrors
        import tsagent.userdata.settings
        import tsagent.userdata.template
        import tsagent.userdata.validation
        import tsagent.userdata.yamlfile  # noqa: F401
    atheris.Setup([sys.argv[0]] + words, TARGETS[name])
    atheris.Fuzz()


def by_atheris(name, seconds, seed):
    """Run one target by atheris; whether nothing was found."""
    from user_data_targets import HOWS, schemas, seeds

    corpus = os.path.join(CACHE, name)
    os.makedirs(corpus, exist_ok=True)
    for number, data in enumerate(seeds()):
        with open(os.path.join(corpus, "seed-%03d" % number), "wb") as stream:
            stream.write(data)
    words = {key for schema in schemas() for key in schema.get("properties", {})}
    words.update(
        ["#cloud-config\n", "Content-Type: multipart/mixed; boundary=b\n", "--b\n", "<<: *a", "!!binary"]
    )
    words.update(how for how in HOWS if how)
    dictionary = os.path.join(CACHE, "words")
    with open(dictionary, "w", encoding="utf-8") as stream:
        for word in sorted(words):
            stream.write('"%s"\n' % word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\x0a"))
    command = [sys.executable, os.path.abspath(__file__), "--child", name, "-max_total_time=%d" % seconds]
    command += ["-timeout=%d" % SECONDS_EACH, "-rss_limit_mb=%d" % (MEMORY >> 20), "-dict=" + dictionary]
    command += [
        "-artifact_prefix=%s/found-%s-" % (CACHE, name),
        "-max_len=4096",
        "-seed=%d" % (seed + 1),
        corpus,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.communicate()[0].decode("utf-8", "replace").splitlines()
    good = process.returncode == 0
    said = [line for line in output if line[:1] == "#" and line[1:2].isdigit()][-1:] or output[-1:]
    print(
        "atheris    %-18s %s: %s" % (name, " ".join(said), "nothing found" if good else "FOUND"), flush=True
    )
    if not good:
        print("\n".join(output[-60:]), flush=True)
    return good


def main():
    """Command line."""
    if sys.argv[1:2] == ["--child"]:
        atheris_child(sys.argv[2], sys.argv[3:])
    from user_data_targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0, help="for each engine (default: 2)")
    parser.add_argument("--engine", choices=("hypothesis", "atheris", "both"), default="both")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="default: all of them")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    values = parser.parse_args()
    names = values.target or sorted(TARGETS)
    seconds = max(1, int(values.minutes * 60 / len(names)))
    print("seed %d" % values.seed, flush=True)
    good = True
    for engine, run in (("hypothesis", by_hypothesis), ("atheris", by_atheris)):
        if values.engine in (engine, "both"):
            for name in names:
                good = run(name, seconds, values.seed) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
