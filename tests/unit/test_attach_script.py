"""What udev's rule leads to: a look by the shell alone, and the agent only where the cards are others."""

import os
import subprocess

from tsagent.host import Host
from tsagent.session.cards import cards_there, note_cards
from tsagent.state import paths

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(CHECKOUT, "packaging", "libexec", "attach")
RULE = os.path.join(CHECKOUT, "packaging", "udev", "90-tsagent-attach.rules")


def card(root, name, address, hardware=True):
    directory = root / "sys/class/net" / name
    directory.mkdir(parents=True)
    (directory / "address").write_text(address + "\n")
    if hardware:
        (directory / "device").mkdir()


def look(tmp_path, root, agent="exit 9"):
    """The exit code of the script, whose Python is a stand-in that says that it was started."""
    with open(SCRIPT, encoding="utf-8") as file:
        text = file.read()
    started = tmp_path / "started"
    line = "/usr/bin/python3 -I -S /usr/libexec/tsagent/agent attach"
    assert line in text
    (tmp_path / "agent").write_text("echo >>%s\n%s\n" % (started, agent))
    (tmp_path / "attach").write_text(text.replace(line, "sh %s" % (tmp_path / "agent")))
    words = ["sh", str(tmp_path / "attach"), str(root) + paths.CARDS, str(root / "sys/class/net")]
    code = subprocess.call(words, env={}, timeout=20)
    return code, len(started.read_text().splitlines()) if started.exists() else 0


def test_nothing_is_started_while_the_cards_are_those_that_are_known(tmp_path):
    root = tmp_path / "root"
    for name, address in (("eth10", "52:54:00:aa:00:0a"), ("eth1", "52:54:00:aa:00:01"), ("Eth0", "02::")):
        card(root, name, address)
    card(root, "docker0", "02:42:00:00:00:01", hardware=False)
    host = Host(str(root))
    assert look(tmp_path, root) == (0, 0)  # nobody is to look
    note_cards(host)
    assert cards_there(host) == "Eth0 02::\neth1 52:54:00:aa:00:01\neth10 52:54:00:aa:00:0a\n"
    assert look(tmp_path, root) == (0, 0)
    card(root, "veth1", "02:42:00:00:00:02", hardware=False)
    assert look(tmp_path, root) == (0, 0)
    card(root, "eth2", "52:54:00:aa:00:02")
    assert look(tmp_path, root) == (9, 1)


def test_a_card_without_an_address_is_no_other_one_each_time(tmp_path):
    root = tmp_path / "root"
    card(root, "wwan0", "")
    note_cards(Host(str(root)))
    assert look(tmp_path, root) == (0, 0)


def test_what_comes_meanwhile_is_looked_at_too(tmp_path):
    root = tmp_path / "root"
    card(root, "eth1", "52:54:00:aa:00:01")
    host = Host(str(root))
    host.root.write_atomic(paths.CARDS, b"", 0o644)
    known = str(root) + paths.CARDS
    # The first run knows of one card, and another comes; the second knows of both.
    more = root / "sys/class/net/eth2"
    agent = (
        "if [ -e {0} ]; then printf 'eth1 52:54:00:aa:00:01\\neth2 x\\n' >{1}; else "
        "mkdir -p {0}/device; echo x >{0}/address; printf 'eth1 52:54:00:aa:00:01\\n' >{1}; fi"
    ).format(more, known)
    assert look(tmp_path, root, agent) == (0, 2)


def test_udevs_rule_is_understood_and_counts_hardware_alone():
    with open(RULE, encoding="utf-8") as file:
        (rule,) = [line for line in file if line.strip() and not line.startswith("#")]
    terms = dict(
        term.strip().replace("!=", "==").replace("+=", "==").split("==", 1) for term in rule.split(", ")
    )
    assert terms["ACTION"] == '"add|remove"' and terms["SUBSYSTEM"] == '"net"'
    assert 'DEVPATH!="/devices/virtual/*"' in rule
    assert terms["TEST"] == '"%s"' % paths.CARDS
    assert terms["RUN"] == '"/usr/bin/systemctl --no-block restart tsagent-attach.timer"'
