"""What other programs expect of cloud-init: its command and the files that provisioners wait for.

An optional package installs it. Nothing of the agent itself imports it.
"""
