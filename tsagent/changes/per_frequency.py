"""`cloud-init-per`, which boot commands call to be run once only: on the path of the user's commands.

It lies in the instance's directory, and last on the path: where cloud-init is installed, its own counts.
"""

from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.host import Host

_PROGRAM = """#!/bin/sh
# cloud-init-per FREQUENCY NAME COMMAND [ARGUMENT...]
# Run COMMAND once ever, once for this instance, or always. What was cut off is run again.
fail() { echo "cloud-init-per: $*" >&2; exit 1; }
[ $# -ge 3 ] || fail "expected once, instance or always, a name, and a command"
frequency=$1 name=$(printf '%%s' "$2" | tr - _)
shift 2
case $name in */* | "") fail "a name without a /" ;; esac
case $frequency in
once) place=%s ;;
instance) place=%s ;;
always) "$@"; exit ;;
*) fail "expected once, instance or always" ;;
esac
[ ! -e "$place/$name.$frequency" ] || exit 0
"$@"
status=$?
mkdir -p "$place" && echo "$status" >"$place/$name.$frequency" || fail "cannot write to $place"
exit $status
"""


def provide(host: "Host", chroot: bool) -> str:
    """Put the program there; the directory, as the user's commands see it."""
    import shlex

    tree = host.root
    directory = host.instance_dir + "/bin"
    path = directory + "/cloud-init-per"
    tree.mkdir(host.instance_dir, 0o700)
    tree.mkdir(directory, 0o700)

    def seen(place: str) -> str:
        return tree.realpath(place) if chroot else tree.host_path(place)

    # Resolved only as far as it is there: the places are made by the program.
    once = "%s/per" % seen(paths.STATE)
    instance = "%s/per" % seen(host.instance_dir)
    text = (_PROGRAM % (shlex.quote(once), shlex.quote(instance))).encode("utf-8", "surrogateescape")
    try:
        if tree.read(path) == text:
            return seen(directory)
    except OSError:
        pass
    tree.write_atomic(path, text, 0o700, sync=False)
    return seen(directory)
