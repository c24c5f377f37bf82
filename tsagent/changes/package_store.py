"""Packages that were downloaded ahead into an image, so that a first boot needs no network for them.

    /var/cache/tsagent/packages/files/      the packages with all that they need, each once
    /var/cache/tsagent/packages/NAME.json   a set: {"format": 1, "manager", "variant", "packages", "files"}

A set is what one transaction is to install. `packages` are its words for the package manager; `variant`
tells sets of the same words apart, such as two module streams.
"""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Sequence

DIRECTORY = "/var/cache/tsagent/packages"
FILES = DIRECTORY + "/files"
FORMAT = 1


class PackageSet:
    """One set; `files` are paths."""

    def __init__(self, manager: str, variant: str, packages: "Sequence[str]", files: "Sequence[str]") -> None:
        self.manager = manager
        self.variant = variant
        self.packages = list(packages)
        self.files = list(files)

    def serves(self, manager: str, variant: str, words: "Sequence[str]") -> bool:
        """Whether it has all of these words in this variant."""
        return self.manager == manager and self.variant == variant and not set(words) - set(self.packages)

    def describe(self) -> str:
        """In words, such as `kernel-devel` or `kmod-a, driver (580-open)`."""
        return ", ".join(self.packages) + (" (%s)" % self.variant if self.variant else "")


def read_sets(
    listdir: "Callable[[str], List[str]]", read: "Callable[[str], Optional[bytes]]"
) -> "List[PackageSet]":
    """The sets there are, the smallest first. One that cannot be read is none."""
    found = []
    for name in listdir(DIRECTORY):
        if not name.endswith(".json"):
            continue
        try:
            data: "Any" = json.loads((read("%s/%s" % (DIRECTORY, name)) or b"").decode("utf-8"))
            if data["format"] == FORMAT:
                files = ["%s/%s" % (FILES, file) for file in data["files"] if "/" not in file]
                found.append(PackageSet(data["manager"], data["variant"], data["packages"], files))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda item: (len(item.packages), item.packages, item.variant))


def set_of(
    sets: "Sequence[PackageSet]", manager: str, variant: str, words: "Sequence[str]"
) -> "Optional[PackageSet]":
    """The smallest set that has all of these words, or None."""
    for item in sets:
        if item.serves(manager, variant, words):
            return item
    return None
