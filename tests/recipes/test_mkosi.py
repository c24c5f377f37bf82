"""mkosi: the image is built, and two clones of it boot."""

import os
import shutil

import nspawn_tree
from conftest import SUITE_OF_MKOSI, call, download, is_an_image, machine_of, source

TOLD = {"ssh_genkeytypes": ["ed25519"], "runcmd": ["echo ran >> /srv/ran"]}


def test_image_is_built_and_its_clones_boot(work, deb, recipe, tree):
    directory = recipe("mkosi-debian")
    shutil.copy(deb, os.path.join(directory, "packages"))
    # The mirror of this machine, and no more of it than the image takes.
    nspawn_tree.write(
        directory,
        "/mkosi.sandbox/etc/apt/sources.list.d/mkosi.sources",
        source("bookworm", "bookworm-updates"),
    )
    mkosi = os.path.join(work, "mkosi")
    nspawn_tree.run(["dpkg", "-x", download(work, "mkosi", SUITE_OF_MKOSI), mkosi])
    library = os.path.join(mkosi, "usr/lib/python3/dist-packages")
    built = call(
        ["/usr/bin/python3", "-m", "mkosi", "build"],
        cwd=directory,
        env=dict(nspawn_tree.QUIET, PYTHONPATH=library),
    )
    assert built.returncode == 0, built.stdout[-6000:]
    image = os.path.join(directory, "image")
    is_an_image(image)

    boots = []
    for name in ("one", "two"):
        machine = machine_of(tree(image))
        machine.seed(dict(TOLD, hostname=name), instance_id="i-" + name)
        boots.append(machine.boot())
        assert boots[-1]["failed"] == []
        assert boots[-1]["status"]["state"] == "done", boots[-1]["status_text"]
        assert boots[-1]["status"]["instance_id"] == "i-" + name
        assert boots[-1]["hostname"] == name
        assert machine.read("/srv/ran") == "ran\n"
    one, two = boots
    assert one["machine_id"] != two["machine_id"]
    assert sorted(one["host_keys"]) == sorted(two["host_keys"]) != []
    assert set(one["host_keys"].values()).isdisjoint(two["host_keys"].values())
