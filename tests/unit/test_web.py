"""The web client against real servers on the loopback that misbehave, and real proxies."""

import contextlib
import socket
import ssl
import subprocess
import threading
import time

import pytest

from tsagent.errors import AgentError
from tsagent.host import Clock, Host, Tree
from tsagent.web import Web, client, proxies
from tsagent.web.addresses import refused
from tsagent.web.urls import public

SECRET = "hunter2hunter2"


class Ahead(Clock):
    """Waits are noted and move time on at once; what the network takes is real."""

    def __init__(self, known=True):
        self.waits = []
        self.known = known
        self._skipped = 0.0

    def time(self):
        return super().time() + self._skipped

    def monotonic(self):
        return super().monotonic() + self._skipped

    def sleep(self, seconds):
        self.waits.append(seconds)
        self._skipped += seconds

    def synchronised(self):
        return self.known


def say(status="200 OK", body=b"", **headers):
    """A behaviour: one complete answer."""
    headers = dict({"content_length": len(body)}, **headers)
    head = ["HTTP/1.1 " + status]
    head += [
        "%s: %s" % (name.replace("_", "-"), value) for name, value in headers.items() if value is not None
    ]
    return lambda sock, stop: sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def drip(sock, stop):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not stop.wait(0.02):
        sock.sendall(b"x")


def stall(sock, stop):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    sock.settimeout(30)
    sock.recv(1)  # until the client has had enough


def cut(sock, stop):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")


class Server:
    """Each connection is answered by the next behaviour, the last one again and again."""

    def __init__(self, *behaviours, **options):
        self.behaviours = list(behaviours)
        self.contexts = options.get("contexts")  # TLS, one a connection
        self.requests = []
        self._stop = threading.Event()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(16)
        self.port = self._socket.getsockname()[1]
        self.url = "http%s://127.0.0.1:%d" % ("s" if self.contexts else "", self.port)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._thread.join()
        self._socket.close()

    def _serve(self):
        count = 0
        while True:
            sock, _ = self._socket.accept()
            if self._stop.is_set():
                sock.close()
                return
            with contextlib.suppress(OSError):
                sock.settimeout(5)
                if self.contexts:
                    context = self.contexts[min(count, len(self.contexts) - 1)]
                    count += 1
                    sock = context.wrap_socket(sock, server_side=True)
                self.requests.append(self._read(sock))
                behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
                behaviour(sock, self._stop)
            sock.close()

    def _read(self, sock):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += sock.recv(65536)
        return head.decode("latin-1") + "\n" + body.decode("latin-1")


def web(tmp_path=None, clock=None, proxy=None):
    return Web(Tree(str(tmp_path) if tmp_path else "/"), clock or Ahead(), proxy)


