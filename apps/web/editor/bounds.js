// The grammar of Markdown, bounded: a document's writers must not decide how long each reader's page stands still, or how deep it
// has to go. Beyond each bound a text is read as plain.

import { GFM, parser } from '@lezer/markdown'

/** Blocks within each other, the document itself among them: sixteen lists in one another, a list and its items being two. */
const DEPTH_MAX = 33
/** Units of UTF-16 of a paragraph between which marks are looked for: the work for some texts grows with the square of it. */
const SPAN_MAX = 2048
/** Longest text of one paragraph, heading or cell in which marks are looked for at all: a page of 64 KiB without a line end. */
const INLINE_MAX = 64 * 1024
/** After so much a paragraph ends with its line: each mark of a quote in it is moved once for each line. */
const PARAGRAPH_MAX = 16 * 1024
/** Tables may be longer, since what is left of one is none. */
const TABLE_MAX = 64 * 1024
/** Longest reference of a link over several lines, which is read anew with each. */
const REFERENCE_MAX = 4096

const referenceParser = parser.leafBlockParsers[parser.blockNames.indexOf('LinkReference')]

/** What lies deeper: a paragraph of each line, in which nothing is looked for. */
const deep = {
  name: 'Deep',
  before: 'LinkReference',
  parse(context, line) {
    if (context.depth < DEPTH_MAX || line.pos === line.text.length) {
      return false
    }
    const [from, to] = [line.pos, line.text.length].map((place) => context.lineStart + place)
    context.nextLine()
    context.addElement(context.elt('Paragraph', from, to))
    return true
  },
}

const reference = {
  name: 'LinkReference',
  leaf(context, leaf) {
    const inner = referenceParser(context, leaf)
    const isShort = ({ content }) => content.length <= REFERENCE_MAX
    return inner && {
      nextLine: (context, line, leaf) => isShort(leaf) && inner.nextLine(context, line, leaf),
      finish: (context, leaf) => isShort(leaf) && inner.finish(context, leaf),
    }
  },
}

/** The end of what is too long; `finishLeaf` is what the parser does at the end of a paragraph. */
const end = {
  name: 'End',
  before: 'LinkReference',
  leaf: () => ({
    nextLine(context, _line, leaf) {
      const most = leaf.parsers.some(({ rows }) => rows) ? TABLE_MAX : PARAGRAPH_MAX
      if (leaf.content.length <= most) {
        return false
      }
      context.finishLeaf(leaf)
      return true
    },
    finish: () => false,
  }),
}

/** The grammar with these extensions as well. */
export function bounded(...extensions) {
  const made = parser.configure([GFM, { parseBlock: [deep, end, reference] }, ...extensions])
  const { parseInline } = made
  made.parseInline = (text, offset) => {
    return [...spans(text)].flatMap(([from, to]) => parseInline.call(made, text.slice(from, to), offset + from))
  }
  return made
}

/** The parts of a text in which marks are looked for: each ends with a line, else with a word, where one ends in its second half. */
export function* spans(text) {
  const most = Math.min(text.length, INLINE_MAX)
  for (let from = 0; from < most; ) {
    let to = Math.min(from + SPAN_MAX, most)
    if (to < most) {
      const ends = ['\n', ' '].map((end) => text.lastIndexOf(end, to - 1) + 1)
      to = ends.find((end) => end > from + SPAN_MAX / 2) ?? to
    }
    yield [from, to]
    from = to
  }
}
