"""The closed set of changes. Modules yield them; the engine probes and applies them."""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Later, Probe
from tsagent.changes.files import AppendFile, EditFile, MakeDirectory, MakeLink, RemoveFile, WriteFile

__all__ = [
    "CONVERGED",
    "DIFFERS",
    "UNKNOWN",
    "AppendFile",
    "Change",
    "EditFile",
    "Later",
    "MakeDirectory",
    "MakeLink",
    "Probe",
    "RemoveFile",
    "WriteFile",
]
