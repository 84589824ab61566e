"""Document links: between a script and its spec file, and to files that comments name."""

from __future__ import annotations

from numscript_lsp import json_tree
from numscript_lsp.features.document_links import script_links, specs_links

from numscript import Script
from numscript.syntax.parser import parse

FILES = {"sale.num", "sale.num.specs.json", "lib/fees.num", "../refund.num"}


def links(text: str, specs: str = "sale.num.specs.json") -> list[tuple[str, str]]:
    found = script_links(parse(Script(text)), specs, FILES.__contains__)
    return [(text[link.span.start : link.span.end], link.file) for link in found]


def test_the_first_word_leads_to_the_spec_file() -> None:
    assert links("// head\nvars { }\nfail") == [("vars", "sale.num.specs.json")]


def test_without_a_spec_file_there_is_no_link() -> None:
    assert links("fail", "other.num.specs.json") == []
    assert links("") == []


def test_files_that_comments_name_are_links_if_they_are_there() -> None:
    text = "// as lib/fees.num, ../refund.num; not gone.num\n/* see sale.num. */"
    names = [file for _, file in links(text)]
    assert names == ["lib/fees.num", "../refund.num", "sale.num"]


def test_the_cases_lead_to_the_script() -> None:
    text = '{"testCases": []}'
    tree = json_tree.read_tree(text)
    (link,) = specs_links(tree, "sale.num", FILES.__contains__)
    assert text[link.span.start : link.span.end] == "testCases"
    assert link.file == "sale.num"
    assert specs_links(tree, "gone.num", FILES.__contains__) == []
    assert specs_links(None, "sale.num", FILES.__contains__) == []
