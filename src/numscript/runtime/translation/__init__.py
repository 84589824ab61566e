"""The parts of the translator, each a layer on the one before: entries, writer, expressions,
taking, giving; and the names that translated functions call."""
