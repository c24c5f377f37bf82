"""What the agent keeps between runs: identity, settings snapshots, status, and where each lies."""
