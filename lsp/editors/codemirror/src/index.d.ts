import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import type { LRLanguage, LanguageSupport } from '@codemirror/language';
import type { LRParser } from '@lezer/lr';

/** The parser, without what CodeMirror adds to it. */
export const parser: LRParser;
/** Numscript for CodeMirror: highlighting, folding, indentation, brackets and comments. */
export const numscriptLanguage: LRLanguage;
/** What can be completed without knowing the script. */
export const completions: readonly Completion[];
/** Completes the names of the language; inside the strings of `#![feature(...)]` its flags. */
export function completeNumscript(context: CompletionContext): CompletionResult | null;
/** All of it: `extensions: [basicSetup, numscript()]`. */
export function numscript(): LanguageSupport;
