"""CPU of a second boot, beside that of `python3 -c 'import yaml'` in the same run.

A scratch root is set up by a first boot; then the local stage of a known instance (what the unit runs at
every later boot) and the peer are started in turn. Prints medians of user and system time and the ratio.

Usage: second_boot.py [--rounds N]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MACHINE = os.path.join(CHECKOUT, "tests/machines/s5-medium4")
STAGE = (
    "import sys; sys.path.insert(0, %r)\n"
    "from tsagent.cli.run import start\n"
    "from tsagent.host import Host\n"
    "from tsagent.session.options import Options\n"
    "sys.exit(start(Host(%r, hardware=%r), Options(stage=%r, source=%r), 'text'))\n"
)


def cpu(command):
    """User and system seconds of one run; it must succeed."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit("%s: status %d" % (command, status))
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    values = parser.parse_args()
    work = tempfile.mkdtemp(prefix="tsagent-bench-")
    try:
        root, seed = os.path.join(work, "root"), os.path.join(work, "seed")
        for name in ("etc", "run", "var/lib"):
            os.makedirs(os.path.join(root, name))
        os.mkdir(seed)
        config = {
            "ssh_genkeytypes": ["ed25519"],
            "write_files": [{"path": "/srv/a", "content": "a"}],
            "users": [],
        }
        texts = {
            seed + "/meta-data": json.dumps({"instance-id": "ins-bench"}),
            seed + "/user-data": "#cloud-config\n" + json.dumps(config),
            root + "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
            root + "/etc/group": "root:x:0:\n",
            root + "/etc/shadow": "root:*:19000:0:99999:7:::\n",
        }
        for path, text in texts.items():
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)

        def stage(name):
            program = STAGE % (CHECKOUT, root, MACHINE, name, "nocloud:" + seed)
            return [sys.executable, "-I", "-c", program]

        commands = {
            "second boot, local stage": stage("local"),
            "python3 -I -c 'import yaml'": [sys.executable, "-I", "-c", "import yaml"],
            "python3 -I -c pass": [sys.executable, "-I", "-c", "pass"],
        }
        first = subprocess.call(stage("all"), stdout=subprocess.DEVNULL)
        if first not in (0, 2):
            raise SystemExit("the first boot ended with %d" % first)
        times = {name: [] for name in commands}
        for _ in range(values.rounds):
            for name, command in commands.items():
                times[name].append(cpu(command))
        medians = {name: statistics.median(figures) for name, figures in times.items()}
        for name, median in medians.items():
            print("%-30s %6.1f ms" % (name, median * 1000))
        second, peer, bare = medians.values()
        print("ratio to the import of yaml        %.2f" % (second / peer))
        print("ratio above the bare interpreter   %.2f" % ((second - bare) / (peer - bare)))
    finally:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
