"""The editors' highlighters, packages and clients, each driven by the tool it is written for."""
