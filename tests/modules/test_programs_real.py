"""Programs, installers from the web, packages of several names and services for real."""

import base64
import http.server
import json
import os
import stat
import subprocess
import sys
import threading
import zipfile

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.git_logins import parted
from tsagent.changes.named_services import KeepService, StopService
from tsagent.changes.package_choice import InstallByPip, InstallOneOf
from tsagent.changes.programs import RunInstaller, RunProgram
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import CommandResult, Host, Runner

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users, owners of files"),
]

INSTANCE = "/var/lib/tsagent/instances/i-1"
LOG = "/var/log/tsagent-output.log"


class Sheltered(Runner):
    """Programs see a home, and further variables, of the test's own."""

    def __init__(self, home, path=None, **more):
        super().__init__(*([path] if path else []))
        self.more = dict(more, HOME=str(home))

    def environment(self, extra=None):
        return dict(super().environment(extra), **self.more)


@pytest.fixture
def host(scratch_root, tmp_path):
    (scratch_root / "var/log").mkdir(parents=True)
    host = Host(str(scratch_root), commands="here", runner=Sheltered(tmp_path))
    host.facts = Facts.from_data({"os": {"package_manager": "apt"}})
    host.instance_dir = INSTANCE
    host.root.mkdir(INSTANCE, 0o700)
    return host


def output(host):
    return host.root.read(LOG).decode("utf-8")


# -- programs -------------------------------------------------------------------------------------


def test_a_program_runs_as_its_user_and_in_its_directory(host, scratch_root, tmp_path):
    os.chmod(str(tmp_path), 0o755)
    with open(str(scratch_root / "etc/passwd"), "a", encoding="utf-8") as stream:
        stream.write("daemon:x:1:1::/usr/sbin:/bin/sh\n")
    host.runner = Runner()
    words = ["sh", "-c", 'echo "$(id -un) $HOME $(pwd) $PATH $SECRET"']
    change = RunProgram(words, "say who", user="daemon", directory="/usr/lib", env={"SECRET": "hidden-word"})
    assert change.apply(host) is None
    said = output(host).splitlines()
    assert said[0] == "--- say who ---"
    assert said[1].split()[:3] == ["daemon", "/usr/sbin", "/usr/lib"]
    assert said[1].split()[3].startswith("/usr/sbin/.local/bin:") and said[1].endswith("hidden-word")
    assert stat.S_IMODE(host.root.stat(LOG).st_mode) == 0o600
    assert "hidden-word" not in json.dumps(change.payload()) + change.describe()


@pytest.mark.parametrize(
    "words, options, code, message",
    [
        (["sh", "-c", "exit 2"], {}, "command-failed", "sh failed with status 2"),
        (["sh", "-c", "kill -9 $$"], {}, "command-failed", "sh was killed by signal 9"),
        (["no-such-tool"], {}, "no-such-program", "the program no-such-tool is not installed"),
        (["true"], {"user": "nobody-here"}, "no-such-user", "there is no user nobody-here"),
        (["true"], {"directory": "/no/such"}, "no-such-directory", "there is no directory /no/such"),
    ],
)
def test_how_a_program_fails_is_said(host, words, options, code, message):
    with pytest.raises(AgentError) as caught:
        RunProgram(words, "try", **options).apply(host)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_a_status_that_means_success_is_none_but_noted(host):
    assert RunProgram(["sh", "-c", "exit 2"], "try", good=(0, 2)).apply(host) == "status 2"


# -- what git is told ------------------------------------------------------------------------------

LOGINS = {"user:pass-%20word": ("user", "pass- word"), "token-of-one-word": ("token-of-one-word", "")}


