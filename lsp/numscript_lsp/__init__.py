"""The language server of Numscript: what an editor can ask for, over any transport.

`features` are pure functions of a checked program and an offset, and know no protocol; `convert`
turns their records into the protocol's types; `handlers` are one function a request; `project`
holds what is open, what lies on disk and what was set.
"""
