// What bounds the preview and the highlighter of documents, without a browser: items are counted, not seconds.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { highlightTree, tagHighlighter, tags } from '@lezer/highlight'

import { bounded, spans } from '../../apps/web/editor/bounds.js'
import { BLOCKS_MAX, DEPTH_MAX, ELEMENTS_MAX, READ_MAX, outline } from '../../apps/web/editor/outline.js'

const repeated = (words, length) => words.repeat(Math.ceil(length / words.length)).slice(0, length)

function stairs(length) {
  let text = ''
  for (let level = 0; text.length < length; level += 1) {
    text += `${'  '.repeat(level)}- a\n`
  }
  return text
}

/** All that is read, in order. */
const wordsOf = (parts) => parts.map((part) => (typeof part === 'string' ? part : part.words ?? wordsOf(part.parts ?? []))).join('')

const countOf = (parts) => parts.reduce((count, part) => count + (typeof part === 'string' ? 0 : 1 + countOf(part.parts ?? [])), 0)

const depthOf = (parts) => Math.max(0, ...parts.map((part) => (typeof part === 'string' ? 0 : 1 + depthOf(part.parts ?? []))))

const LONG = 60_000
const HOSTILE = {
  'quotes in quotes': '>'.repeat(5000),
  'quotes of lists': repeated('> - ', LONG),
  'numbers of numbers': repeated('1. ', LONG),
  'lists in lists': stairs(LONG),
  'emphasis in emphasis': `${'*'.repeat(LONG / 2)}a${'*'.repeat(LONG / 2)}`,
  'images in images': `${repeated('![', LONG)}a${repeated('](b)', LONG)}`,
  'marks that meet none': repeated('_a*b ', LONG),
  'a label without end': `[${repeated('a\n', LONG)}`,
  'a title without end': `[a]: b "${repeated('a\n', LONG)}`,
  'a table without end': `|a|b|\n|-|-|\n${repeated('|x|y|\n', 20 * LONG)}`,
  'paragraphs without end': repeated('a\n\n', 20 * LONG),
  'one line without end': repeated('**a** ', 20 * LONG),
}

for (const [name, text] of Object.entries(HOSTILE)) {
  test(`${name} stay within bounds, and no letter is lost`, () => {
    const parts = outline(text)
    assert(depthOf(parts) <= DEPTH_MAX, `${depthOf(parts)} deep`)
    // Pieces of plain text count as well, of which a document of the greatest length has a thousand.
    assert(countOf(parts) <= ELEMENTS_MAX + 1000, `${countOf(parts)} elements`)
    const letters = (text) => (text.match(/[abxy]/g) ?? []).length
    assert(['images in images', 'a title without end'].includes(name) || letters(wordsOf(parts)) === letters(text))
    // The highlighter goes as deep as the tree is.
    highlightTree(bounded().parse(text), tagHighlighter([{ tag: tags.quote, class: 'q' }]), () => {})
  })
}

test('marks are looked for in spans that end with lines or words', () => {
  const text = repeated('some words and\n', 10_000)
  const found = [...spans(text)]
  assert.deepEqual(found.map(([from]) => from), [0, ...found.slice(0, -1).map(([, to]) => to)])
  assert.equal(found.at(-1)[1], text.length)
  assert(found.slice(0, -1).every(([, to]) => text[to - 1] === '\n'))
  assert([...spans(repeated('a', 10_000))].every(([from, to]) => to - from <= 2048))
  assert.deepEqual([...spans('')], [])
})

test('as many blocks are read as can be shown', () => {
  const parts = outline('a\n\n'.repeat(2 * BLOCKS_MAX))
  const isPlain = ({ set }) => set.className === 'plain'
  const read = parts.filter((part) => !isPlain(part)).length
  assert(Math.abs(read - BLOCKS_MAX) <= 2, `${read} blocks`)
  assert(parts.slice(read).every(isPlain))
})

test('what is beyond the bounds is plain text', () => {
  const parts = outline(`${repeated('words **bold**\n\n', READ_MAX)}\n# Late\n\n*more*`)
  assert.deepEqual(parts[0], { name: 'p', set: {}, parts: ['words ', { name: 'strong', set: {}, parts: ['bold'] }] })
  const late = parts.at(-1)
  assert.equal(late.set.className, 'plain')
  assert(late.parts[0].endsWith('\n# Late\n\n*more*'))
})

test('an ordinary text reads as it did', () => {
  const text = '# One\n\n> quoted *so*\n\n1. a\n   - b\n2. [c](https://d.example)\n\n- [x] done\n\n| a | b |\n|---|---|\n| c | d |\n\n```js\nlet e\n```\n\n![f](blob:0) \\* <g@h.example>'
  const of = (name, ...parts) => ({ name, set: {}, parts })
  const box = { name: 'input', set: { type: 'checkbox', disabled: true, checked: true, ariaLabel: 'Done' } }
  assert.deepEqual(outline(text), [
    of('h2', ' One'),
    of('blockquote', of('p', 'quoted ', of('em', 'so'))),
    {
      name: 'ol',
      set: { start: 1 },
      parts: [
        of('li', of('p', 'a'), of('ul', of('li', of('p', 'b')))),
        of('li', of('p', { name: 'a', address: 'https://d.example', words: 'c' })),
      ],
    },
    of('ul', of('li', of('p', box, ' done'))),
    of('table', { name: 'tr', set: { className: 'head' }, parts: [of('td', 'a'), of('td', 'b')] }, of('tr', of('td', 'c'), of('td', 'd'))),
    of('pre', 'let e'),
    of('p', { name: 'img', address: 'blob:0', words: 'f' }, ' ', '*', ' ', { name: 'a', address: 'g@h.example', words: 'g@h.example' }),
  ])
})
