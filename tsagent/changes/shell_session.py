"""One shell session, taken apart into processes: what an item leaves behind is what the next one finds.

Each item runs in a `/bin/sh` of its own, so that it has its own exit status and its `exit` ends nothing
else. A small driver restores what the item before left, reads the item as the shell would have read the
next lines of its script, and saves what it leaves: variables, exports, read-only marks, umask, working
directory and the options -aCefux (pipefail, functions, arrays and `shopt` too where sh is bash). Jobs,
traps and open files are not carried over.

The driver works on values only through what the shell itself prints for being read again (`set`,
`export -p`, `declare -p`), so any byte survives. It is generated for one item with all paths written in,
because whatever variables it used would be overwritten by those it restores.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Union

    from tsagent.host import Tree

_COMPLETE = b": complete\n"
_STATE_LIMIT = 16 << 20  # bytes; more variables than that are not saved by a shell that still works

# What the user's commands get of the service manager's environment: the system's language, as the image has
# it, and the proxies that the image sets for its services.
HANDED_ON = (
    ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY")
    + ("LC_MESSAGES", "LC_PAPER", "LC_NAME", "LC_ADDRESS", "LC_TELEPHONE", "LC_MEASUREMENT")
    + ("LC_IDENTIFICATION", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
    + ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")
)

_RESTORE = """\
unset PATH HOME INSTANCE_ID OLDPWD %(handed_on)s
. %(state)s
"""

# Names bash sets itself: some cannot be assigned (an error ends a POSIX shell), others say something
# about the process. `_` and `__tsagent_*` are the driver's own.
_BASH_OWN = (
    "_|__tsagent_*|BASH|BASHOPTS|BASHPID|BASH_[!E]*|COMP_WORDBREAKS|DIRSTACK|EPOCHREALTIME|EPOCHSECONDS|"
    "EUID|FUNCNAME|GROUPS|HISTCMD|LINENO|PIPESTATUS|PPID|RANDOM|SECONDS|SHELLOPTS|SRANDOM|UID"
)

# `{ …; } 2>&-` keeps the driver's own steps out of the trace that `set -x` asked for. (A tree that is
# entered need have no /dev/null.)
_DRIVER = """\
__tsagent_save() {
    if [ -n "$__tsagent_saved" ]; then return 0; fi
    __tsagent_saved=1
    __tsagent_options=$-
    set +aCefux
    __tsagent_umask=$(umask)
    umask 077
    case ":${SHELLOPTS-}:" in *:pipefail:*) __tsagent_pipefail=' pipefail' ;; esac
    printf '%%s%%s\\n' "$__tsagent_options" "$__tsagent_pipefail" > %(new)s/options
    pwd > %(new)s/directory
    {
        jobs
        trap
        for __tsagent_name in 3 4 5 6 7 8 9; do
            if [ -e "/proc/$$/fd/$__tsagent_name" ]; then printf 'open\\n'; fi
        done
    } > %(new)s/left
    {
        printf 'umask %%s\\n' "$__tsagent_umask"
        if [ -n "${BASH_VERSION-}" ]; then
            shopt -p
            compgen -v | while IFS= read -r __tsagent_name; do
                case $__tsagent_name in
                %(own)s) ;;
                *) declare -p "$__tsagent_name" ;;
                esac
            done
            declare -F | while IFS=' ' read -r __tsagent_word __tsagent_flags __tsagent_name; do
                if [ "$__tsagent_name" = __tsagent_save ]; then continue; fi
                declare -f "$__tsagent_name"
                case $__tsagent_flags in *x*) printf 'export -f %%s\\n' "$__tsagent_name" ;; esac
                case $__tsagent_flags in *r*) printf 'readonly -f %%s\\n' "$__tsagent_name" ;; esac
            done
        else
            unset PPID
            set
            export -p
            readonly -p
        fi
        printf ': complete\\n'
    } > %(new)s/state
}
%(restore)s__tsagent_saved=
__tsagent_pipefail=
set --
trap '{ __tsagent_status=$?; __tsagent_save; } 2>&-; exit "$__tsagent_status"' EXIT
. %(item)s
{ __tsagent_status=$?; __tsagent_save; } 2>&-
exit "$__tsagent_status"
"""


def quote(word: "Union[str, bytes]") -> bytes:
    """A word as the shell reads it back, whatever is in it."""
    data = os.fsencode(word) if isinstance(word, str) else word
    return b"'" + data.replace(b"'", b"'\\''") + b"'"


def item_text(item: "Union[str, List[object]]") -> bytes:
    """An item of runcmd or bootcmd as shell text: a list is one command, each of its words quoted."""
    if isinstance(item, str):
        return item.encode("utf-8", "surrogateescape")
    return b" ".join(quote(str(word).encode("utf-8", "surrogateescape")) for word in item)


class Session:
    """The saved states of one session, each in a directory called by the index of the item it follows.

    `directory` lies inside the root and is readable by root alone; `outside` turns a path of the root into
    one that the shell sees.
    """

    def __init__(self, tree: "Tree", directory: str, chroot: bool) -> None:
        self._tree = tree
        self._directory = directory
        self._outside = tree.realpath if chroot else tree.host_path

    def prepare(self, index: int, first: bool) -> "Optional[int]":
        """Make room for item `index`: what it and later ones saved in another run is gone.

        Returns the index of the state to start from, None for a fresh shell.
        """
        tree, directory = self._tree, self._directory
        tree.mkdir(directory.rsplit("/", 1)[0], 0o700)
        tree.mkdir(directory, 0o700)
        start: "Optional[int]" = None
        for name in tree.listdir(directory):
            if not name.isdigit():
                continue
            if first or int(name) >= index or not self._is_complete(name):
                tree.remove_tree("%s/%s" % (directory, name))
            elif start is None or int(name) > start:
                start = int(name)
        tree.remove_tree(directory + "/new")
        tree.mkdir(directory + "/new", 0o700)
        return start

    def write(self, text: bytes, start: "Optional[int]") -> str:
        """Write item and driver; the driver's path as the shell sees it."""
        tree, directory = self._tree, self._directory
        restore = b""
        if start is not None:
            text = self._options(start) + text
            restore = _RESTORE.encode() % {
                b"handed_on": " ".join(HANDED_ON).encode(),
                b"state": self._quoted("%d/state" % start),
            }
        # Read by the shell from a file: a command line would be seen by everybody.
        tree.write_atomic(directory + "/item", text + b"\n", 0o700, sync=False)
        driver = _DRIVER.encode() % {
            b"new": self._quoted("new"),
            b"own": _BASH_OWN.encode(),
            b"restore": restore,
            b"item": self._quoted("item"),
        }
        tree.write_atomic(directory + "/driver", driver, 0o700, sync=False)
        return self._outside(directory + "/driver")

    def working_directory(self, start: "Optional[int]") -> "Optional[str]":
        """Where the item before left off."""
        if start is None:
            return None
        data = self._tree.read("%s/%d/directory" % (self._directory, start), _STATE_LIMIT)
        return os.fsdecode(data[:-1])

    def lost(self) -> "List[str]":
        """What the item that has just ended left and the next one does not find, in words."""
        try:
            lines = self._tree.read(self._directory + "/new/left", _STATE_LIMIT).splitlines()
        except OSError:
            return []
        own = b"trap -- '{ __tsagent_status"
        seen = {
            "running jobs": any(line.startswith(b"[") and b" Running " in line for line in lines),
            "traps": any(line.startswith(b"trap -- ") and not line.startswith(own) for line in lines),
            "open files": b"open" in lines,
        }
        return [name for name, there in seen.items() if there]

    def finish(self, index: int, start: "Optional[int]") -> bool:
        """Keep what the item left, durably; whether it left anything."""
        tree, directory = self._tree, self._directory
        tree.unlink(directory + "/item", missing_ok=True)
        if not self._is_complete("new"):
            tree.remove_tree(directory + "/new")
            return False
        for name in tree.listdir(directory + "/new"):
            descriptor = tree.open("%s/new/%s" % (directory, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        tree.rename(directory + "/new", "%s/%d" % (directory, index))
        # The one this item started from stays: a run that is cut off before the journal knows of its
        # end starts the item from there again.
        for name in tree.listdir(directory):
            if name.isdigit() and int(name) not in (index, start):
                tree.remove_tree("%s/%s" % (directory, name))
        tree.flush()
        return True

    def _is_complete(self, name: str) -> bool:
        """Whether a state was written to its end."""
        path = "%s/%s/" % (self._directory, name)
        try:
            whole = self._tree.read(path + "state", _STATE_LIMIT).endswith(_COMPLETE)
            return whole and self._tree.read(path + "directory", _STATE_LIMIT).endswith(b"\n")
        except OSError:
            return False

    def _options(self, start: int) -> bytes:
        # On the item's own first line: line numbers in the shell's messages stay those of the item.
        text = self._tree.text("%s/%d/options" % (self._directory, start)) or ""
        letters, _, pipefail = text.partition(" ")
        wanted = "".join(letter for letter in letters if letter in "aCefux")
        commands = ["set -" + wanted] if wanted else []
        if pipefail == "pipefail":
            commands.insert(0, "set -o pipefail")
        return ("; ".join(commands) + "; ").encode() if commands else b""

    def _quoted(self, name: str) -> bytes:
        return quote(self._outside(self._directory + "/" + name))
