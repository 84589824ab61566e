"""Text to tree: nodes, tables, parser."""
