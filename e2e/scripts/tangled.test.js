// The provider of documents in which strangers wrote what no editor does.

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

import * as Y from 'yjs'

import { MeshworkProvider } from '../../sdk/js/yjs.js'
import { Room } from './room.js'

/** A clock that passes so many milliseconds each time somebody looks at it. */
function clock(step) {
  let now = 0
  const { now: real } = performance
  performance.now = () => (now += step)
  return { pass: (time) => (now += time), restore: () => (performance.now = real) }
}

const tasks = async (count) => {
  for (let task = 0; task < count; task += 1) {
    await new Promise(setImmediate)
  }
}

/** Updates of one letter each. */
function letters(count) {
  const doc = new Y.Doc()
  const updates = []
  doc.on('update', (update) => updates.push(update))
  for (let place = 0; place < count; place += 1) {
    doc.getText('text').insert(place, 'a')
  }
  return updates
}

test('a document that takes too long is given up', async () => {
  const time = clock(100)
  const room = new Room()
  const doc = new Y.Doc()
  room.notes.slices = letters(500)
  const provider = new MeshworkProvider(room, doc)
  const told = []
  for (const event of ['tangled', 'anew']) {
    provider.addEventListener(event, () => told.push(event))
  }
  await provider.opened
  const placed = doc.getText('text').length
  assert.ok(placed > 150 && placed < 300, `${placed} letters were placed`)
  assert.deepEqual(told, ['tangled'])
  // It hears nothing more until it is another one.
  room.changes.push({ update: letters(1)[0] })
  await tasks(3)
  assert.equal(doc.getText('text').length, placed)
  time.pass(1000)
  room.changes.push({ update: undefined })
  await new Promise((resolve) => provider.addEventListener('anew', resolve))
  assert.deepEqual(told, ['tangled', 'anew'])
  await provider.destroy()
  time.restore()
})

test('quick documents are taken whole', async () => {
  const time = clock(1)
  const room = new Room()
  const doc = new Y.Doc()
  room.notes.slices = letters(2000)
  const provider = new MeshworkProvider(room, doc)
  await provider.opened
  assert.equal(doc.getText('text').length, 2000)
  await provider.destroy()
  time.restore()
})

test('a document is another one at most once a second', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const time = clock(0)
  const room = new Room()
  const provider = new MeshworkProvider(room, new Y.Doc())
  let anew = 0
  provider.addEventListener('anew', () => (anew += 1))
  for (let step = 0; step < 50; step += 1) {
    room.changes.push({ update: undefined })
    await tasks(3)
    time.pass(100)
    mock.timers.tick(100)
  }
  assert.ok(anew >= 4 && anew <= 5, `${anew} times in five seconds`)
  mock.timers.reset()
  await provider.destroy()
  time.restore()
})
