"""What a module reads through its context."""

import pytest

from tsagent.errors import AgentError
from tsagent.host import Host
from tsagent.registry.context import Context


def test_a_directory_read_as_a_file_is_the_users_mistake_and_no_bug(tmp_path):
    (tmp_path / "etc").mkdir()
    root = Host(str(tmp_path)).root
    context = Context("any", {}, None, root, root)
    assert context.read("/etc/none") is None
    for path in ("/etc", "/"):
        with pytest.raises(AgentError) as caught:
            context.read(path)
        assert (caught.value.code, path in str(caught.value)) == ("is-a-directory", True)


@pytest.mark.parametrize("path", ["/etc/a\0b", "/etc/" + "x" * 300, "/loop"])
def test_what_names_no_file_is_the_settings_mistake(tmp_path, path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "loop").symlink_to("/loop")
    host = Host(str(tmp_path))
    context = Context("any", {}, None, host.root, host.root)
    with pytest.raises(AgentError) as caught:
        context.read(path)
    assert caught.value.code == "bad-path"
    assert len(str(caught.value)) < 150 and "\0" not in str(caught.value)
