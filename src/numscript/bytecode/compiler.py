"""`CheckedProgram` to `Program`.

Every construct has one method here, and the code it emits keeps one protocol: a source finds the
amount wanted on the stack and leaves what it could not give (`take`), or leaves all that it gave
(`take_all`); a destination finds the amount it receives and leaves nothing.

What does not change while funds move is worked out before they move: constants fold, and accounts,
colours and assets are put into slots by the code that works out the needs, so that `main` only
names the slots. A mistake that only matters where it is reached (a missing flag, all of an
unbounded account) becomes a FAIL in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from numscript import errors, prelude
from numscript.analysis.constants import constant_number, constant_portion
from numscript.analysis.lints import address_text
from numscript.bytecode.assembler import NO_COLOR, THE_WORLD, Assembler, Label, Piece
from numscript.bytecode.opcodes import Op
from numscript.bytecode.program import (
    ALLOTMENT,
    TYPE_NAMES,
    Allotment,
    MetadataRow,
    Program,
)
from numscript.collector import without_collector
from numscript.diagnostics import CheckError, ParseError
from numscript.prelude import BUILTINS, Type
from numscript.syntax import nodes
from numscript.values import MAX_BITS, Monetary, Portion, is_asset, is_color

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from numscript.analysis.checked import CheckedProgram

    P = TypeVar("P", bound=Program)

MOST_ADDITIONS = 900
"""How many can never make a number too long to be written: each makes it longer by a bit at most,
and between what is read and what Python writes lie 300 digits."""
_INFIX = {
    ("+", Type.NUMBER): Op.NUMBER_ADD,
    ("-", Type.NUMBER): Op.NUMBER_SUB,
    ("+", Type.MONETARY): Op.MONETARY_ADD,
    ("-", Type.MONETARY): Op.MONETARY_SUB,
}
_CALLS = {
    "balance": (Op.BALANCE, Type.MONETARY),
    "overdraft": (Op.OVERDRAFT, Type.MONETARY),
    "get_asset": (Op.MONETARY_ASSET, Type.ASSET),
    "get_amount": (Op.MONETARY_AMOUNT, Type.NUMBER),
}


@without_collector
def compile_program(checked: CheckedProgram, into: type[P]) -> P:
    """The program of a checked script, as an instance of `into`.

    Raises ParseError where the text has syntax errors and CheckError where names or types do not
    fit; findings about values do not stop it, for they may not be reached.
    """
    refusals = checked.refusals
    if refusals:
        syntax = [diagnostic for diagnostic in refusals if diagnostic.code < "NUM2"]
        if syntax:
            raise ParseError(syntax)
        raise CheckError(refusals)
    return _Compiler(checked).run(into)


class _Compiler(Assembler):
    """One program under construction."""

    def __init__(self, checked: CheckedProgram) -> None:
        super().__init__()
        self.checked = checked
        self.features = checked.features
        self.variable_slots: dict[str, tuple[str, int]] = {}
        self.in_origin = False
        self.asset_slot = 0
        self.additions = 0
        self.bad_asset: nodes.AssetLiteral | None = None

    def run(self, into: type[P]) -> P:
        """Compile the whole program."""
        program = self.checked.program
        declarations = program.vars.declarations if program.vars else ()
        with self.inside(self.bind):
            self.in_origin = True
            for declaration in declarations:
                assert isinstance(declaration, nodes.VarDeclaration)
                self.compile_declaration(declaration)
            self.in_origin = False
        for statement in program.statements:
            self.compile_statement(statement)
        if self.bad_asset is not None:
            self.emit(Op.POSTINGS_CHECK, self.bad_asset)
        elif self.additions > MOST_ADDITIONS:
            self.emit(Op.POSTINGS_CHECK, program)
        return self.assemble(self.checked.script, into)

    def require(self, feature: str, node: nodes.Node) -> None:
        """Stop if this is reached without its flag."""
        if feature not in self.features:
            self.fail(errors.ExperimentalFeature(feature=feature), node)

    # --- slots ---

    def simple(self, expression: nodes.Expression) -> tuple[str, int] | None:
        """Type and slot of an expression that is a constant or a variable, else None."""
        match expression:
            case nodes.Variable():
                return self.variable_slots[expression.name]
            case nodes.AccountLiteral():
                name = expression.parts[0]
                if len(expression.parts) > 1 or not isinstance(name, str):
                    return None
                return Type.ACCOUNT, self.constant(Type.ACCOUNT, name)
            case nodes.MonetaryLiteral():
                amount = constant_number(expression.amount)
                if amount is None or not isinstance(expression.asset, nodes.AssetLiteral):
                    return None
                self.note_asset(expression.asset)
                value = Monetary(expression.asset.asset, amount)
                return Type.MONETARY, self.constant(Type.MONETARY, value)
            case nodes.AssetLiteral():
                self.note_asset(expression)
                return Type.ASSET, self.constant(Type.ASSET, expression.asset)
            case nodes.StringLiteral():
                return Type.STRING, self.constant(Type.STRING, expression.string)
        number = constant_number(expression)
        if number is not None:
            return Type.NUMBER, self.constant(Type.NUMBER, number)
        portion = constant_portion(expression)
        if portion is not None:
            return Type.PORTION, self.constant(Type.PORTION, portion)
        return None

    def slot_of(self, expression: nodes.Expression) -> int:
        """The slot of an expression: its own, or a new one that it is stored into."""
        simple = self.simple(expression)
        if simple is not None:
            return simple[1]
        return self.store(self.compile_expression(expression), expression)

    def note_asset(self, literal: nodes.AssetLiteral) -> None:
        """Keep in mind an asset that no ledger accepts, to refuse it when it is posted."""
        if self.bad_asset is None and is_asset(literal.asset) is None:
            self.bad_asset = literal

    # --- expressions ---

    def compile_expression(self, expression: nodes.Expression) -> str:
        """Leave the value of an expression on the stack; gives its type."""
        simple = self.simple(expression)
        if simple is not None:
            self.emit(Op.LOAD, expression, simple[1])
            return simple[0]
        match expression:
            case nodes.MonetaryLiteral():
                self.compile_expression(expression.asset)
                self.compile_expression(expression.amount)
                self.emit(Op.MONETARY_NEW, expression)
                return Type.MONETARY
            case nodes.BinaryInfix():
                return self.compile_infix(expression)
            case nodes.Prefix():
                found = self.compile_expression(expression.operand)
                negate = Op.NUMBER_NEG if found == Type.NUMBER else Op.MONETARY_NEG
                self.emit(negate, expression)
                return found
            case nodes.FnCall():
                if not self.in_origin:
                    self.require(prelude.MID_SCRIPT_FUNCTION_CALL, expression)
                return self.compile_call(expression)
            case nodes.AccountLiteral():
                return self.compile_interpolation(expression)
            case _:
                raise AssertionError(f"the checker lets no {type(expression).__name__} through")

    def compile_infix(self, infix: nodes.BinaryInfix) -> str:
        """A chain of operators, which leans to the left and may be long."""
        chain: list[nodes.BinaryInfix] = []
        lowest: nodes.Expression = infix
        while isinstance(lowest, nodes.BinaryInfix):
            chain.append(lowest)
            lowest = lowest.left
        found = self.compile_expression(lowest)
        for link in reversed(chain):
            self.compile_expression(link.right)
            self.additions += 1
            if link.operator == "/":
                self.emit(Op.PORTION_NEW, link)
                found = Type.PORTION
            else:
                self.emit(_INFIX[link.operator, Type(found)], link)
        return found

    def compile_interpolation(self, account: nodes.AccountLiteral) -> str:
        """An account name with variables in it."""
        for part in account.parts:
            if isinstance(part, str):
                self.emit(Op.LOAD, account, self.constant(Type.STRING, part))
                continue
            self.require(prelude.ACCOUNT_INTERPOLATION, account)
            kind, slot = self.variable_slots[part.name]
            if kind not in (Type.ACCOUNT, Type.NUMBER, Type.STRING):
                self.fail(errors.CannotCastToString(type=str(kind)), part)
            self.emit(Op.LOAD, part, slot)
        self.emit(Op.ACCOUNT_NEW, account, len(account.parts))
        return Type.ACCOUNT

    def compile_call(self, call: nodes.FnCall) -> str:
        """A builtin in an expression."""
        if call.name == "meta":
            for argument in call.arguments:
                self.compile_expression(argument)
            self.fail(errors.NestedMeta(), call)
            return Type.ANY
        for argument in call.arguments:
            self.compile_expression(argument)
        feature = BUILTINS[call.name].feature
        if feature is not None:
            self.require(feature, call)
        op, result = _CALLS[call.name]
        self.emit(op, call)
        if op in (Op.BALANCE, Op.OVERDRAFT):
            self.note_read(call)
        return result

    def note_read(self, call: nodes.FnCall) -> None:
        """Have a balance read beforehand that the code reads on its way."""
        address, asset = call.arguments
        account_slot, asset_slot = self.simple(address), self.simple(asset)
        no_color = self.constant(*NO_COLOR)
        if account_slot is not None and asset_slot is not None:
            self.note_balance(account_slot[1], asset_slot[1], no_color)
        elif self.piece is self.main:
            probe = Piece()
            number = len(self.probes)
            self.probes.append(probe)
            with self.inside(probe):
                account, counted = self.slot_of(address), self.slot_of(asset)
            self.note_balance(account, counted, no_color, probe=number)

    # --- declarations ---

    def compile_declaration(self, declaration: nodes.VarDeclaration) -> None:
        """Bind a variable: supplied by the caller, or computed from its origin."""
        name, kind = declaration.variable.name, declaration.type
        origin = declaration.origin
        if origin is None:
            self.emit(Op.VARIABLE_CHECK, declaration, len(self.supplied))
            self.variable_slots[name] = (kind, self.supply(name, kind, declaration.span))
            return
        if isinstance(origin, nodes.FnCall):
            if origin.name == "meta":
                self.compile_meta(origin, kind)
            else:
                self.compile_call(origin)
        else:
            self.require(prelude.MID_SCRIPT_FUNCTION_CALL, origin)
            self.compile_expression(origin)
        self.variable_slots[name] = (kind, self.store(kind, declaration))

    def compile_meta(self, call: nodes.FnCall, kind: str) -> None:
        """`meta()` as the whole origin of a variable of a type."""
        for argument in call.arguments:
            self.compile_expression(argument)
        self.emit(Op.METADATA_READ, call, TYPE_NAMES.index(kind))
        account, key = (self.simple(argument) for argument in call.arguments)
        if account is not None and key is not None:
            self.metadata[MetadataRow(account[1], key[1])] = None

    # --- statements ---

    def compile_statement(self, statement: nodes.Statement) -> None:
        """Compile a statement, by its form."""
        match statement:
            case nodes.SendStatement():
                self.compile_send(statement)
            case nodes.SaveStatement():
                self.compile_save(statement)
            case nodes.FnCall():
                for argument in statement.arguments:
                    self.compile_expression(argument)
                op = Op.TX_META if statement.name == "set_tx_meta" else Op.ACCOUNT_META
                self.emit(op, statement)
            case nodes.PrintStatement():
                self.compile_expression(statement.value)
                self.emit(Op.PRINT, statement)
            case nodes.FailStatement():
                self.fail(errors.ScriptFailed(), statement)
            case nodes.Broken():
                raise AssertionError("the checker lets no Broken through")
            case _:
                assert_never(statement)

    def compile_sent(self, sent: nodes.SentValue) -> tuple[bool, int]:
        """Work out beforehand what is sent or saved, and leave it on main's stack.

        Gives whether it is all of an asset, and the slot of the asset: `~slot` for the asset of
        the monetary in the slot.
        """
        assert not isinstance(sent, nodes.Broken)
        everything = isinstance(sent, nodes.SentValueAll)
        value = sent.asset if isinstance(sent, nodes.SentValueAll) else sent.monetary
        with self.inside(self.needs):
            slot = self.slot_of(value)
        if _reads_balance(value):
            # What is in flight may have changed by then: main works it out again.
            self.compile_expression(value)
        else:
            self.emit(Op.LOAD, value, slot)
        if isinstance(value, nodes.MonetaryLiteral):
            asset = self.simple(value.asset)
            if asset is not None:
                return everything, asset[1]
        return everything, slot if everything else ~slot

    def compile_send(self, send: nodes.SendStatement) -> None:
        """`send`: take from the source, then give to the destination."""
        everything, self.asset_slot = self.compile_sent(send.sent)
        if everything:
            self.emit(Op.SEND_ALL_BEGIN, send.sent)
            self.take_all(send.source)
        else:
            self.emit(Op.SEND_BEGIN, send.sent)
            # Once for the destination, once to tell what is missing, once to take.
            self.emit(Op.COPY, send.source)
            self.emit(Op.COPY, send.source)
            self.take(send.source)
            self.emit(Op.TAKE_EXACT, send.source)
        self.emit(Op.FUNDS_ASSEMBLE, send.source)
        self.give(send.destination)

    def compile_save(self, save: nodes.SaveStatement) -> None:
        """`save`: keep funds of an account out of reach."""
        everything, asset = self.compile_sent(save.sent)
        with self.inside(self.needs):
            account = self.slot_of(save.address)
        self.note_balance(account, asset, self.constant(*NO_COLOR))
        self.emit(Op.SAVE_ALL if everything else Op.SAVE, save.sent, account)

    # --- sources ---

    def account_and_color(
        self, source: nodes.SourceAccount | nodes.SourceOverdraft, *, needed: bool
    ) -> tuple[int, int]:
        """The slots of a source's account and colour, worked out beforehand where it is needed."""
        if source.color is not None:
            self.require(prelude.ASSET_COLORS, source.color)
        if needed:
            with self.inside(self.needs):
                account = self.slot_of(source.address)
        else:
            account = self.slot_of(source.address)
        color = self.constant(*NO_COLOR) if source.color is None else self.slot_of(source.color)
        if needed:
            self.note_balance(account, self.asset_slot, color)
        return account, color

    def check_color(self, color: nodes.Expression | None, slot: int) -> None:
        """Stop at a colour that is none."""
        if isinstance(color, nodes.StringLiteral):
            if is_color(color.string) is None:
                self.fail(errors.InvalidColor(name=color.string), color)
        elif color is not None:
            self.emit(Op.COLOR_CHECK, color, slot)

    def take(self, source: nodes.Source) -> None:
        """Take from a source: wanted -- missing."""
        match source:
            case nodes.SourceAccount():
                account, color = self.account_and_color(source, needed=True)
                self.check_color(source.color, color)
                world = account == self.constants.get(THE_WORLD)
                op = Op.TAKE_UNBOUNDED if world else Op.TAKE
                self.emit(op, source, account, color)
            case nodes.SourceOverdraft():
                bounded = source.bound is not None
                if source.bound is not None:
                    self.compile_expression(source.bound)
                account, color = self.account_and_color(source, needed=bounded)
                self.check_color(source.color, color)
                op = Op.TAKE_OVERDRAFT if bounded else Op.TAKE_UNBOUNDED
                self.emit(op, source.bound or source, account, color)
            case nodes.SourceInorder():
                for part in source.sources:
                    self.take(part)
            case nodes.SourceCapped():
                self.compile_expression(source.cap)
                self.emit(Op.TAKE_MAX, source.cap)
                self.take(source.source)
                self.emit(Op.NUMBER_ADD, source)
            case nodes.SourceAllotment():
                self.take_shares(source)
            case nodes.SourceOneof():
                self.take_oneof(source)
            case nodes.SourceWithScaling():
                account, through = self.scaled(source)
                self.emit(Op.SCALE, source, account, through)
                self.emit(Op.TAKE, source, account, self.constant(*NO_COLOR))
            case nodes.Broken():
                raise AssertionError("the checker lets no Broken through")
            case _:
                assert_never(source)

    def take_shares(self, source: nodes.SourceAllotment) -> None:
        """Take each share exactly: wanted -- 0."""
        self.compile_allotment([item.allotment for item in source.items], source)
        for item in source.items:
            self.emit(Op.COPY, item.source)
            self.take(item.source)
            self.emit(Op.TAKE_EXACT, item.source)
        self.emit(Op.LOAD, source, self.constant(Type.NUMBER, 0))

    def take_oneof(self, source: nodes.SourceOneof) -> None:
        """Take from the first source that gives all: wanted -- missing."""
        self.require(prelude.ONEOF, source)
        end = Label()
        for part in source.sources[:-1]:
            self.emit(Op.ONEOF_TRY, part)
            self.emit(Op.COPY, part)
            self.take(part)
            self.emit_jump(Op.ONEOF_NEXT, part, end)
        self.take(source.sources[-1])
        self.put(end)

    def scaled(self, source: nodes.SourceWithScaling) -> tuple[int, int]:
        """The slots of the account that is scaled and of the one it is scaled through."""
        self.require(prelude.ASSET_SCALING, source)
        with self.inside(self.needs):
            account = self.slot_of(source.address)
        through = self.slot_of(source.through)
        self.note_balance(account, self.asset_slot, self.constant(*NO_COLOR), scales=True)
        return account, through

    def take_all(self, source: nodes.Source) -> None:
        """Take all that a source has: -- taken."""
        match source:
            case nodes.SourceAccount():
                account, color = self.account_and_color(source, needed=True)
                if account == self.constants.get(THE_WORLD):
                    self.fail(errors.UnboundedInSendAll(name=f"@{prelude.WORLD}"), source)
                self.check_color(source.color, color)
                self.emit(Op.TAKE_ALL, source, account, color)
            case nodes.SourceOverdraft():
                if source.bound is not None:
                    self.compile_expression(source.bound)
                account, color = self.account_and_color(source, needed=source.bound is not None)
                if source.bound is None:
                    name = address_text(source.address)
                    self.fail(errors.UnboundedInSendAll(name=name), source.address)
                    self.emit(Op.TAKE_ALL, source, account, color)
                    return
                self.check_color(source.color, color)
                self.emit(Op.TAKE_ALL_OVERDRAFT, source.bound, account, color)
            case nodes.SourceInorder():
                self.emit(Op.LOAD, source, self.constant(Type.NUMBER, 0))
                for part in source.sources:
                    self.take_all(part)
                    self.emit(Op.NUMBER_ADD, part)
            case nodes.SourceCapped():
                # From here on it is an amount, the cap, that is wanted: taken = cap - missing.
                self.compile_expression(source.cap)
                self.emit(Op.TAKE_CAP, source.cap)
                self.emit(Op.COPY, source)
                self.take(source.source)
                self.emit(Op.NUMBER_SUB, source)
            case nodes.SourceOneof():
                self.require(prelude.ONEOF, source)
                self.take_all(source.sources[0])
                for part in source.sources[1:]:
                    self.note_needs(part)
            case nodes.SourceAllotment():
                self.note_needs(source)
                self.fail(errors.AllotmentInSendAll(), source)
                self.emit(Op.LOAD, source, self.constant(Type.NUMBER, 0))
            case nodes.SourceWithScaling():
                account, through = self.scaled(source)
                self.emit(Op.SCALE_ALL, source, account, through)
                self.emit(Op.TAKE_ALL, source, account, self.constant(*NO_COLOR))
            case nodes.Broken():
                raise AssertionError("the checker lets no Broken through")
            case _:
                assert_never(source)

    def note_needs(self, source: nodes.Source) -> None:
        """Work out the needs of a source that is looked at beforehand but never taken from."""
        match source:
            case nodes.SourceAccount() | nodes.SourceOverdraft():
                if isinstance(source, nodes.SourceAccount) or source.bound is not None:
                    with self.inside(self.needs):
                        account = self.slot_of(source.address)
                    color = source.color
                    no_color = self.constant(*NO_COLOR)
                    self.note_balance(
                        account, self.asset_slot, no_color if color is None else self.slot_of(color)
                    )
            case nodes.SourceWithScaling():
                with self.inside(self.needs):
                    account = self.slot_of(source.address)
                no_color = self.constant(*NO_COLOR)
                self.note_balance(account, self.asset_slot, no_color, scales=True)
            case nodes.SourceInorder() | nodes.SourceOneof():
                for part in source.sources:
                    self.note_needs(part)
            case nodes.SourceAllotment():
                for item in source.items:
                    self.note_needs(item.source)
            case nodes.SourceCapped():
                self.note_needs(source.source)
            case nodes.Broken():
                raise AssertionError("the checker lets no Broken through")
            case _:
                assert_never(source)

    # --- allotments ---

    def compile_allotment(self, clauses: Sequence[nodes.Allotment], node: nodes.Node) -> None:
        """Split an amount: amount -- shares, the first on top."""
        known = _constant_allotment(clauses)
        count = len(clauses)
        if known is not None:
            self.emit(Op.LOAD, node, self.constant(ALLOTMENT, known))
            self.emit(Op.ALLOCATE, node, count)
            return
        remaining = 0
        for place, clause in enumerate(clauses, start=1):
            if isinstance(clause, nodes.ValueAllotment):
                self.compile_expression(clause.value)
            elif remaining:
                reason = ", and `remaining` stands more than once"
                self.fail(errors.InvalidAllotmentSum(sum="1", reason=reason), node)
            else:
                remaining = place
        self.emit(Op.ALLOTMENT_NEW, node, count, remaining)
        self.emit(Op.ALLOCATE, node, count)

    # --- destinations ---

    def give(self, destination: nodes.Destination) -> None:
        """Give an amount of the taken funds to a destination: amount -- ."""
        match destination:
            case nodes.DestinationAccount():
                account = self.slot_of(destination.address)
                self.emit(Op.SEND, destination, account)
            case nodes.DestinationAllotment():
                self.compile_allotment([item.allotment for item in destination.items], destination)
                for item in destination.items:
                    self.give_to(item.target)
            case nodes.DestinationInorder():
                end = Label()
                for clause in destination.clauses:
                    self.emit_jump(Op.JUMP_ZERO, clause, end)
                    self.compile_expression(clause.cap)
                    self.emit(Op.TAKE_MAX, clause.cap)
                    after = Label()
                    self.emit_jump(Op.JUMP_ZERO, clause, after)
                    self.give_to(clause.target)
                    self.put(after)
                self.emit_jump(Op.JUMP_ZERO, destination, end)
                self.give_to(destination.remaining)
                self.put(end)
            case nodes.DestinationOneof():
                self.require(prelude.ONEOF, destination)
                end = Label()
                for clause in destination.clauses:
                    self.compile_expression(clause.cap)
                    after = Label()
                    self.emit_jump(Op.JUMP_ABOVE, clause.cap, after)
                    self.give_to(clause.target)
                    self.emit_jump(Op.JUMP, clause, end)
                    self.put(after)
                self.give_to(destination.remaining)
                self.put(end)
            case nodes.Broken():
                raise AssertionError("the checker lets no Broken through")
            case _:
                assert_never(destination)

    def give_to(self, target: nodes.KeptOrDestination) -> None:
        """Give an amount to a destination, or back: amount -- ."""
        if isinstance(target, nodes.DestinationTo):
            self.give(target.destination)
        else:
            self.emit(Op.REPAY, target)


