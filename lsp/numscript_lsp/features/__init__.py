"""One module a feature: pure functions of a checked program and an offset, without a protocol."""
