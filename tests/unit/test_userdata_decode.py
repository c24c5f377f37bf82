"""Every format of user data, as its users write it, and what is refused."""

import base64
import gzip
import os
import subprocess
import sys

import pytest

from tsagent.errors import AgentError
from tsagent.userdata.decode import decode

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = b"#cloud-config\nhostname: a\n"
SCRIPT = b"#!/bin/sh\necho hi\n"

try:
    import jinja2
except ImportError:
    jinja2 = None


def _one(data, **options):
    decoded = decode(data, **options)
    assert len(decoded.parts) == 1, [part.as_data() for part in decoded.parts]
    return decoded.parts[0], decoded.warnings


def _mime(*parts, **options):
    """A multipart message; each part is (headers, body)."""
    boundary = options.get("boundary", "=BOUNDARY=")
    kind = options.get("kind", "mixed")
    text = b'MIME-Version: 1.0\nContent-Type: multipart/%s;\n boundary="%s"\n\npreamble\n' % (
        kind.encode("ascii"),
        boundary.encode("ascii"),
    )
    for headers, body in parts:
        text += b"--" + boundary.encode("ascii") + b"\n" + headers + b"\n\n" + body + b"\n"
    return text + b"--" + boundary.encode("ascii") + b"--\n"


def test_none_is_no_user_data_at_all():
    decoded = decode(None)
    assert decoded.parts == [] and decoded.warnings == []


@pytest.mark.parametrize(
    "data, kind",
    [
        (CONFIG, "text/cloud-config"),
        (SCRIPT, "text/x-shellscript"),
        (b"#cloud-boothook\n#!/bin/sh\n:\n", "text/cloud-boothook"),
        (b"#cloud-config-jsonp\n[]\n", "text/cloud-config-jsonp"),
        (b"#CLOUD-CONFIG\na: 1\n", "text/cloud-config"),
        (b"\n\n#cloud-config\na: 1\n", "text/cloud-config"),
        (b"#cloud-config   \na: 1\n", "text/cloud-config"),
        (b"#cloud-config\r\na: 1\r\n", "text/cloud-config"),
        (b"#cloud-config # mine\na: 1\n", "text/cloud-config"),
    ],
)
def test_the_first_line_says_the_type(data, kind):
    part, warnings = _one(data)
    assert (part.type, part.status, part.name) == (kind, "ok", "part-001")
    assert warnings == []


def test_a_byte_order_mark_is_accepted_and_said():
    part, warnings = _one(b"\xef\xbb\xbf" + CONFIG)
    assert part.status == "ok" and part.content == CONFIG
    assert len(warnings) == 1 and "byte order mark" in warnings[0]


def test_scripts_come_as_the_kernel_takes_them():
    part, _ = _one(b"\n\n#!/bin/sh\r\necho hi\r\n")
    assert part.content == b"#!/bin/sh\necho hi\n"
    assert part.line_offset == 2
    part, _ = _one(b"#!/bin/sh\nprintf '\xff\r\n'\n")
    assert part.content == b"#!/bin/sh\nprintf '\xff\r\n'\n"
    part, _ = _one(b"#cloud-boothook\n\n#!/bin/sh\necho hook\n")
    assert part.content == b"#!/bin/sh\necho hook\n"
    assert part.line_offset == 2


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"#cloud_config\na: 1\n", 'did you mean "#cloud-config"'),
        (b"# cloud-config\na: 1\n", 'did you mean "#cloud-config"'),
        (b"cloud-config\na: 1\n", 'did you mean "#cloud-config"'),
        (b"#cloudconfig\na: 1\n", 'did you mean "#cloud-config"'),
        (b"#clod-config\na: 1\n", 'did you mean "#cloud-config"'),
        (b"#includes-once\nhttp://x\n", 'did you mean "#include-once"'),
        (b"!/bin/sh\n", 'did you mean "#!"'),
        (b"packages:\n- git\n", 'begins with the line "#cloud-config"'),
        (b"hello world\n", "no known format"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "binary"),
        (b"MZ\x90\x00\x03", "binary"),
        (b"\xff\xfe#\x00!\x00/\x00", "binary"),
        (b"\x89PNG\r\n\x1a\n", "binary"),
    ],
)
def test_what_is_no_user_data_is_named_and_never_run(data, words):
    part, warnings = _one(data)
    assert part.status == "ignored"
    assert words in part.problem
    assert len(warnings) == 1 and words in warnings[0] and warnings[0].startswith("user-data:1:1: warning: ")


