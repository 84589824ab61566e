import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import {
  HighlightStyle,
  bracketMatching,
  foldGutter,
  foldKeymap,
  indentOnInput,
  syntaxHighlighting,
} from '@codemirror/language';
import { lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import {
  LSPClient,
  LSPPlugin,
  formatKeymap,
  hoverTooltips,
  renameKeymap,
  serverCompletion,
  serverDiagnostics,
  signatureHelp,
} from '@codemirror/lsp-client';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { numscript } from '../../codemirror/src/index.js';

const URI = 'file:///playground.num';

/** Colours are the page's own properties, so that they change with its theme. */
const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--code-keyword)' },
  { tag: [tags.typeName, tags.className], color: 'var(--code-type)' },
  { tag: tags.function(tags.variableName), color: 'var(--code-function)' },
  { tag: tags.special(tags.variableName), color: 'var(--code-variable)' },
  { tag: tags.labelName, color: 'var(--code-account)' },
  { tag: [tags.integer, tags.float], color: 'var(--code-number)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: [tags.lineComment, tags.blockComment], color: 'var(--code-comment)' },
]);

const look = EditorView.theme({
  '&': { backgroundColor: 'var(--field)', color: 'var(--ink)', fontSize: '0.9rem' },
  '.cm-content': { fontFamily: 'var(--mono)', caretColor: 'var(--ink)' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5', minHeight: '16rem' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': {
    backgroundColor: 'var(--field)',
    color: 'var(--soft-ink)',
    borderRight: '1px solid var(--line)',
  },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--active-line)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    { background: 'var(--selection)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--panel)',
    color: 'var(--ink)',
    border: '1px solid var(--line)',
    borderRadius: '6px',
    maxWidth: 'min(34rem, 90vw)',
  },
  '.cm-tooltip pre, .cm-tooltip code': { fontFamily: 'var(--mono)' },
  '.cm-lsp-hover-tooltip, .cm-lsp-documentation': { padding: '0.3rem 0.6rem' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'var(--accent)',
    color: 'var(--on-accent)',
  },
  '.cm-panels': { backgroundColor: 'var(--panel)', color: 'var(--ink)' },
  '.cm-step': { backgroundColor: 'var(--step)', borderRadius: '3px' },
});

const markStep = StateEffect.define();
const step = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(markStep)) {
        const { from, to } = effect.value;
        return from < to
          ? Decoration.set(Decoration.mark({ class: 'cm-step' }).range(from, to))
          : Decoration.none;
      }
    }
    return transaction.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Where a diagnostic or step is in a document; its lines and columns count from 1. */
function place(doc, { line, column }) {
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  // Columns count characters, positions what JavaScript counts.
  let at = 0;
  for (const character of found.text) {
    if (--column < 1) break;
    at += character.length;
  }
  return Math.min(found.from + at, found.to);
}

const ALLOWED = new Set(
  'A B BLOCKQUOTE BR CODE DIV EM H1 H2 H3 H4 HR I LI OL P PRE SPAN STRONG TABLE TBODY TD TH THEAD TR UL'.split(' '),
);

/** Markup of documentation without all that could do anything: it may quote a stranger's script. */
function sanitize(html) {
  const { body } = new DOMParser().parseFromString(html, 'text/html');
  for (const node of [...body.querySelectorAll('*')]) {
    if (!ALLOWED.has(node.tagName)) node.replaceWith(...node.childNodes);
    for (const { name } of [...node.attributes]) if (name !== 'class') node.removeAttribute(name);
  }
  return body.innerHTML;
}

/**
 * The client says that it asks for diagnostics, but waits to be told; a server that believes it
 * would tell nothing.
 */
function waiting(message) {
  const tree = JSON.parse(message);
  if (tree.method !== 'initialize') return message;
  delete tree.params.capabilities.textDocument?.diagnostic;
  return JSON.stringify(tree);
}

/** A transport over a WebSocket that is open. */
function transport(socket) {
  const handlers = new Set();
  socket.addEventListener('message', ({ data }) => {
    for (const handler of handlers) handler(data);
  });
  return {
    send: (message) => socket.readyState === WebSocket.OPEN && socket.send(waiting(message)),
    subscribe: (handler) => handlers.add(handler),
    unsubscribe: (handler) => handlers.delete(handler),
  };
}

/**
 * Typing over a selection, done here: left to it, Chromium gives the new text the style of the old
 * one as a style attribute, which the page's policy forbids.
 */
const typeOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { ranges, main } = view.state.selection;
    if (event.inputType !== 'insertText' || !event.data || main.empty) return false;
    if (ranges.length > 1 || view.composing || event.isComposing) return false;
    const { from, to } = main;
    const typed = { userEvent: 'input.type', scrollIntoView: true };
    const insert = () => view.state.update(view.state.replaceSelection(event.data), typed);
    const handlers = view.state.facet(EditorView.inputHandler);
    if (!handlers.some((handle) => handle(view, from, to, event.data, insert))) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});

/**
 * An editor for a script. `changed` is told of each new text; `nonce` lets its styles in; `keys`
 * are bindings of the page's own.
 */
export function createEditor({ parent, text, label, nonce, changed, keys = [] }) {
  const server = new Compartment();
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        keymap.of(keys.map(({ key, run }) => ({ key, run: () => (run(), true) }))),
        lineNumbers(),
        foldGutter(),
        lintGutter(),
        highlightSpecialChars(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        highlightActiveLine(),
        highlightSelectionMatches(),
        syntaxHighlighting(colours),
        numscript(),
        typeOver,
        look,
        step,
        server.of([]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label }),
        keymap.of([
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...foldKeymap,
          ...completionKeymap,
          ...lintKeymap,
          indentWithTab,
        ]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) changed(update.state.doc.toString());
        }),
      ],
    }),
  });

  return {
    view,
    get text() {
      return view.state.doc.toString();
    },
    set text(insert) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert } });
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
    /** Mark what a step is about; without one, nothing. */
    mark(start, end) {
      const { doc } = view.state;
      const range = start ? { from: place(doc, start), to: place(doc, end) } : { from: 0, to: 0 };
      const scroll = start ? [EditorView.scrollIntoView(range.from)] : [];
      view.dispatch({ effects: [markStep.of(range), ...scroll] });
    },
    /** Show diagnostics that did not come from a language server. */
    diagnose(found) {
      const { doc } = view.state;
      const shown = found.map(({ start, end, severity, code, message, hint }) => ({
        from: place(doc, start),
        to: Math.max(place(doc, start), place(doc, end)),
        severity: severity === 'error' ? 'error' : severity === 'warning' ? 'warning' : 'info',
        source: code,
        message: hint ? `${message}; ${hint}` : message,
      }));
      view.dispatch(setDiagnostics(view.state, shown));
    },
    /** Let a language server help, over a WebSocket that is open. */
    async connect(socket) {
      const client = new LSPClient({
        timeout: 20000,
        sanitizeHTML: sanitize,
        extensions: [
          serverCompletion(),
          hoverTooltips(),
          signatureHelp(),
          serverDiagnostics(),
          keymap.of([...formatKeymap, ...renameKeymap]),
        ],
      }).connect(transport(socket));
      await client.initializing;
      view.dispatch({
        effects: server.reconfigure(LSPPlugin.create(client, URI, 'numscript')),
      });
      socket.addEventListener('close', () => {
        client.disconnect();
        view.dispatch({ effects: server.reconfigure([]) });
      });
    },
  };
}
