import { styleTags, tags } from '@lezer/highlight';
import { functions, keywords } from './words.js';

const functionKeywords = Object.keys(functions).filter((name) => name in keywords);

/** Which nodes of the tree are shown as what. */
export const highlighting = styleTags({
  [Object.keys(keywords).join(' ')]: tags.keyword,
  [functionKeywords.map((name) => `FnCall/${name}`).join(' ')]: tags.function(tags.variableName),
  'FnCall/Identifier': tags.function(tags.variableName),
  'VarDeclaration/Identifier': tags.typeName,
  '"#!"': tags.keyword,
  Variable: tags.special(tags.variableName),
  'AccountLiteral AccountSegment': tags.labelName,
  AssetLiteral: tags.className,
  NumberLiteral: tags.integer,
  PercentageLiteral: tags.float,
  StringLiteral: tags.string,
  LineComment: tags.lineComment,
  BlockComment: tags.blockComment,
  '"+" "-" "*" "/" "=" "\\\\"': tags.operator,
  '( )': tags.paren,
  '[ ]': tags.squareBracket,
  '{ }': tags.brace,
  ',': tags.separator,
});
