"""Where everything of the agent lies, inside its root."""

CONFIG = "/etc/tsagent/agent.yaml"
CONFIG_DROP_INS = "/etc/tsagent/agent.d"
DISABLED = "/etc/tsagent/disabled"

STATE = "/var/lib/tsagent"
CACHE = STATE + "/cache"
CLEAN_MARKER = STATE + "/clean"  # the next boot is a first boot
IDENTITY = STATE + "/identity.json"
INSTANCES = STATE + "/instances"
PENDING = INSTANCES + "/pending"  # work done before it is known which instance this is
INSTANCE_LINK = STATE + "/instance"
BOOT_JOURNAL = STATE + "/boot.jsonl"  # modules that run at every boot
ONCE_JOURNAL = STATE + "/once.jsonl"  # modules that run once ever

NETWORK = STATE + "/network"
NETWORK_FILES = NETWORK + "/files.json"  # what was written to each file of the network's configuration
NETWORK_TRIAL = NETWORK + "/trial.json"  # the former files, while new ones are being tried
NETWORK_PUT_BACK = NETWORK + "/put-back.json"  # configurations that were tried and taken back
NETWORK_SAVED = NETWORK + "/saved"  # files that others had changed, before they were written anew
NETWORK_JOURNAL = NETWORK + "/journal.jsonl"  # of the last `tsagent network apply`

RUN = "/run/tsagent"
LOCK = RUN + "/lock"
STATUS = RUN + "/status.json"
INSTANCE = RUN + "/instance.json"
INSTANCE_SENSITIVE = RUN + "/instance-sensitive.json"
HANDOFF = RUN + "/handoff.json"
NOTHING_DUE = RUN + "/nothing-due"  # a condition of the later stages' units
PROVISIONAL = RUN + "/provisional"  # a condition of the timer that has the service asked again
CARDS = RUN + "/cards"  # the network cards that are there, where others that come are to be taken up

# Where cloud-init's files are looked for: what the compatibility package writes for provisioners.
CLOUD_INSTANCE = "/var/lib/cloud/instance"  # a link to the next
COMPATIBILITY = "/run/cloud-init/instance"

GATES = RUN + "/gates"  # where the process of a first boot waits for the later stages' units

LOG = "/var/log/tsagent.log"
OUTPUT_LOG = "/var/log/tsagent-output.log"
ERROR_LOG = OUTPUT_LOG + ".stderr"  # standard error alone, where `output` sends it elsewhere


_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


def instance_directory(instance_id: str) -> str:
    """The private directory of an instance; an id is one name here, never a path."""
    name = "".join(
        letter if letter in _SAFE or (letter == "." and index) else "%%%x" % ord(letter)
        for index, letter in enumerate(instance_id)
    )
    return INSTANCES + "/" + name[:200]
