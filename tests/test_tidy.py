"""The rules of the house that a machine can check, each with its exceptions and their reasons.

`IMPORTS` is the layering of docs/architecture.md: what each module may import, read from the
import statements wherever they stand, those for type checkers and those inside functions too.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import numscript
from docs.generate import DOCS, pages
from tests.material import ROOT

SRC = ROOT / "src" / "numscript"
GRAMMAR_FOLDER = ROOT / "grammar"
LSP_FOLDER = ROOT / "lsp" / "numscript_lsp"

GROUND = ("collector", "script", "prelude", "diagnostics", "errors", "values")
FRONT = (*GROUND, "syntax", "analysis")
CORE = (*FRONT, "bytecode", "runtime")
KEPT = ("runtime.result", "runtime.store")
"""What of a run a storage and a ledger know: postings, and what a script may read."""
ABOVE = ("inputs", "specs", "render", "debugging")
"""What stands on a run and shows it, and knows of no storage."""
EDITED = (*CORE, "embedding", "", "inputs", "specs", "render")
LSP_GROUND = (
    "lsp.expectation",
    "lsp.json_tree",
    "lsp.lines",
    "lsp.names",
    "lsp.specs_symbols",
    "lsp.tokens",
    "lsp.tree",
)
"""What the language server knows of scripts, and what of itself its features stand on."""
IMPORTS: dict[str, tuple[str, ...]] = {
    "collector": (),
    "script": (),
    "prelude": (),
    "diagnostics": ("script",),
    "errors": ("diagnostics",),
    "values": ("errors", "diagnostics", "prelude"),
    "syntax": (*GROUND, "syntax"),
    "syntax.nodes": ("script",),
    "syntax.tables": (),
    "highlighting": ("script", "prelude", "syntax"),
    "pygments": ("script", "highlighting"),
    "analysis": FRONT,
    "bytecode": (*GROUND, "bytecode"),
    "bytecode.opcodes": (),
    "bytecode.compiler": (*FRONT, "bytecode"),
    "runtime": (*GROUND, "bytecode", "runtime"),
    "embedding": CORE,
    "": (*CORE, "embedding", "storage", "ledger"),
    "inputs": ("values", "runtime.store"),
    "storage": (*GROUND, *KEPT, "storage"),
    "ledger": (*GROUND, *KEPT, "bytecode.program", "embedding", "storage", "ledger"),
    "specs": (*CORE, "embedding", "", "inputs"),
    "render": (*CORE, "embedding", "", "inputs", "storage", "ledger", "specs"),
    "service": (*GROUND, *KEPT, "embedding", "", "storage", "ledger", "service"),
    "service.console": (*CORE, "", "debugging", "service", "lsp.server"),
    "debugging": (*CORE, "embedding", "inputs", "debugging"),
    "debugging.clauses": (*GROUND, "syntax", "bytecode"),
    "debugging.adapter": (*CORE, "debugging", "", "render"),
    "debugging.transport": ("debugging.adapter",),
    "cli": (*CORE, "embedding", "", *ABOVE, "storage", "ledger", "service", "cli"),
    "cli.lsp": ("cli", "lsp.starting", "lsp.transports"),
    "__main__": ("cli",),
    "grammar": ("grammar", ""),
    "grammar.editors": ("grammar", "", "highlighting", "prelude", "syntax.tables"),
    "lsp": (*EDITED, "lsp"),
    "lsp.features": (*EDITED, *LSP_GROUND, "lsp.features"),
    "lsp.lines": (),
    "lsp.expectation": ("prelude", "syntax", "lsp.tokens"),
    "lsp.json_tree": ("script",),
    "lsp.specs_symbols": ("script", "prelude", "lsp.json_tree", "lsp.tokens"),
    "lsp.tokens": ("script", "syntax"),
    "lsp.tree": ("script", "syntax"),
}
"""What of the package each module may import, by the longest name that fits; "" is the root.

`lsp` stands for the package `numscript_lsp`.
"""

NEVER = (
    ("bytecode.program", "bytecode.compiler", "a stored program runs without the front half"),
    ("bytecode.verifier", "bytecode.compiler", "a stored program runs without the front half"),
    ("runtime", "bytecode.compiler", "the compiler and the VM do not meet"),
    ("bytecode.compiler", "syntax.parser", "the compiler is given a tree, and reads no text"),
)
THIRD_PARTIES = {
    "lark": ("grammar",),
    "pygments": ("pygments",),
    "click": ("cli",),
    "psycopg": ("storage.postgres", "storage.pipeline"),
    "psycopg_pool": ("storage.postgres",),
    "starlette": ("service",),
    "uvicorn": ("service.server",),
    "msgspec": ("service",),
    "jwt": ("service.access",),
    "httpx": ("service.access", "service.deliveries"),
    "prometheus_client": ("service.telemetry",),
    "opentelemetry": ("service.telemetry",),
    "attrs": ("lsp.starting",),
    "lsprotocol": ("lsp.convert", "lsp.handlers", "lsp.server", "lsp.starting"),
    "pygls": ("lsp.handlers", "lsp.server", "lsp.transports", "service.console"),
    "websockets": ("lsp.transports",),
}
"""The only modules that may import what is not Python's own."""

