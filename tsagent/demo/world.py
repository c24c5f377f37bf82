"""What the demo's machine is made of: recorded hardware, a disk image, a scratch root, a repository."""

import hashlib
import json
import os
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "tsagent-demo-hello"
DISK_SIZE = 1 << 30  # bytes; the file is sparse
_SECTOR = 512  # bytes
_START = 2048  # sectors
_PARTITION_SIZE = 512 << 20  # bytes: half the disk
_FILE_SYSTEM_SIZE = 256 << 20  # bytes: half the partition
_MINIMAL = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\nwheel:x:10:\nusers:x:100:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\n",
    "etc/gshadow": "root:*::\nwheel:::\nusers:::\n",
    "etc/login.defs": "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\n",
    "etc/os-release": 'ID="tencentos"\nNAME="TencentOS Server"\nVERSION_ID="3.1"\n'
    'PLATFORM_ID="platform:el8"\nID_LIKE="rhel fedora centos"\nPRETTY_NAME="TencentOS Server 3.1"\n',
}


def hardware(work: str) -> str:
    """Where the recorded hardware is laid out."""
    return os.path.join(work, "hardware")


def disk(work: str) -> str:
    """The image file that is the machine's disk."""
    return os.path.join(work, "disk.img")


def prepare(work: str) -> None:
    """Lay out the hardware and make the disk: file system smaller than partition smaller than disk."""
    with open(os.path.join(HERE, "machine.json"), encoding="utf-8") as stream:
        machine = json.load(stream)
    write_files(hardware(work), machine["files"])
    for path, target in machine["links"].items():
        path = os.path.join(hardware(work), path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.lexists(path):
            os.symlink(target, path)
    make_disk(disk(work))


def make_disk(path: str) -> None:
    """A GPT disk with one ext4 file system. Raises OSError or CalledProcessError."""
    with open(path, "wb") as stream:
        stream.truncate(DISK_SIZE)
    table = "label: gpt\nstart=%d, size=%d, type=linux, name=root\n" % (_START, _PARTITION_SIZE // _SECTOR)
    _call(["sfdisk", "--quiet", path], table.encode("ascii"))
    offset = "offset=%d" % (_START * _SECTOR)
    _call(["mkfs.ext4", "-q", "-F", "-E", offset, path, "%dk" % (_FILE_SYSTEM_SIZE // 1024)])


def scratch_root(work: str) -> str:
    """A root with just the accounts in it."""
    root = os.path.join(work, "root")
    write_files(root, _MINIMAL)
    for name in ("home", "root", "run", "var", "tmp", "srv"):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    for name in ("shadow", "gshadow"):
        os.chmod(os.path.join(root, "etc", name), 0o600)
    return root


def write_files(top: str, files: "Dict[str, str]") -> None:
    """Write text files below `top`."""
    for path, text in files.items():
        path = os.path.join(top, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)


def repository(root: str) -> "Optional[str]":
    """Make a repository of one package in the view and the only one its package manager knows.

    Returns a word on what it is, or None where this machine has not the tools to make one.
    """
    tools = ("dpkg-deb", "apt-get"), ("rpmbuild", "createrepo_c", "dnf")
    if all(_which(tool) for tool in tools[0]):
        _debian_repository(root)
        return "apt"
    if all(_which(tool) for tool in tools[1]):
        _rpm_repository(root)
        return "dnf"
    return None


def _debian_repository(root: str) -> None:
    place = os.path.join(root, "opt/tsagent-demo")
    fields = [
        "Package: " + PACKAGE,
        "Version: 1.0",
        "Architecture: all",
        "Maintainer: tsagent <root@localhost>",
        "Description: greets from a real package",
    ]
    build = os.path.join(place, "build")
    write_files(
        build, {"DEBIAN/control": "\n".join(fields) + "\n", "usr/share/tsagent-demo/hello": "hello\n"}
    )
    file = os.path.join(place, PACKAGE + ".deb")
    _call(["dpkg-deb", "--root-owner-group", "--build", build, file])
    with open(file, "rb") as stream:
        data = stream.read()
    index = fields[:-1] + [
        "Filename: ./%s.deb" % PACKAGE,
        "Size: %d" % len(data),
        "SHA256: " + hashlib.sha256(data).hexdigest(),
        fields[-1],
    ]
    sources = os.path.join(root, "etc/apt/sources.list.d")
    for name in os.listdir(sources) if os.path.isdir(sources) else []:
        os.unlink(os.path.join(sources, name))
    write_files(
        root,
        {
            "opt/tsagent-demo/Packages": "\n".join(index) + "\n",
            "etc/apt/sources.list": "",
            "etc/apt/sources.list.d/demo.list": "deb [trusted=yes] file:/opt/tsagent-demo ./\n",
        },
    )


def _rpm_repository(root: str) -> None:
    place = os.path.join(root, "opt/tsagent-demo")
    spec = (
        "Name: %s\nVersion: 1.0\nRelease: 1\nSummary: greets\nLicense: Apache-2.0\nBuildArch: noarch\n"
        "%%description\ngreets from a package\n%%install\nmkdir -p %%{buildroot}/usr/share/tsagent-demo\n"
        "echo hello > %%{buildroot}/usr/share/tsagent-demo/hello\n%%files\n/usr/share/tsagent-demo/hello\n"
    ) % PACKAGE
    write_files(place, {"demo.spec": spec})
    _call(["rpmbuild", "--quiet", "-bb", "--define", "_topdir " + place + "/rpm", place + "/demo.spec"])
    _call(["createrepo_c", "--quiet", place + "/rpm/RPMS"])
    repos = os.path.join(root, "etc/yum.repos.d")
    for name in os.listdir(repos) if os.path.isdir(repos) else []:
        os.unlink(os.path.join(repos, name))
    text = "[demo]\nname=demo\nbaseurl=file://%s/rpm/RPMS\ngpgcheck=0\n" % place
    write_files(root, {"etc/yum.repos.d/demo.repo": text})


def user_data(packages: bool, accounts: bool) -> str:
    """What the demo's user asks for; with `accounts`, an account besides root's and a file of its own."""
    files: "List[Dict[str, str]]" = [
        {"path": "/srv/hello.txt", "content": "hello from write_files\n"},
        {
            "path": "/srv/private",
            "content": "c2VjcmV0Cg==",
            "encoding": "b64",
            "permissions": "0600",
            "owner": "ada:operators",
        },
    ]
    config: "Dict[str, object]" = {
        "hostname": "demo",
        "ssh_genkeytypes": ["ed25519"],
        "groups": ["operators"],
        "users": [
            "default",
            {
                "name": "ada",
                "gecos": "Ada Lovelace",
                "groups": ["operators"],
                "shell": "/bin/sh",
                "plain_text_passwd": "only root reads the file this stands in",
                "lock_passwd": False,
                "ssh_authorized_keys": [
                    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2w8dV1cGc8GJqBvBOmbXYk3Ipw0zN2K8hBGNBVJRZR ada"
                ],
            },
        ],
        "write_files": files,
        "runcmd": ["greeting=hello", 'echo "$greeting from runcmd" > srv/from-runcmd'],
    }
    if not accounts:
        config["users"] = ["default"]
        config["write_files"] = [
            dict(entry, owner="root:root") if "owner" in entry else entry for entry in files
        ]
    commands = config["runcmd"]
    assert isinstance(commands, list)
    if packages:
        config["packages"] = [PACKAGE]
        commands.append("cat usr/share/tsagent-demo/hello > srv/from-package")
    return "#cloud-config\n" + json.dumps(config, indent=1) + "\n"


def _which(name: str) -> bool:
    return any(os.access(os.path.join(path, name), os.X_OK) for path in os.get_exec_path())


def _call(command: "List[str]", stdin: "Optional[bytes]" = None) -> None:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(os.environ, PATH=path),
    )
    output = process.communicate(stdin)[0]
    if process.returncode != 0:
        from tsagent.errors import AgentError

        words = output.decode("utf-8", "replace").strip() or "no output"
        raise AgentError("%s: %s" % (command[0], words.splitlines()[-1]), code="demo-tool")
