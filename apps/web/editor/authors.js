// Who wrote what: a bar beside each line in the colour of whoever wrote most of it, and a bead where that is somebody else.

import { StateEffect } from '@codemirror/state'
import { GutterMarker, ViewPlugin, gutter } from '@codemirror/view'

import { bead } from './bead.js'

/** The people of a document may be called otherwise now. */
export const renamed = StateEffect.define()

class Bar extends GutterMarker {
  constructor(author, isFirst, person) {
    super()
    Object.assign(this, { author, isFirst, person })
  }

  eq(other) {
    return this.author === other.author && this.isFirst === other.isFirst && this.person.name === other.person.name
  }

  toDOM() {
    const bar = document.createElement('span')
    bar.className = 'author-bar'
    bar.style.cssText = this.person.look
    bar.title = this.person.name
    if (this.isFirst) {
      bar.append(bead(this.person))
    }
    return bar
  }
}

/** Who wrote each piece of a text, in order: an author and how many units of UTF-16. */
function* pieces(text, authorOf) {
  const known = new Map()
  for (let item = text._start; item; item = item.right) {
    if (!item.deleted && item.countable) {
      // All that is under one number is one person's.
      const { client } = item.id
      if (!known.has(client)) {
        known.set(client, authorOf(item.id))
      }
      yield [known.get(client), item.length]
    }
  }
}

/**
 * Who wrote most of each line, by its first place, and whether that is somebody else than before; lines with nothing in them are
 * nobody's.
 */
function byLine(doc, text, authorOf) {
  const lines = new Map()
  let [line, at, counts, before] = [doc.line(1), 0, new Map()]
  const end = () => {
    const [most] = [...counts].sort(([, one], [, other]) => other - one)
    if (most) {
      lines.set(line.from, { author: most[0], isFirst: most[0] !== before })
      before = most[0]
    }
  }
  for (const [author, length] of pieces(text, authorOf)) {
    const to = Math.min(at + length, doc.length)
    while (at < to) {
      const upto = Math.min(line.to, to)
      if (upto > at) {
        counts.set(author, (counts.get(author) ?? 0) + upto - at)
      }
      at = upto
      // What is left of the piece begins with the end of the line.
      if (at < to) {
        end()
        counts = new Map()
        line = doc.line(line.number + 1)
        at = line.from
      }
    }
  }
  end()
  return lines
}

/** `authorOf` says who wrote an item, `personOf` what an author is called, and how they look. */
export function authors(text, authorOf, personOf) {
  const plugin = ViewPlugin.fromClass(
    class {
      constructor({ state }) {
        this.lines = byLine(state.doc, text, authorOf)
      }

      update({ docChanged, state }) {
        if (docChanged) {
          this.lines = byLine(state.doc, text, authorOf)
        }
      }
    },
  )
  const marker = (view, { from }) => {
    const line = view.plugin(plugin)?.lines.get(from)
    return line ? new Bar(line.author, line.isFirst, personOf(line.author)) : null
  }
  const lineMarkerChange = ({ docChanged, transactions }) => {
    return docChanged || transactions.some(({ effects }) => effects.some((effect) => effect.is(renamed)))
  }
  return [plugin, gutter({ class: 'author-bars', lineMarker: marker, lineMarkerChange })]
}
