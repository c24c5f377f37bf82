"""A metadata service of Tencent Cloud to test with: any instance type, any value, faults on request.

`Simulator` is a context manager for tests; `tsagent imds serve` runs the same from the command line.
"""

from tsagent.sources.simulator.faults import Fault, parse_fault
from tsagent.sources.simulator.server import Simulator
from tsagent.sources.simulator.tree import instance_tree

__all__ = ["Fault", "Simulator", "instance_tree", "parse_fault"]
