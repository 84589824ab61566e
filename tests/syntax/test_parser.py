"""The parser: its tree is the grammar's, its spans are exact, and it finds all errors at once."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from lark import Lark, Token, Tree, UnexpectedInput
from numscript.grammar import GRAMMAR

import numscript
from numscript import Script, Span
from numscript.syntax import nodes
from numscript.syntax.parser import parse, walk_tokens
from tests import golden
from tests.material import all_scripts

# --- the same tree as the grammar's -----------------------------------------------------------

RENAMED = {
    "send_statement_reversed": "send_statement",
    "source_overdraft_bounded": "source_overdraft",
}
LEAVES = {
    "variable",
    "asset_literal",
    "number_literal",
    "percentage_literal",
    "string_literal",
    "account_literal",
}
CHUNKS = 4


@cache
def lark() -> Lark:
    return Lark(
        GRAMMAR.read_text(encoding="utf-8"),
        start="program",
        parser="lalr",
        lexer="basic",
        propagate_positions=True,
    )


def tree_by_lark(tree: Tree[Token]) -> tuple[Any, ...]:
    """A tree of Lark's as nested (name, start, end, children), in our shape."""
    name = str(tree.data)
    if name == "parenthesized":
        (inner,) = tree.children
        assert isinstance(inner, Tree)
        return tree_by_lark(inner)
    start, end = (0, 0) if tree.meta.empty else (tree.meta.start_pos, tree.meta.end_pos)
    children = [tree_by_lark(child) for child in tree.children if isinstance(child, Tree)]
    if name in LEAVES:
        children = []
    if name == "send_statement_reversed":
        sent, destination, source = children
        children = [sent, source, destination]
    return (RENAMED.get(name, name), start, end, tuple(children))


