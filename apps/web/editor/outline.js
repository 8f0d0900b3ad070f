// What a text of Markdown reads, as plain values: strings, and elements with a name, what is set on them, and what is in them. Nothing
// here needs a browser.

import { bounded } from './bounds.js'

/** Units of UTF-16 that are read as Markdown, from the beginning: a book of 40,000 words. */
export const READ_MAX = 256 * 1024
/** Blocks of it, of which a grammar takes a tenth of a second for so many. */
export const BLOCKS_MAX = 10_000
/** Elements that are made of it: more than that many take a browser seconds to lay out. */
export const ELEMENTS_MAX = 20_000
/** Elements in one another: deeper ones leave no width for words. */
export const DEPTH_MAX = 48
/** Plain text beyond comes in pieces of about this length, since a browser lays out those alone that are seen. */
const PIECE = 8 * 1024

const ELEMENTS = {
  Paragraph: 'p', Blockquote: 'blockquote', BulletList: 'ul', OrderedList: 'ol', ListItem: 'li', HorizontalRule: 'hr',
  FencedCode: 'pre', CodeBlock: 'pre', Emphasis: 'em', StrongEmphasis: 'strong', Strikethrough: 's', InlineCode: 'code',
  Table: 'table', TableHeader: 'tr', TableRow: 'tr', TableCell: 'td', HardBreak: 'br', Task: 'p',
}
/** Between the parts of these stands nothing that is read. */
const CONTAINERS = /^(Document|Blockquote|BulletList|OrderedList|ListItem|FencedCode|Table|TableHeader|TableRow)$/
/** What of these is not read as Markdown is a paragraph of its own. */
const HOLDERS = /^(Document|Blockquote|ListItem)$/
/** What says how a text is to look is not read itself. */
const UNREAD = /^(\w+Mark|LinkTitle|LinkLabel|TableDelimiter|CodeInfo|Comment(Block)?|LinkReference)$/

const grammar = bounded()

/**
 * The parts of a text: strings, and elements as `{ name, set, parts }`. A link or an image is `{ name: 'a' or 'img', address, words }`
 * and for the caller to judge.
 */
export function outline(text) {
  const tree = parse(text.slice(0, lineEnd(text, READ_MAX)))
  const parts = []
  new Reader(text.slice(0, tree.length)).fill(parts, tree.topNode, 0)
  for (let from = tree.length; from < text.length; ) {
    const to = lineEnd(text, from + PIECE, from)
    parts.push(plain(text.slice(from, to)))
    from = to
  }
  return parts
}

/** The tree of a text, or of its beginning where it has too many blocks. */
function parse(text) {
  const work = grammar.startParse(text)
  let tree = null
  for (let blocks = 0; !tree; blocks += 1) {
    if (blocks === BLOCKS_MAX) {
      work.stopAt(work.parsedPos)
    }
    tree = work.advance()
  }
  return tree
}

/** The place behind the last end of a line that is at most at `most`, else `most` itself. */
function lineEnd(text, most, least = 0) {
  if (most >= text.length) {
    return text.length
  }
  const end = text.lastIndexOf('\n', most - 1) + 1
  return end > least ? end : most
}

const plain = (words) => ({ name: 'p', set: { className: 'plain' }, parts: [words] })

class Reader {
  #text
  #left = ELEMENTS_MAX

  constructor(text) {
    this.#text = text
  }

  fill(parts, node, depth) {
    const isContainer = CONTAINERS.test(node.name)
    let place = node.from
    const read = (to) => {
      if (!isContainer && to > place) {
        parts.push(this.#text.slice(place, to))
      }
    }
    for (let child = node.firstChild; child; child = child.nextSibling) {
      if (this.#left <= 0) {
        const rest = this.#text.slice(isContainer ? child.from : place, node.to)
        parts.push(HOLDERS.test(node.name) ? plain(rest) : rest)
        return
      }
      read(child.from)
      this.#add(parts, child, depth)
      place = child.to
    }
    read(node.to)
  }

  #add(parts, node, depth) {
    const [, level] = /^(?:ATX|Setext)Heading(\d)$/.exec(node.name) ?? []
    const said = () => this.#text.slice(node.from, node.to)
    if (UNREAD.test(node.name)) {
      return
    }
    if (depth >= DEPTH_MAX) {
      parts.push(said())
    } else if (node.name === 'TaskMarker') {
      const isDone = /x/i.test(said())
      this.#make(parts, { name: 'input', set: { type: 'checkbox', disabled: true, checked: isDone, ariaLabel: isDone ? 'Done' : 'To do' } })
    } else if (node.name === 'Escape') {
      parts.push(said().slice(1))
    } else if (node.name === 'Link' || node.name === 'Image' || node.name === 'Autolink') {
      this.#make(parts, { name: node.name === 'Image' ? 'img' : 'a', ...this.#link(node) })
    } else if (node.name === 'URL') {
      this.#make(parts, { name: 'a', address: said(), words: said() })
    } else if (level || ELEMENTS[node.name]) {
      // The page has a first heading of its own.
      const made = { name: level ? `h${Math.min(Number(level) + 1, 6)}` : ELEMENTS[node.name], set: {}, parts: [] }
      if (node.name === 'OrderedList') {
        made.set.start = Number.parseInt(this.#text.slice(node.from, node.from + 10), 10)
      }
      if (node.name === 'TableHeader') {
        made.set.className = 'head'
      }
      this.#make(parts, made)
      this.fill(made.parts, node, depth + 1)
    } else {
      this.fill(parts, node, depth + 1)
    }
  }

  #make(parts, element) {
    this.#left -= 1
    parts.push(element)
  }

  /** What a link leads to, which is not read, and its words. */
  #link(node) {
    const url = node.getChild('URL')
    const address = url ? this.#text.slice(url.from, url.to) : ''
    const [open, close] = node.getChildren('LinkMark')
    const isNamed = node.name !== 'Autolink' && open && close
    return { address, words: isNamed ? this.#text.slice(open.to, close.from) : address }
  }
}