@pytest.fixture
def repository(tmp_path):
    """A repository behind a server that asks for a user: (its address without scheme, what users said)."""
    work, top = tmp_path / "work", tmp_path / "srv"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.check_call(["git", "init", "-q", str(work)])
    (work / "file").write_text("content")
    subprocess.check_call(git + ["-C", str(work), "add", "file"])
    subprocess.check_call(git + ["-C", str(work), "commit", "-q", "-m", "one"])
    subprocess.check_call(["git", "clone", "-q", "--bare", str(work), str(top / "r.git")])
    subprocess.check_call(["git", "-C", str(top / "r.git"), "update-server-info"])
    said = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path):
            return str(top) + path.split("?")[0]

        def do_GET(self):
            given = self.headers.get("Authorization", "")
            if not given:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="r"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            said.append(base64.b64decode(given.split()[1]).decode())
            super().do_GET()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield "127.0.0.1:%d/r.git" % server.server_port, said
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("user", [None, "daemon"])
@pytest.mark.parametrize("login", sorted(LOGINS))
def test_git_logs_in_with_what_stands_in_no_argument_list(
    host, scratch_root, tmp_path, repository, login, user
):
    address, said = repository
    for path in (tmp_path, tmp_path.parent, tmp_path.parent.parent, scratch_root):
        os.chmod(str(path), 0o755)
    with open(str(scratch_root / "etc/passwd"), "a", encoding="utf-8") as stream:
        stream.write("daemon:x:1:1::/nonexistent:/bin/sh\n")
    host.runner = Runner()
    os.chmod(str(tmp_path), 0o777)
    plain, stored = parted("http://%s@%s" % (login, address))
    assert plain == "http://" + address
    trace = str(tmp_path / "trace")
    goal = str(tmp_path / "clone")
    words = ["strace", "-f", "-qq", "-v", "-s", "10000", "-e", "trace=execve", "-o", trace]
    words += ["git", "clone", "-q", "--", plain, goal]
    change = RunProgram(words, "clone", user, logins=[stored])
    change.id = "abc/1"
    assert change.apply(host) is None, output(host)
    with open(goal + "/file") as stream:
        assert stream.read() == "content"
    assert set(said) == {"%s:%s" % LOGINS[login]}
    secret = login.split(":")[-1]
    for path in (trace, goal + "/.git/config"):
        with open(path, errors="replace") as stream:
            assert secret not in stream.read()
    assert secret not in output(host)
    assert os.listdir(str(scratch_root / "run/tsagent-git")) == []


def test_logins_are_only_for_who_is_to_have_them(host, scratch_root, tmp_path):
    look = 'cd "$XDG_CONFIG_HOME"; stat -c "%n %a %u" . git git/config store'
    with open(str(scratch_root / "etc/passwd"), "a", encoding="utf-8") as stream:
        stream.write("daemon:x:1:1::/nonexistent:/bin/sh\n")
    for path in (tmp_path, tmp_path.parent, tmp_path.parent.parent, scratch_root):
        os.chmod(str(path), 0o755)
    host.runner = Runner()
    RunProgram(["sh", "-c", look], "look", "daemon", logins=["https://u:p@example.org"]).apply(host)
    assert output(host).splitlines()[1:] == [". 700 1", "git 755 0", "git/config 644 0", "store 600 1"]


@pytest.mark.parametrize(
    "address", ["git@example.org:a/b.git", "ssh://git@example.org/a", "https://example.org/a@b", "/srv/r", ""]
)
def test_other_addresses_are_left_as_they_are(address):
    assert parted(address) == (address, "")


def test_what_a_clone_that_was_cut_off_has_left_is_no_clone(host, scratch_root, tmp_path, checkout):
    """Killed in its middle, git leaves a directory that looks like a repository and holds nothing."""
    from tsagent.registry.context import Context
    from tsagent.registry.discovery import discover
    from tsagent.registry.loading import load_module

    module = load_module(discover(host.root, use_cache=False).modules["ansible"], host.root)
    settings = {
        "ansible": {
            "package_name": "ansible-core",
            "setup_controller": {"repositories": [{"path": "/srv/r", "source": "https://example.org/r.git"}]},
        }
    }
    facts = Facts.from_data({"os": {"package_manager": "apt"}})
    context = Context("ansible", settings, facts, host.root, host.hardware)
    clone = list(module.plan(context))[-1]
    before = clone.before(host)
    (scratch_root / "srv/r/.git").mkdir(parents=True)
    (scratch_root / "srv/r/.git/HEAD").write_text("ref: refs/heads/main")
    assert clone.probe_resumed(host, before).state == DIFFERS
    clone.heal(host, before)
    assert not (scratch_root / "srv/r").exists()
    (scratch_root / "srv/r/.git").mkdir(parents=True)
    (scratch_root / "srv/r/.git/index").write_text("")
    clone.heal(host, before)
    assert clone.probe_resumed(host, before).state == CONVERGED
    (scratch_root / "srv/r/.git/index").unlink()
    clone.heal(host, clone.before(host))  # it was there before: not ours to take away
    assert (scratch_root / "srv/r").exists()


