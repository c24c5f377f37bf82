"""One run of the agent, from what it is asked to what it reports."""