PURE = (
    "",
    *CORE,
    "embedding",
    "debugging.clauses",
    "debugging.trace",
    "debugging.session",
    "debugging.adapter",
)
"""What does no reading or writing, knows no time, and has nothing to do with chance or floats."""
BANNED_IMPORTS = re.compile(
    "asyncio|datetime|decimal|fractions|http|io|logging|multiprocessing|os|pathlib|pickle|random|"
    "secrets|shutil|signal|socket|ssl|subprocess|sys|tempfile|threading|time|urllib|uuid"
)
BANNED_CALLS = {"breakpoint", "compile", "eval", "exec", "float", "input", "open", "print"}
ALLOWED = {
    ("runtime.translator", "exec"): "makes the functions that it has written",
    ("runtime.translator", "compile"): "makes the functions that it has written",
    ("syntax.nodes", "exec"): "writes the constructors of the nodes, as dataclasses itself does",
    ("runtime.store", "float"): "`whole` exists to refuse floats that are no whole numbers",
}

LONGEST_LINE = 100
LONGEST_FUNCTION = 70
LONGEST_MODULE = 700
LONG_FUNCTIONS = {
    "bytecode.verifier _Walk.step": "one arm an instruction",
    "runtime.vm Machine.run": "the dispatch loop: a call for each instruction costs too much",
    "grammar.tables make_tables": "one table after the other, each from the one before",
}
LONG_MODULES = {
    "errors": "the catalogue: one class after the other, each with its page",
    "syntax.tables": "generated",
}

BANNED_MODULES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "types", "models"}
BANNED_WORDS = {
    "transfer": "posting",
    "leg": "posting",
    "money": "monetary",
    "price": "monetary",
    "quantity": "amount",
    "currency": "asset",
    "ratio": "portion",
    "percent": "portion",
    "wallet": "account",
    "user": "account",
    "pool": "funds",
    "params": "variables",
    "context": "resources",
    "ctx": "resources",
    "repository": "storage",
    "mgr": "a noun",
    "util": "the noun it is about",
    "helper": "the noun it is about",
    "idx": "at, number or place",
    "tmp": "a noun",
    "stmt": "statement",
    "expr": "expression",
    "decl": "declaration",
    "acc": "account",
    "amt": "amount",
    "bal": "balance",
    "dst": "destination",
}
"""Words that no name in the package has in it, and what to say instead."""
WORDS_ALLOWED = {
    "runtime.translation": {"expr", "money"},
    "service.records": {"params"},
}
"""The translator speaks of Python's expressions, and of a monetary in two of them; the API calls
the settings of a stored query so."""


class Module:
    """A module of the package: its dotted name below `numscript`, its path and its tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_relative_to(SRC):
            parts = path.relative_to(SRC).with_suffix("").parts
        elif path.is_relative_to(LSP_FOLDER):
            parts = ("lsp", *path.relative_to(LSP_FOLDER).with_suffix("").parts)
        else:
            parts = ("grammar", *path.relative_to(GRAMMAR_FOLDER).with_suffix("").parts)
        if parts[-1] == "__init__":
            self.package = self.name = ".".join(parts[:-1])
        else:
            self.name = ".".join(parts)
            self.package = ".".join(parts[:-1])
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    def imports(self) -> Iterator[tuple[str, int]]:
        """Everything that is imported, by its absolute name, with the line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield as_module(alias.name), node.lineno
            elif isinstance(node, ast.ImportFrom):
                stem = node.module or ""
                if node.level:
                    parents = self.package.split(".")[: len(self.package) - node.level + 1]
                    stem = ".".join(part for part in ("numscript", *parents, stem) if part)
                stem = as_module(stem)
                for alias in node.names:
                    whole = f"{stem}.{alias.name}"
                    yield (whole if whole in names() else stem), node.lineno


def as_module(name: str) -> str:
    """A module's absolute name, with the language server's below `numscript` as the others."""
    root, dot, inside = name.partition(".")
    return f"numscript.lsp{dot}{inside}" if root == "numscript_lsp" else name


@cache
def modules() -> tuple[Module, ...]:
    paths = [*SRC.rglob("*.py"), *GRAMMAR_FOLDER.rglob("*.py"), *LSP_FOLDER.rglob("*.py")]
    return tuple(Module(path) for path in sorted(paths))