# -- an installer from the web --------------------------------------------------------------------


@pytest.fixture
def site():
    """A server of the pages given to it; `asked` are the paths that were asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            status, body = server.pages.get(self.path, (404, b"no such page"))
            if isinstance(status, list):
                status = status.pop(0) if len(status) > 1 else status[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.pages, server.asked = {}, []
    server.url = "http://127.0.0.1:%d" % server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_installer_is_fetched_run_with_its_arguments_and_not_kept(host, site):
    script = b'#!/bin/sh\necho "args: $*"; ls -l "$0" | cut -c1-10\n'
    site.pages["/install.sh"] = ([503, 200], script)
    change = RunInstaller(site.url + "/install.sh", ["-v", "7.1"], "install it", 1)
    change.apply(host)
    assert output(host) == "--- install it ---\nargs: -v 7.1\n-rwx------\n"
    assert site.asked == ["/install.sh", "/install.sh"]
    assert not host.root.exists(INSTANCE + "/installer")


def test_a_page_that_is_no_script_is_not_run(host, site):
    site.pages["/?key=hidden-word"] = (200, b"<html>Please sign in</html>")
    with pytest.raises(AgentError) as caught:
        RunInstaller(site.url + "/?key=hidden-word", [], "install it").apply(host)
    assert caught.value.code == "not-a-script"
    assert caught.value.message == "what %s/ gave is not a script" % site.url


def test_an_installer_that_fails_is_removed_too(host, site):
    site.pages["/"] = (200, b"#!/bin/sh\nexit 3\n")
    with pytest.raises(AgentError, match="the script failed with status 3"):
        RunInstaller(site.url + "/", [], "install it").apply(host)
    assert not host.root.exists(INSTANCE + "/installer")


# -- installing -----------------------------------------------------------------------------------

SPEC = """\
Name: puppet
Version: 7.1
Release: 1
Summary: A package for tests
License: MIT
BuildArch: noarch
%description
A package for tests.
%install
mkdir -p %{buildroot}/usr/bin
echo > %{buildroot}/usr/bin/puppet
%files
/usr/bin/puppet
"""


def test_the_first_package_that_there_is_is_installed(scratch_root, tmp_path):
    (tmp_path / "package.spec").write_text(SPEC, encoding="utf-8")
    macros = ["_topdir %s/build" % tmp_path, "_rpmdir %s/rpms" % tmp_path, "__os_install_post %{nil}"]
    build = ["rpmbuild", "-bb", "--quiet"] + ["--define=" + macro for macro in macros]
    subprocess.check_output(build + [str(tmp_path / "package.spec")], stderr=subprocess.STDOUT)
    subprocess.check_call(["createrepo_c", "--quiet", str(tmp_path / "rpms")])
    (scratch_root / "etc/yum.repos.d").mkdir()
    text = "[local]\nname=local\nbaseurl=file://%s/rpms\ngpgcheck=0\nenabled=1\n" % tmp_path
    (scratch_root / "etc/yum.repos.d/local.repo").write_text(text, encoding="utf-8")
    (scratch_root / "etc/os-release").write_text('ID="tencentos"\nVERSION_ID="4"\n', encoding="utf-8")
    host = Host(str(scratch_root), commands="here")
    host.facts = Facts(host.hardware, host.root)
    change = InstallOneOf(["puppet-agent", "puppet"], program="puppet")
    assert change.probe(host).state == DIFFERS
    assert change.apply(host) == "installed puppet"
    assert change.probe(host).state == CONVERGED
    assert InstallOneOf(["puppet-agent", "puppet"], "7.1").probe(host).state == CONVERGED
    assert InstallOneOf(["puppet-agent", "puppet"], "7.2", "puppet").probe(host).state == DIFFERS
    with pytest.raises(AgentError) as caught:
        InstallOneOf(["no-such-one", "nor-this"]).apply(host)
    assert caught.value.code == "packages-missing"
    assert "no-such-one (" in caught.value.message and "nor-this (" in caught.value.message


def test_without_a_package_manager_the_error_says_so(host):
    host.facts = Facts.from_data({"os": {"package_manager": "zypper"}})
    with pytest.raises(AgentError) as caught:
        InstallOneOf(["chef"]).apply(host)
    assert caught.value.code == "no-package-manager"


@pytest.mark.slow
def test_pip_installs_what_its_index_has(scratch_root, tmp_path):
    subprocess.check_call([sys.executable, "-m", "venv", str(tmp_path / "python")])
    wheel = str(tmp_path / "demo_tool-1.0-py3-none-any.whl")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("demo_tool.py", "VALUE = 5\n")
        meta = "demo_tool-1.0.dist-info/"
        archive.writestr(meta + "METADATA", "Metadata-Version: 2.1\nName: demo-tool\nVersion: 1.0\n")
        archive.writestr(meta + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(meta + "RECORD", "demo_tool.py,,\n%sRECORD,,\n" % meta)
    path = "%s/python/bin:/usr/bin:/bin" % tmp_path
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    host = Host(str(scratch_root), commands="here", runner=Sheltered(tmp_path, path, **index))
    change = InstallByPip("demo-tool")
    assert change.probe(host).state == DIFFERS
    assert change.apply(host) in (None, "its pip is old: the newest was asked for first")
    assert change.probe(host).state == CONVERGED
    python = str(tmp_path / "python/bin/python3")
    assert subprocess.check_output([python, "-c", "import demo_tool; print(demo_tool.VALUE)"]) == b"5\n"
    with pytest.raises(AgentError) as caught:
        InstallByPip("no-such-tool").apply(host)
    assert caught.value.code == "pip-failed" and "no-such-tool" in caught.value.message


# -- services -------------------------------------------------------------------------------------

UNIT = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


class Manager(Runner):
    """A systemctl that says what it is told to, and notes what it is asked."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers
        self.asked = []

    def run(self, argv, **options):
        self.asked.append(" ".join(argv[1:]))
        status, text = self.answers.get(argv[1], (0, ""))
        return CommandResult(argv, status, text.encode(), 0.0, False, 1)


