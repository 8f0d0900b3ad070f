// What the editor shows of a text of Yjs, place by place, without a browser.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { EditorState } from '@codemirror/state'
import * as Y from 'yjs'

import { Binding } from '../../apps/web/editor/binding.js'
import { Lines } from '../../apps/web/editor/lines.js'

/** An editor without a screen, bound to a text. */
function open(text) {
  const lines = new Lines(text)
  const broken = []
  const conf = { ytext: text }
  let binding
  const view = {
    state: EditorState.create({ doc: lines.shown }),
    dispatch(spec) {
      const transaction = view.state.update(spec)
      view.state = transaction.state
      const { docChanged, changes } = transaction
      binding.update({ docChanged, changes, transactions: [transaction] })
    },
  }
  binding = new Binding(view, { conf, lines, broken: (error) => broken.push(error) })
  const shown = () => view.state.doc.toString()
  return { view, lines, broken, shown, type: (from, to, insert) => view.dispatch({ changes: { from, to, insert } }) }
}

const textOf = (words) => {
  const text = new Y.Doc({ gc: false }).getText('text')
  text.insert(0, words)
  return text
}

/** What every editor shows of it that opens it now. */
const readOf = (text) => new Lines(text).shown

test('letters land where they are shown', () => {
  const text = textOf('# Title\r\n\r\nfirst line\r\nsecond line\r\n')
  const editor = open(text)
  assert.equal(editor.shown(), '# Title\n\nfirst line\nsecond line\n')
  const at = editor.shown().indexOf('line\n')
  editor.type(at, at, 'long ')
  editor.type(editor.shown().length, editor.shown().length, 'end')
  assert.equal(text.toString(), '# Title\r\n\r\nfirst long line\r\nsecond line\r\nend')
  // At the end of a line, over a line end, and of a whole line.
  editor.type(7, 7, '!')
  editor.type(8, 9, '')
  editor.type(editor.shown().indexOf('second'), editor.shown().indexOf('end'), '')
  assert.equal(text.toString(), '# Title!\r\nfirst long line\r\nend')
  assert.equal(editor.shown(), readOf(text))
})

test('what others write shows at its place', () => {
  const text = textOf('one\r\ntwo\r\nthree')
  const editor = open(text)
  text.insert(text.length, '!')
  text.insert(5, 'new\r\n')
  assert.equal(editor.shown(), 'one\nnew\ntwo\nthree!')
  // Within a line end, and half of one.
  text.insert(4, 'x')
  assert.equal(editor.shown(), readOf(text))
  text.delete(4, 1)
  assert.equal(editor.shown(), 'one\nnew\ntwo\nthree!')
  text.delete(3, 1)
  text.delete(7, 2)
  assert.equal(editor.shown(), readOf(text))
  assert.deepEqual(editor.broken, [])
})

test('a text without CR gets one', () => {
  const text = textOf('one\ntwo')
  const editor = open(text)
  text.insert(3, '\r')
  assert.equal(editor.shown(), 'one\ntwo')
  editor.type(7, 7, '!')
  assert.equal(text.toString(), 'one\r\ntwo!')
  text.delete(3, 1)
  editor.type(0, 0, 'zero ')
  assert.equal(text.toString(), 'zero one\ntwo!')
})

test('values among the letters have a place', () => {
  const text = textOf('one two')
  text.insertEmbed(3, { image: 'x' })
  const editor = open(text)
  editor.type(editor.shown().length, editor.shown().length, '!')
  text.insertEmbed(0, { image: 'y' })
  editor.type(editor.shown().length, editor.shown().length, '?')
  assert.equal(text.toString(), 'one two!?')
  assert.equal(editor.shown(), readOf(text))
})

test('places are found both ways', () => {
  const lines = new Lines(textOf('a\r\nb\rc\nd\r\n'))
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].map((at) => lines.toRaw(at)), [0, 1, 3, 4, 5, 6, 7, 8, 10])
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((at) => lines.toShown(at)), [0, 1, 1, 2, 3, 4, 5, 6, 7, 7, 8])
})

/** Numbers that are the same for the same seed. */
function random(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

test('two editors and Yjs stay in step', () => {
  const PIECES = ['\r\n', '\r', '\n', 'a', 'bc', 'ö', '\n\n', '\r\n\r\n', 'x\r']
  for (let seed = 1; seed <= 60; seed += 1) {
    const below = random(seed)
    const docs = [new Y.Doc({ gc: false }), new Y.Doc({ gc: false })]
    const texts = docs.map((doc) => doc.getText('text'))
    docs.forEach((doc, at) => doc.on('update', (update, origin) => origin !== 'peer' && Y.applyUpdate(docs[1 - at], update, 'peer')))
    texts[0].insert(0, 'one\r\ntwo\rthree\n')
    const editors = texts.map(open)
    for (let step = 0; step < 60; step += 1) {
      const at = below(2)
      const piece = PIECES[below(PIECES.length)]
      if (below(3) === 0) {
        // A program that takes part writes what it likes.
        const from = below(texts[at].length + 1)
        const gone = below(Math.min(4, texts[at].length - from + 1))
        docs[at].transact(() => {
          texts[at].delete(from, gone)
          texts[at].insert(from, piece)
          texts[at].insert(below(texts[at].length + 1), PIECES[below(PIECES.length)])
        })
      } else {
        const { length } = editors[at].shown()
        const from = below(length + 1)
        editors[at].type(from, Math.min(length, from + below(4)), below(4) === 0 ? '' : piece)
      }
      const wanted = readOf(texts[0])
      const shown = editors.map(({ shown }) => shown())
      assert.deepEqual(shown, [wanted, wanted], `seed ${seed}, step ${step}: ${JSON.stringify(texts[0].toString())}`)
      assert.deepEqual(editors.flatMap(({ broken }) => broken), [])
    }
  }
})
