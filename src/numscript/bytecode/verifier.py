"""The verifier: a program that it lets through cannot go wrong in the VM, whoever wrote it.

It walks each piece of code once with a stack of types. Labels lead forward only, so one walk sees
every way through; where two ways meet, their stacks must be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numscript.bytecode.opcodes import BY_BYTE, Op
from numscript.bytecode.program import ALLOTMENT, TYPE_NAMES, Allotment
from numscript.prelude import Type
from numscript.values import is_account

if TYPE_CHECKING:
    from numscript.bytecode.program import BalanceRow, Code, Program

_PICTURES = {
    byte: (tuple(row.before.split()), tuple(row.after.split())) for byte, row in BY_BYTE.items()
}
_PIECES = (Type.ACCOUNT, Type.NUMBER, Type.STRING)


def verify(program: Program) -> None:
    """Raise ValueError with the reason where a program is not well formed."""
    _verify_tables(program)
    known = (1 << (len(program.constants) + len(program.supplied))) - 1
    known = _Walk(program, "bind", program.bind_code, known).run()
    known = _Walk(program, "needs", program.needs_code, known).run()
    for number, probe in enumerate(program.probes):
        mine = _Walk(program, f"probe {number}", probe, known).run()
        for row in program.balances:
            if row.probe == number:
                _verify_row(program, row, mine)
    for row in program.balances:
        if row.probe < 0:
            _verify_row(program, row, known)
        elif row.probe >= len(program.probes):
            raise ValueError("a balance names a probe that is not there")
    _Walk(program, "main", program.main, known).run()


def _verify_tables(program: Program) -> None:
    for constant in program.constants:
        value = constant.value
        if constant.type == Type.ACCOUNT and is_account(str(value)) is None:
            raise ValueError(f"the constant {value!r} is not an account")
        if isinstance(value, Allotment) and (
            sum(value.numerators) != value.denominator
            or min(value.numerators, default=0) < 0
            or value.denominator <= 0
        ):
            raise ValueError("an allotment does not make a whole")
    names = [variable.name for variable in program.supplied]
    if len(set(names)) != len(names):
        raise ValueError("a variable is supplied twice")
    for kind in (*program.slots, *(variable.type for variable in program.supplied)):
        if kind not in TYPE_NAMES:
            raise ValueError(f"there is no type {kind!r} of a slot")
    for pair in program.metadata:
        for slot, kind in ((pair.account, Type.ACCOUNT), (pair.key, Type.STRING)):
            if not 0 <= slot < program.slot_count or program.slot_type(slot) != kind:
                raise ValueError("a row of metadata names a slot of another type")


def _verify_row(program: Program, row: BalanceRow, known: int) -> None:
    account, asset, color = row[:3]
    asset_type = Type.ASSET if asset >= 0 else Type.MONETARY
    asset = asset if asset >= 0 else ~asset
    for slot, kind in ((account, Type.ACCOUNT), (asset, asset_type), (color, Type.STRING)):
        if not 0 <= slot < program.slot_count or program.slot_type(slot) != kind:
            raise ValueError("a balance names a slot of another type")
        if not known >> slot & 1:
            raise ValueError("a balance names a slot that is not filled by then")


class _Walk:
    """One walk over one piece of code. `known` has a bit for each slot that is filled."""

    def __init__(self, program: Program, name: str, code: Code, known: int) -> None:
        self.program = program
        self.name = name
        self.code = code
        self.known = known
        self.stack: list[str] | None = []
        self.tries = 0
        self.waiting: dict[int, tuple[list[str], int, int]] = {}

    def run(self) -> int:
        """Walk to the end, where the stack must be empty; gives the slots that are filled then."""
        instructions = self.code.instructions
        for at, (byte, first, second) in enumerate(instructions):
            self.arrive(at)
            if self.stack is None:
                continue
            self.step(at, Op(byte), first, second)
        self.arrive(len(instructions))
        if self.stack or self.tries:
            raise self.wrong(len(instructions), "something is left on the stack")
        if self.waiting:
            raise self.wrong(len(instructions), "a label leads nowhere")
        # Where the end is never reached, nothing that comes later is.
        everything = (1 << self.program.slot_count) - 1
        return everything if self.stack is None else self.known

    def wrong(self, at: int, reason: str) -> ValueError:
        """The error with its place."""
        return ValueError(f"{self.name} {at}: {reason}")

    def arrive(self, at: int) -> None:
        """Come to an instruction, perhaps from a label as well."""
        waiting = self.waiting.pop(at, None)
        if waiting is None:
            return
        stack, known, tries = waiting
        if self.stack is None:
            self.stack, self.tries, self.known = stack, tries, known
            return
        if self.stack != stack or self.tries != tries:
            raise self.wrong(at, "the ways that meet here have different stacks")
        self.known &= known

    def leave(self, at: int, label: int, stack: list[str]) -> None:
        """A label leads to a later instruction with this stack."""
        if not at < label <= len(self.code.instructions):
            raise self.wrong(at, "a label must lead forward")
        waiting = self.waiting.get(label)
        if waiting is None:
            self.waiting[label] = (stack, self.known, self.tries)
            return
        other, known, tries = waiting
        if other != stack or tries != self.tries:
            raise self.wrong(at, "the ways that meet at a label have different stacks")
        self.waiting[label] = (stack, self.known & known, tries)

    def pop(self, at: int, *types: str) -> None:
        """Take types off the stack, the last one being the top."""
        stack = self.stack
        assert stack is not None
        if len(stack) < len(types):
            raise self.wrong(at, "the stack is too short")
        for expected in reversed(types):
            found = stack.pop()
            if expected == "value":
                if found.startswith(ALLOTMENT):
                    raise self.wrong(at, "an allotment is no value")
            elif found != expected:
                raise self.wrong(at, f"expected {expected} on the stack, found {found}")

    def slot(self, at: int, slot: int, expected: str | None = None) -> str:
        """The type of a slot that is filled."""
        if not 0 <= slot < self.program.slot_count:
            raise self.wrong(at, f"there is no slot {slot}")
        if not self.known >> slot & 1:
            raise self.wrong(at, f"slot {slot} is not filled yet")
        found = self.program.slot_type(slot)
        if expected is not None and found != expected:
            raise self.wrong(at, f"slot {slot} holds {found}, not {expected}")
        return found

    def step(self, at: int, op: Op, first: int, second: int) -> None:
        """The effect of one instruction."""
        stack = self.stack
        assert stack is not None
        program = self.program
        before, after = _PICTURES[op]
        if self.name != "main" and op >= Op.SEND_BEGIN and op is not Op.FAIL:
            raise self.wrong(at, "only main moves funds")
        if self.name != "bind" and op in (Op.VARIABLE_CHECK, Op.METADATA_READ):
            raise self.wrong(at, "only bind reads variables and metadata")
        match op:
            case Op.LOAD:
                found = self.slot(at, first)
                stack.append(f"{found} {self.shares(first)}" if found == ALLOTMENT else found)
            case Op.STORE:
                if not len(program.constants) + len(program.supplied) <= first < program.slot_count:
                    raise self.wrong(at, f"slot {first} cannot be written")
                self.pop(at, program.slot_type(first))
                self.known |= 1 << first
            case Op.COPY:
                if not stack:
                    raise self.wrong(at, "the stack is too short")
                stack.append(stack[-1])
            case Op.ACCOUNT_NEW:
                for _ in range(self.count(at, first)):
                    if not stack or stack.pop() not in _PIECES:
                        raise self.wrong(at, "a piece of an account must be text or a number")
                stack.append(Type.ACCOUNT)
            case Op.METADATA_READ:
                self.pop(at, *before)
                if not 0 <= first < len(TYPE_NAMES):
                    raise self.wrong(at, "there is no such type")
                stack.append(TYPE_NAMES[first])
            case Op.ALLOTMENT_NEW:
                count = self.count(at, first)
                if not 0 <= second <= count:
                    raise self.wrong(at, "`remaining` is none of the clauses")
                self.pop(at, *[Type.PORTION] * (count - (second > 0)))
                stack.append(f"{ALLOTMENT} {count}")
            case Op.ALLOCATE:
                count = self.count(at, first)
                self.pop(at, Type.NUMBER, f"{ALLOTMENT} {count}")
                stack.extend([Type.NUMBER] * count)
            case Op.ONEOF_TRY:
                self.tries += 1
            case Op.ONEOF_NEXT:
                if not self.tries:
                    raise self.wrong(at, "there is no ONEOF_TRY before it")
                self.tries -= 1
                self.pop(at, *before)
                stack.append(Type.NUMBER)
                self.leave(at, first, stack.copy())
            case Op.JUMP:
                self.leave(at, first, stack)
                self.stack = None
            case Op.JUMP_ZERO:
                self.pop(at, Type.NUMBER)
                self.leave(at, first, stack.copy())
                stack.append(Type.NUMBER)
            case Op.JUMP_ABOVE:
                self.pop(at, *before)
                stack.append(Type.NUMBER)
                self.leave(at, first, stack.copy())
            case Op.FAIL:
                if not 0 <= first < len(program.failures):
                    raise self.wrong(at, "there is no such failure")
                self.stack = None
            case _:
                self.plain(at, op, first, second)
                self.pop(at, *before)
                stack.extend(after)

    def plain(self, at: int, op: Op, first: int, second: int) -> None:
        """The operands of an instruction whose stack picture says all."""
        operands = BY_BYTE[op].operands
        if operands == ("variable",) and not 0 <= first < len(self.program.supplied):
            raise self.wrong(at, "there is no such variable")
        if op is Op.COLOR_CHECK:
            self.slot(at, first, Type.STRING)
        elif operands and operands[0] == "slot":
            self.slot(at, first, Type.ACCOUNT)
        if len(operands) == 2:
            scales = op in (Op.SCALE, Op.SCALE_ALL)
            self.slot(at, second, Type.ACCOUNT if scales else Type.STRING)

    def count(self, at: int, count: int) -> int:
        """A count of at least one."""
        if not 1 <= count <= 1_000_000:
            raise self.wrong(at, f"a count of {count} cannot be")
        return count

    def shares(self, slot: int) -> int:
        """How many shares a constant allotment has."""
        value = self.program.constants[slot].value
        assert isinstance(value, Allotment)
        return len(value.numerators)
