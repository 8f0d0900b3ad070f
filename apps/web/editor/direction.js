// Lines that are written from right to left: each begins at the side that its first strong letter says.

import { RangeSetBuilder } from '@codemirror/state'
import { Decoration, EditorView, ViewPlugin } from '@codemirror/view'

const AUTO = Decoration.line({ attributes: { dir: 'auto' } })

/** The lines in sight, each with a direction of its own. */
function lines({ state, visibleRanges }) {
  const marks = new RangeSetBuilder()
  let last = -1
  for (const { from, to } of visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = state.doc.lineAt(at)
      // A very long line is in sight in several pieces.
      if (line.from > last) {
        marks.add(line.from, line.from, AUTO)
        last = line.from
      }
      at = line.to + 1
    }
  }
  return marks.finish()
}

export const direction = [
  EditorView.perLineTextDirection.of(true),
  ViewPlugin.define(
    (view) => ({
      lines: lines(view),
      update({ docChanged, viewportChanged }) {
        if (docChanged || viewportChanged) {
          this.lines = lines(view)
        }
      },
    }),
    { decorations: (plugin) => plugin.lines },
  ),
]