def test_a_service_is_known_by_whichever_of_its_names_is_there(host, scratch_root):
    units = scratch_root / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    (units / "puppet.service").write_text(UNIT, encoding="utf-8")
    keep = KeepService(["puppet-agent", "puppet"])
    assert keep.probe(host).state == DIFFERS
    keep.apply(host)
    link = scratch_root / "etc/systemd/system/multi-user.target.wants/puppet.service"
    assert link.is_symlink() and keep.probe(host).state == CONVERGED
    stop = StopService(["puppet"])
    assert stop.probe(host).state == DIFFERS
    stop.apply(host)
    assert not link.is_symlink() and stop.probe(host).state == CONVERGED


def test_a_service_older_than_its_files_is_restarted(host, scratch_root):
    for path in (
        "usr/lib/systemd/system",
        "run/systemd/system",
        "etc/systemd/system/multi-user.target.wants",
    ):
        (scratch_root / path).mkdir(parents=True)
    (scratch_root / "usr/lib/systemd/system/one.service").write_text(UNIT, encoding="utf-8")
    link = scratch_root / "etc/systemd/system/multi-user.target.wants/one.service"
    link.symlink_to("/usr/lib/systemd/system/one.service")
    (scratch_root / "etc/one.conf").write_text("x", encoding="utf-8")
    host.live = True
    started = {}
    for name, moment in (("before", host.clock.monotonic() - 1000), ("after", host.clock.monotonic() + 1000)):
        text = "ActiveState=active\nActiveEnterTimestampMonotonic=%d\n" % max(1, moment * 1e6)
        started[name] = {"is-active": (0, "active\n"), "show": (0, text)}
    os.utime(str(scratch_root / "etc/one.conf"), (host.clock.time() - 5, host.clock.time() - 5))
    change = KeepService(["one"], ["/etc/one.conf", "/etc/missing"])
    host.runner = Manager(started["after"])
    assert change.probe(host).state == CONVERGED
    host.runner = Manager(started["before"])
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert "try-restart --no-block one.service" in host.runner.asked
