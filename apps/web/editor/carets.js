// Others' carets and what they selected, in their colours and under their names; and one's own, as others are shown it.

import { RangeSet, StateEffect } from '@codemirror/state'
import { Decoration, ViewPlugin, WidgetType } from '@codemirror/view'
import * as Y from 'yjs'

/** Others' carets are to be drawn anew. */
export const redraw = StateEffect.define()

class Caret extends WidgetType {
  constructor(name, look, place) {
    super()
    Object.assign(this, { name, look, place })
  }

  eq(other) {
    return this.name === other.name && this.look === other.look && this.place === other.place
  }

  toDOM() {
    const caret = document.createElement('span')
    caret.className = 'their-caret'
    caret.style.cssText = this.look
    // The style sheet shows it, so that it is no part of the text.
    caret.dataset.name = this.name
    caret.dataset.testid = 'document-caret'
    return caret
  }

  ignoreEvent() {
    return true
  }
}

/**
 * `lines` has the places of the text in the editor, `personOf` says what somebody is called who writes under a number, and the style
 * of its bead.
 */
export function carets(text, lines, awareness, personOf) {
  const readPlaces = ({ cursor }) => {
    const found = [cursor?.anchor, cursor?.head].map((place) => {
      const at = place && Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(place), text.doc)
      return at?.type === text ? at : undefined
    })
    return found.every((at) => at) ? found.map(({ index }) => lines.toShown(index)) : undefined
  }

  const drawn = (view) => {
    const ranges = []
    for (const [client, state] of awareness.getStates()) {
      const person = client === awareness.clientID ? undefined : personOf(client, state)
      const found = person && placesOf(state)
      if (!found) {
        continue
      }
      // The text on the screen may be a step behind.
      const [anchor, head] = found.map((at) => Math.min(at, view.state.doc.length))
      if (anchor !== head) {
        const attributes = { style: person.look }
        ranges.push(Decoration.mark({ class: 'their-selection', attributes }).range(...[anchor, head].sort((a, b) => a - b)))
      }
      // A caret that moved shows its name again. At the end of the text it has the same place wherever that is.
      const letter = state.cursor.head.item
      const place = letter ? `${letter.client}/${letter.clock}` : head
      const widget = new Caret(person.name, person.look, place)
      ranges.push(Decoration.widget({ widget, side: head > anchor ? -1 : 1 }).range(head))
    }
    return Decoration.set(ranges, true)
  }

  const placesOf = (state) => {
    try {
      return readPlaces(state)
    } catch {
      // Others say what they like.
      return undefined
    }
  }

  class Carets {
    decorations = RangeSet.empty

    constructor(view) {
      this.hear = ({ added, updated, removed }) => {
        if ([...added, ...updated, ...removed].some((client) => client !== awareness.clientID)) {
          // However many speak, they are drawn once a frame.
          this.frame ??= requestAnimationFrame(() => {
            this.frame = undefined
            view.dispatch({ effects: redraw.of(null) })
          })
        }
      }
      awareness.on('change', this.hear)
      this.decorations = drawn(view)
    }

    update({ view, state, docChanged, selectionSet, focusChanged }) {
      if ((docChanged || selectionSet || focusChanged) && view.hasFocus && !state.readOnly) {
        const { anchor, head } = state.selection.main
        const place = (at) => Y.createRelativePositionFromTypeIndex(text, lines.toRaw(at))
        const cursor = { anchor: place(anchor), head: place(head) }
        if (JSON.stringify(cursor) !== JSON.stringify(awareness.getLocalState()?.cursor)) {
          awareness.setLocalStateField('cursor', cursor)
        }
      }
      this.decorations = drawn(view)
    }

    destroy() {
      cancelAnimationFrame(this.frame)
      awareness.off('change', this.hear)
    }
  }

  return ViewPlugin.fromClass(Carets, { decorations: ({ decorations }) => decorations })
}