@cache
def names() -> frozenset[str]:
    return frozenset(f"numscript.{module.name}".rstrip(".") for module in modules())


def within(name: str, prefix: str) -> bool:
    """Whether a module is the one that a prefix names, or lies inside it."""
    return name == prefix or (prefix != "" and name.startswith(f"{prefix}."))


def rule(name: str) -> str:
    """The key of `IMPORTS` that holds for a module."""
    found = [key for key in IMPORTS if within(name, key)]
    assert found, f"no rule says what {name} may import: give it one"
    return max(found, key=len)


def pure() -> list[Module]:
    return [module for module in modules() if any(within(module.name, name) for name in PURE)]


each_module = pytest.mark.parametrize("module", modules(), ids=[m.name or "." for m in modules()])
each_pure = pytest.mark.parametrize("module", pure(), ids=[m.name or "." for m in pure()])


# --- layers -----------------------------------------------------------------------------------


@each_module
def test_imports_go_down_only(module: Module) -> None:
    may = IMPORTS[rule(module.name)]
    for imported, line in module.imports():
        root, _, inside = imported.partition(".")
        if root == "numscript":
            allowed = any(within(inside, name) for name in may)
            assert allowed, f"{module.name}:{line} may not import {imported}"
            for user, used, reason in NEVER:
                assert not (within(module.name, user) and within(inside, used)), (
                    f"{module.name}:{line} imports {imported}: {reason}"
                )
        elif root in THIRD_PARTIES:
            places = THIRD_PARTIES[root]
            assert any(within(module.name, place) for place in places), (
                f"{module.name}:{line}: {root} belongs to {places}"
            )
        else:
            assert root in sys.stdlib_module_names, f"{module.name}:{line} imports {imported}"


def test_every_rule_is_about_a_module() -> None:
    present = {module.name for module in modules()}
    for key in IMPORTS:
        assert key in present, key


def test_importing_the_package_is_cheap() -> None:
    """What is slow to import is imported by the functions that need it."""
    heavy = ["lark", "click", "decimal", "fractions", "difflib", "typing_extensions"]
    heavy += ["numscript.ledger", "numscript.storage", "sqlite3", "psycopg"]
    code = f"import sys, numscript; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- bans -------------------------------------------------------------------------------------


@each_pure
def test_the_core_reads_no_files_clock_or_chance(module: Module) -> None:
    for imported, line in module.imports():
        root = imported.partition(".")[0]
        assert not BANNED_IMPORTS.fullmatch(root), f"{module.name}:{line} imports {imported}"


@each_pure
def test_the_core_has_no_floats_and_no_output(module: Module) -> None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id in BANNED_CALLS:
            allowed = (module.name, node.id) in ALLOWED
            assert allowed, f"{module.name}:{node.lineno} uses {node.id}"
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float), f"{module.name}:{node.lineno} has a float"
        if isinstance(node, (ast.BinOp, ast.AugAssign)):
            divides = isinstance(node.op, ast.Div)
            assert not divides, f"{module.name}:{node.lineno} divides with `/`, which gives floats"


@each_module
def test_only_the_shells_print(module: Module) -> None:
    if any(within(module.name, shell) for shell in ("cli", "render")):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{module.name}:{node.lineno} prints"


def test_the_exceptions_are_still_needed() -> None:
    for name, word in ALLOWED:
        (module,) = [module for module in modules() if module.name == name]
        used = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
        assert word in used, f"{name} does without {word} by now"


# --- names and sizes --------------------------------------------------------------------------


@each_module
def test_names_are_the_languages_words(module: Module) -> None:
    assert not set(module.name.split(".")) & BANNED_MODULES
    allowed = {
        word for name, words in WORDS_ALLOWED.items() if within(module.name, name) for word in words
    }
    for name, line in defined(module.tree):
        for word in re.findall(r"[a-z]+|[A-Z][a-z]*", name):
            better = None if word.lower() in allowed else BANNED_WORDS.get(word.lower())
            assert better is None, f"{module.name}:{line}: `{name}`: say {better}"


