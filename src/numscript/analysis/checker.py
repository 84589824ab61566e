"""Names, types, assets, allotments and flags: `Parsed` to `CheckedProgram`.

The order in which places are visited and joined is the reference's, because it decides which of
two places a finding is reported at. Findings about style and reachability are in `lints`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, assert_never, get_args

from numscript import errors, prelude
from numscript.analysis.assets import AssetCell, unify
from numscript.analysis.checked import CheckedProgram
from numscript.analysis.constants import constant_number
from numscript.analysis.lints import Allotments, Reach
from numscript.collector import without_collector
from numscript.diagnostics import Diagnostic, Kind, Severity
from numscript.prelude import BUILTINS, FEATURES, TYPES, Builtin, Type
from numscript.script import Span
from numscript.syntax import nodes
from numscript.values import is_asset, is_color

if TYPE_CHECKING:
    from numscript.syntax.parser import Parsed

ANY, ACCOUNT, ASSET = Type.ANY, Type.ACCOUNT, Type.ASSET
MONETARY, NUMBER, PORTION, STRING = Type.MONETARY, Type.NUMBER, Type.PORTION, Type.STRING
_SUMMABLE = (NUMBER, MONETARY)
MOST_COMPARED = 200
"""How many names, and how many findings, are searched for what was meant: it takes its time."""
_CASTABLE = (ACCOUNT, NUMBER, STRING, ANY)


@without_collector
def check(parsed: Parsed, features: Collection[str] = ()) -> CheckedProgram:
    """Everything that can be said of a program without running it. Never raises on a bad one.

    `features` are flags that are on besides those that the script switches on itself.
    """
    return _Checker(parsed, features).run()


def suggestion(name: str, known: Collection[str], form: str = "`{}`") -> str:
    """A hint at the known name that is spelled most like this one, or nothing."""
    from difflib import get_close_matches

    if len(known) > MOST_COMPARED or len(name) > MOST_COMPARED:
        return ""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {form.format(close[0])}?" if close else ""


class _Checker:
    """One walk over one program."""

    def __init__(self, parsed: Parsed, features: Collection[str]) -> None:
        self.parsed = parsed
        self.script = parsed.script
        self.diagnostics = list(parsed.diagnostics)
        flags = parsed.program.features
        own = (flag.string for flag in flags.flags) if flags else ()
        self.features = frozenset((*features, *own))
        self.variables: dict[str, nodes.VarDeclaration] = {}
        self.unused: dict[str, Span] = {}
        self.types: dict[int, Type] = {}
        self.uses: dict[int, nodes.VarDeclaration] = {}
        self.cells: dict[int, AssetCell] = {}
        self.sent = AssetCell()
        self.in_origin = False
        self.reach = Reach(self.report)
        self.allotments = Allotments(self.report)
        self.mixed = False

    def run(self) -> CheckedProgram:
        """The walk."""
        program = self.parsed.program
        if program.features is not None:
            self.check_features(program.features)
        if program.vars is not None:
            self.in_origin = True
            for declaration in program.vars.declarations:
                if isinstance(declaration, nodes.VarDeclaration):
                    self.check_declaration(declaration)
            self.in_origin = False
        failed = False
        for statement in program.statements:
            if failed:
                self.report(errors.UnreachableStatement(), statement.span)
            self.check_statement(statement)
            failed = failed or isinstance(statement, nodes.FailStatement)
        for name, span in self.unused.items():
            self.report(errors.UnusedVariable(name=name), span)
        assets = self.check_bound_variables()
        return CheckedProgram(
            self.parsed,
            self.features,
            self.variables,
            self.types,
            assets,
            self.uses,
            tuple(sorted(self.diagnostics, key=lambda d: d.span.start)),
        )

    # --- reporting ---

    def report(self, kind: Kind, span: Span, severity: Severity | None = None) -> None:
        """Add a diagnostic."""
        self.diagnostics.append(Diagnostic(kind, span, self.script, severity or kind.severity))

    def need(self, feature: str, span: Span) -> None:
        """Say that a flag is missing; only a warning, for it matters only where it is reached."""
        if feature not in self.features:
            self.report(errors.ExperimentalFeature(feature=feature), span, Severity.WARNING)

    # --- assets ---

    def cell(self, node: nodes.Expression | nodes.VarDeclaration) -> AssetCell:
        """What is known of the asset of an expression or variable."""
        cell = self.cells.get(id(node))
        if cell is None:
            cell = self.cells[id(node)] = AssetCell()
        return cell

    def join(self, node: nodes.Expression, cell: AssetCell) -> None:
        """An expression carries the same asset as another place."""
        clash = unify(self.cell(node), cell)
        if clash is not None:
            self.mixed = True
            self.report(errors.AssetMismatch(expected=clash[0], got=clash[1]), node.span)

    def check_bound_variables(self) -> dict[str, str]:
        """Find the variables that can carry one asset only."""
        bound: dict[str, str] = {}
        for name, declaration in self.variables.items():
            asset = self.cell(declaration).resolve().name
            if asset is None:
                continue
            bound[name] = asset
            if self.mixed or declaration.origin is not None:
                # With assets or types at odds it cannot be said which variable is to blame.
                continue
            advice = ""
            if declaration.type == MONETARY:
                advice = f"declare `number ${name}` and write `[{asset} ${name}]`"
            elif declaration.type == ASSET:
                advice = f"write `{asset}` instead of the variable"
            kind = errors.BoundAsset(declared=declaration.type, asset=asset, suggestion=advice)
            self.report(kind, declaration.span)
        return bound

    # --- declarations ---

    def check_features(self, declaration: nodes.FeatureDeclaration) -> None:
        """Flags that the script switches on must exist."""
        for flag in declaration.flags:
            if flag.string not in FEATURES:
                few = len(self.diagnostics) < MOST_COMPARED
                hint = suggestion(flag.string, FEATURES, '`"{}"`') if few else ""
                self.report(errors.InvalidFeature(name=flag.string, suggestion=hint), flag.span)

    def check_declaration(self, declaration: nodes.VarDeclaration) -> None:
        """A variable of a known type, with a name of its own and an origin of its type."""
        name = declaration.variable.name
        if declaration.type not in TYPES:
            few = len(self.diagnostics) < MOST_COMPARED
            hint = (
                few and suggestion(declaration.type, TYPES)
            ) or f"the types are {', '.join(TYPES)}"
            kind = errors.InvalidType(name=declaration.type, suggestion=hint)
            self.report(kind, declaration.type_span)
        if name in self.variables:
            self.report(errors.DuplicateVariable(name=name), declaration.variable.span)
        else:
            self.variables[name] = declaration
            self.unused[name] = declaration.variable.span
        if declaration.origin is not None:
            origin = declaration.origin
            if not isinstance(origin, (nodes.FnCall, nodes.Broken)):
                self.need(prelude.MID_SCRIPT_FUNCTION_CALL, origin.span)
            # A type that does not exist is at odds with every origin, as in the reference.
            found = self.type_of(origin, whole_origin=True)
            if found is not ANY and found != declaration.type:
                self.mismatch(declaration.type, found, origin)
            self.join(origin, self.cell(declaration))

    # --- statements ---

    def check_statement(self, statement: nodes.Statement) -> None:
        """Check a statement, by its form."""
        self.sent = AssetCell()
        match statement:
            case nodes.SendStatement():
                self.reach.enter_send(isinstance(statement.sent, nodes.SentValueAll))
                self.check_sent(statement.sent)
                self.check_source(statement.source)
                self.check_destination(statement.destination)
            case nodes.FnCall():
                builtin = BUILTINS.get(statement.name)
                self.check_call(statement, builtin if builtin and builtin.statement else None)
            case nodes.SaveStatement():
                self.check_sent(statement.sent)
                self.expect(statement.address, ACCOUNT)
            case nodes.PrintStatement():
                self.expect(statement.value, ANY)
            case nodes.FailStatement():
                pass
            case nodes.Broken():
                self.note_pieces(statement)
            case _:
                assert_never(statement)

    def note_pieces(self, broken: nodes.Broken) -> None:
        """Find names and types in what is left of broken text, without judging it."""
        diagnostics, scope, mixed = self.diagnostics, self.reach.scope, self.mixed
        self.diagnostics = []
        for piece in broken.pieces:
            self.note_piece(piece)
        self.diagnostics, self.reach.scope, self.mixed = diagnostics, scope, mixed

    def note_piece(self, piece: nodes.Node) -> None:
        """Find names and types in one of the pieces."""
        match piece:
            case nodes.SourceAllotmentItem() | nodes.DestinationAllotmentItem():
                if isinstance(piece.allotment, nodes.ValueAllotment):
                    self.expect(piece.allotment.value, PORTION)
                self.note_piece(
                    piece.source if isinstance(piece, nodes.SourceAllotmentItem) else piece.target
                )
            case nodes.ValueAllotment():
                self.expect(piece.value, PORTION)
            case nodes.CappedKeptOrDestination():
                self.expect(piece.cap, MONETARY)
                self.check_target(piece.target)
            case nodes.DestinationTo():
                self.check_target(piece)
            case nodes.SentValueLiteral() | nodes.SentValueAll():
                self.check_sent(piece)
            case nodes.Broken():
                self.note_pieces(piece)
            case _:
                # The unions of nodes are what each of these takes.
                for union, visit in _VISITS:
                    if isinstance(piece, union):
                        visit(self, piece)

    def check_sent(self, sent: nodes.SentValue) -> None:
        """What is sent or saved gives the statement its asset."""
        match sent:
            case nodes.SentValueLiteral():
                monetary = sent.monetary
                self.expect(monetary, MONETARY)
                self.join(monetary, self.sent)
                if isinstance(monetary, nodes.MonetaryLiteral):
                    amount = constant_number(monetary.amount)
                    if amount is not None and amount < 0:
                        asset = monetary.asset
                        name = asset.asset if isinstance(asset, nodes.AssetLiteral) else "amount"
                        negative = errors.NegativeAmount(asset=name, amount=amount)
                        self.report(negative, monetary.span)
            case nodes.SentValueAll():
                self.expect(sent.asset, ASSET)
                self.join(sent.asset, self.sent)
            case nodes.Broken():
                self.note_pieces(sent)
            case _:
                assert_never(sent)

    # --- sources ---

    def check_source(self, source: nodes.Source) -> None:
        """Check a source, by its form."""
        self.reach.visit(source)
        match source:
            case nodes.SourceAccount():
                self.expect(source.address, ACCOUNT)
                self.check_color(source.color)
                self.reach.take(source)
            case nodes.SourceOverdraft():
                self.reach.take_overdraft(source)
                self.expect(source.address, ACCOUNT)
                self.check_color(source.color)
                if source.bound is not None:
                    self.expect(source.bound, MONETARY)
                    self.join(source.bound, self.sent)
            case nodes.SourceInorder():
                for part in source.sources:
                    self.check_source(part)
            case nodes.SourceCapped():
                scope = self.reach.enter_scope()
                self.join(source.cap, self.sent)
                self.expect(source.cap, MONETARY)
                self.check_source(source.source)
                self.reach.leave_scope(scope)
            case nodes.SourceAllotment():
                self.check_source_allotment(source)
            case nodes.SourceOneof():
                self.need(prelude.ONEOF, Span(source.start, source.start + len("oneof")))
                for part in source.sources:
                    self.check_source(part)
            case nodes.SourceWithScaling():
                self.need(prelude.ASSET_SCALING, source.span)
                self.expect(source.address, ACCOUNT)
                self.expect(source.through, ACCOUNT)
                if is_world(source.address):
                    self.report(errors.UnknownScalingAccount(account=prelude.WORLD), source.span)
            case nodes.Broken():
                self.note_pieces(source)
            case _:
                assert_never(source)

    def check_source_allotment(self, source: nodes.SourceAllotment) -> None:
        """The clauses of a source's allotment, and their sum."""
        self.reach.take_allotment(source)
        whole = self.allotments.open(source.span, len(source.items))
        for item in source.items:
            if isinstance(item.allotment, nodes.ValueAllotment):
                self.expect(item.allotment.value, PORTION)
            whole.add(item.allotment)
            scope = self.reach.enter_scope()
            self.check_source(item.source)
            self.reach.leave_scope(scope)
        whole.close()

    def check_color(self, color: nodes.Expression | None) -> None:
        """A colour is a string of capital letters, behind a flag."""
        if color is None:
            return
        self.need(prelude.ASSET_COLORS, color.span)
        self.expect(color, STRING)
        if isinstance(color, nodes.StringLiteral) and is_color(color.string) is None:
            self.report(errors.InvalidColor(name=color.string), color.span)

    # --- destinations ---

    def check_destination(self, destination: nodes.Destination) -> None:
        """Check a destination, by its form."""
        match destination:
            case nodes.DestinationAccount():
                self.expect(destination.address, ACCOUNT)
            case nodes.DestinationInorder():
                self.check_clauses(destination)
            case nodes.DestinationAllotment():
                whole = self.allotments.open(destination.span, len(destination.items))
                for item in destination.items:
                    if isinstance(item.allotment, nodes.ValueAllotment):
                        self.expect(item.allotment.value, PORTION)
                    whole.add(item.allotment)
                    self.check_target(item.target)
                whole.close()
            case nodes.DestinationOneof():
                self.need(prelude.ONEOF, Span(destination.start, destination.start + len("oneof")))
                self.check_clauses(destination)
            case nodes.Broken():
                self.note_pieces(destination)
            case _:
                assert_never(destination)

    def check_clauses(self, block: nodes.DestinationInorder | nodes.DestinationOneof) -> None:
        """Caps in the sent asset, each with its target, and the target of the rest."""
        for clause in block.clauses:
            self.expect(clause.cap, MONETARY)
            self.join(clause.cap, self.sent)
            self.check_target(clause.target)
        self.check_target(block.remaining)

    def check_target(self, target: nodes.KeptOrDestination) -> None:
        """`to DESTINATION`; there is nothing to check of `kept`."""
        if isinstance(target, nodes.DestinationTo):
            self.check_destination(target.destination)
        elif isinstance(target, nodes.Broken):
            self.note_pieces(target)

    # --- expressions ---

    def expect(self, expression: nodes.Expression, expected: Type) -> None:
        """An expression must be of a type."""
        actual = self.type_of(expression)
        if actual is not expected and actual is not ANY and expected is not ANY:
            self.mismatch(expected, actual, expression)

    def mismatch(self, expected: str, got: str, expression: nodes.Expression) -> None:
        """Say that an expression is of the wrong type."""
        self.mixed = True
        self.report(errors.TypeMismatch(expected=expected, got=got), expression.span)

    def type_of(self, expression: nodes.Expression, *, whole_origin: bool = False) -> Type:
        """The type of an expression; `any` where a mistake inside it hides the type."""
        found = self.find_type(expression, whole_origin=whole_origin)
        self.types[id(expression)] = found
        return found

    def find_type(self, expression: nodes.Expression, *, whole_origin: bool) -> Type:
        """The type by the expression's form."""
        match expression:
            case nodes.AccountLiteral():
                if len(expression.parts) > 1 or not isinstance(expression.parts[0], str):
                    self.check_interpolation(expression)
                return ACCOUNT
            case nodes.Variable():
                return self.type_of_variable(expression)
            case nodes.MonetaryLiteral():
                self.expect(expression.asset, ASSET)
                self.expect(expression.amount, NUMBER)
                self.join(expression, self.cell(expression.asset))
                return MONETARY
            case nodes.AssetLiteral():
                if is_asset(expression.asset) is None:
                    self.report(errors.InvalidPosting(asset=expression.asset), expression.span)
                self.join(expression, AssetCell(expression.asset))
                return ASSET
            case nodes.NumberLiteral():
                return NUMBER
            case nodes.StringLiteral():
                return STRING
            case nodes.PercentageLiteral():
                return PORTION
            case nodes.BinaryInfix():
                return self.type_of_infix(expression)
            case nodes.FnCall():
                return self.type_of_call(expression, whole_origin=whole_origin)
            case nodes.Prefix():
                self.join(expression, self.cell(expression.operand))
                found = self.type_of(expression.operand)
                if found is ANY or found in _SUMMABLE:
                    return found
                self.mismatch("number or monetary", found, expression.operand)
                return ANY
            case nodes.Broken():
                self.note_pieces(expression)
                return ANY
            case _:
                assert_never(expression)

    def type_of_variable(self, variable: nodes.Variable) -> Type:
        """The declared type; the variable counts as used."""
        name = variable.name
        declaration = self.variables.get(name)
        if declaration is None:
            few = len(self.diagnostics) < MOST_COMPARED
            hint = (few and suggestion(name, self.variables, "`${}`")) or "declare it in `vars`"
            self.report(errors.UnboundVariable(name=name, suggestion=hint), variable.span)
            return ANY
        self.uses[id(variable)] = declaration
        self.join(variable, self.cell(declaration))
        self.unused.pop(name, None)
        return Type(declaration.type) if declaration.type in TYPES else ANY

    def check_interpolation(self, account: nodes.AccountLiteral) -> None:
        """Variables inside an account name: behind a flag, and of a type that can be text."""
        self.need(prelude.ACCOUNT_INTERPOLATION, account.span)
        for part in account.parts:
            if isinstance(part, nodes.Variable):
                found = self.type_of(part)
                if found not in _CASTABLE:
                    self.report(errors.CannotCastToString(type=str(found)), part.span)

    def type_of_infix(self, infix: nodes.BinaryInfix) -> Type:
        """The type of a chain of operators, which leans to the left and may be long."""
        chain: list[nodes.BinaryInfix] = []
        lowest: nodes.Expression = infix
        while isinstance(lowest, nodes.BinaryInfix):
            self.join(lowest.left, self.cell(lowest.right))
            chain.append(lowest)
            lowest = lowest.left
        found = self.type_of(lowest)
        for link in reversed(chain):
            if link.operator == "/":
                if found is not NUMBER and found is not ANY:
                    self.mismatch(NUMBER, found, link.left)
                self.expect(link.right, NUMBER)
                if constant_number(link.right) == 0:
                    self.report(errors.DivideByZero(), link.span)
                found = PORTION
            elif found is ANY or found in _SUMMABLE:
                self.expect(link.right, found)
            else:
                self.mismatch("number or monetary", found, link.left)
                found = ANY
            self.types[id(link)] = found
        return found

    def type_of_call(self, call: nodes.FnCall, *, whole_origin: bool) -> Type:
        """What a function returns, if it may stand in an expression."""
        builtin = BUILTINS.get(call.name)
        if builtin is None or builtin.statement:
            self.check_call(call, None)
            return ANY
        if not self.in_origin:
            self.need(prelude.MID_SCRIPT_FUNCTION_CALL, call.span)
        if builtin.feature is not None:
            self.need(builtin.feature, call.span)
        self.check_call(call, builtin)
        if builtin.name == "meta" and not whole_origin:
            self.report(errors.NestedMeta(), call.span)
        return builtin.returns

    def check_call(self, call: nodes.FnCall, builtin: Builtin | None) -> None:
        """The arguments of a call; none is known where the function is unknown in this place."""
        if builtin is None:
            for argument in call.arguments:
                self.expect(argument, ANY)
            self.report_unknown_function(call)
            return
        expected, actual = len(builtin.parameters), len(call.arguments)
        broken = any(isinstance(argument, nodes.Broken) for argument in call.arguments)
        if actual != expected and not broken:
            kind = errors.BadArity(
                name=call.name, expected=expected, actual=actual, signature=builtin.signature
            )
            surplus = call.arguments[expected:]
            place = Span(surplus[0].start, surplus[-1].end) if surplus else call.span
            self.report(kind, place)
        for argument, (_, kind_of) in zip(call.arguments, builtin.parameters, strict=False):
            self.expect(argument, kind_of)
        if call.name in ("balance", "overdraft") and actual > 1:
            self.join(call, self.cell(call.arguments[1]))
        elif call.name == "get_asset" and actual > 0:
            self.join(call, self.cell(call.arguments[0]))

    def report_unknown_function(self, call: nodes.FnCall) -> None:
        """Say that a function does not exist, or not in this place."""
        builtin = BUILTINS.get(call.name)
        if builtin is None:
            few = len(self.diagnostics) < MOST_COMPARED
            hint = suggestion(call.name, BUILTINS) if few else ""
            place = ""
        elif builtin.statement:
            hint = f"`{call.name}` is a statement of its own"
            place = " in an expression"
        else:
            hint = f"`{call.name}` stands in an expression"
            place = " among the statements"
        kind = errors.UnknownFunction(name=call.name, place=place, suggestion=hint)
        self.report(kind, call.name_span)


_VISITS: tuple[tuple[Any, Callable[[_Checker, Any], object]], ...] = (
    (get_args(nodes.Expression), _Checker.type_of),
    (get_args(nodes.Source), _Checker.check_source),
    (get_args(nodes.Destination), _Checker.check_destination),
)
"""How the pieces of broken text are visited, by what they are."""


def is_world(expression: nodes.Expression) -> bool:
    """Whether an expression is the literal `@world`."""
    return isinstance(expression, nodes.AccountLiteral) and expression.parts == (prelude.WORLD,)
