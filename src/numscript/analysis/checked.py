"""`CheckedProgram`: a tree with what the checker found out about it."""

from __future__ import annotations

from typing import NamedTuple

from numscript.diagnostics import Diagnostic, Severity
from numscript.prelude import Type
from numscript.script import Script
from numscript.syntax import nodes
from numscript.syntax.parser import Parsed


class CheckedProgram(NamedTuple):
    """A parsed program, its symbols and types, and every diagnostic.

    variables: declaration by name, the first where a name is declared twice; types: type by
    `id(node)` of each expression; assets: the asset that the script forces on a variable, by its
    name, where it forces one; uses: the declared variable that each `Variable` node, by `id`,
    stands for.
    """

    parsed: Parsed
    features: frozenset[str]
    variables: dict[str, nodes.VarDeclaration]
    types: dict[int, Type]
    assets: dict[str, str]
    uses: dict[int, nodes.VarDeclaration]
    diagnostics: tuple[Diagnostic, ...]

    def __repr__(self) -> str:
        return f"<CheckedProgram {self.script.name}: {len(self.diagnostics)} diagnostics>"

    @property
    def script(self) -> Script:
        """The script that was checked."""
        return self.parsed.script

    @property
    def program(self) -> nodes.Program:
        """The tree."""
        return self.parsed.program

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are errors."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)

    @property
    def refusals(self) -> tuple[Diagnostic, ...]:
        """The diagnostics for which `compile` refuses the program."""
        return tuple(d for d in self.diagnostics if d.kind.refuses)
