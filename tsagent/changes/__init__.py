"""The closed set of changes. Modules yield them; the engine probes and applies them.

`from tsagent.changes import WriteFile` imports the one file that change is in, so that a boot pays for
the changes it makes and not for the others.
"""

import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tsagent.changes.accounts import AddToGroups, CreateGroup, CreateUser
    from tsagent.changes.apt import EditAptSources, FetchAptKey, MirrorSearch, WriteAptConf
    from tsagent.changes.authorized_keys import AuthorizedKeys
    from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Later, Probe
    from tsagent.changes.card_channels import SetChannels
    from tsagent.changes.card_names import RenameCards
    from tsagent.changes.card_race import RaceCards
    from tsagent.changes.commands import RunTool, UserCommand, UserProgram, UserScript
    from tsagent.changes.console import ShowOnConsole
    from tsagent.changes.credentials import (
        LockPassword,
        SetPassword,
        UnlockPassword,
        WriteDoasRules,
        WriteSudoers,
    )
    from tsagent.changes.debconf import SetDebconf
    from tsagent.changes.entropy import SeedCommand, SeedDevice
    from tsagent.changes.fetched_files import FetchFile
    from tsagent.changes.file_system_growth import GrowFileSystem
    from tsagent.changes.file_systems import MakeFileSystem
    from tsagent.changes.files import AppendFile, EditFile, MakeDirectory, MakeLink, RemoveFile, WriteFile
    from tsagent.changes.final_message import FinalMessage
    from tsagent.changes.interrupt_affinity import SpreadInterrupts
    from tsagent.changes.mounting import Mount, SwapOn
    from tsagent.changes.named_services import KeepService, StopService
    from tsagent.changes.netplan import GenerateNetplan
    from tsagent.changes.network_apply import ApplyNetwork, RestoreNetwork
    from tsagent.changes.network_files import RemoveNetworkFile, WriteNetworkFile
    from tsagent.changes.package_choice import InstallByPip, InstallOneOf
    from tsagent.changes.packages import InstallPackages, RefreshPackages, RestartIfRequired, UpgradePackages
    from tsagent.changes.packet_steering import SteerPackets
    from tsagent.changes.part_handlers import RunPartHandler
    from tsagent.changes.partition_growth import GrowPartition
    from tsagent.changes.partitions import PartitionDisk, RemovePartitions
    from tsagent.changes.power_state import PowerState
    from tsagent.changes.programs import RunInstaller, RunProgram
    from tsagent.changes.root_tools import RunInRoot
    from tsagent.changes.services import RestartUnit
    from tsagent.changes.ssh import GenerateHostKey, InstallHostKey, ReloadSshServer
    from tsagent.changes.swap_file import MakeSwapFile
    from tsagent.changes.system import EnableUnit, SetHostname, SetSysctl, SwitchTunedProfile, Verify
    from tsagent.changes.web import PostForm