def failure(door, *arguments, **options):
    with pytest.raises(AgentError) as caught:
        door.get(*arguments, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_an_answer_comes_with_status_headers_and_body():
    with Server(say(body=b"#cloud-config\n", X_Told="yes")) as server:
        answer = web().get(server.url + "/a?q=\u00fc", headers={"X-Token": "t"})
    assert (answer.status, answer.body, answer.headers["x-told"]) == (200, b"#cloud-config\n", "yes")
    head = server.requests[0].lower()
    assert head.startswith("get /a?q=%c3%bc http/1.1\r\n")
    assert "x-token: t" in head
    assert "accept-encoding: identity" in head
    assert "host: 127.0.0.1:%d" % server.port in head


def test_503_is_tried_again_and_its_retry_after_is_honoured():
    clock = Ahead()
    with Server(say("503 Busy", Retry_After=7), say("503 Busy"), say(body=b"ok")) as server:
        assert web(clock=clock).get(server.url).body == b"ok"
    assert len(server.requests) == 3
    assert clock.waits[0] == 7
    assert clock.waits[1] <= 1.0


def test_tries_end_and_the_error_says_how_many_there_were():
    clock = Ahead()
    with Server(say("503 Busy")) as server:
        error = failure(web(clock=clock), server.url + "/x", retries=3)
    assert (error.code, error.status) == ("web-status", 503)
    assert "/x: the server answered status 503, 4 tries" in error.message
    assert len(clock.waits) == 3


def test_404_is_not_tried_again():
    with Server(say("404 Not Found", b"page")) as server:
        error = failure(web(), server.url)
    assert (error.code, error.status, len(server.requests)) == ("web-status", 404, 1)


def test_a_drip_ends_at_the_deadline():
    with Server(drip) as server:
        began = time.monotonic()
        error = failure(web(clock=Clock()), server.url, deadline=0.6)
    assert error.code == "web-timeout"
    assert time.monotonic() - began < 3


def test_a_stall_is_tried_again_within_the_deadline(monkeypatch):
    monkeypatch.setattr(client, "PATIENCE", 0.3)
    with Server(stall, say(body=b"whole")) as server:
        assert web().get(server.url, deadline=20).body == b"whole"
    assert len(server.requests) == 2


def test_a_cut_answer_is_no_answer():
    with Server(cut) as server:
        error = failure(web(), server.url, retries=1)
    assert error.code == "web-broken"
    assert "after 4 of 10 bytes" in error.message
    assert len(server.requests) == 2


def test_a_cut_chunked_answer_is_no_answer():
    def half(sock, stop):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe")

    with Server(half) as server:
        assert failure(web(), server.url, retries=0).code == "web-broken"


def test_what_is_no_http_is_said():
    with Server(lambda sock, stop: sock.sendall(b"SSH-2.0-OpenSSH\r\n")) as server:
        error = failure(web(), server.url, retries=0)
    assert error.code == "web-broken"
    assert "not HTTP" in error.message


@pytest.mark.parametrize("length", [20, None])
def test_more_bytes_than_allowed_are_refused_at_once(length):
    with Server(say(body=b"x" * 20, content_length=length)) as server:
        error = failure(web(), server.url, limit=10)
    assert error.code == "web-too-large"
    assert len(server.requests) == 1


def test_nobody_listening_is_unreachable():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        error = failure(web(), "http://127.0.0.1:%d" % closed.getsockname()[1], retries=1)
    assert error.code == "web-unreachable"
    assert "connection refused" in error.message


def test_redirects_are_followed_and_secrets_stay_with_the_host_they_were_for():
    with Server(say(body=b"there")) as other:
        with Server(
            say("302 Found", Location="/second"), say("302 Found", Location=other.url + "/x")
        ) as server:
            url = server.url.replace("://", "://user:%s@" % SECRET) + "/first"
            answer = web().get(url, headers={"X-Token": SECRET, "Accept": "text/x"})
    assert answer.body == b"there"
    assert answer.url == other.url + "/x"
    assert all("X-Token" in request and "Authorization: Basic" in request for request in server.requests)
    assert "X-Token" not in other.requests[0]
    assert "Authorization" not in other.requests[0]
    assert "Accept: text/x" in other.requests[0]


def test_a_redirect_loop_ends():
    with Server(say("301 Moved", Location="/again")) as server:
        error = failure(web(), server.url)
    assert error.code == "web-redirects"
    assert len(server.requests) == client.MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    "goal",
    [
        "http://169.254.0.23/latest",
        "http://[fe80::1]/",
        "file:///etc/passwd",
        "http://metadata.google.internal/",
    ],
)
def test_a_redirect_to_the_metadata_or_a_file_is_refused(goal):
    with Server(say("302 Found", Location=goal)) as server:
        error = failure(web(), server.url + "/a")
    assert error.code == "web-refused"
    assert server.url + "/a" in error.message


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://2852039166/",
        "http://0xa9fe0017/",
        "http://169.254.23/",
        "http://[::ffff:169.254.0.23]/",
        "http://[fe80::1]/",
        "http://100.100.100.200/",
        "http://metadata.tencentyun.com/latest/meta-data/",
    ],
)
def test_link_local_and_metadata_addresses_are_refused(url):
    assert failure(web(), url).code == "web-refused"
    assert failure(web(proxy="http://127.0.0.1:9"), url).code == "web-refused"


def test_addresses_are_judged_in_every_form():
    for address in ("169.254.0.1", "fe80::1%eth0", "::ffff:169.254.0.1", "64:ff9b::a9fe:17", "fd00:ec2::254"):
        assert refused(address), address
    for address in (
        "2002:a9fe:17::1",
        "::ffff:0:169.254.0.23",
        "64:ff9b:1::169.254.0.23",
        "2002:6464:64c8::",
    ):
        assert refused(address), address
    for address in ("2002:a00:1::1", "64:ff9b:1::10.0.0.1", "::ffff:0:10.0.0.1"):
        assert not refused(address), address
    for address in ("127.0.0.1", "::1", "10.0.0.1", "2001:db8::1", "::ffff:127.0.0.1"):
        assert not refused(address), address


