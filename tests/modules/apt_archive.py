"""An archive for apt, signed with a key made for the test; its server is key server and proxy, too."""

import hashlib
import http.server
import os
import socketserver
import subprocess
import threading

CONTROL = """\
Package: {name}
Version: {version}
Architecture: all
Maintainer: Nobody <nobody@example.com>
Description: A package for tests
"""
RELEASE = """\
Origin: Test
Suite: {suite}
Codename: {suite}
Date: {date}
Architectures: amd64 arm64 all
Components: main
SHA256:
"""


class Signer:
    """A key pair of gpg's, in a home of its own."""

    def __init__(self, home, name):
        self.home = home
        self.home.mkdir(mode=0o700)
        self._gpg("--batch", "--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "never")
        listed = self._gpg("--with-colons", "--list-keys").decode("utf-8").splitlines()
        self.fingerprint = [line for line in listed if line.startswith("fpr:")][0].split(":")[9]
        self.public = self._gpg("--armor", "--export").decode("ascii")
        self.private = self._gpg("--armor", "--export-secret-keys").decode("ascii")

    def sign(self, text):
        """A clear-signed text."""
        return self._gpg("--batch", "--clearsign", stdin=text.encode("utf-8"))

    def close(self):
        """End the agent that gpg started."""
        subprocess.call(["gpgconf", "--homedir", str(self.home), "--kill", "all"])

    def _gpg(self, *words, stdin=None):
        done = subprocess.run(
            ["gpg", "--homedir", str(self.home), "--quiet", "--no-tty"] + list(words),
            input=stdin or b"",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def build_package(directory, name, version):
    """A package that holds one file; its path."""
    tree = directory / (name + version)
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(CONTROL.format(name=name, version=version), encoding="utf-8")
    (tree / "usr/share" / name).mkdir(parents=True)
    (tree / "usr/share" / name / "version").write_text(version + "\n", encoding="utf-8")
    path = directory / ("%s_%s_all.deb" % (name, version))
    subprocess.check_output(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(path)])
    return path


def build_suite(archive, suite, packages, signer):
    """A suite of an archive, with packages of (name, version)."""
    pool = archive / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, version in packages:
        path = build_package(pool, name, version)
        data = path.read_bytes()
        entries.append(
            CONTROL.format(name=name, version=version)
            + "Filename: pool/%s\nSize: %d\nSHA256: %s\n"
            % (path.name, len(data), hashlib.sha256(data).hexdigest())
        )
    index = "\n".join(entries).encode("utf-8")
    release = RELEASE.format(suite=suite, date="Thu, 01 Jan 2026 00:00:00 UTC")
    for architecture in ("amd64", "arm64", "all"):
        name = "main/binary-%s/Packages" % architecture
        path = archive / "dists" / suite / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(index)
        release += " %s %d %s\n" % (hashlib.sha256(index).hexdigest(), len(index), name)
    (archive / "dists" / suite / "InRelease").write_bytes(signer.sign(release))


class _Threaded(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True  # apt keeps a connection open that it does not need yet


class Server:
    """Serves a directory, and as a proxy whatever host is asked for; knows keys by their fingerprints."""

    def __init__(self, directory, keys):
        self.requests = []
        self.keys = keys

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(handler):  # noqa: N802, N805
                self.requests.append((handler.path, dict(handler.headers.items())))
                path = handler.path
                if path.startswith("http://"):
                    path = "/" + path[7:].partition("/")[2]
                if path.startswith("/pks/lookup?"):
                    wanted = path.rpartition("search=0x")[2]
                    body = keys.get(wanted, "").encode("ascii")
                else:
                    place = os.path.join(str(directory), path.lstrip("/"))
                    body = b""
                    if os.path.isfile(place):
                        with open(place, "rb") as stream:
                            body = stream.read()
                handler.send_response(200 if body else 404)
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(handler, *words):  # noqa: N805
                pass

        self._server = _Threaded(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        """Stop it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
