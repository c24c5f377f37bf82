"""What a machine is told to be: the merged configuration, where each value came from, and the scripts.

A run works from one frozen snapshot of this (`to_json`), kept in the instance's directory, mode 0600:
a resume reads it back and never fetches or merges anew.
"""

from tsagent.userdata.marks import Marks
from tsagent.userdata.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

SCHEMA = "tsagent.settings/1"
_BYTES = "$base64"


class Settings:
    """The result of `assemble`.

    `config`: the merged mapping (plain data, bytes for `!!binary`). `scripts`: in the order to run, each
    `{"name", "kind", "content", "source"}`; kind is "user", "vendor" (which may have a `prefix`),
    "boothook", "per-boot", "per-instance", "per-once" or "part-handler" (which has the `parts` that it
    gets). `parts`: what `Part.as_data` says of each. `problems`: of decoding, reading and merging, not of
    validation.
    """

    def __init__(
        self,
        config: "Dict[str, Any]",
        marks: "Optional[Marks]" = None,
        scripts: "Optional[List[Dict[str, Any]]]" = None,
        problems: "Optional[List[Problem]]" = None,
        parts: "Optional[List[Dict[str, Any]]]" = None,
        origins: "Optional[Dict[str, List[Any]]]" = None,
    ) -> None:
        self.config = config
        self.marks = marks
        self.scripts = scripts or []
        self.problems = problems or []
        self.parts = parts or []
        self._origins = origins

    @property
    def origins(self) -> "Dict[str, List[Any]]":
        """JSON pointer -> [file, line, column] of every value; line 0 where a source has no lines."""
        if self._origins is None:
            self._origins = self.marks.origins() if self.marks is not None else {}
        return self._origins

    @property
    def warnings(self) -> "List[str]":
        """The problems as lines."""
        return [str(problem) for problem in self.problems]

    def to_json(self) -> str:
        """Everything as JSON text. It holds secrets: keep it 0600."""
        import binascii

        from tsagent import quickjson

        def text(data: bytes) -> str:
            return binascii.b2a_base64(data, newline=False).decode("ascii")

        def other(value: "Any") -> "Any":
            if isinstance(value, bytes):
                return {_BYTES: text(value)}
            raise TypeError("settings hold a %s" % type(value).__name__)

        data = {
            "schema": SCHEMA,
            "config": self.config,
            "origins": self.origins,
            "scripts": [dict(script, content=text(script["content"])) for script in self.scripts],
            "problems": [problem.as_data() for problem in self.problems],
            "parts": self.parts,
        }
        return quickjson.dumps(data, default=other)

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """The settings that `to_json` wrote. Raises ValueError when the text is not that."""
        import binascii

        from tsagent import quickjson

        def hook(mapping: "Dict[str, Any]") -> "Any":
            if len(mapping) == 1 and isinstance(mapping.get(_BYTES), str):
                return binascii.a2b_base64(mapping[_BYTES])
            return mapping

        if _BYTES in text:
            import json

            data = json.loads(text, object_hook=hook)
        else:
            data = quickjson.loads(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError("not a snapshot of settings")
        scripts = [dict(script, content=binascii.a2b_base64(script["content"])) for script in data["scripts"]]
        problems = [Problem.from_data(problem) for problem in data["problems"]]
        return cls(data["config"], None, scripts, problems, data["parts"], data["origins"])
