"""Scripts at every boot, once ever and for each instance, as the agent runs them boot after boot."""

import json
import os
import subprocess
import sys

import pytest

from tsagent.changes import UserProgram, UserScript
from tsagent.errors import AgentError
from tsagent.host import Host

SCRIPTS = "var/lib/cloud/scripts"


class Machine:
    """The agent over a scratch root; each `boot` has a boot id of its own."""

    def __init__(self, root, top, checkout):
        self.root, self.top, self.checkout = root, top, checkout
        self.boots = 0
        self.commands = "here"
        for name in ("seed", "hardware/proc/sys/kernel/random"):
            (top / name).mkdir(parents=True)
        self.marks = root / "marks"
        self.tell("#cloud-config\n{}\n")

    def tell(self, user_data, vendor_data=None, instance="ins-1"):
        (self.top / "seed/meta-data").write_text(json.dumps({"instance-id": instance}))
        (self.top / "seed/user-data").write_text(user_data)
        if vendor_data is not None:
            (self.top / "seed/vendor-data").write_text(vendor_data)

    def put(self, kind, name, text, mode=0o755):
        """A script in one of the directories; it notes its name unless it says otherwise."""
        path = self.root / SCRIPTS / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.chmod(str(path), mode)

    def note(self, word, more=""):
        return "#!/bin/sh\necho %s >> '%s'\n%s" % (word, self.marks, more)

    def boot(self):
        """What the scripts of one boot noted."""
        self.boots += 1
        (self.top / "hardware/proc/sys/kernel/random/boot_id").write_text("boot-%d\n" % self.boots)
        self.marks.write_text("")
        for stage in ("local", "network", "final"):
            if stage != "local" and (self.root / "run/tsagent/nothing-due").exists():
                break
            self.stage(stage)
        return self.marks.read_text().split()

    def stage(self, stage, look=""):
        code = "import sys\nfrom tsagent.cli import main\ncode = main(sys.argv[1:])\n"
        words = ["run", "--stage", stage, "--root", str(self.root), "--hardware", str(self.top / "hardware")]
        words += ["--source", "nocloud:%s" % (self.top / "seed"), "--commands", self.commands]
        return subprocess.run(
            [sys.executable, "-B", "-c", code + look] + words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            env=dict(os.environ, PYTHONPATH=self.checkout),
            timeout=60,
        )

    def module(self, name):
        status = json.loads((self.root / "run/tsagent/status.json").read_text())
        return next(module for module in status["modules"] if module["name"] == name)


@pytest.fixture
def machine(scratch_root, tmp_path, checkout):
    return Machine(scratch_root, tmp_path / "machine", checkout)


def multipart(*parts):
    """A MIME message of (sub-type, name, text)."""
    lines = ["Content-Type: multipart/mixed; boundary=XX", "MIME-Version: 1.0", ""]
    for kind, name, text in parts:
        lines += ["--XX", "Content-Type: text/%s" % kind, "Content-Disposition: attachment; filename=" + name]
        lines += ["", text]
    return "\n".join(lines + ["--XX--", ""])


def test_every_kind_in_its_order_and_at_its_boots(machine):
    note = machine.note
    config = "#cloud-config\n" + json.dumps({"runcmd": ["echo runcmd >> '%s'" % machine.marks]})
    machine.tell(
        multipart(
            ("x-shellscript", "user.sh", note("user")),
            ("x-shellscript-per-boot", "b-data", note("boot-data")),
            ("x-shellscript-per-once", "o-data", note("once-data")),
            ("x-shellscript-per-instance", "i-data", note("instance-data")),
            ("cloud-config", "config", config),
        ),
        note("vendor"),
    )
    machine.put("per-boot", "c-image", note("boot-image"))
    machine.put("per-boot", "a-image", note("boot-first"))
    machine.put("per-once", "image", note("once-image"))
    machine.put("per-instance", "image", note("instance-image"))
    each = ["boot-first", "boot-data", "boot-image"]
    instance = ["instance-data", "instance-image", "runcmd", "user"]
    assert machine.boot() == ["vendor", "once-image", "once-data"] + each + instance
    assert [change["describe"] for change in machine.module("boot_scripts")["changes"]] == [
        "run per-boot script /var/lib/cloud/scripts/per-boot/a-image",
        "run per-boot script b-data",
        "run per-boot script /var/lib/cloud/scripts/per-boot/c-image",
    ]
    assert machine.boot() == each
    machine.tell(note("user"), instance="ins-2")  # a clone: another instance on the same disk
    assert machine.boot() == ["vendor", "boot-first", "boot-image", "instance-image", "user"]
    assert machine.boot() == ["boot-first", "boot-image"]


