"""The Python home of Numscript, the language for moving money."""