def test_a_name_that_resolves_to_a_link_local_address_is_refused(monkeypatch):
    def lookup(host, port, *_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.0.23", port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert failure(web(), "http://innocent.example/").code == "web-refused"


@pytest.mark.parametrize(
    "host, address, code",
    [
        ("mirrors.tencentyun.com", "169.254.0.3", "web-unreachable"),
        ("b.cos.ap-guangzhou.myqcloud.com", "169.254.0.47", "web-unreachable"),
        ("mirrors.tencentyun.com", "169.254.0.23", "web-refused"),
        ("MIRRORS.tencentyun.com.", "169.254.169.254", "web-refused"),
        ("x.myqcloud.com", "169.254.170.2", "web-refused"),
        ("x.myqcloud.com", "100.100.100.200", "web-refused"),
        ("x.myqcloud.com", "::ffff:169.254.0.3", "web-refused"),
        ("METADATA.tencentyun.com.", "169.254.0.3", "web-refused"),
        ("myqcloud.com.example", "169.254.0.3", "web-refused"),
        ("mirrors.tencentyun.com", "fe80::1", "web-refused"),
        ("nottencentyun.com", "169.254.0.3", "web-refused"),
    ],
)
def test_the_clouds_own_services_may_be_link_local(monkeypatch, host, address, code):
    def lookup(name, port, *_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert failure(web(), "http://%s/" % host, retries=0).code == code


def refuse(*_):
    raise ConnectionRefusedError(111, "Connection refused")


def test_a_resolver_that_hangs_is_left(monkeypatch):
    gate = threading.Event()

    def lookup(*_):
        gate.wait(20)
        raise socket.gaierror(-3, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    began = time.monotonic()
    error = failure(web(clock=Clock()), "http://slow.example/", deadline=0.3)
    gate.set()
    assert error.code == "web-timeout"
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "url",
    ["", "ftp://host/x", "http://", "http://a b/", "http://a..b/", "http://h:99999/", "http://[::1/", "x"],
)
def test_what_is_no_url_is_said(url):
    assert failure(web(), url).code == "web-url"


def test_errors_hold_no_secret_of_the_url_or_the_headers():
    with Server(say("500 Broken", SECRET.encode())) as server:
        url = server.url.replace("://", "://%s:%s@" % (SECRET, SECRET)) + "/p?token=%s#%s" % (SECRET, SECRET)
        error = failure(web(), url, headers={"Authorization": SECRET}, retries=1)
    assert SECRET not in str(error)
    assert server.url + "/p" in str(error)
    assert public("https://u:p@host/a?b#c") == "https://host/a"


def test_a_header_cannot_smuggle_another():
    error = failure(web(), "http://127.0.0.1:1/", headers={"X": "a\r\nY: " + SECRET})
    assert error.code == "web-url"
    assert SECRET not in str(error)


def test_forms_and_json_are_posted():
    with Server(say("503 Busy"), say(body=b"{}")) as server:
        web().post(server.url + "/form", form={"hostname": "a&b", "pub": "k"})
        web().post(server.url + "/json", json={"name": "\u00fc"}, headers={"X-Hook": "1"})
    form, again, json = server.requests
    assert form == again
    assert "application/x-www-form-urlencoded" in form
    assert form.endswith("\nhostname=a%26b&pub=k")
    assert json.endswith('{"name": "\\u00fc"}')
    assert "Content-Type: application/json" in json


def test_a_post_that_is_redirected_becomes_a_get_unless_told_to_stay():
    with Server(say("303 See", Location="/got"), say(body=b"1")) as server:
        web().post(server.url, form={"a": "b"})
    assert server.requests[1].startswith("GET /got")
    assert "Content-Type" not in server.requests[1]
    with Server(say("307 Keep", Location="/kept"), say(body=b"1")) as server:
        web().post(server.url, form={"a": "b"})
    assert server.requests[1].startswith("POST /kept")
    assert server.requests[1].endswith("a=b")


# -- files --------------------------------------------------------------------------------------------


def test_files_are_those_of_the_root(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/in clude").write_bytes(b"inside")
    (tmp_path / "etc/out").symlink_to("/etc/in clude")
    door = web(tmp_path)
    for url in ("file:///etc/in%20clude", "/etc/out", "FILE://localhost/etc/out"):
        assert door.get(url).body == b"inside"
    assert failure(door, "/etc/out", limit=3).code == "web-too-large"
    for url in ("file:///absent", "file:///etc"):
        assert failure(door, url).code == "web-file"
    assert failure(door, "file://elsewhere/etc/out").code == "web-url"
    with pytest.raises(AgentError):
        door.post("file:///etc/out", form={})


# -- TLS ----------------------------------------------------------------------------------------------


def openssl(*arguments, **options):
    subprocess.check_output(["openssl"] + list(arguments), stderr=subprocess.STDOUT, **options)


CA = """
[ca]
default_ca = this
[this]
database = {0}/index
serial = {0}/serial
new_certs_dir = {0}
private_key = {0}/ca.key
certificate = {0}/ca.pem
default_md = sha256
policy = any
x509_extensions = host
[any]
commonName = supplied
[host]
subjectAltName = IP:127.0.0.1
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A directory: ca.pem; good, future and client, each .pem and .key."""
    place = tmp_path_factory.mktemp("certificates")
    (place / "index").write_text("")
    (place / "serial").write_text("01")
    (place / "ca.cnf").write_text(CA.format(place))
    here = {"cwd": str(place)}
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.pem", *new, **here)
    for name, start in (
        ("good", "20200101000000Z"),
        ("future", "20900101000000Z"),
        ("client", "20200101000000Z"),
    ):
        openssl(
            "req",
            "-new",
            "-subj",
            "/CN=" + name,
            "-keyout",
            name + ".key",
            "-out",
            name + ".csr",
            *new,
            **here,
        )
        dates = ["-startdate", start, "-enddate", "20991231000000Z"]
        openssl(
            "ca",
            "-batch",
            "-config",
            "ca.cnf",
            "-in",
            name + ".csr",
            "-out",
            name + ".pem",
            "-notext",
            *dates,
            **here,
        )
    return place


def serving(certificates, name="good", ask=False):
    context = ssl.SSLContext(
        ssl.PROTOCOL_TLS_SERVER if hasattr(ssl, "PROTOCOL_TLS_SERVER") else ssl.PROTOCOL_TLS
    )
    context.load_cert_chain(str(certificates / (name + ".pem")), str(certificates / (name + ".key")))
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(str(certificates / "ca.pem"))
    return context


def test_an_unknown_certificate_is_refused_and_a_given_ca_trusts_it(certificates):
    clock = Ahead()
    with Server(say(body=b"safe"), contexts=[serving(certificates)]) as server:
        error = failure(web(clock=clock), server.url)
        assert error.code == "web-tls"
        assert clock.waits == []
        assert web().get(server.url, ca_file=str(certificates / "ca.pem")).body == b"safe"


def test_a_client_certificate_is_shown(certificates):
    files = {
        name: str(certificates / value)
        for name, value in (("ca_file", "ca.pem"), ("cert_file", "client.pem"), ("key_file", "client.key"))
    }
    with Server(say(body=b"known"), contexts=[serving(certificates, ask=True)]) as server:
        assert web().post(server.url, form={}, **files).body == b"known"
        assert failure(web(), server.url, ca_file=files["ca_file"], retries=0).code in (
            "web-tls",
            "web-broken",
        )
    assert failure(web(), "https://127.0.0.1:1/", cert_file="/absent").code == "web-file"


def test_https_is_never_left_for_http(certificates):
    with Server(say(body=b"plain")) as plain:
        with Server(say("302 Found", Location=plain.url), contexts=[serving(certificates)]) as server:
            error = failure(web(), server.url, ca_file=str(certificates / "ca.pem"))
    assert error.code == "web-refused"
    assert plain.requests == []


def test_a_certificate_of_the_future_waits_for_the_clock_and_tries_once_more(certificates):
    """The clock is set while the client waits; the real verification uses the machine's own time, so here
    the server's certificate is the one that changes.
    """

    class Unset(Ahead):
        def time(self):
            return super().time() + (1e6 if len(self.waits) >= 4 else 0)

    clock = Unset(known=False)
    contexts = [serving(certificates, "future"), serving(certificates)]
    ca_file = str(certificates / "ca.pem")
    with Server(say(body=b"later"), contexts=contexts) as server:
        assert web(clock=clock).get(server.url, ca_file=ca_file).body == b"later"
    assert 4 <= len(clock.waits) <= 5


def test_the_wait_for_the_clock_is_bounded(certificates):
    clock = Ahead(known=False)
    with Server(say(), contexts=[serving(certificates, "future")]) as server:
        error = failure(web(clock=clock), server.url, ca_file=str(certificates / "ca.pem"), deadline=30)
    assert error.code == "web-tls"
    assert 14 <= sum(clock.waits) <= 16


# -- proxies ------------------------------------------------------------------------------------------


class Proxy(Server):
    """A small forward proxy: every host is `origin`."""

    def __init__(self, origin):
        super().__init__(self._forward)
        self.origin = origin

    def _forward(self, sock, stop):
        request = self.requests[-1]
        with contextlib.closing(socket.create_connection(("127.0.0.1", self.origin.port), 5)) as onward:
            if request.startswith("CONNECT"):
                sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                copy = threading.Thread(target=self._copy, args=(sock, onward))
                copy.start()
                self._copy(onward, sock)
                copy.join()
            else:
                onward.sendall(request.rpartition("\n")[0].encode("latin-1") + b"\r\n\r\n")
                self._copy(onward, sock)

    @staticmethod
    def _copy(source, sink):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def test_http_goes_by_the_images_proxy():
    with Server(say(body=b"by proxy")) as origin, Proxy(origin) as proxy:
        address = "http://user:%s@127.0.0.1:%d" % (SECRET, proxy.port)
        assert web(proxy=address).get("http://mirror.example/x?y").body == b"by proxy"
    head = proxy.requests[0]
    assert head.startswith("GET http://mirror.example/x?y HTTP/1.1\r\n")
    assert "Host: mirror.example\r\n" in head
    assert "Proxy-Authorization: Basic" in head


def test_https_goes_through_a_tunnel(certificates):
    with Server(say(body=b"tunnelled"), contexts=[serving(certificates)]) as origin, Proxy(origin) as proxy:
        settings = {"https": "127.0.0.1:%d" % proxy.port, "no_proxy": ["10.0.0.0/8"]}
        door = web(proxy=settings)
        # The certificate is for 127.0.0.1 alone: that it is refused shows that it came, and for which name.
        error = failure(door, "https://mirror.example/", ca_file=str(certificates / "ca.pem"))
    assert error.code == "web-tls"
    assert proxy.requests[0].startswith("CONNECT mirror.example:443 HTTP/1.1")


def test_a_proxy_that_refuses_is_named_without_its_password():
    with Server(say("407 Proxy Authentication Required")) as proxy:
        door = web(proxy="http://user:%s@127.0.0.1:%d" % (SECRET, proxy.port))
        error = failure(door, "https://mirror.example/", retries=0)
    assert error.code == "web-unreachable"
    assert "the proxy 127.0.0.1:%d answered status 407" % proxy.port in error.message
    assert SECRET not in str(error)


def test_which_proxy_counts():
    environment = {
        "http_proxy": "http://env:1",
        "HTTPS_PROXY": "http://env:2",
        "HTTP_PROXY": "http://cgi:3",
        "no_proxy": "localhost,.inside.example, 10.0.0.0/8",
    }
    choose = proxies.proxy_for
    assert choose("http", "a.example", None, environment) == "http://env:1"
    assert choose("https", "a.example", None, environment) == "http://env:2"
    assert choose("https", "a.example", "image:3128", environment) == "http://image:3128"
    assert choose("http", "a.example", {"https": "http://image:1"}, environment) is None
    for host in ("www.inside.example", "10.1.2.3", "127.0.0.1", "localhost"):
        assert choose("http", host, None, environment) is None
    assert choose("http", "a.example", {"http": "http://p:1", "no_proxy": "*"}, {}) is None
    assert choose("http", "notinside.example", None, environment) == "http://env:1"


@pytest.mark.parametrize(
    "value", ["socks5://h:1", 5, {"ftp": "http://h:1"}, {"http": "https://h:1"}, "http://", {"no_proxy": [1]}]
)
def test_a_proxy_that_cannot_be_is_said(value):
    assert proxies.wrong(value) == proxies.EXPECTED


def test_the_door_knows_the_images_proxy_and_the_hosts_deadline():
    clock = Ahead()
    host = Host("/", clock=clock)
    host.proxy = "http://p:1"
    assert host.web.proxy == "http://p:1"
    with Server(say("503 Busy")) as server:
        error = failure(host.limited(20).web, server.url, deadline=500, retries=500)
    assert error.code == "web-status"
    assert sum(clock.waits) < 21
