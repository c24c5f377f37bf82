"""The one place that applies changes: in the order of a graph, with a journal."""
