// Keeps what an editor shows and a text of Yjs in step, place by place.

import { ViewPlugin } from '@codemirror/view'
import { YSyncConfig, ySync, ySyncAnnotation, ySyncFacet, yCollab } from 'y-codemirror.next'

/** How one's own steps find their places again. */
class Places extends YSyncConfig {
  constructor(text, lines) {
    super(text, null)
    this.lines = lines
  }

  toYPos(at, assoc) {
    return super.toYPos(this.lines.toRaw(at), assoc)
  }

  fromYPos(place) {
    const found = super.fromYPos(place)
    return { ...found, pos: this.lines.toShown(found.pos) }
  }
}

/** What is done in the editor is done in Yjs, and the other way round; `broken` is told where that cannot be. */
export class Binding {
  constructor(view, { conf, lines, broken }) {
    Object.assign(this, { view, conf, lines, broken })
    conf.ytext.observe(this.hear)
  }

  hear = ({ delta }, { origin }) => {
    if (origin === this.conf) {
      return
    }
    this.#try(() => {
      const changes = this.lines.take(delta, this.view.state.doc)
      this.view.dispatch({ changes, annotations: [ySyncAnnotation.of(this.conf)] })
    })
  }

  update({ docChanged, transactions, changes }) {
    if (!docChanged || transactions[0]?.annotation(ySyncAnnotation) === this.conf) {
      return
    }
    this.#try(() => {
      const { conf, lines } = this
      const write = () => {
        let shift = 0
        for (const [from, to, words] of lines.give(changes)) {
          if (to > from) {
            conf.ytext.delete(from + shift, to - from)
          }
          if (words) {
            conf.ytext.insert(from + shift, words)
          }
          shift += words.length - (to - from)
        }
      }
      conf.ytext.doc.transact(write, conf)
    })
  }

  destroy() {
    this.conf.ytext.unobserve(this.hear)
  }

  #try(work) {
    try {
      work()
    } catch (error) {
      this.broken(error)
    }
  }
}

/** The extensions that bind an editor to a text, of which `lines` are, with what one can undo. */
export function bound(text, lines, undo, broken) {
  const conf = new Places(text, lines)
  const ours = ViewPlugin.define((view) => new Binding(view, { conf, lines, broken }))
  const parts = yCollab(text, null, { undoManager: undo }).map((part) => (part === ySync ? ours : part))
  // Of two the last one counts.
  return [...parts, ySyncFacet.of(conf)]
}
