"""Boots one machine as on the cloud, with QEMU, and logs in as root: make vm-console.

qemu_console.py [USER-DATA-FILE]
"""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(os.path.dirname(HERE))]

import nspawn_tree  # noqa: E402 (the path comes first)
import qemu  # noqa: E402
import qemu_tree  # noqa: E402


def main(words):
    """Command line."""
    user_data = "#cloud-config\n{}\n"
    if words:
        with open(words[0], encoding="utf-8") as file:
            user_data = file.read()
    work = tempfile.mkdtemp(prefix="work-", dir=nspawn_tree.cache())
    machine = cloud = None
    try:
        key = qemu.make_key(work)
        image = qemu_tree.agent_image(work)
        cloud = qemu.Cloud(os.path.join(work, "cloud-console"), key, user_data)
        machine = qemu.Machine(image, os.path.join(work, "machine-console"), cloud)
        machine.start(stay=True)
        print("Booting; what it says is in %s. Waiting for sshd." % machine.file("journal"))
        machine.wait_for(r"sshd\[\d+\]: Server listening")
        return subprocess.call(machine.ssh_command(key, "root"))
    except (KeyboardInterrupt, nspawn_tree.BenchError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if machine is not None:
            machine.cut_power()
        if cloud is not None:
            cloud.close()
        nspawn_tree.remove(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
