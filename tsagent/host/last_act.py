"""What happens once the agent has ended: a process that is left behind and waits for that."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from tsagent.host import Host

_PAUSES = 5  # a second

# A unit that is told to stop before its process has ended counts as failed: so both are waited for.
_WAIT = """\
pid=$1 left=$2
shift 2
going_on() {
    [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 0.2
}
while kill -0 "$pid" 2>&- && going_on; do :; done
while [ "$(systemctl show -p ActiveState tsagent-final.service 2>&-)" = ActiveState=activating ] && going_on
do :; done
exec "$@"
"""


class LastAct:
    """A command that is run once the agent has ended, or `timeout` seconds have passed."""

    def __init__(self, argv: "List[str]", timeout: float) -> None:
        self.argv = argv
        self.timeout = timeout

    def start(self, host: "Host") -> None:
        """Leave a process behind that waits for this one to end. Raises OSError."""
        from tsagent.host.spawn import start
        from tsagent.state import paths

        pauses = max(0, int(self.timeout * _PAUSES))
        words = ["/bin/sh", "-c", _WAIT, "tsagent-last-act", str(os.getpid()), str(pauses)]
        log = host.root.open(paths.OUTPUT_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            start(words + self.argv, host.runner.environment(), log)
        finally:
            os.close(log)
