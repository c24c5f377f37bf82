"""Settings on the kernel command line, in every form in which people write them."""

import pytest

from tsagent.errors import AgentError
from tsagent.session.kernel_settings import kernel_documents
from tsagent.userdata.assemble import assemble

LISTS = {"packages": ["git", "vim"], "runcmd": [["ls", "-l"], "echo hi"]}


def settings(line, fetch=None):
    documents, problems = kernel_documents(line, fetch)
    return assemble(None, image_config=documents).config, problems


@pytest.mark.parametrize(
    "line, config",
    [
        (None, {}),
        ("root=/dev/vda1 ro", {}),
        ("ro cc: end_cc quiet", {}),
        ("ro cc: ssh_pwauth: true", {"ssh_pwauth": True}),
        ("ro cc: ssh_pwauth: true\\n", {"ssh_pwauth": True}),
        ("ro cc: ssh_pwauth: true end_cc quiet", {"ssh_pwauth": True}),
        ("BOOTIF=aa:bb:cc:dd ro", {}),
        ("cc:ssh_pwauth: true end_cc BOOTIF=aa:bb:cc:dd", {"ssh_pwauth": True}),
        ("BOOTIF=aa:bb:cc:dd cc: ssh_pwauth: true", {"ssh_pwauth": True}),
        ("cc: packages: [git, vim]\\nruncmd: [ [ ls, -l ], echo hi ] end_cc", LISTS),
        ("cc: packages: %5Bgit, vim%5D\\nruncmd: [ [ ls, -l ], echo hi ] end_cc", LISTS),
        ("cc: packages%3A%20%5Bgit%2Cvim%5D%0Aruncmd%3A%20%5B%5Bls%2C%20-l%5D%2C%20echo%20hi%5D", LISTS),
        ("cc: packages%3A%20%5Bgit%2Cvim%5D%5Cnruncmd%3A%20%5B%5Bls%2C%20-l%5D%2C%20echo%20hi%5D", LISTS),
        ("cc:packages: [git, vim] end_cc ro cc: runcmd: [ [ ls, -l ], echo hi ] end_cc", LISTS),
    ],
)
def test_what_stands_between_the_marks(line, config):
    assert settings(line) == (config, [])


def test_what_is_no_settings_is_named():
    assert settings("cc: [a, b]") == ({}, ["kernel-command-line: expected keys and values: not used"])
    config, problems = settings("cc: a: [")
    assert config == {} and problems[0].startswith("kernel-command-line:")


def test_a_url_gives_settings_below_those_on_the_line():
    def fetch(url, once, limit):
        assert (url, once) == ("http://h/x?token=s", False)
        return b"#cloud-config\na: url\nb: url\n"

    line = "ro cloud-config-url=http://h/x?token=s cc: a: line"
    assert settings(line, fetch) == ({"a": "line", "b": "url"}, [])
    documents, _ = kernel_documents(line, fetch)
    merged = assemble(b"#cloud-config\na: user\n", image_config=documents, defaults={"c": 1})
    assert merged.config == {"a": "user", "b": "url", "c": 1}
    assert merged.origins["/b"] == ["kernel-command-line:http://h/x", 3, 4]


@pytest.mark.parametrize(
    "answer, words",
    [
        (b"<html>", "does not begin with"),
        (AgentError("GET http://h/x: status 404", "web-status"), "status 404"),
    ],
)
def test_a_url_that_gives_none_is_named(answer, words):
    def fetch(url, once, limit):
        if isinstance(answer, bytes):
            return answer
        raise answer

    config, problems = settings("cloud-config-url=http://u:secret@h/x?token=secret", fetch)
    assert config == {}
    assert len(problems) == 1 and words in problems[0] and "secret" not in problems[0]
