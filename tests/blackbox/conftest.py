"""The agent as a user sees it: a process, a scratch root, a seed."""

import json
import os
import subprocess
import sys

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MACHINES = os.path.join(CHECKOUT, "tests", "machines")


class Agent:
    """Runs `tsagent` over one scratch root and looks at what it left."""

    def __init__(self, root, top):
        self.root = root
        self.seed = top / "seed"
        self.seed.mkdir()
        self.hardware = os.path.join(MACHINES, "s5-medium4")
        self.tell()

    def tell(self, user_data=None, instance_id="ins-test", **meta):
        """Write the seed: what the source says."""
        meta = dict({"instance-id": instance_id}, **meta)
        (self.seed / "meta-data").write_text(json.dumps(meta), encoding="utf-8")
        if user_data is not None:
            if isinstance(user_data, dict):
                user_data = "#cloud-config\n" + json.dumps(user_data)
            if isinstance(user_data, str):
                user_data = user_data.encode("utf-8")
            (self.seed / "user-data").write_bytes(user_data)

    def arguments(self, *words, **options):
        """The command line; `source` and `hardware` stand in for the usual ones."""
        source = options.get("source", "nocloud:%s" % self.seed)
        line = list(words)
        if words[0] in ("run", "plan", "explain"):
            line += ["--root", str(self.root), "--hardware", options.get("hardware", self.hardware)]
            line += ["--source", source]
            if "--commands" not in words:
                line += ["--commands", "here"]
        elif words[0] in ("status", "modules", "clean", "query"):
            line += ["--root", str(self.root)]
        return line

    def command(self, *words, **options):
        return [sys.executable, "-B", "-m", "tsagent"] + self.arguments(*words, **options)

    def environment(self, **more):
        return dict(os.environ, PYTHONPATH=CHECKOUT, PYTHONDONTWRITEBYTECODE="1", **more)

    def __call__(self, *words, **options):
        """Run to the end; the result has returncode, stdout and stderr as text."""
        return subprocess.run(
            list(options.get("before", [])) + self.command(*words, **options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            errors="replace",
            env=self.environment(**options.get("env", {})),
            cwd="/",
            timeout=options.get("timeout", 120),
        )

    def run(self, *words, **options):
        return self("run", *words, **options)

    def status(self):
        return json.loads((self.root / "run/tsagent/status.json").read_text(encoding="utf-8"))

    def module(self, name):
        """The entry of one module in the status."""
        return next(module for module in self.status()["modules"] if module["name"] == name)

    def drop_in(self, name, code, directory="etc/tsagent", **declared):
        """A third party's module: one file, one schema."""
        top = self.root / directory
        for sub in ("modules", "schemas"):
            (top / sub).mkdir(parents=True, exist_ok=True)
        (top / "modules" / (name + ".py")).write_text(code, encoding="utf-8")
        schema = {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "title": name,
            "type": "object",
            "x-tsagent": dict({"stage": "final", "keys": [name]}, **declared),
            "properties": {name: {"type": "object"}},
        }
        (top / "schemas" / (name + ".json")).write_text(json.dumps(schema), encoding="utf-8")


@pytest.fixture
def agent(scratch_root, tmp_path):
    return Agent(scratch_root, tmp_path)
