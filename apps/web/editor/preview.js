// Markdown as people read it: elements made one by one, so that nothing in a text is taken for the page's own.

import { outline } from './outline.js'

const LINKS = /^(https?|mailto):/i
/** Each of these begins at the side that its first strong letter says. */
const BLOCKS = /^(p|h[1-6]|blockquote|ul|ol|li|t[dh])$/

/** Fills an element with what a text reads; `images` has those that are here. */
export function preview(text, parent, images) {
  const page = document.createDocumentFragment()
  outline(text).forEach((part) => page.append(made(part, images)))
  parent.replaceChildren(page)
}

function made(part, images) {
  if (typeof part === 'string') {
    return part
  }
  const { name, set, parts, address, words } = part
  if (address !== undefined) {
    return (name === 'img' && images.element(address, words)) || anchor(address, words)
  }
  const element = Object.assign(document.createElement(name), set)
  if (BLOCKS.test(name)) {
    element.dir = 'auto'
  }
  parts?.forEach((part) => element.append(made(part, images)))
  return element
}

function anchor(address, words) {
  if (!LINKS.test(address)) {
    return words
  }
  return Object.assign(document.createElement('a'), {
    href: address, textContent: words, target: '_blank', rel: 'noopener noreferrer',
  })
}
