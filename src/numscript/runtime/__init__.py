"""Running a program: reading what it needs, then executing it."""
