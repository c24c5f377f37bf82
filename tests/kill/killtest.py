"""Kill the agent anywhere, run it again, and compare with an undisturbed run.

A run into a scratch root is killed with SIGKILL at every mutating system call of the agent in turn
(strace's fault injection; the tools it calls are not touched). It is then run again, and:

- the tree equals that of an undisturbed run byte for byte, with owners and modes; journals, logs, the
  status and host keys are compared by kind;
- no temporary file is left;
- no command that had finished ran again, and the one in flight is reported as repeated.

Usage: killtest.py [--sample N] [--seed S] [--jobs N] [--keep DIR]; prints how many points were tried.
Needs root, strace, the account tools and ssh-keygen.
"""

import argparse
import concurrent.futures
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
MACHINE = os.path.join(CHECKOUT, "tests/machines/s5-medium4")

CALLS = tuple(
    (  # noqa: SIM905 (one line a family reads better than 22 quoted words)
        "rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat rmdir mkdir mkdirat "
        "fsync fdatasync ftruncate chmod fchmod fchmodat chown fchown lchown fchownat fsetxattr "
        "write pwrite64"
    ).split()
)
BY_KIND = re.compile(
    r"^(counter|var/log/.*|run/tsagent/(status\.json|lock)|var/lib/tsagent/(boot|once)\.jsonl"
    r"|var/lib/tsagent/instances/[^/]+/journal\.jsonl|etc/ssh/ssh_host_.*_key(\.pub)?)$"
)
MINIMAL_ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "group": "root:x:0:\nwheel:x:10:\nusers:x:100:\n",
    "shadow": "root:*:19000:0:99999:7:::\n",
    "gshadow": "root:*::\nwheel:::\nusers:::\n",
    "login.defs": "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nUSERGROUPS_ENAB yes\n"
    "CREATE_HOME yes\nUMASK 077\n",
    "skel/.profile": "# profile\n",
}
HASH = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2w8dV1cGc8GJqBvBOmbXYk3Ipw0zN2K8hBGNBVJRZR someone@example"


def user_data():
    """A cloud-config of more than 40 changes; each command leaves a mark in /counter when it runs."""
    counter = "counter"
    files = [{"path": "/srv/deep/%d/file%d" % (n % 4, n), "content": "file %d\n" % n} for n in range(14)]
    files += [
        {"path": "/etc/secret.conf", "content": "s", "permissions": "0600", "owner": "alice:alice"},
        {"path": "/srv/log", "content": "first\n"},
        {"path": "/srv/log", "content": "second\n", "append": True},
        {"path": "/srv/log", "content": "third\n", "append": True},
        {"path": "/srv/fetched", "content": "first\n", "append": True},
        {"path": "/srv/fetched", "source": {"uri": "file:///etc/os-release"}, "append": True},
        {"path": "/srv/fetched", "content": "last\n", "append": True},
    ]
    commands = ["echo %d >> %s; echo %d > cmd%d" % (n, counter, n, n) for n in range(8)]
    commands.append(["sh", "-c", "echo list >> %s" % counter])
    commands += ["cd srv", "echo here > where; echo cwd >> ../counter", "echo end >> ../counter"]
    config = {
        "hostname": "kill-test",
        "ssh_genkeytypes": ["ed25519", "ecdsa"],
        "groups": ["staff", {"robots": ["root"]}],
        "users": [
            "default",
            {
                "name": "alice",
                "groups": "wheel",
                "passwd": HASH,
                "lock_passwd": False,
                "ssh_authorized_keys": [KEY],
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
            },
            {"name": "bob", "gecos": "Bob", "shell": "/bin/sh", "ssh_authorized_keys": [KEY]},
        ],
        "write_files": files,
        "bootcmd": ["echo boot >> %s" % counter, "echo boot > booted"],
        "runcmd": commands,
        "timezone": "Asia/Shanghai",
        "locale": "en_US.UTF-8",
        "keyboard": {"layout": "de"},
        "rsyslog": {"configs": ["*.* /var/log/all.log"], "remotes": {"one": "*.* @192.0.2.1"}},
        "manage_resolv_conf": True,
        "resolv_conf": {"nameservers": ["192.0.2.53"]},
        "yum_repos": {"one": {"baseurl": "http://192.0.2.1/one", "name": "One"}},
        "mounts": [["tmpfs", "/srv/scratch", "tmpfs", "size=1m"]],
        "swap": {"filename": "/srv/swap", "size": 65536},
        "random_seed": {"file": "/srv/seed", "data": "seed"},
        "manage_etc_hosts": True,
        "final_message": "the end",
    }
    return "#cloud-config\n" + json.dumps(config) + "\n"