def defined(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The names that a module gives: of classes, functions, arguments, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


@each_module
def test_modules_are_of_readable_size(module: Module) -> None:
    lines = module.text.count("\n")
    assert lines <= LONGEST_MODULE or module.name in LONG_MODULES, (
        f"{module.name} has {lines} lines: split it by noun"
    )


@each_module
def test_functions_are_of_readable_size(module: Module) -> None:
    for name, function in functions(module.tree):
        lines = (function.end_lineno or 0) - function.lineno + 1
        assert lines <= LONGEST_FUNCTION or f"{module.name} {name}" in LONG_FUNCTIONS, (
            f"{module.name}:{function.lineno}: {name} has {lines} lines"
        )


def functions(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield f"{outer}{node.name}", node
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield from functions(node, f"{outer}{node.name}.")


@each_module
def test_a_module_opens_with_what_it_is(module: Module) -> None:
    doc = ast.get_docstring(module.tree)
    assert doc, f"{module.name} has no docstring"
    first = doc.split("\n\n")[0].replace("\n", " ")
    assert first[0].isupper() or first[0] == "`", f"{module.name}: {first}"
    assert re.search(r"[.:`]$", first), f"{module.name}: {first}"


# --- the whole repository ---------------------------------------------------------------------

TEXTS = {".cfg", ".ini", ".json", ".lark", ".md", ".num", ".py", ".sh", ".toml", ".txt", ".yml", ""}
SKIPPED = {"__pycache__", "build", "dist", "node_modules"}


@cache
def files() -> tuple[Path, ...]:
    """Every text file of the repository: what is not made by tools and not ignored."""
    found = []
    for folder, folders, file_names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in SKIPPED
            and not name.endswith(".egg-info")
            and (not name.startswith(".") or name in (".ci", ".github"))
        ]
        found += [Path(folder, name) for name in file_names if Path(name).suffix in TEXTS]
    return tuple(sorted(path for path in found if path.name != ".git"))


def lines_of(*suffixes: str) -> Iterator[tuple[Path, int, str]]:
    for path in files():
        if not suffixes or path.suffix in suffixes:
            text = path.read_bytes().decode("utf-8")
            for number, line in enumerate(text.split("\n"), start=1):
                yield path.relative_to(ROOT), number, line


def test_there_are_files_to_look_at() -> None:
    shown = {str(path.relative_to(ROOT)) for path in files()}
    assert {"README.md", "Makefile", ".ci/run", "tests/test_tidy.py"} <= shown


def test_lines_are_of_readable_length() -> None:
    long = [
        f"{path}:{number}: {len(line)} characters"
        for path, number, line in lines_of(".py", ".lark", "")
        if len(re.sub(r"  # (noqa|type: ignore).*", "", line)) > LONGEST_LINE
        and path.name not in ("tables.py", "LICENSE")
    ]
    assert long == []


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
    found = [f"{path}:{number}" for path, number, line in lines_of() if marks.search(line)]
    assert found == []


def test_no_path_of_a_machine_is_written_down() -> None:
    paths = re.compile(r"(?<![\w.$}])/(work|root|tmp|home|Users|mnt)/\w")
    found = [f"{path}:{number}" for path, number, line in lines_of() if paths.search(line)]
    assert found == []


def test_text_files_end_with_one_line_feed_and_have_no_trailing_blanks() -> None:
    for path in files():
        if path.suffix not in (".py", ".md", ".lark", ".toml", ""):
            continue
        text = path.read_text(encoding="utf-8")
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), path
        assert not re.search(r"[ \t]$", text, re.MULTILINE), path


def test_every_page_has_exactly_one_title() -> None:
    for path in files():
        if path.suffix == ".md":
            text = re.sub(
                r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
            )
            titles = re.findall(r"^# .+", text, re.MULTILINE)
            assert len(titles) == 1, f"{path.relative_to(ROOT)}: {titles}"


# --- what is generated ------------------------------------------------------------------------


def test_the_tables_are_those_of_the_grammar() -> None:
    from numscript.grammar import GRAMMAR
    from numscript.grammar.tables import make_tables

    on_disk = (SRC / "syntax" / "tables.py").read_text(encoding="utf-8")
    assert on_disk == make_tables(GRAMMAR.read_text(encoding="utf-8")), "run `make tables`"


@pytest.mark.parametrize("name", pages())
def test_the_generated_pages_are_fresh(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


# --- the public names -------------------------------------------------------------------------


def test_the_public_names_are_exactly_what_can_be_imported() -> None:
    for name in numscript.__all__:
        assert getattr(numscript, name) is not None
    public = {
        name
        for name, value in vars(numscript).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and name not in ("annotations", "TYPE_CHECKING", "import_module")
    }
    assert public | {"errors"} == set(numscript.__all__)
    assert public <= set(dir(numscript))
    with pytest.raises(AttributeError, match="no attribute 'transfer'"):
        numscript.transfer  # noqa: B018
    assert len(numscript.__all__) == len(set(numscript.__all__))


def test_every_public_name_is_documented() -> None:
    for name in numscript.__all__:
        value = getattr(numscript, name)
        if callable(value):
            assert (value.__doc__ or "").strip(), name


def test_the_version_is_the_distributions() -> None:
    from importlib.metadata import version

    assert version("numscript") == numscript.__version__
