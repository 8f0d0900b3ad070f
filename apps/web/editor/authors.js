// Who wrote what: a bar beside each line in the colour of whoever wrote most of it, and a bead where that is somebody else.

import { StateEffect } from '@codemirror/state'
import { GutterMarker, ViewPlugin, gutter } from '@codemirror/view'

import { bead } from './bead.js'

/** The people of a document may be called otherwise now. */
export const renamed = StateEffect.define()

class Bar extends GutterMarker {
  constructor({ author, isFirst, newest }, person, timeOf) {
    super()
    Object.assign(this, { author, isFirst, newest, person, timeOf })
  }

  eq({ author, isFirst, newest, person }) {
    const isSame = this.author === author && this.isFirst === isFirst && this.person.name === person.name
    return isSame && newest.size === this.newest.size && [...newest].every(([id, clock]) => this.newest.get(id) === clock)
  }

  toDOM() {
    const bar = document.createElement('span')
    bar.className = 'author-bar'
    bar.style.cssText = this.person.look
    bar.title = this.person.name
    bar.addEventListener('mouseenter', () => {
      bar.title = `${this.person.name}, ${this.timeOf([...this.newest])}`
    })
    if (this.isFirst) {
      bar.append(bead(this.person))
    }
    return bar
  }
}

/** Who wrote each piece of a text, in order: an author, how many units of UTF-16, and the item that they are. */
function* pieces(text, authorOf) {
  const known = new Map()
  for (let item = text._start; item; item = item.right) {
    if (!item.deleted && item.countable) {
      // All that is under one number is one person's.
      const { client } = item.id
      if (!known.has(client)) {
        known.set(client, authorOf(item.id))
      }
      yield [known.get(client), item]
    }
  }
}

/**
 * Who wrote most of each line, by its first place, whether that is somebody else than before, and what they wrote there last: by
 * the number under which they wrote, the place in that. Lines with nothing in them are nobody's.
 */
function byLine(doc, text, places, authorOf) {
  const lines = new Map()
  let [line, at, raw, counts, before] = [doc.line(1), 0, 0, new Map()]
  const end = () => {
    const [most] = [...counts].sort(([, one], [, other]) => other.length - one.length)
    if (most) {
      const [author, { newest }] = most
      lines.set(line.from, { author, isFirst: author !== before, newest })
      before = author
    }
  }
  for (const [author, { id, length }] of pieces(text, authorOf)) {
    const from = raw
    raw += length
    const to = Math.min(places.toShown(raw), doc.length)
    while (at < to) {
      const upto = Math.min(line.to, to)
      if (upto > at) {
        const count = counts.get(author) ?? { length: 0, newest: new Map() }
        count.length += upto - at
        count.newest.set(id.client, Math.max(count.newest.get(id.client) ?? 0, id.clock + places.toRaw(upto) - from - 1))
        counts.set(author, count)
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

/**
 * `places` has the places of the text in the editor, `authorOf` says who wrote an item, `personOf` what an author is called, and how
 * they look, `timeOf` when items were written.
 */
export function authors(text, places, authorOf, personOf, timeOf) {
  const plugin = ViewPlugin.fromClass(
    class {
      constructor({ state }) {
        this.lines = byLine(state.doc, text, places, authorOf)
      }

      update({ docChanged, state }) {
        if (docChanged) {
          this.lines = byLine(state.doc, text, places, authorOf)
        }
      }
    },
  )
  const marker = (view, { from }) => {
    const line = view.plugin(plugin)?.lines.get(from)
    return line ? new Bar(line, personOf(line.author), timeOf) : null
  }
  const lineMarkerChange = ({ docChanged, transactions }) => {
    return docChanged || transactions.some(({ effects }) => effects.some((effect) => effect.is(renamed)))
  }
  return [plugin, gutter({ class: 'author-bars', lineMarker: marker, lineMarkerChange })]
}
