// Markdown as people read it: elements made one by one, so that nothing in a text is taken for the page's own.

import { grammar } from './markdown.js'

const ELEMENTS = {
  Paragraph: 'p', Blockquote: 'blockquote', BulletList: 'ul', OrderedList: 'ol', ListItem: 'li', HorizontalRule: 'hr',
  FencedCode: 'pre', CodeBlock: 'pre', Emphasis: 'em', StrongEmphasis: 'strong', Strikethrough: 's', InlineCode: 'code',
  Table: 'table', TableHeader: 'tr', TableRow: 'tr', TableCell: 'td', HardBreak: 'br', Task: 'p',
}
/** Between the parts of these stands nothing that is read. */
const CONTAINERS = /^(Document|Blockquote|BulletList|OrderedList|ListItem|FencedCode|Table|TableHeader|TableRow)$/
/** What says how a text is to look is not read itself. */
const UNREAD = /^(\w+Mark|LinkTitle|LinkLabel|TableDelimiter|CodeInfo|Comment(Block)?|LinkReference)$/
const LINKS = /^(https?|mailto):/i

/** Fills an element with what a text reads; `images` has those that are here. */
export function preview(text, parent, images) {
  parent.replaceChildren()
  fill(parent, grammar.parse(text).topNode, text, images)
}

function fill(parent, node, text, images) {
  const isContainer = CONTAINERS.test(node.name)
  let place = node.from
  const read = (to) => {
    if (!isContainer && to > place) {
      parent.append(text.slice(place, to))
    }
  }
  for (let child = node.firstChild; child; child = child.nextSibling) {
    read(child.from)
    add(parent, child, text, images)
    place = child.to
  }
  read(node.to)
}

function add(parent, node, text, images) {
  const [, level] = /^(?:ATX|Setext)Heading(\d)$/.exec(node.name) ?? []
  const said = text.slice(node.from, node.to)
  if (node.name === 'TaskMarker') {
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', disabled: true })
    box.checked = /x/i.test(said)
    box.ariaLabel = box.checked ? 'Done' : 'To do'
    parent.append(box)
  } else if (node.name === 'Escape') {
    parent.append(said.slice(1))
  } else if (node.name === 'Link' || node.name === 'Image' || node.name === 'Autolink') {
    const [address, words] = link(node, text)
    const image = node.name === 'Image' && images.element(address, words)
    parent.append(image || anchor(address, words))
  } else if (node.name === 'URL') {
    parent.append(anchor(said, said))
  } else if (level || ELEMENTS[node.name]) {
    // The page has a first heading of its own.
    const element = document.createElement(level ? `h${Math.min(Number(level) + 1, 6)}` : ELEMENTS[node.name])
    if (node.name === 'OrderedList') {
      element.start = Number.parseInt(said, 10)
    }
    fill(element, node, text, images)
    if (node.name === 'TableHeader') {
      element.className = 'head'
    }
    parent.append(element)
  } else if (!UNREAD.test(node.name)) {
    fill(parent, node, text, images)
  }
}

/** What a link leads to, which is not read, and its words. */
function link(node, text) {
  const url = node.getChild('URL')
  const address = url ? text.slice(url.from, url.to) : ''
  const [open, close] = node.getChildren('LinkMark')
  const isNamed = node.name !== 'Autolink' && open && close
  return [address, isNamed ? text.slice(open.to, close.from) : address]
}

function anchor(address, words) {
  if (!LINKS.test(address)) {
    return words
  }
  return Object.assign(document.createElement('a'), {
    href: address, textContent: words, target: '_blank', rel: 'noopener noreferrer',
  })
}
