"""Names, types and advice: the checker and what it finds out."""
