"""Runs inside the machine of qemu_network.py: each scenario in turn, then says what was seen and powers off.

A scenario has the files below its `tree`, the `service` that reads them, `until`: commands and the patterns
that lines of theirs must match, the names of `links` to remove after it, and `looks`: names to commands. What
each command printed is reported, and `problem` where something was not there in time.
"""

import json
import os
import re
import shutil
import subprocess
import time

SCENARIOS = "/bench/scenarios"
TRIES = 120  # looks, a second apart: the processor is emulated, and others use this machine as well


def output(argv):
    """What a command prints, its errors too."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    return done.stdout.decode("utf-8", "replace")


def unmet(conditions):
    """Which of the patterns are in no line that its command prints."""
    missing = []
    for command, patterns in conditions.items():
        lines = output(command.split()).splitlines()
        missing += [pattern for pattern in patterns if not any(re.search(pattern, line) for line in lines)]
    return missing


def run(folder):
    """Do one scenario; what was seen."""
    with open(folder + "/scenario.json", encoding="utf-8") as file:
        scenario = json.load(file)
    written = []
    for path, _, names in os.walk(folder + "/tree"):
        target = path[len(folder + "/tree") :]
        os.makedirs(target or "/", exist_ok=True)
        for name in names:
            shutil.copy(path + "/" + name, target)
            written.append(target + "/" + name)
    output(["udevadm", "control", "--reload"])
    print(
        "bench: starts", scenario["service"], output(["systemctl", "start", scenario["service"]]), flush=True
    )
    seen = {}
    for _ in range(TRIES):
        missing = unmet(scenario["until"])
        if not missing:
            break
        time.sleep(1)
    else:
        log = output(["journalctl", "--no-pager", "-b", "-u", scenario["service"]])
        seen["problem"] = "not there: %s\n%s" % (", ".join(missing), log[-20000:])
    seen.update({name: output(argv) for name, argv in scenario["looks"].items()})
    output(["systemctl", "stop", scenario["service"]])
    for name in scenario["links"]:
        output(["ip", "link", "delete", name])
    for name in os.listdir("/sys/class/net"):
        output(["ip", "address", "flush", "dev", name])
        output(["ip", "link", "set", name, "down"])
    for path in written:
        os.unlink(path)
    return seen


def main():
    """All scenarios, in their order."""
    report = [run("%s/%s" % (SCENARIOS, name)) for name in sorted(os.listdir(SCENARIOS), key=int)]
    with open("/dev/ttyS1", "w", encoding="ascii") as file:
        file.write(json.dumps(report) + "\n")
    output(["systemctl", "poweroff"])


if __name__ == "__main__":
    main()
