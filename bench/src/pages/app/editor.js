// CodeMirror over a text of Yjs, as people have it.

import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { basicSetup } from 'codemirror'
import { yCollab } from 'y-codemirror.next'

export function editor(text, awareness, parent, changed) {
  const told = EditorView.updateListener.of(({ docChanged }) => docChanged && changed())
  const extensions = [basicSetup, yCollab(text, awareness), told]
  return new EditorView({ state: EditorState.create({ doc: text.toString(), extensions }), parent })
}