_ROOMS = {
    "accounts": ("AddToGroups", "CreateGroup", "CreateUser"),
    "authorized_keys": ("AuthorizedKeys",),
    "apt": ("EditAptSources", "FetchAptKey", "MirrorSearch", "WriteAptConf"),
    "base": ("CONVERGED", "DIFFERS", "UNKNOWN", "Change", "Later", "Probe"),
    "card_names": ("RenameCards",),
    "card_race": ("RaceCards",),
    "card_channels": ("SetChannels",),
    "commands": ("RunTool", "UserCommand", "UserProgram", "UserScript"),
    "console": ("ShowOnConsole",),
    "credentials": ("LockPassword", "SetPassword", "UnlockPassword", "WriteDoasRules", "WriteSudoers"),
    "debconf": ("SetDebconf",),
    "entropy": ("SeedCommand", "SeedDevice"),
    "fetched_files": ("FetchFile",),
    "file_systems": ("MakeFileSystem",),
    "files": ("AppendFile", "EditFile", "MakeDirectory", "MakeLink", "RemoveFile", "WriteFile"),
    "final_message": ("FinalMessage",),
    "interrupt_affinity": ("SpreadInterrupts",),
    "mounting": ("Mount", "SwapOn"),
    "named_services": ("KeepService", "StopService"),
    "netplan": ("GenerateNetplan",),
    "network_apply": ("ApplyNetwork", "RestoreNetwork"),
    "network_files": ("RemoveNetworkFile", "WriteNetworkFile"),
    "package_choice": ("InstallByPip", "InstallOneOf"),
    "packages": ("InstallPackages", "RefreshPackages", "RestartIfRequired", "UpgradePackages"),
    "packet_steering": ("SteerPackets",),
    "partitions": ("PartitionDisk", "RemovePartitions"),
    "part_handlers": ("RunPartHandler",),
    "power_state": ("PowerState",),
    "programs": ("RunInstaller", "RunProgram"),
    "root_tools": ("RunInRoot",),
    "services": ("RestartUnit",),
    "ssh": ("GenerateHostKey", "InstallHostKey", "ReloadSshServer"),
    "file_system_growth": ("GrowFileSystem",),
    "partition_growth": ("GrowPartition",),
    "swap_file": ("MakeSwapFile",),
    "system": ("EnableUnit", "SetHostname", "SetSysctl", "SwitchTunedProfile", "Verify"),
    "web": ("PostForm",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [  # noqa: PLE0604 (the names come from their rooms when they are asked for)
    "CONVERGED",
    "DIFFERS",
    "UNKNOWN",
    "AddToGroups",
    "AppendFile",
    "ApplyNetwork",
    "AuthorizedKeys",
    "Change",
    "CreateGroup",
    "CreateUser",
    "EditAptSources",
    "EditFile",
    "EnableUnit",
    "FetchFile",
    "FinalMessage",
    "FetchAptKey",
    "GenerateHostKey",
    "GenerateNetplan",
    "GrowFileSystem",
    "GrowPartition",
    "InstallByPip",
    "InstallHostKey",
    "InstallOneOf",
    "InstallPackages",
    "KeepService",
    "Later",
    "LockPassword",
    "MakeDirectory",
    "MakeFileSystem",
    "MakeLink",
    "MakeSwapFile",
    "Mount",
    "PartitionDisk",
    "PostForm",
    "PowerState",
    "MirrorSearch",
    "Probe",
    "RaceCards",
    "RefreshPackages",
    "RenameCards",
    "ReloadSshServer",
    "RemoveFile",
    "RemoveNetworkFile",
    "RemovePartitions",
    "RestartIfRequired",
    "RestartUnit",
    "RestoreNetwork",
    "RunInRoot",
    "RunInstaller",
    "RunPartHandler",
    "RunProgram",
    "RunTool",
    "SeedCommand",
    "SeedDevice",
    "SetChannels",
    "SetDebconf",
    "SetHostname",
    "SetPassword",
    "SetSysctl",
    "ShowOnConsole",
    "SpreadInterrupts",
    "SteerPackets",
    "StopService",
    "SwapOn",
    "SwitchTunedProfile",
    "UnlockPassword",
    "UpgradePackages",
    "UserCommand",
    "UserProgram",
    "UserScript",
    "Verify",
    "WriteDoasRules",
    "WriteAptConf",
    "WriteFile",
    "WriteNetworkFile",
    "WriteSudoers",
]


class _Rooms(types.ModuleType):
    """A package whose names are imported at their first use; Python 3.6 knows no module `__getattr__`."""

    def __getattr__(self, name: str) -> "Any":
        room = _ROOM_OF.get(name)
        if room is None:
            raise AttributeError("tsagent.changes has no %s" % name)
        value = getattr(__import__("tsagent.changes." + room, fromlist=[name]), name)
        setattr(self, name, value)
        return value


sys.modules[__name__].__class__ = _Rooms
