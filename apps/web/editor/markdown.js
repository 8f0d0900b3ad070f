// Markdown as the editor reads it: with classes for what it is made of, whose looks the page's style sheet has.

import { Language, defineLanguageFacet, syntaxHighlighting } from '@codemirror/language'
import { tagHighlighter, tags } from '@lezer/highlight'

import { bounded } from './bounds.js'

// A letter has its paragraph read anew. One of a megabyte, as a log is or a list without empty lines, takes a tenth of a second,
// so while it is written it is read in pieces: words that are marked across two of them stay plain. A piece ends where a line says
// so by what it reads, or a letter in front would move the ends of all that follow, and have all of them read anew.
const PIECE = 2048
const LONGEST_PIECE = 4 * PIECE
const endsPiece = (text, length) => length > PIECE && (length > LONGEST_PIECE || sum(text) % 16 === 0)
const pieces = { parseBlock: [{ name: 'Piece', endLeaf: (_context, { text }, leaf) => endsPiece(text, leaf.content.length) }] }

/** A number that a text alone decides, and each of its letters. */
function sum(text) {
  let number = 0
  for (let at = 0; at < text.length; at += 1) {
    number = (Math.imul(number, 31) + text.charCodeAt(at)) >>> 0
  }
  return number
}

const looks = tagHighlighter([
  { tag: tags.heading1, class: 'md-heading md-first' },
  { tag: [tags.heading2, tags.heading3, tags.heading4, tags.heading5, tags.heading6], class: 'md-heading' },
  { tag: tags.emphasis, class: 'md-emphasis' },
  { tag: tags.strong, class: 'md-strong' },
  { tag: tags.strikethrough, class: 'md-gone' },
  { tag: [tags.link, tags.labelName], class: 'md-link' },
  { tag: [tags.processingInstruction, tags.contentSeparator, tags.url, tags.monospace], class: 'md-mark' },
])

export const markdown = [
  new Language(defineLanguageFacet(), bounded(pieces), [], 'markdown'),
  syntaxHighlighting(looks),
]