def test_mime_with_every_kind_of_part():
    data = _mime(
        (b'Content-Type: text/cloud-config; charset="utf-8"\nMerge-Type: list(append)', b"a: 1\nb: 2"),
        (b'Content-Type: text/x-shellscript\nContent-Disposition: attachment; filename="setup.sh"', SCRIPT),
        (b"Content-Type: text/plain; name=guess", CONFIG),
        (b"Content-Type: text/x-shellscript-per-boot", SCRIPT),
        (b"Content-Type: text/cloud-config\nContent-Transfer-Encoding: base64", base64.b64encode(CONFIG)),
        (
            b"Content-Type: text/x-shellscript\nContent-Transfer-Encoding: quoted-printable",
            b"#!/bin/sh\necho =3D\n",
        ),
        (
            b"Content-Type: application/gzip\nContent-Transfer-Encoding: base64",
            base64.b64encode(gzip.compress(SCRIPT)),
        ),
        (b"Content-Type: text/x-shellscript", CONFIG),
        (b"Content-Type: text/html", b"<p>"),
        (b"Content-Type: text/x-shellscript", b"no shebang"),
        (b"Content-Type: text/cloud-config\nContent-Transfer-Encoding: uuencode", b"x"),
    )
    parts = decode(data).parts
    assert [(part.type, part.status) for part in parts] == [
        ("text/cloud-config", "ok"),
        ("text/x-shellscript", "ok"),
        ("text/cloud-config", "ok"),
        ("text/x-shellscript-per-boot", "ok"),
        ("text/cloud-config", "ok"),
        ("text/x-shellscript", "ok"),
        ("text/x-shellscript", "ok"),
        ("text/cloud-config", "ok"),
        ("text/html", "ignored"),
        ("text/x-shellscript", "ignored"),
        ("text/cloud-config", "failed"),
    ]
    assert [part.name for part in parts[:4]] == ["part-001", "setup.sh", "guess", "part-004"]
    assert parts[0].content == b"a: 1\nb: 2"
    assert parts[0].headers["merge-type"] == "list(append)"
    assert parts[5].content == b"#!/bin/sh\necho =\n"
    # The lines of a part are those of the message, unless it was encoded.
    lines = data.split(b"\n")
    assert lines[parts[0].line_offset] == b"a: 1" and parts[0].file == "user-data"
    assert lines[parts[1].line_offset] == b"#!/bin/sh"
    assert (parts[4].file, parts[4].line_offset) == ("user-data:part-005", 0)


@pytest.mark.parametrize("kind", ["mixed", "alternative", "related", "digest"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_multipart_of_any_sub_type_nests(kind, newline):
    inner = _mime((b"Content-Type: text/cloud-config", b"a: 1"), boundary="inner", kind=kind)
    headers, _, body = inner.partition(b"\n\n")
    data = _mime((headers, body), (b"Content-Type: text/x-shellscript", SCRIPT), boundary="inn", kind=kind)
    parts = decode(data.replace(b"\n", newline)).parts
    assert [part.type for part in parts] == ["text/cloud-config", "text/x-shellscript"]
    assert parts[0].content == b"a: 1"
    assert parts[1].content == SCRIPT


def test_mime_headers_as_mail_tools_write_them():
    data = (
        b'From nobody Mon Jan  1 00:00:00 2024\nContent-Type: multipart/mixed; boundary="==x=="\n'
        b'MIME-Version: 1.0\n\n--==x==\nContent-Type: text/cloud-config; charset="us-ascii"\n'
        b"Content-Disposition: attachment; filename*=utf-8''caf%C3%A9.txt\n\n#cloud-config\na: 1\n"
        b"\n--==x==--\n"
    )
    part, warnings = _one(data)
    assert (part.name, part.content, warnings) == ("caf\u00e9.txt", b"#cloud-config\na: 1\n", [])


def test_a_cut_off_mime_message_is_said():
    data = _mime((b"Content-Type: text/x-shellscript", SCRIPT))[:-5]
    part, warnings = _one(data)
    assert part.status == "ok"
    assert len(warnings) == 1 and "cut off" in warnings[0]


def test_cloud_config_that_mentions_mime_is_cloud_config():
    part, _ = _one(b"#cloud-config\nwrite_files:\n- content: |\n    MIME-Version: 1.0\n")
    assert part.type == "text/cloud-config"


@pytest.mark.parametrize("data", [CONFIG, SCRIPT, _mime((b"Content-Type: text/cloud-config", b"a: 1"))])
def test_gzip_and_base64_of_the_whole(data):
    plain = [(part.type, part.content) for part in decode(data).parts]
    for packed in (
        gzip.compress(data),
        gzip.compress(data[:5]) + gzip.compress(data[5:]),
        gzip.compress(gzip.compress(data)),
        base64.b64encode(data),
        base64.encodebytes(gzip.compress(data)),
    ):
        assert [(part.type, part.content) for part in decode(packed).parts] == plain


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: data[:12] + b"zz" + data[14:], lambda data: data + b"xx"]
)
def test_damaged_gzip_is_named_and_nothing_of_it_is_run(damage):
    part, warnings = _one(damage(gzip.compress(SCRIPT * 50)))
    assert (part.status, part.content) == ("failed", b"")
    assert "gzip" in part.problem and len(warnings) == 1