def tree_by_us(node: nodes.Node) -> tuple[Any, ...]:
    """A tree of ours as nested (name, start, end, children)."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(node).__name__).lower()
    children = [] if name in LEAVES else [tree_by_us(child) for child in children_of(node)]
    return (name, node.start, node.end, tuple(children))


def children_of(node: nodes.Node) -> list[nodes.Node]:
    found: list[nodes.Node] = []
    for name in type(node).__annotations__:
        value = getattr(node, name)
        items = value if isinstance(value, tuple) else (value,)
        found += [item for item in items if isinstance(item, nodes.Node)]
    return found


def without_comments(text: str) -> str:
    """A script with blanks for its comments, which nest, as no regular expression can."""
    for span in parse(Script(text)).tokens.comments:
        text = text[: span.start] + " " * (span.end - span.start) + text[span.end :]
    return text


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_tree_is_the_one_that_the_grammar_gives(chunk: int) -> None:
    compared = 0
    for title, text, _ in all_scripts(corpus_step=7)[chunk::CHUNKS]:
        parsed = parse(Script(text))
        try:
            expected = lark().parse(without_comments(text))
        except UnexpectedInput:
            assert parsed.diagnostics, title
            continue
        assert parsed.diagnostics == (), title
        assert tree_by_us(parsed.program) == tree_by_lark(expected), title
        compared += 1
    assert compared > 50


# --- spans ------------------------------------------------------------------------------------

EVERYTHING = """#![feature("experimental-oneof", "experimental-asset-colors")]
vars {
  account $a
  monetary $m = balance(@users:$a :x, USD/2)
}
send [USD/2 1_000 + -2] (
  source = {
    @a \\ "RED"
    @b allowing overdraft up to $m
    @b \\ "B" allowing unbounded overdraft
    max (10/100) from { 1/2 from @c 12.5% from @d remaining from @e }
    oneof { @f { } }
    @g with scaling through @swap
  }
  destination = {
    max $m to { 1/2 kept remaining to oneof { max $m kept remaining to @h } }
    remaining to @i
  }
)
send [USD/2 *] ( destination = @b source = @a )
save $m from @a
set_tx_meta("k", "v \\" w")
print 1
fail
"""
SPANS = {
    "FeatureDeclaration": ['#![feature("experimental-oneof", "experimental-asset-colors")]'],
    "VarDeclaration": ["account $a", "monetary $m = balance(@users:$a :x, USD/2)"],
    "AccountLiteral": ["@users:$a :x", "@a", "@b"],
    "SentValueLiteral": ["[USD/2 1_000 + -2]", "$m"],
    "SentValueAll": ["[USD/2 *]"],
    "MonetaryLiteral": ["[USD/2 1_000 + -2]"],
    "BinaryInfix": ["1_000 + -2", "10/100", "1/2", "1/2"],
    "Prefix": ["-2"],
    "SourceAccount": ['@a \\ "RED"', "@c", "@d"],
    "SourceOverdraft": [
        "@b allowing overdraft up to $m",
        '@b \\ "B" allowing unbounded overdraft',
    ],
    "SourceCapped": ["max (10/100) from { 1/2 from @c 12.5% from @d remaining from @e }"],
    "SourceAllotment": ["{ 1/2 from @c 12.5% from @d remaining from @e }"],
    "SourceAllotmentItem": ["1/2 from @c", "12.5% from @d", "remaining from @e"],
    "PercentageLiteral": ["12.5%"],
    "RemainingAllotment": ["remaining", "remaining"],
    "ValueAllotment": ["1/2", "12.5%", "1/2"],
    "SourceOneof": ["oneof { @f { } }"],
    "SourceInorder": ["{ }"],
    "SourceWithScaling": ["@g with scaling through @swap"],
    "CappedKeptOrDestination": ["max $m kept"],
    "DestinationTo": ["to @h", "to @i"],
    "DestinationKept": ["kept", "kept"],
    "DestinationAllotmentItem": ["1/2 kept"],
    "DestinationOneof": ["oneof { max $m kept remaining to @h }"],
    "DestinationAccount": ["@h", "@i", "@b"],
    "SendStatement": ["send [USD/2 *] ( destination = @b source = @a )"],
    "SaveStatement": ["save $m from @a"],
    "FnCall": ["balance(@users:$a :x, USD/2)", 'set_tx_meta("k", "v \\" w")'],
    "StringLiteral": ['"experimental-oneof"', '"v \\" w"'],
    "PrintStatement": ["print 1"],
    "FailStatement": ["fail"],
}


def walk(node: nodes.Node) -> list[nodes.Node]:
    return [node, *(below for child in children_of(node) for below in walk(child))]


def test_a_node_spans_exactly_its_text() -> None:
    parsed = parse(Script(EVERYTHING))
    assert parsed.diagnostics == ()
    texts: dict[str, list[str]] = {}
    for node in walk(parsed.program):
        assert node.span == Span(node.start, node.end)
        texts.setdefault(type(node).__name__, []).append(EVERYTHING[node.start : node.end])
    for name, expected in SPANS.items():
        assert [text for text in expected if text not in texts[name]] == [], name
    kinds = {
        name
        for name, value in vars(nodes).items()
        if isinstance(value, type)
        and issubclass(value, nodes.Node)
        and name not in ("Node", "Broken")
    }
    assert set(texts) == kinds, "a kind of node is missing from the script"


@pytest.mark.parametrize("title", ["conformance", "corpus"])
def test_children_lie_within_their_parent_in_their_order(title: str) -> None:
    step = 40 if title == "corpus" else 10_000
    for _, text, _ in all_scripts(corpus_step=step):
        parsed = parse(Script(text))
        for node in walk(parsed.program) if not parsed.diagnostics else ():
            children = children_of(node)
            if not isinstance(node, nodes.SendStatement):
                children = sorted(children, key=lambda child: child.start)
                assert children == children_of(node)
            for child in children:
                assert node.start <= child.start < child.end <= node.end


# --- what a literal holds ---------------------------------------------------------------------


def expression(text: str) -> Any:
    parsed = parse(Script(f"print {text}"))
    assert parsed.diagnostics == ()
    (statement,) = parsed.program.statements
    assert isinstance(statement, nodes.PrintStatement)
    return statement.value


def test_literals_hold_what_is_written() -> None:
    assert expression("1_000").number == 1000
    assert expression("0012").number == 12
    assert expression("USD/2").asset == "USD/2"
    assert expression("12.50%").text == "12.50"
    assert expression('"a \\" b"').string == 'a \\" b'
    assert expression('"\\\\"').string == "\\\\"
    assert expression("$max").name == "max"
    assert expression("@users:001").parts == ("users:001",)
    assert expression("@b :c").name == "b:c"
    assert expression("@source").name == "source"


def test_variables_inside_an_account_have_spans_of_their_own() -> None:
    account = expression("@a:$b:c:$d")
    texts = [part for part in account.parts if isinstance(part, str)]
    variables = [part for part in account.parts if isinstance(part, nodes.Variable)]
    assert texts == ["a:", ":c:"]
    assert [(v.name, v.start - account.start, v.end - account.start) for v in variables] == [
        ("b", 3, 5),
        ("d", 8, 10),
    ]
    assert account.name == "a:$b:c:$d"


def test_operators_bind_as_they_should() -> None:
    product = expression("1 - 2 - 3/4")
    assert (product.operator, product.right.operator, product.left.operator) == ("-", "/", "-")
    assert isinstance(expression("-1 + 2").left, nodes.Prefix)
    assert expression("(1 + 2)").operator == "+"
    assert expression("1 - (2 - 3)").right.operator == "-"


def test_a_minus_behind_an_expression_goes_on_with_it() -> None:
    script = "send [USD/2 1] ( source = { @a -$b } destination = @c )"
    (statement,) = parse(Script(script)).program.statements
    assert isinstance(statement, nodes.SendStatement)
    assert isinstance(statement.source, nodes.SourceInorder)
    assert len(statement.source.sources) == 1


# --- blanks and comments ----------------------------------------------------------------------


def comments(text: str) -> list[str]:
    parsed = parse(Script(text))
    assert parsed.diagnostics == ()
    return [text[span.start : span.end] for span in parsed.tokens.comments]


def test_comments_are_kept_with_their_places() -> None:
    assert comments("// one\nprint 1 // two\n/* three */ print 2 // end") == [
        "// one",
        "// two",
        "/* three */",
        "// end",
    ]


def test_comments_nest() -> None:
    assert comments("/* a /* b */ c */ print 1") == ["/* a /* b */ c */"]
    assert comments("/**/print 1/***/") == ["/**/", "/***/"]
    assert comments("// /* \nprint 1") == ["// /* "]
    assert comments('print "/* no // comment */"') == []


def test_tokens_and_comments_and_blanks_are_the_whole_text() -> None:
    for _, text, _ in all_scripts(corpus_step=50):
        parsed = parse(Script(text))
        pieces = [(start, end) for _, start, end in walk_tokens(parsed)]
        pieces += [(span.start, span.end) for span in parsed.tokens.comments]
        at = 0
        for start, end in sorted(pieces):
            assert text[at:start].strip() == ""
            at = end
        assert text[at:].strip() == ""


def test_a_byte_order_mark_and_line_ends_of_any_kind() -> None:
    plain = "send [USD/2 1] (\n  source = @a\n  destination = @b\n)\n"
    for text in (plain, "\ufeff" + plain, plain.replace("\n", "\r\n"), plain.replace("\n", "\r")):
        parsed = parse(Script(text))
        assert parsed.diagnostics == (), repr(text)
        assert len(parsed.program.statements) == 1


def test_empty_programs() -> None:
    for text in ("", " \n\t", "// only this", "/* only this */", "vars { }", "\ufeff"):
        parsed = parse(Script(text))
        assert parsed.diagnostics == (), repr(text)
        assert parsed.program.statements == ()
    assert not numscript.compile("").main.instructions


# --- errors -----------------------------------------------------------------------------------


def errors_of(script: str) -> str:
    """The syntax errors of a script, a line each, as the golden file shows them."""
    found = parse(Script(script.rstrip("\n"))).diagnostics
    return "".join(f"{d.start.line + 1}:{d.start.column + 1} {d.message}\n" for d in found)


@pytest.mark.parametrize("entry", golden.read("syntax-errors.txt"), ids=lambda entry: entry.title)
def test_errors_say_what_was_expected_where(entry: golden.Entry) -> None:
    assert errors_of(entry.script) == entry.expected
    assert entry.expected.strip(), "the script has no error"


def test_an_error_leaves_the_other_statements_whole() -> None:
    script = (
        "vars { account $a number }\n"
        "send [USD/2 1] ( source = destination = @b )\n"
        "set_tx_meta(, 1)\n"
        "save [USD/2 from @a\n"
        "send [USD/2 2] ( source = @a destination = { 1/2 to @b 1/2 @c } )\n"
        'set_account_meta(@a, "k", $a)\n'
    )
    parsed = parse(Script(script))
    assert len(parsed.diagnostics) >= 5
    statements = parsed.program.statements
    sends = [s for s in statements if isinstance(s, nodes.SendStatement)]
    assert isinstance(sends[0].source, nodes.SourceAccount)
    assert isinstance(sends[0].source.address, nodes.Broken)
    assert isinstance(sends[0].destination, nodes.DestinationAccount)
    last = statements[-1]
    assert isinstance(last, nodes.FnCall)
    assert last.name == "set_account_meta"
    assert len(last.arguments) == 3
    declarations = parsed.program.vars.declarations if parsed.program.vars else ()
    assert isinstance(declarations[0], nodes.VarDeclaration)


def test_names_are_checked_also_where_the_text_has_errors() -> None:
    script = "send [USD/2 1] ( source = destination = $nobody )"
    assert [d.code for d in numscript.check(script).diagnostics] == ["NUM101", "NUM203"]


def test_cutting_a_script_anywhere_leaves_errors_in_order_and_in_the_text() -> None:
    for at in range(len(EVERYTHING)):
        text = EVERYTHING[:at]
        parsed = parse(Script(text))
        spans = [d.span for d in parsed.diagnostics]
        spans_of_nodes = [node.span for node in walk(parsed.program)]
        assert all(0 <= span.start <= span.end <= len(text) for span in spans_of_nodes)
        assert spans == sorted(spans)
        assert all(0 <= span.start <= span.end <= len(text) for span in spans)


def test_taking_a_token_away_never_hides_the_statements_behind_it() -> None:
    """A slip in one statement costs that statement, not the ones that follow."""
    first = (
        "send [USD/2 100] ( source = { @a max [USD/2 1] from @b } "
        "destination = { 1/2 to @c remaining kept } )"
    )
    script = first + '\nset_tx_meta("k", 1)\nsave [USD/2 1] from @a\n'
    for _, start, end in walk_tokens(parse(Script(first))):
        parsed = parse(Script(script[:start] + script[end:]))
        names = [type(statement).__name__ for statement in parsed.program.statements]
        assert names[-1] == "SaveStatement", script[start:end]


# --- places -----------------------------------------------------------------------------------


def test_places_in_a_script() -> None:
    script = Script("ab\r\ncdé\n\n", "x.num")
    assert [script.position(n) for n in (0, 2, 4, 6, 8, 9)] == [
        (0, 0),
        (0, 2),
        (1, 0),
        (1, 2),
        (2, 0),
        (3, 0),
    ]
    assert script.position(100) == (3, 0)
    assert script.position(-1) == (0, 0)
    assert [script.line(n) for n in range(4)] == ["ab", "cdé", "", ""]
    for offset in (0, 2, 4, 6, 8, 9):
        assert script.offset(script.position(offset)) == offset
    assert script.offset(numscript.Position(1, 100)) == 7
    assert script.offset(numscript.Position(100, 0)) == 9
    assert repr(script) == "Script(name='x.num', 9 characters)"
