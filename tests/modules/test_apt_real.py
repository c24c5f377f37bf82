"""apt for real: in a copy of this machine it updates and installs from archives signed for the test."""

import shutil

import pytest
from apt_archive import Server, Signer, build_suite
from overlay_root import is_root, run_inside

FACTS = {
    "os": {"family": "debian", "id": "debian", "package_manager": "apt"},
    "cpu": {"architecture": "x86_64"},
}
PRELUDE = """
import glob
FACTS = {facts!r}
KINDS = ("apt.conf.d/*", "sources.list.d/*", "sources.list", "trusted.gpg*", "preferences.d/*")
for pattern in KINDS:
    for path in glob.glob(root + "/etc/apt/" + pattern):
        if os.path.isfile(path):
            os.unlink(path)
with open(root + "/etc/os-release", "w") as stream:
    stream.write("ID=debian\\nVERSION_CODENAME=wheel\\n")

def write(path, text):
    os.makedirs(os.path.dirname(root + path), exist_ok=True)
    with open(root + path, "w", encoding="utf-8") as stream:
        stream.write(text)

def read(path):
    with open(root + path, encoding="utf-8") as stream:
        return stream.read()

def inside(*words, stdin=None, good=True):
    done = subprocess.run(["chroot", root] + list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={{"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}})
    text = done.stdout.decode("utf-8", "replace")
    assert not good or done.returncode == 0, (words, text)
    return text

# Else apt waits for what is gone.
write("/etc/apt/apt.conf.d/00test", 'Acquire::Retries "0";\\n')

def mode(path):
    return "%04o" % (os.stat(root + path).st_mode & 0o7777)
"""
FORM = "'package question type answer'"
SHIPPED = """\
## The image's own.
Types: deb
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: wheel wheel-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://nowhere.invalid/debian-security
Suites: wheel-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

# Somebody else's
Types: deb
URIs: http://third.invalid/
Suites: wheel
Components: stable
Enabled: no
"""
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not is_root(), reason="an overlay needs root"),
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="this is no Debian: there is no apt"),
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Two archives, each signed with a key of its own, behind a server."""
    top = tmp_path_factory.mktemp("archive")
    signers = [Signer(top / ("gnupg%d" % number), "signer %d" % number) for number in (1, 2)]
    files = top / "files"
    build_suite(files / "debian", "wheel", [("greeting", "1.0"), ("greeting", "2.0")], signers[0])
    build_suite(files / "extra", "wheel", [("addition", "1.0")], signers[1])
    server = Server(files, {signer.fingerprint: signer.public for signer in signers[1:]})
    server.signers = signers
    yield server
    server.close()
    for signer in signers:
        signer.close()


def outcomes(seen):
    return {(kind, target): (state, note) for state, kind, target, note in seen["outcomes"]}


ALL = """
write("/etc/apt/sources.list.d/debian.sources", {shipped!r})
write("/etc/apt/apt.conf.d/90cloud-init-aptproxy", "Acquire::http::Proxy \\"http://stale.invalid\\";\\n")
settings = {{"apt": {{
    "primary": [
        {{"arches": ["arm64"], "uri": "http://wrong.invalid/"}},
        {{"arches": ["default"], "uri": "http://{address}/debian", "key": {key!r}}},
    ],
    "disable_suites": ["updates", "$RELEASE-security"],
    "sources": {{
        "extra": {{
            "source": "deb [signed-by=$KEY_FILE] http://{address}/extra $RELEASE main",
            "keyid": {fingerprint!r},
            "keyserver": "http://{address}",
        }},
        "bad": {{"source": "deb [signed-by=$KEY_FILE] http://bad.invalid/ $RELEASE main", "key": "no key"}},
        "private": {{"source": "deb http://localhost:1/ $RELEASE main", "key": {private!r}, "append": False}},
        "lost": {{"keyid": "0123456789ABCDEF0123456789ABCDEF01234567", "keyserver": "http://{address}"}},
        "ppa:x": {{"source": "ppa:somebody/something"}},
    }},
    "conf": "APT::Install-Recommends \\"false\\";",
    "debconf_selections": {{
        "one": "greeting greeting/name string World\\nnot an answer\\n# comment\\n",
        "two": "greeting greeting/word password hunter22\\n",
    }},
    "preferences": [{{"package": "greeting", "pin": "version 1.*", "pin-priority": 1001}}],
}}, "apt_pipelining": False}}
if os.path.exists(root + "/usr/bin/add-apt-repository"):
    os.unlink(root + "/usr/bin/add-apt-repository")
seen = apply(host, "apt", settings, FACTS)
os.unlink(root + "/etc/apt/sources.list.d/private.list")
update = inside("apt-get", "update")
install = inside("apt-get", "install", "-y", "greeting", "addition")
report(
    seen=seen,
    update=update,
    version=read("/usr/share/greeting/version"),
    extra=read("/usr/share/addition/version"),
    shipped=read("/etc/apt/sources.list.d/debian.sources"),
    parts=sorted(os.listdir(root + "/etc/apt/sources.list.d")),
    keys=sorted(os.listdir(root + "/etc/apt/trusted.gpg.d")),
    keyrings=sorted(os.listdir(root + "/etc/apt/keyrings")),
    config=inside("apt-config", "dump"),
    debconf=inside("debconf-show", "greeting"),
    conf_mode=mode("/etc/apt/apt.conf.d/94cloud-init-config"),
    passwords=read("/var/cache/debconf/passwords.dat"),
    stale=os.path.exists(root + "/etc/apt/apt.conf.d/90cloud-init-aptproxy"),
)
"""


def test_everything_at_once(tmp_path, checkout, archive):
    first, second = archive.signers
    script = PRELUDE.format(facts=FACTS) + ALL.format(
        shipped=SHIPPED,
        address=archive.address,
        key="comment\n" + first.public,
        fingerprint=second.fingerprint.lower()[:20] + " " + second.fingerprint[20:],
        private=first.private,
    )
    seen = run_inside(tmp_path, checkout, script)
    assert sorted(seen["seen"]["warnings"]) == [
        "apt.sources.bad is left out: $KEY_FILE stands for the file of a key that it lacks",
        "apt.sources.bad.key is left out: it has no BEGIN PGP PUBLIC KEY BLOCK",
        "apt.sources.ppa:x is left out: it needs add-apt-repository, which is not installed here",
        "apt.sources.private.key is left out: it is a private key",
        "line 2 of apt.debconf_selections.one is left out: it is not of the form " + FORM,
    ]
    found = outcomes(seen["seen"])
    failed = {target: note for (_, target), (state, note) in found.items() if state == "failed"}
    assert set(failed) == {"/etc/apt/trusted.gpg.d/lost.gpg"}
    assert (
        "the key 0123456789ABCDEF0123456789ABCDEF01234567 could not be fetched"
        in failed["/etc/apt/trusted.gpg.d/lost.gpg"]
    )
    refreshed = found[("refresh_packages", "package lists")]
    assert refreshed == ("applied", "some lists could not be fetched; older ones are used")
    assert {(kind, state) for kind, _, state in seen["seen"]["again"] if state != "converged"} == {
        ("fetch_apt_key", "differs"),
        ("refresh_packages", "unknown"),
    }
    assert (seen["version"], seen["extra"]) == ("1.0\n", "1.0\n")  # the pin holds the newer one back
    assert "updates" not in seen["update"] and "security" not in seen["update"]
    assert seen["shipped"].startswith(
        "## The image's own.\nTypes: deb\nURIs: http://%s/debian\n" % archive.address
    )
    assert "# off (disable_suites): wheel-updates\nSuites: wheel\n" in seen["shipped"]
    assert (
        seen["shipped"].endswith(SHIPPED.partition("\n\n# Somebody")[2])
        and "third.invalid" in seen["shipped"]
    )
    assert seen["parts"] == ["debian.sources", "extra.list"]
    added = [name for name in seen["keys"] if not name.startswith("debian-archive-")]
    assert (added, seen["keyrings"]) == (["primary.gpg"], ["extra.gpg"])
    assert "\nSigned-By: /etc/apt/trusted.gpg.d/primary.gpg\n" in seen["shipped"]
    assert 'APT::Install-Recommends "false";' in seen["config"] and 'Pipeline-Depth "0";' in seen["config"]
    assert "* greeting/name: World" in seen["debconf"] and "hunter22" in seen["passwords"]
    assert (seen["conf_mode"], seen["stale"]) == ("0644", False)


LISTS = """
write("/etc/apt/sources.list.d/debian.sources", {shipped!r})
write("/etc/apt/trusted.gpg.d/test.asc", {key!r})
template = '''deb $PRIMARY $RELEASE main
deb $SECURITY $RELEASE-backports main
deb [arch=amd64] $MIRROR gone main
'''
settings = {{"apt": {{
    "primary": [
        {{"arches": ["amd64"], "search": ["http://nowhere.invalid/debian", "http://{address}/debian"]}}
    ],
    "sources_list": template, "disable_suites": ["backports", "gone"],
    "conf": "APT {{ nonsense",
    "sources": {{
        "one": {{"source": "deb $MIRROR $RELEASE main # the same", "filename": "shared.list"}},
        "two": {{
            "source": "Types: deb\\nURIs: $MIRROR\\nSuites: $RELEASE\\nComponents: main\\n",
            "filename": "new style",
        }},
    }},
}}}}
seen = apply(host, "apt", settings, FACTS)
first = read("/etc/apt/sources.list")
shipped = read("/etc/apt/sources.list.d/debian.sources")
apply(host, "apt", settings, FACTS)
parts = "/etc/apt/sources.list.d/"
again = (read("/etc/apt/sources.list"), read(parts + "debian.sources"), read(parts + "shared.list"))
indexes = inside("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)")
settings = {{"apt": {{"sources_list": "Types: deb\\nURIs: $MIRROR\\nSuites: $RELEASE\\nComponents: main\\n",
    "primary": [{{"arches": ["default"], "uri": "http://{address}/debian"}}]}}}}
back = apply(host, "apt", settings, FACTS)
report(
    seen=seen,
    first=first,
    shipped=shipped,
    again=again,
    indexes=sorted({{line for line in indexes.splitlines() if line[:2] != "W:"}}),
    back=back,
    shared=read(parts + "shared.list"),
    parts=sorted(os.listdir(root + parts)),
    last=[read("/etc/apt/sources.list"), read(parts + "debian.sources")],
    conf=os.listdir(root + "/etc/apt/apt.conf.d"),
    hidden=[name for name in os.listdir(root + "/etc/apt") if name[0] == "."],
)
"""


def test_lists_of_sources_in_both_styles(tmp_path, checkout, archive):
    script = PRELUDE.format(facts=FACTS) + LISTS.format(
        shipped=SHIPPED, address=archive.address, key=archive.signers[0].public
    )
    seen = run_inside(tmp_path, checkout, script)
    mirror = "http://%s/debian" % archive.address
    assert seen["first"] == (
        "deb %s wheel main\n"
        "# off (disable_suites): deb http://nowhere.invalid/debian-security wheel-backports main\n"
        "# off (disable_suites): deb [arch=amd64] %s gone main\n" % (mirror, mirror)
    )
    assert seen["shipped"].count("\nEnabled: no") == 3
    assert seen["again"] == [seen["first"], seen["shipped"], seen["shared"]]
    assert seen["parts"] == ["debian.sources", "new_style.sources", "shared.list"]
    assert seen["indexes"] == ["http://%s/debian wheel" % archive.address]
    failed = [note for state, _, _, note in seen["seen"]["outcomes"] if state == "failed"]
    assert len(failed) == 1 and "apt cannot read it: a mistake at line" in failed[0]
    assert (seen["conf"], seen["hidden"]) == (["00test"], [])
    assert seen["last"][0].startswith("# set aside (sources_list): deb " + mirror)
    assert seen["last"][1] == "Types: deb\nURIs: %s\nSuites: wheel\nComponents: main\n" % mirror


PROXY = """
write(
    "/etc/apt/sources.list",
    "deb http://archive.invalid/debian wheel main contrib\\ndeb http://other.invalid/x wheel stable\\n",
)
write("/etc/apt/trusted.gpg.d/test.asc", {key!r})
settings = {{
    "apt_proxy": "http://user:hunter22@{address}/",
    "apt": {{"https_proxy": "http://{address}/", "disable_suites": ["release"]}},
    "apt_sources": [{{"source": "deb http://archive.invalid/debian $RELEASE main"}}],
}}
changes, context = planned(host, "apt", settings, FACTS)
shown = repr([(change.describe(), change.detail(host), change.payload()) for change in changes])
seen = apply(host, "apt", settings, FACTS)
report(
    seen=seen,
    shown=shown,
    mode=mode("/etc/apt/apt.conf.d/90cloud-init-aptproxy"),
    list=read("/etc/apt/sources.list"),
    policy=inside("apt-cache", "policy", "greeting"),
    dump=inside("apt-config", "dump"),
)
"""


def test_a_proxy_with_a_password(tmp_path, checkout, archive):
    del archive.requests[:]
    script = PRELUDE.format(facts=FACTS) + PROXY.format(
        address=archive.address, key=archive.signers[0].public
    )
    seen = run_inside(tmp_path, checkout, script)
    assert "hunter22" not in seen["shown"]
    assert seen["mode"] == "0600"
    assert 'Acquire::http::Proxy "http://user:hunter22@' in seen["dump"]
    asked = [headers for path, headers in archive.requests if path.startswith("http://archive.invalid/")]
    assert asked and all("Proxy-Authorization" in headers for headers in asked)
    assert "Candidate: 2.0" in seen["policy"]
    assert seen["list"].startswith("# off (disable_suites): deb http://archive.invalid/debian")
    assert {state for state, _, _, _ in seen["seen"]["outcomes"]} == {"applied"}


RUN = """
write("/etc/apt/sources.list", "deb http://archive.invalid/debian wheel main\\n")
write("/var/lib/tsagent/clean", "")  # a first boot, though there are host keys
user_data = root + "/user-data"
with open(user_data, "w", encoding="utf-8") as stream:
    stream.write({user_data!r})
line = [sys.executable, "-m", "tsagent", "run", "--root", root, "--commands", "chroot", "--source", "none"]
line += ["--user-data", user_data, "--format", "json", "--only"]
environment = dict(os.environ, PYTHONPATH={checkout!r}, PYTHONDONTWRITEBYTECODE="1")
runs = []
for only in ("apt", "packages", "apt"):
    done = subprocess.run(
        line + [only], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    runs.append([done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")])
names = [name for name in os.listdir(root + "/var/log") if name.startswith("tsagent")]
logs = "".join(read("/var/log/" + name) for name in names)
public = read("/run/tsagent/status.json") + read("/run/tsagent/instance.json")
installed = root + "/usr/share/greeting/version"
version = read("/usr/share/greeting/version") if os.path.exists(installed) else ""
report(runs=runs, logs=logs, public=public, version=version)
"""
USER_DATA = """\
#cloud-config
apt:
  primary:
    - arches: [default]
      uri: http://{address}/debian
      keyid: {fingerprint}
      keyserver: http://{address}
  http_proxy: http://user:hunter22@{address}/
  debconf_selections:
    set: greeting greeting/word password hunter33
packages: [greeting]
"""


def test_a_run_of_the_program(tmp_path, checkout, archive):
    """Sources first, then packages; the second run changes nothing; no secret is told."""
    first = archive.signers[0]
    archive.keys[first.fingerprint] = first.public
    user_data = USER_DATA.format(address=archive.address, fingerprint=first.fingerprint)
    script = PRELUDE.format(facts=FACTS) + RUN.format(user_data=user_data, checkout=checkout)
    seen = run_inside(tmp_path, checkout, script)
    assert [code for code, _, _ in seen["runs"]] == [0, 0, 0], seen["runs"]
    assert '"applied"' in seen["runs"][0][1] and "installed greeting" in seen["runs"][1][1]
    assert '"applied"' not in seen["runs"][2][1]
    assert seen["version"] == "2.0\n"
    told = seen["logs"] + seen["public"] + "".join(out + errors for _, out, errors in seen["runs"])
    assert "hunter" not in told