def test_archive():
    data = b"""#cloud-config-archive
- type: text/cloud-config
  filename: first
  content: |
    a: 1
- "#!/bin/sh\\necho hi\\n"
- content: |
    b: 2
- !!binary "f0VMRgA="
- {type: text/x-shellscript-per-once, content: "#!/bin/sh\\n"}
- 5
- {content: [1]}
"""
    decoded = decode(data)
    assert [(part.type, part.name, part.status) for part in decoded.parts] == [
        ("text/cloud-config", "first", "ok"),
        ("text/x-shellscript", "part-002", "ok"),
        ("text/cloud-config", "part-003", "ok"),
        ("application/octet-stream", "part-004", "ignored"),
        ("text/x-shellscript-per-once", "part-005", "ok"),
        ("text/plain", "part-006", "failed"),
        ("text/plain", "part-007", "failed"),
    ]
    assert decoded.parts[0].line_offset == 4  # "a: 1" is the fifth line
    assert len(decoded.warnings) == 3


@pytest.mark.parametrize("data", [b"#cloud-config-archive\na: 1\n", b"#cloud-config-archive\n- [\n"])
def test_an_archive_that_is_none_is_named(data):
    part, warnings = _one(data)
    assert part.status == "failed" and "archive" in part.problem
    assert warnings


def test_includes_are_fetched_and_a_failed_one_loses_nothing_else():
    asked = []

    def fetch(url, once, limit):
        asked.append(url)
        if "bad" in url:
            raise AgentError("status 404", "http")
        if "cut" in url:
            raise OSError("reset")
        return {"http://h/s": SCRIPT, "http://h/more": b"#include http://h/c\n", "http://h/c": CONFIG}[url]

    data = (
        b"#include\n# comment\nhttp://h/s\n\nhttp://user:pw@h/bad?token=canary\nhttps://h/cut\n"
        b"#include-once http://h/more\n"
    )
    decoded = decode(data, fetch=fetch)
    assert [(part.type, part.status) for part in decoded.parts] == [
        ("text/x-shellscript", "ok"),
        ("text/x-include-url", "failed"),
        ("text/x-include-url", "failed"),
        ("text/cloud-config", "ok"),
    ]
    assert asked == [
        "http://h/s",
        "http://user:pw@h/bad?token=canary",
        "https://h/cut",
        "http://h/more",
        "http://h/c",
    ]
    said = "\n".join(decoded.warnings)
    assert "http://h/bad: status 404" in said and "user-data:5:" in said
    assert "canary" not in said and "pw" not in said
    assert decoded.parts[3].file == "user-data:http://h/more:http://h/c"


def test_without_a_fetch_includes_are_named():
    part, warnings = _one(b"#include\nhttp://h/x\n")
    assert (part.status, part.problem) == ("ignored", "not fetched: http://h/x")
    assert len(warnings) == 1


def test_an_include_of_itself_ends():
    decoded = decode(
        b"#include\nhttp://h/x\nhttp://h/x\n",
        fetch=lambda url, once, limit: b"#include\nhttp://h/x\nhttp://h/x\n",
    )
    assert decoded.parts and all(part.status == "refused" for part in decoded.parts)
    assert len(decoded.parts) < 150


def test_part_handlers_are_refused_unless_allowed():
    data = b"#part-handler\ndef list_types(): return []\n"
    part, warnings = _one(data)
    assert part.status == "refused" and "allow_part_handlers" in part.problem and len(warnings) == 1
    assert _one(data, allow_part_handlers=True)[0].status == "ok"


def test_templates():
    data = b"## template: jinja\n#cloud-config\nhostname: {{ v1.local_hostname }}\n"
    data += b"x: {{ ds.meta_data.instance_id }}\n"
    instance = {"v1": {"local-hostname": "web1"}, "ds": {"meta_data": {"instance-id": "ins-1"}}}
    part, warnings = _one(data, instance_data=instance)
    if jinja2 is None:
        assert part.status == "failed" and "Jinja2 is not installed" in part.problem
        assert len(warnings) == 1
        return
    assert (part.type, part.status) == ("text/cloud-config", "ok")
    assert part.content == b"\n#cloud-config\nhostname: web1\nx: ins-1\n"
    part, _ = _one(b"## template: jinja\n#!/bin/sh\necho {{ v1.local_hostname }}\n", instance_data=instance)
    assert (part.type, part.content) == ("text/x-shellscript", b"#!/bin/sh\necho web1\n")