class Bench:
    """A template root and seed, and the undisturbed run that all others are compared with."""

    def __init__(self, work):
        self.work = work
        self.template = os.path.join(work, "template")
        for name, text in MINIMAL_ETC.items():
            path = os.path.join(self.template, "etc", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        for name in ("shadow", "gshadow"):
            os.chmod(os.path.join(self.template, "etc", name), 0o600)
        shutil.copy(os.path.join(MACHINE, "etc/os-release"), os.path.join(self.template, "etc"))
        for name in ("home", "root", "srv", "run", "var"):
            os.mkdir(os.path.join(self.template, name))

        self.seed = os.path.join(work, "seed")
        os.mkdir(self.seed)
        for name, text in (
            ("meta-data", json.dumps({"instance-id": "ins-kill"})),
            ("user-data", user_data()),
        ):
            with open(os.path.join(self.seed, name), "w", encoding="utf-8") as stream:
                stream.write(text)

    def case(self, name):
        """A directory of its own with a fresh root in it."""
        top = os.path.join(self.work, name)
        shutil.copytree(self.template, os.path.join(top, "root"), symlinks=True)
        return top

    def undisturbed(self):
        """The tree that every killed and resumed run must come to; itself the same twice."""
        trees = []
        for name in ("first", "second"):
            top = self.case(name)
            self.run(top)
            trees.append(snapshot(os.path.join(top, "root")))
            self.changes = check_undisturbed(top)
        unsteady = differences(*trees)
        if unsteady:
            raise SystemExit("two undisturbed runs differ:\n  " + "\n  ".join(unsteady))
        return trees[0]

    def command(self, top):
        return [
            sys.executable, "-B", "-m", "tsagent", "run", "--root", os.path.join(top, "root"),
            "--source", "nocloud:" + self.seed, "--hardware", MACHINE,
            "--commands", "here", "--workers", "1",
        ]  # fmt: skip

    def run(self, top, before=()):
        """Run the agent; its exit status, minus a signal. Counters are told apart by the tree."""
        environment = dict(os.environ, PYTHONPATH=CHECKOUT, PYTHONDONTWRITEBYTECODE="1")
        with open(os.path.join(top, "output"), "ab") as output:
            return subprocess.call(
                list(before) + self.command(top),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd="/",
            )  # fmt: skip


def snapshot(root):
    """Every path of a tree: kind, mode, owner and, unless it is compared by kind, its content."""
    seen = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            item = [stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid]
            relative = os.path.relpath(path, root)
            if stat.S_ISLNK(status.st_mode):
                item.append(os.readlink(path))
            elif stat.S_ISREG(status.st_mode) and not BY_KIND.match(relative):
                with open(path, "rb") as stream:
                    # Where the root lies differs, and programs of the user's own are told of it.
                    item.append(stream.read().replace(os.fsencode(root), b"ROOT"))
            seen[relative] = item
    return seen


def differences(expected, got):
    """How two trees differ, a line each."""
    lines = []
    for path in sorted(set(expected) | set(got)):
        if path not in got:
            lines.append("missing: %s" % path)
        elif path not in expected:
            lines.append("left over: %s" % path)
        elif expected[path] != got[path]:
            lines.append("differs: %s: %.300r instead of %.300r" % (path, got[path], expected[path]))
    return lines


def points(bench):
    """Every mutating system call of one run, as (name, its number among those of that name)."""
    top = bench.case("count")
    trace = os.path.join(top, "trace")
    bench.run(top, ["strace", "-qq", "-o", trace, "-e", "trace=openat,%s" % ",".join(CALLS)])
    found = []
    count = {}
    with open(trace, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            name = line.split("(", 1)[0]
            if not name.isidentifier():
                continue
            count[name] = count.get(name, 0) + 1
            if name != "openat" or "O_CREAT" in line:
                found.append((name, count[name]))
    shutil.rmtree(top)
    return found


def try_point(bench, expected, number, point):
    """Kill at one point and run again; what is wrong afterwards, and whether the kill struck."""
    name, when = point
    top = bench.case("p%06d" % number)
    strace = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=" + name]
    struck = bench.run(top, strace + ["-e", "inject=%s:signal=KILL:when=%d" % (name, when)])
    bench.run(top)
    wrong = differences(expected, snapshot(os.path.join(top, "root")))
    wrong += check_commands(top)
    if wrong:
        with open(os.path.join(top, "output"), encoding="utf-8", errors="replace") as stream:
            wrong.append("output: " + stream.read()[-2000:])
    else:
        shutil.rmtree(top)
    return wrong, struck != 0


def marks(top):
    """How often each command has run so far."""
    counts = {}
    try:
        with open(os.path.join(top, "root/counter"), encoding="utf-8") as stream:
            for line in stream:
                counts[line.strip()] = counts.get(line.strip(), 0) + 1
    except FileNotFoundError:
        pass
    return counts


def check_undisturbed(top):
    """How many changes the run made; at least 40, none failed but the command that fails by itself."""
    with open(os.path.join(top, "root/run/tsagent/status.json"), encoding="utf-8") as stream:
        modules = json.load(stream)["modules"]
    changes = [change for module in modules for change in module["changes"]]
    applied = sum(1 for change in changes if change["state"] == "applied")
    failed = [change["describe"] for change in changes if change["state"] == "failed"]
    if applied < 40 or failed:
        raise SystemExit("an undisturbed run applied %d changes; failed: %s" % (applied, failed))
    return applied


def check_commands(top):
    """Every command ran once; twice only the one that was in flight, and then it is reported."""
    wrong = []
    with open(os.path.join(top, "root/run/tsagent/status.json"), encoding="utf-8") as stream:
        status = json.load(stream)
    repeated = [
        change for module in status["modules"] for change in module["changes"] if change.get("repeated")
    ]
    repeats = sum(1 for change in repeated if change["type"] == "user_command")
    again = [name for name, count in marks(top).items() if count != 1]
    if len(again) > repeats:
        wrong.append("ran again without being reported: %s" % again)
    if len(again) > 1 or repeats > 1:
        wrong.append("more than one command repeated: %s" % again)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, help="only so many points, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", metavar="DIR", help="work in DIR and keep what failed")
    values = parser.parse_args()
    work = values.keep or tempfile.mkdtemp(prefix="tsagent-kill-")
    os.makedirs(work, exist_ok=True)
    bench = Bench(work)
    expected = bench.undisturbed()
    everything = points(bench)
    chosen = everything
    if values.sample and values.sample < len(everything):
        chosen = sorted(random.Random(values.seed).sample(everything, values.sample))
    print(
        "%d changes, %d mutating system calls, %d to try" % (bench.changes, len(everything), len(chosen)),
        flush=True,
    )
    failed = struck = 0
    with concurrent.futures.ThreadPoolExecutor(values.jobs) as pool:
        jobs = {
            pool.submit(try_point, bench, expected, number, point): point
            for number, point in enumerate(chosen)
        }
        for done, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            wrong, hit = job.result()
            struck += hit
            if wrong:
                failed += 1
                print("killed at %s %d:\n  %s" % (jobs[job] + ("\n  ".join(wrong[:12]),)), flush=True)
            if done % 50 == 0:
                print("  %d of %d" % (done, len(chosen)), flush=True)
    print("kill points tried: %d, of which the kill struck: %d" % (len(chosen), struck))
    print("%d passed, %d failed" % (len(chosen) - failed, failed))
    if not values.keep and not failed:
        shutil.rmtree(work)
    return 1 if failed or struck < len(chosen) * 0.95 else 0


if __name__ == "__main__":
    sys.exit(main())
