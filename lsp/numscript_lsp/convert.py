"""Our records and the protocol's types, one into the other; offsets become positions here."""

from __future__ import annotations

from lsprotocol import types

from numscript.script import Span
from numscript_lsp.documents import Change, Document
from numscript_lsp.features.completion import SuggestionKind, Suggestions, plain
from numscript_lsp.features.diagnostics import Finding
from numscript_lsp.features.hover import Hover
from numscript_lsp.features.outline import Entry, EntryKind
from numscript_lsp.features.records import Edit
from numscript_lsp.features.references import Highlight
from numscript_lsp.features.signature import Signature
from numscript_lsp.lines import Encoding, LineColumn

SOURCE = "numscript"
ENTRY_KINDS = {
    EntryKind.FEATURES: types.SymbolKind.Namespace,
    EntryKind.FLAG: types.SymbolKind.Constant,
    EntryKind.VARIABLES: types.SymbolKind.Namespace,
    EntryKind.VARIABLE: types.SymbolKind.Variable,
    EntryKind.STATEMENT: types.SymbolKind.Event,
    EntryKind.CALL: types.SymbolKind.Function,
    EntryKind.ACCOUNT: types.SymbolKind.Object,
    EntryKind.CASE: types.SymbolKind.Method,
}
SUGGESTION_KINDS = {
    SuggestionKind.KEYWORD: types.CompletionItemKind.Keyword,
    SuggestionKind.SNIPPET: types.CompletionItemKind.Snippet,
    SuggestionKind.VARIABLE: types.CompletionItemKind.Variable,
    SuggestionKind.FUNCTION: types.CompletionItemKind.Function,
    SuggestionKind.ACCOUNT: types.CompletionItemKind.Reference,
    SuggestionKind.ASSET: types.CompletionItemKind.Unit,
    SuggestionKind.TYPE: types.CompletionItemKind.TypeParameter,
    SuggestionKind.FLAG: types.CompletionItemKind.EnumMember,
}


class Converter:
    """Converts what is about one document; `encoding` is what the client's columns count."""

    def __init__(self, document: Document, encoding: Encoding) -> None:
        self.document = document
        self.encoding = encoding

    # --- from the protocol ---

    def offset(self, position: types.Position) -> int:
        """The offset of a position."""
        return self.document.offset(place_of(position), self.encoding)

    def span(self, found: types.Range) -> Span:
        """The span of a range."""
        start = self.offset(found.start)
        return Span(start, max(start, self.offset(found.end)))

    # --- to the protocol ---

    def position(self, offset: int) -> types.Position:
        """The position of an offset."""
        return types.Position(*self.document.lines.position(offset, self.encoding))

    def range(self, span: Span) -> types.Range:
        """The range of a span."""
        return types.Range(self.position(span.start), self.position(span.end))

    def location(self, span: Span) -> types.Location:
        """A span of this document."""
        return types.Location(self.document.uri, self.range(span))

    def edit(self, edit: Edit) -> types.TextEdit:
        """An edit."""
        return types.TextEdit(self.range(edit.span), edit.text)

    def diagnostic(self, finding: Finding, documentation: str) -> types.Diagnostic:
        """A finding, with a link to its page under the documentation's address, if there is one."""
        link = f"{documentation}#{finding.anchor}" if documentation and finding.anchor else None
        related = [
            types.DiagnosticRelatedInformation(self.location(row.span), row.message)
            for row in finding.related
        ]
        return types.Diagnostic(
            range=self.range(finding.span),
            message=finding.message,
            severity=types.DiagnosticSeverity(int(finding.severity)),
            code=finding.code,
            code_description=types.CodeDescription(link) if link else None,
            source=SOURCE,
            tags=[types.DiagnosticTag.Unnecessary] if finding.unnecessary else None,
            related_information=related or None,
        )

    def highlight(self, row: Highlight) -> types.DocumentHighlight:
        """A place that names the symbol at hand."""
        kind = types.DocumentHighlightKind
        return types.DocumentHighlight(
            self.range(row.span), kind.Write if row.writes else kind.Read
        )

    def entry(self, entry: Entry) -> types.DocumentSymbol:
        """An entry of the outline."""
        return types.DocumentSymbol(
            name=entry.name,
            detail=entry.detail or None,
            kind=ENTRY_KINDS[entry.kind],
            range=self.range(entry.span),
            selection_range=self.range(entry.name_span),
            children=[self.entry(child) for child in entry.children] or None,
        )

    def workspace_symbol(self, entry: Entry) -> types.WorkspaceSymbol:
        """An entry among those of the whole workspace."""
        return types.WorkspaceSymbol(
            name=entry.name,
            kind=ENTRY_KINDS[entry.kind],
            location=self.location(entry.name_span),
            container_name=self.document.name,
        )

    def completion(self, found: Suggestions, *, snippets: bool) -> types.CompletionList:
        """What is offered, in its order; snippets are filled in where the client knows none."""
        # Nearly all stand in place of the same word.
        places = {span: self.range(span) for span in {row.span for row in found.items}}
        items = []
        for number, row in enumerate(found.items):
            shaped = row.snippet and snippets
            text = plain(row.text) if row.snippet and not snippets else row.text
            items.append(
                types.CompletionItem(
                    label=row.label,
                    kind=SUGGESTION_KINDS[row.kind],
                    detail=row.detail or None,
                    sort_text=f"{number:04}",
                    insert_text_format=types.InsertTextFormat.Snippet if shaped else None,
                    text_edit=types.TextEdit(places[row.span], text),
                    data=row.kind.value,
                )
            )
        return types.CompletionList(is_incomplete=not found.whole, items=items)

    def hover(self, found: Hover) -> types.Hover:
        """What is said of a place."""
        content = types.MarkupContent(types.MarkupKind.Markdown, found.text)
        return types.Hover(content, self.range(found.span))

    def signature(self, found: Signature) -> types.SignatureHelp:
        """The function that is being called."""
        rows = [types.ParameterInformation(place) for place in found.parameters]
        information = types.SignatureInformation(
            found.builtin.signature, found.builtin.doc, rows, found.argument
        )
        return types.SignatureHelp([information], 0, found.argument)


def place_of(position: types.Position) -> LineColumn:
    """A position of the protocol."""
    return LineColumn(position.line, position.character)


def change_of(change: types.TextDocumentContentChangeEvent) -> Change:
    """A change that the client sends."""
    if isinstance(change, types.TextDocumentContentChangePartial):
        return Change(place_of(change.range.start), place_of(change.range.end), change.text)
    return Change(None, None, change.text)
