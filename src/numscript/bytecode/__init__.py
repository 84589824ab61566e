"""Programs as data: instructions, the compiler that writes them, the verifier."""