def test_what_this_boot_writes_there_runs_in_this_boot(machine):
    entries = [
        {"path": "/%s/per-boot/early" % SCRIPTS, "content": machine.note("early"), "permissions": "0755"},
        {"path": "/%s/per-boot/late" % SCRIPTS, "content": machine.note("late"), "permissions": "0755"},
    ]
    entries[1]["defer"] = True
    machine.tell("#cloud-config\n" + json.dumps({"write_files": entries}))
    assert machine.boot() == ["early", "late"]
    assert machine.boot() == ["early", "late"]


def test_a_deferred_file_alone_makes_the_directory_due(machine):
    entry = {"path": "/%s/per-once/x" % SCRIPTS, "content": machine.note("x"), "permissions": "0755"}
    machine.tell("#cloud-config\n" + json.dumps({"write_files": [dict(entry, defer=True)]}))
    assert machine.boot() == ["x"]
    assert machine.boot() == []


def test_what_an_image_builder_leaves_out_is_run_where_the_image_is_booted(machine):
    machine.put("per-once", "x", machine.note("x"))
    machine.commands = "skip"
    assert machine.boot() == []
    assert machine.module("once_scripts")["changes"][0]["state"] == "skipped"
    machine.commands = "here"
    assert machine.boot() == ["x"]
    assert machine.boot() == []


def test_each_has_its_own_outcome(machine):
    machine.put("per-boot", "1-fails", machine.note("one", "exit 3\n"))
    machine.put("per-boot", "2-works", machine.note("two"))
    machine.put("per-boot", "3-is-not-executable", machine.note("three"), 0o644)
    machine.put("per-boot", ".hidden", machine.note("hidden"))
    machine.put("per-boot", "directory/inside", machine.note("inside"))
    assert machine.boot() == ["one", "two"]
    module = machine.module("boot_scripts")
    assert (module["state"], [change["state"] for change in module["changes"]]) == (
        "failed",
        ["failed", "applied"],
    )
    assert "1-fails failed with status 3" in module["reason"]
    path = "/var/lib/cloud/scripts/per-boot/3-is-not-executable"
    assert module["warnings"] == ["%s may not be executed and is not run: chmod +x %s" % (path, path)]
    assert machine.boot() == ["one", "two"]  # at each boot anew


def test_a_quiet_boot_loads_nothing_for_them(machine):
    for kind in ("per-boot", "per-once", "per-instance"):
        (machine.root / SCRIPTS / kind).mkdir(parents=True)
    machine.boot()
    heavy = {"yaml", "subprocess", "tsagent.changes.commands", "tsagent.changes.user_scripts"}
    look = "print(sorted(%r & set(sys.modules)))" % heavy
    (machine.top / "hardware/proc/sys/kernel/random/boot_id").write_text("another\n")
    result = machine.stage("local", look)
    assert result.stdout.splitlines()[-1] == "[]"
    assert (machine.root / "run/tsagent/nothing-due").exists()


def test_a_program_that_lies_in_the_root(tmp_path):
    host = Host(str(tmp_path), commands="here")
    host.instance_dir = "/var/lib/tsagent/instances/i-1"
    log = tmp_path / "var/log/tsagent-output.log"
    log.parent.mkdir(parents=True)
    (tmp_path / "text").write_text("echo no interpreter\n")
    with pytest.raises(AgentError, match="does not say what runs it"):
        UserProgram("/text").apply(host)
    (tmp_path / "real").symlink_to("sub/binary")
    (tmp_path / "sub").mkdir()
    with open("/bin/echo", "rb") as stream:
        (tmp_path / "sub/binary").write_bytes(stream.read())
    os.chmod(str(tmp_path / "sub/binary"), 0o755)
    assert UserProgram("/real").apply(host) is None
    assert UserScript("x", b"#!/bin/sh\necho $1 $0\n", prefix=["env", "A=1"]).apply(host) is None
    name = str(tmp_path / "var/lib/tsagent/instances/i-1/scripts/x")
    assert log.read_text() == "--- script /real ---\n\n--- script x ---\n%s\n" % name


def test_what_cloud_init_takes_against_its_own_schema_is_told_and_done(machine):
    machine.tell(
        "#cloud-config\n"
        "runcmd:\n- [sh, -c, 'echo $1 $2 >> %s', x, 80, 1.5]\n- 7\n- echo text >> %s\n"
        "write_files:\n- {path: /plain, permissions: 0640, owner: 0, content: x, append: 'no'}\n"
        "- {path: /other, perms: '0600'}\n" % (machine.marks, machine.marks)
    )
    assert machine.boot() == ["80", "1.5", "text"]
    assert os.stat(str(machine.root / "plain")).st_mode & 0o777 == 0o640
    assert (machine.root / "other").exists()
    status = json.loads((machine.root / "run/tsagent/status.json").read_text())
    told = "\n".join(status["warnings"])
    for path in ("runcmd/0/4", "runcmd/1", "write_files/0/permissions", "write_files/1/perms"):
        assert "error: /%s: " % path in told
    assert status["state"] == "degraded"
