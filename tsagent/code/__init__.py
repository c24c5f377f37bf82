"""The code of a boot in one file, which the import system would look up, open and read in a hundred.

`tsagent clean` leaves it in the image (`collect`), the units use it. It holds what the `.pyc` files hold, by
the same rule: a module's code counts while its source has the time and size that it was made from. What it
has not, or not any more, is imported as ever. That spares an eighth of what Python does at a first boot.
"""

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any, Dict, Optional, Tuple

    # Whether it is a package; its source, that one's mtime (whole seconds) and size; offset and length of
    # its code.
    Entry = Tuple[bool, str, int, int, int, int]

PATH = "/var/lib/tsagent/code"
FORMAT = b"tsagent code 1\n"


def head() -> bytes:
    """What the file of this interpreter begins with; another's is not read."""
    return FORMAT + sys.version.encode("utf-8", "replace") + b"\0"


def use(path: str = PATH) -> bool:
    """Import from the file from now on; False where there is none that fits this interpreter."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        expected = head()
        start = os.read(descriptor, len(expected) + 4)
        # Code that somebody else may have written is not run.
        if status.st_uid != os.geteuid() or status.st_mode & 0o022 or start[:-4] != expected:
            os.close(descriptor)
            return False
        length = int.from_bytes(start[-4:], "little")
        table = os.pread(descriptor, length, len(start))
        if len(table) != length:
            raise EOFError
        index = marshal.loads(table)  # noqa: S302 (root's own file)
    except (OSError, ValueError, EOFError, TypeError):
        return False
    sys.meta_path.insert(0, _Finder(descriptor, len(start) + length, index))
    return True


class _Finder:
    def __init__(self, descriptor: int, base: int, index: "Dict[str, Entry]") -> None:
        self.descriptor = descriptor
        self.base = base
        self.index = index

    def find_spec(
        self, name: str, path: "Any" = None, target: "Optional[ModuleType]" = None
    ) -> "Optional[ModuleSpec]":
        """The place of a module, as the import system asks for it."""
        entry = self.index.get(name)
        if entry is None:
            return None
        package, source, mtime, size, _, _ = entry
        try:
            status = os.stat(source)
        except OSError:
            return None
        if int(status.st_mtime) != mtime or status.st_size != size:
            return None
        spec = ModuleSpec(name, _Loader(name, source, self), origin=source, is_package=package)
        if package:
            assert spec.submodule_search_locations is not None
            spec.submodule_search_locations.append(source.rpartition("/")[0])
        return spec


class _Loader(SourceFileLoader):
    """Knows all that the loader of a source file knows; only the code comes from elsewhere."""

    def __init__(self, name: str, path: str, finder: _Finder) -> None:
        super().__init__(name, path)
        self._finder = finder

    def exec_module(self, module: "ModuleType") -> None:
        module.__file__ = self.path
        code = self._code() or self.get_code(self.name)
        assert code is not None
        exec(code, module.__dict__)  # noqa: S102 (as the loader of a source file does)

    def _code(self) -> "Optional[CodeType]":
        _, _, _, _, offset, length = self._finder.index[self.name]
        try:
            data = os.pread(self._finder.descriptor, length, self._finder.base + offset)
            code: "CodeType" = marshal.loads(data)  # noqa: S302 (root's own file)
        except (OSError, ValueError, EOFError, TypeError):
            return None  # cut short
        return code