@pytest.mark.parametrize(
    "body, line, words",
    [
        ("a: 1\nb: {{ nothing_here }}\n", 4, '"nothing_here"'),
        ("a: {{ v1.gone.too }}\n", 3, '"gone"'),
        ("a: 1\n\n{% if %}\n", 5, "not a valid jinja template"),
        ("a: {{ ''.__class__.__mro__ }}\n", 3, "cannot be rendered"),
        ("a: {{ 'x' * 10 ** 9 }}\n", 3, "cannot be rendered"),
        ("a: {{ 9 ** 99 ** 9 }}\n", 3, "cannot be rendered"),
        ("a: {% for i in range(10 ** 9) %}x{% endfor %}\n", 3, "cannot be rendered"),
        (
            "a: {% for i in range(9999) %}{% for j in range(999) %}x{% endfor %}{% endfor %}\n",
            1,
            "characters",
        ),
    ],
)
def test_bad_templates_are_named_by_line(body, line, words):
    decoded = decode(b"## template: jinja\n#cloud-config\n" + body.encode("ascii"), instance_data={"v1": {}})
    assert decoded.parts[0].status == "failed"
    if jinja2 is not None:
        assert words in decoded.parts[0].problem
        assert decoded.problems[0].line == line


def test_a_header_with_a_tail_is_read_and_said():
    part, warnings = _one(b"#cloud-configs\na: 1\n")
    assert part.status == "ok" and len(warnings) == 1 and '"s"' in warnings[0]


BOMBS = {
    "gzip of 1 GB": "import zlib\nc = zlib.compressobj(1, zlib.DEFLATED, 31)\n"
    "data = b''.join([c.compress(bytes(1 << 20)) for _ in range(1024)]) + c.flush()",
    "10,000 parts": "data = b'Content-Type: multipart/mixed; boundary=B\\nMIME-Version: 1.0\\n\\n' + "
    "b'--B\\nContent-Type: text/cloud-config\\n\\na: 1\\n' * 10000 + b'--B--\\n'",
    "nested multipart": "data = b''.join("
    "b'Content-Type: multipart/mixed; boundary=B%d\\nMIME-Version: 1.0\\n\\n--B%d\\n'"
    " % (i, i) for i in range(20000))",
    "long headers": "data = b'MIME-Version: 1.0\\nContent-Type: multipart/mixed; ' + b'; x=\"' * 2000000",
    "hostile headers": "data = b'MIME-Version: 1.0\\nContent-Type: multipart/mixed; boundary=b\\n\\n' + "
    "(b'--b\\nContent-Type: x/y' + b'; x=\"' * 3000 + b'\\n\\n\\n') * 600",
    "archive of aliases": "data = b'#cloud-config-archive\\n- &a ' + "
    "b'x' * 100000 + b'\\n' + b'- *a\\n' * 9000",
    "many gzip parts": "import gzip\nz = gzip.compress(bytes(9 << 20))\n"
    "data = b'Content-Type: multipart/mixed; boundary=B\\nMIME-Version: 1.0\\n\\n' + "
    "(b'--B\\nContent-Type: application/gzip\\n\\n' + z + b'\\n') * 900",
    "many members": "import gzip\ndata = gzip.compress(b'') * 200000",
    "base64 of nothing": "data = b'aaaa' * 5000000",
    "many archives": "data = b'#cloud-config-archive\\n' + "
    "b'- \"#cloud-config-archive\\\\n- a\\\\n\"\\n' * 20000",
    "20 MB text": "data = b'#!/bin/sh\\n' + b'echo hello\\n' * 2000000",
    "20 MB zero bytes": "data = bytes(20 << 20)",
}

_RUN = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
from tsagent.userdata.decode import decode
%s
resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
before = time.process_time()
decoded = decode(data)
spent = time.process_time() - before
assert decoded.problems
assert not any(part.status == "ok" for part in decoded.parts if part.type != "text/cloud-config"), "used"
print(len(decoded.parts))
for problem in decoded.problems[:3]:
    print(str(problem)[:200])
print(spent)
"""


@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_bombs_are_refused_in_two_seconds_and_200_megabytes(bomb):
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN % BOMBS[bomb], ROOT],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output[-2000:]
    assert float(output.splitlines()[-1]) < 2.0, output


def test_a_plain_cloud_config_imports_no_mime_or_gzip():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from tsagent.userdata.decode import decode;"
        "decode(b'#cloud-config\\na: 1\\n'); decode(b'#!/bin/sh\\n');"
        "print(sorted(set(sys.modules) & "
        "{'email', 'gzip', 'yaml', 'difflib', 'jinja2', 'urllib', 'base64', 'typing'}))"
    )
    output = subprocess.check_output([sys.executable, "-S", "-c", script, ROOT], universal_newlines=True)
    assert output.strip() == "[]"
