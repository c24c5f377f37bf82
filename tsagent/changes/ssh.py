"""Changes to the ssh server: its host keys, and that it reads its configuration again."""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.errors import AgentError
from tsagent.host.accounts import find_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Sequence

    from tsagent.host import Host
    from tsagent.host.tree import Tree

DIRECTORY = "/etc/ssh"
KEY_TYPES = ("rsa", "ecdsa", "ed25519")  # what every ssh server since OpenSSH 6.5 makes and takes
_KEY_NAMES = {"rsa": "ssh-rsa", "ecdsa": "ecdsa-sha2-", "ed25519": "ssh-ed25519"}
_KEYGEN_LIMIT = 120.0  # seconds; a large RSA key on a slow machine
_KEYS_LIMIT = 1 << 20  # bytes of an authorized_keys file


def host_key_path(kind: str) -> str:
    """Where the private host key of a type is kept; `.pub` beside it is the public one."""
    return "%s/ssh_host_%s_key" % (DIRECTORY, kind)


class _HostKey(Change):
    """A host key pair, put in place under temporary names and renamed: private key first.

    A server that starts between the two renames finds a private key whose `.pub` does not belong to it,
    says so in its log and uses the private key.
    """

    def __init__(self, kind: str, reason: str, requires: "Sequence[Change]") -> None:
        super().__init__(host_key_path(kind), reason, requires)
        self.kind = kind
        self.path = host_key_path(kind)
        self.temporary = "%s/.ssh_host_%s_key.tsagent-new" % (DIRECTORY, kind)

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        return {"private": _digest(host.root, self.path), "public": _digest(host.root, self.path + ".pub")}

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        for path in (self.temporary, self.temporary + ".pub"):
            host.root.unlink(path, missing_ok=True)

    def apply(self, host: "Host") -> "Optional[str]":
        tree = host.root
        if not tree.is_dir(DIRECTORY):
            tree.mkdir(DIRECTORY, 0o755, 0, 0)
        self.heal(host, None)
        try:
            self.make(host)
            # As the distribution's own key generation: its signing helper is set-group-id to this group.
            group = find_group(tree, "ssh_keys")
            tree.chown(self.temporary, 0, group.gid if group else 0)
            tree.chmod(self.temporary, 0o640 if group else 0o600)
            tree.chown(self.temporary + ".pub", 0, 0)
            tree.chmod(self.temporary + ".pub", 0o644)
            for suffix in ("", ".pub"):
                descriptor = tree.open(self.temporary + suffix, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            for suffix in ("", ".pub"):
                tree.rename(self.temporary + suffix, self.path + suffix)
        finally:
            self.heal(host, None)
        if host.live and host.which("restorecon") and tree.exists("/sys/fs/selinux/enforce"):
            host.check(["restorecon", self.path, self.path + ".pub"])
        return None

    def make(self, host: "Host") -> None:
        """Put the pair under the temporary names, the private key readable by nobody else from birth."""
        raise NotImplementedError


class GenerateHostKey(_HostKey):
    """Make a new host key of a type; `replace` puts it in the place of one that is there."""

    type = "generate_host_key"

    def __init__(
        self, kind: str, replace: bool = True, reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        super().__init__(kind, reason, requires)
        self.replace = replace

    def payload(self) -> "Dict[str, Any]":
        return {"kind": self.kind, "replace": self.replace}

    def describe(self) -> str:
        return "make %s host key %s" % ("a new" if self.replace else "a missing", self.path)

    def probe(self, host: "Host") -> Probe:
        now = self.before(host) or {}
        if not now["private"]:
            return Probe(DIFFERS, "absent")
        # sshd needs no public key: a private one that is there is never remade for want of it.
        return Probe(DIFFERS, "the one there is the image's") if self.replace else Probe(CONVERGED)

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        now = self.before(host) or {}
        if before is None:
            return self.probe(host)
        for part in ("private", "public"):
            if not now[part] or (now[part] == before[part] and self.replace):
                return Probe(DIFFERS, "%s key not made yet" % part)
        left = [suffix for suffix in ("", ".pub") if _there(host.root, self.temporary + suffix)]
        return Probe(DIFFERS, "a half-made key is left") if left else Probe(CONVERGED)

    def make(self, host: "Host") -> None:
        path = host.root.host_path(self.temporary)
        host.check(
            ["ssh-keygen", "-q", "-N", "", "-C", "", "-t", self.kind, "-f", path], timeout=_KEYGEN_LIMIT
        )


class InstallHostKey(_HostKey):
    """Put a given host key in place. ssh-keygen must be able to read it; it derives the public key."""

    type = "install_host_key"

    def __init__(
        self,
        kind: str,
        private: str,
        public: "Optional[str]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(kind, reason, requires)
        self.private = private.replace("\r\n", "\n").rstrip("\n") + "\n"
        self.public = public.strip() + "\n" if public and public.strip() else None

    def payload(self) -> "Dict[str, Any]":
        return {"kind": self.kind, "public": self.public}

    def describe(self) -> str:
        return "install the given host key %s" % self.path

    def secrets(self) -> "Iterable[str]":
        # Whole, and line by line: a tool quotes lines.
        return [self.private] + [line for line in self.private.splitlines() if len(line) > 20]

    def probe(self, host: "Host") -> Probe:
        try:
            current = host.root.read(self.path)
            public = host.root.read(self.path + ".pub")
        except FileNotFoundError:
            return Probe(DIFFERS, "absent")
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        if current != self.private.encode("utf-8"):
            return Probe(DIFFERS, "another key")
        if self.public is not None and public.split()[:2] != self.public.encode("utf-8").split()[:2]:
            return Probe(DIFFERS, "another public key")
        return Probe(CONVERGED)

    def apply(self, host: "Host") -> "Optional[str]":
        try:
            return super().apply(host)
        except AgentError as error:
            if error.code != "bad-host-key" or any(_there(host.root, host_key_path(k)) for k in KEY_TYPES):
                raise
            # Without any host key no server starts, and nobody could log in to put it right.
            GenerateHostKey(self.kind, replace=False).apply(host)
            message = error.message + "; a new one was made, so that there is one"
            raise AgentError(message, error.code, error.hint) from None

    def make(self, host: "Host") -> None:
        tree = host.root
        tree.write_atomic(self.temporary, self.private.encode("utf-8"), 0o600, 0, 0)
        path = host.root.host_path(self.temporary)
        result = host.run(["ssh-keygen", "-y", "-P", "", "-f", path], timeout=_KEYGEN_LIMIT)
        derived = result.output.split()
        if result.status != 0 or len(derived) < 2:
            raise AgentError(
                "the %s host key given under ssh_keys is none that ssh-keygen can read" % self.kind,
                "bad-host-key",
                "give it whole, without a passphrase, as a YAML block (|)",
            )
        if not derived[0].decode("ascii", "replace").startswith(_KEY_NAMES[self.kind]):
            raise AgentError("the key given as %s_private is of another type" % self.kind, "bad-host-key")
        public = self.public.encode("utf-8") if self.public is not None else b" ".join(derived[:2]) + b"\n"
        if public.split()[:2] != derived[:2]:
            raise AgentError(
                "%s_public does not belong to %s_private" % (self.kind, self.kind), "bad-host-key"
            )
        tree.write_atomic(self.temporary + ".pub", public, 0o644, 0, 0)


class ReloadSshServer(Change):
    """Have a running ssh server read its configuration again, without waiting for it."""

    type = "reload_ssh_server"
    needs_live = True

    def __init__(self, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__("sshd", reason, requires)

    def describe(self) -> str:
        return "have the ssh server read its configuration again"

    def probe(self, host: "Host") -> Probe:
        if not self._running(host):
            return Probe(CONVERGED, "it does not run yet")
        return Probe(DIFFERS, "it runs")

    def apply(self, host: "Host") -> "Optional[str]":
        for unit in self._running(host):
            host.check(["systemctl", "--no-block", "reload-or-restart", unit])
        return None

    def _running(self, host: "Host") -> "List[str]":
        # The unit is sshd on RHEL-like systems and ssh on Debian, where sshd is another name of it.
        if not host.root.is_dir("/run/systemd/system") or host.which("systemctl") is None:
            return []
        for unit in ("sshd.service", "ssh.service"):
            if host.run(["systemctl", "is-active", "--quiet", unit]).status == 0:
                return [unit]
        return []


def _there(tree: "Tree", path: str) -> bool:
    try:
        tree.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _digest(tree: "Tree", path: str) -> "Optional[str]":
    """What tells one key file from another without telling the key."""
    from tsagent.digests import sha256

    try:
        return sha256(tree.read(path, _KEYS_LIMIT)).hexdigest()
    except FileNotFoundError:
        return None
