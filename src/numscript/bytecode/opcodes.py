"""The instruction table: one row an instruction, and everything else read from it.

A row gives the byte, the operands, the stack before and after (types, the top on the right) and
one line of meaning. `docs/opcodes.md`, the verifier, the disassembler and the encoding come from
the rows; the meaning is one arm in the VM. An operand is a number: of a `slot` (a place in the
table of resources), of a `label` (an instruction further on), of a `variable`, `type` or
`failure` (a row of the program's tables), or a `count`.

Stacks whose picture depends on an operand are written with `...`; the verifier has a line for
each of them.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import NamedTuple


class Row(NamedTuple):
    """One instruction."""

    byte: int
    name: str
    operands: tuple[str, ...]
    before: str
    after: str
    doc: str


@unique
class Op(IntEnum):
    """The instructions by name; the numbers are the bytes that are encoded."""

    LOAD = 1
    STORE = 2
    COPY = 3

    NUMBER_ADD = 10
    NUMBER_SUB = 11
    NUMBER_NEG = 12
    MONETARY_NEW = 13
    MONETARY_ADD = 14
    MONETARY_SUB = 15
    MONETARY_NEG = 16
    MONETARY_ASSET = 17
    MONETARY_AMOUNT = 18
    PORTION_NEW = 19
    ACCOUNT_NEW = 20

    VARIABLE_CHECK = 30
    METADATA_READ = 31
    BALANCE = 32
    OVERDRAFT = 33
    COLOR_CHECK = 34

    SEND_BEGIN = 40
    SEND_ALL_BEGIN = 41
    TAKE = 42
    TAKE_OVERDRAFT = 43
    TAKE_UNBOUNDED = 44
    TAKE_ALL = 45
    TAKE_ALL_OVERDRAFT = 46
    TAKE_MAX = 47
    TAKE_EXACT = 48
    TAKE_CAP = 49
    SCALE = 50
    SCALE_ALL = 51
    FUNDS_ASSEMBLE = 52

    ALLOTMENT_NEW = 60
    ALLOCATE = 61

    ONEOF_TRY = 70
    ONEOF_NEXT = 71
    JUMP = 72
    JUMP_ZERO = 73
    JUMP_ABOVE = 74

    SEND = 80
    REPAY = 81

    SAVE = 90
    SAVE_ALL = 91
    TX_META = 92
    ACCOUNT_META = 93
    PRINT = 94
    FAIL = 95
    POSTINGS_CHECK = 96


def _row(op: Op, operands: str, before: str, after: str, doc: str) -> Row:
    return Row(int(op), op.name, tuple(operands.split()), before, after, doc)


ROWS: tuple[Row, ...] = (
    _row(Op.LOAD, "slot", "", "value", "push what a slot holds"),
    _row(Op.STORE, "slot", "value", "", "put the top into a slot"),
    _row(Op.COPY, "", "value", "value value", "push the top once more"),
    _row(Op.NUMBER_ADD, "", "number number", "number", "add"),
    _row(Op.NUMBER_SUB, "", "number number", "number", "take the top from the one below"),
    _row(Op.NUMBER_NEG, "", "number", "number", "change the sign"),
    _row(Op.MONETARY_NEW, "", "asset number", "monetary", "an amount of an asset"),
    _row(Op.MONETARY_ADD, "", "monetary monetary", "monetary", "add, within one asset"),
    _row(Op.MONETARY_SUB, "", "monetary monetary", "monetary", "subtract, within one asset"),
    _row(Op.MONETARY_NEG, "", "monetary", "monetary", "change the amount's sign"),
    _row(Op.MONETARY_ASSET, "", "monetary", "asset", "its asset"),
    _row(Op.MONETARY_AMOUNT, "", "monetary", "number", "its amount"),
    _row(Op.PORTION_NEW, "", "number number", "portion", "the one below divided by the top"),
    _row(Op.ACCOUNT_NEW, "count", "...", "account", "join so many pieces to an account"),
    _row(Op.VARIABLE_CHECK, "variable", "", "", "an error where it could not be read"),
    _row(Op.METADATA_READ, "type", "account string", "...", "metadata, read as a type"),
    _row(Op.BALANCE, "", "account asset", "monetary", "a balance; an error where negative"),
    _row(Op.OVERDRAFT, "", "account asset", "monetary", "how far a balance is below zero"),
    _row(Op.COLOR_CHECK, "slot", "", "", "an error where the slot holds no colour"),
    _row(Op.SEND_BEGIN, "", "monetary", "number", "start to send an amount"),
    _row(Op.SEND_ALL_BEGIN, "", "asset", "", "start to send all of an asset"),
    _row(Op.TAKE, "slot slot", "number", "number", "take up to an amount; leave what is missing"),
    _row(
        Op.TAKE_OVERDRAFT,
        "slot slot",
        "number monetary",
        "number",
        "take up to an amount, below zero down to a bound; leave what is missing",
    ),
    _row(Op.TAKE_UNBOUNDED, "slot slot", "number", "number", "take the whole amount; leave zero"),
    _row(Op.TAKE_ALL, "slot slot", "", "number", "take all; leave how much that was"),
    _row(
        Op.TAKE_ALL_OVERDRAFT,
        "slot slot",
        "monetary",
        "number",
        "take all, below zero down to a bound; leave how much that was",
    ),
    _row(
        Op.TAKE_MAX,
        "",
        "number monetary",
        "number number",
        "split an amount at a cap: the rest, and on top the part within the cap",
    ),
    _row(Op.TAKE_CAP, "", "monetary", "number", "the amount of a cap, not below zero"),
    _row(
        Op.TAKE_EXACT,
        "",
        "number number",
        "",
        "an error where of the amount below something is missing (the top)",
    ),
    _row(
        Op.SCALE,
        "slot slot",
        "number",
        "number",
        "convert other precisions of an account, through a second one, to cover an amount",
    ),
    _row(Op.SCALE_ALL, "slot slot", "", "", "convert all other precisions of an account"),
    _row(
        Op.FUNDS_ASSEMBLE,
        "",
        "",
        "",
        "join neighbouring funds of one account and colour: what was taken can be given",
    ),
    _row(
        Op.ALLOTMENT_NEW,
        "count count",
        "...",
        "allotment",
        "portions to an allotment; the second count is the place of `remaining`, from 1, or 0",
    ),
    _row(Op.ALLOCATE, "count", "number allotment", "...", "shares of an amount, the first on top"),
    _row(Op.ONEOF_TRY, "", "", "", "remember the state, to come back to it"),
    _row(
        Op.ONEOF_NEXT,
        "label",
        "number number",
        "number",
        "nothing missing: drop both, push zero, jump; else undo since ONEOF_TRY and drop the top",
    ),
    _row(Op.JUMP, "label", "", "", "go on at a label"),
    _row(Op.JUMP_ZERO, "label", "number", "number", "where zero: drop it and go on at a label"),
    _row(
        Op.JUMP_ABOVE,
        "label",
        "number monetary",
        "number",
        "where the amount is above the cap, go on at a label",
    ),
    _row(Op.SEND, "slot", "number", "", "give an amount of the taken funds to an account"),
    _row(Op.REPAY, "", "number", "", "give an amount of the taken funds back"),
    _row(Op.SAVE, "slot", "monetary", "", "keep an amount of an account out of reach"),
    _row(Op.SAVE_ALL, "slot", "asset", "", "keep all of an account out of reach"),
    _row(Op.TX_META, "", "string value", "", "set a key of the transaction's metadata"),
    _row(Op.ACCOUNT_META, "", "account string value", "", "set a key of an account's metadata"),
    _row(Op.PRINT, "", "value", "", "add a value to what is printed"),
    _row(Op.FAIL, "failure", "", "", "stop with an error"),
    _row(
        Op.POSTINGS_CHECK,
        "",
        "",
        "",
        "an error at a posting that no ledger accepts",
    ),
)

BY_BYTE: dict[int, Row] = {row.byte: row for row in ROWS}
"""Every row by its byte."""