def _reads_balance(expression: nodes.Expression) -> bool:
    """Whether an expression reads a balance that may be in flight."""
    while isinstance(expression, nodes.BinaryInfix):
        if _reads_balance(expression.right):
            return True
        expression = expression.left
    match expression:
        case nodes.FnCall():
            return True
        case nodes.MonetaryLiteral():
            return _reads_balance(expression.asset) or _reads_balance(expression.amount)
        case nodes.Prefix():
            return _reads_balance(expression.operand)
    return False


def _constant_allotment(clauses: Sequence[nodes.Allotment]) -> Allotment | None:
    """The allotment where its portions are constants that make a whole, else None."""
    from math import lcm

    portions: list[Portion | None] = []
    for clause in clauses:
        if isinstance(clause, nodes.RemainingAllotment):
            portions.append(None)
            continue
        portion = constant_portion(clause.value)
        if portion is None or portion.numerator < 0:
            return None
        portions.append(portion)
    if portions.count(None) > 1:
        return None
    denominator = lcm(*(portion.denominator for portion in portions if portion is not None))
    if denominator.bit_length() > MAX_BITS:
        return None
    shares = [
        0 if portion is None else portion.numerator * (denominator // portion.denominator)
        for portion in portions
    ]
    missing = denominator - sum(shares)
    if missing < 0 or (missing and None not in portions):
        return None
    if None in portions:
        shares[portions.index(None)] = missing
    return Allotment(tuple(shares), denominator)
