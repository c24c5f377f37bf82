"""`python3 -I -m tsagent`: what the systemd units call."""

import sys

from tsagent.cli import main

if __name__ == "__main__":
    sys.exit(main())
