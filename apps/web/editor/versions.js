// What was changed since a version, line by line, with who changed it.

import { changes } from '../../../sdk/js/edits.js'
import { compare } from '../../../sdk/js/yjs.js'

/** The lines of the earlier or the later text, each with who wrote most of what only this one has. */
function linesOf(pieces, own) {
  const lines = [{ text: '', authors: new Map() }]
  for (const { kind, text, author } of pieces.filter(({ kind }) => kind === 'same' || kind === own)) {
    text.split('\n').forEach((part, at) => {
      if (at > 0) {
        lines.push({ text: '', authors: new Map() })
      }
      const line = lines.at(-1)
      line.text += part
      // Who wrote what both have counts where nothing else does.
      const weight = kind === own ? part.length + 1 : 1e-6
      line.authors.set(author, (line.authors.get(author) ?? 0) + weight)
    })
  }
  const most = (authors) => [...authors].sort(([, one], [, other]) => other - one)[0]?.[0]
  return lines.map(({ text, authors }) => ({ text: text.replace(/\r$/, ''), author: most(authors) }))
}

/**
 * Rows from the first line to the last, of a document against what an update makes: `['same', count]` for lines that both have,
 * `['removed', text, author]` and `['added', text, author]`.
 */
export async function rows(whole, document, type) {
  const pieces = await compare({ whole, document }, document, { type })
  const [before, now] = [linesOf(pieces, 'removed'), linesOf(pieces, 'added')]
  const [old, fresh] = [before, now].map((lines) => lines.map(({ text }) => text))
  const found = []
  let place = 0
  const skip = (to) => {
    if (to > place) {
      found.push(['same', to - place])
    }
  }
  for (const [from, to, freshFrom, freshTo] of changes(old, fresh)) {
    skip(from)
    before.slice(from, to).forEach(({ text, author }) => found.push(['removed', text, author]))
    now.slice(freshFrom, freshTo).forEach(({ text, author }) => found.push(['added', text, author]))
    place = to
  }
  skip(old.length)
  return found
}
