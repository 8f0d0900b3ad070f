// The provider of documents, without a browser.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'

import { MeshworkProvider } from '../../sdk/js/yjs.js'
import { Room, refusal } from './room.js'

const SHARE = 1000

/** A room in which a peer has a share of so many bytes, and a text in it. */
function open(refuse) {
  const room = new Room({ refuse })
  const doc = new Y.Doc()
  const provider = new MeshworkProvider(room, doc)
  const told = []
  for (const event of ['leftout', 'error', 'anew']) {
    provider.addEventListener(event, ({ detail }) => told.push([event, detail?.code ?? detail]))
  }
  return { room, doc, provider, told, text: doc.getText('text') }
}

/** Refuses what is longer than a share has room for. */
const byShare = (update) => {
  if (update.length > SHARE) {
    throw refusal('ShareExceeded', { size: update.length, used: 0, max: SHARE })
  }
}

/** Frees what a test leaves behind, so that node ends. */
async function close({ provider, doc }) {
  await provider.destroy()
  doc.destroy()
}

test('what is refused for good holds nothing up', async () => {
  const opened = open(byShare)
  const { room, doc, provider, text, told } = opened
  text.insert(0, 'before ')
  text.insert(7, 'x'.repeat(5000))
  text.insert(text.length, ' after')
  await provider.flushed()
  assert.equal(room.text, 'before  after')
  assert.deepEqual(told, [['leftout', 'ShareExceeded']])
  // The words are there, and others' and later edits go on: within them, too.
  assert.equal(text.length, 5013)
  assert.equal(provider.leftOut, 'x'.repeat(5000))
  const other = new Y.Doc({ gc: false })
  Y.applyUpdate(other, Y.encodeStateAsUpdate(room.stored))
  other.on('update', (update) => {
    Y.applyUpdate(room.stored, update)
    room.changes.push({ update })
  })
  other.getText('text').insert(0, 'other: ')
  await new Promise((resolve) => doc.once('update', resolve))
  text.insert(2000, 'within')
  text.insert(text.length, '!')
  await provider.flushed()
  assert.equal(room.text, 'other: before within after!')
  assert.equal(text.toString().replace(/x+/g, ''), room.text)
  await close(opened)
})

test('words that were refused are undone', async () => {
  const opened = open(byShare)
  const { room, provider, text, told } = opened
  const undo = new Y.UndoManager(text, { captureTimeout: 0 })
  text.insert(0, 'kept')
  text.insert(4, 'y'.repeat(5000))
  await provider.flushed()
  undo.undo()
  await provider.flushed()
  assert.deepEqual(told, [
    ['leftout', 'ShareExceeded'],
    ['leftout', null],
  ])
  assert.equal(provider.leftOut, '')
  text.insert(4, '!')
  await provider.flushed()
  assert.equal(room.text, 'kept!')
  assert.equal(text.toString(), 'kept!')
  await close(opened)
})

test('what is refused for now goes out later', async () => {
  let isBanned = true
  const opened = open(() => {
    if (isBanned) {
      throw refusal('Banned')
    }
  })
  const { room, provider, text, told } = opened
  text.insert(0, 'one')
  await provider.flushed()
  assert.equal(room.text, '')
  assert.deepEqual(told, [['error', 'Banned']])
  isBanned = false
  text.insert(3, ' two')
  await provider.flushed()
  assert.equal(room.text, 'one two')
  assert.equal(provider.leftOut, '')
  await close(opened)
})

test('a full share gets what fits once there is room', async () => {
  let room_left = 0
  const opened = open((update) => {
    if (update.length > room_left) {
      throw refusal('Full')
    }
  })
  const { room, provider, text } = opened
  text.insert(0, 'waits')
  await provider.flushed()
  assert.equal(room.said.length, 0)
  room_left = SHARE
  await provider.flushed()
  assert.equal(room.text, 'waits')
  await close(opened)
})

test('an edit beyond a whole window is refused for good', async () => {
  const opened = open((update) => {
    if (update.length > SHARE) {
      throw refusal('TooFast', { left: 60, cost: 60, wait: 5000 })
    }
  })
  const { room, provider, text } = opened
  text.insert(0, 'z'.repeat(5000))
  text.insert(0, 'small ')
  await provider.flushed()
  assert.equal(room.text, 'small ')
  assert.equal(provider.leftOut.length, 5000)
  await close(opened)
})

/** A state that somebody says of a number. */
function state(doc, client, said) {
  const awareness = new Awareness(doc)
  awareness.clientID = client
  awareness.meta.set(client, { clock: 0, lastUpdated: 0 })
  awareness.setLocalState(said)
  return encodeAwarenessUpdate(awareness, [client])
}

const heard = () => new Promise((resolve) => setImmediate(resolve))

test('members speak for their own carets alone', async () => {
  const opened = open()
  const { room, doc, provider } = opened
  const others = new Y.Doc()
  const names = () => {
    return [...provider.awareness.getStates()].filter(([client]) => client !== doc.clientID).map(([client, { name }]) => [client, name])
  }
  const say = async (from, value) => {
    room.heard.push({ from: { id: from }, value })
    await heard()
  }
  await say('b.2', state(others, 2, { name: 'Bo' }))
  await say('a.1', state(others, 1, { name: 'Ann' }))
  assert.deepEqual(names(), [
    [2, 'Bo'],
    [1, 'Ann'],
  ])
  // Under another's number it moves and removes nobody but itself.
  await say('a.1', state(others, 2, { name: 'Bo, says Ann' }))
  assert.deepEqual(names(), [
    [2, 'Bo'],
    [1, 'Bo, says Ann'],
  ])
  await say('a.1', state(others, 2, null))
  assert.deepEqual(names(), [[2, 'Bo']])
  // Nor does it fill the page: one state each.
  const many = new Awareness(others)
  for (let client = 100; client < 200; client += 1) {
    many.states.set(client, { name: 'ghost' })
    many.meta.set(client, { clock: 1, lastUpdated: 0 })
  }
  await say('a.1', encodeAwarenessUpdate(many, [...many.states.keys()]))
  for (let client = 200; client < 300; client += 1) {
    await say('a.1', state(others, client, { name: `${client}` }))
  }
  assert.deepEqual(names(), [
    [2, 'Bo'],
    [1, '299'],
  ])
  assert.equal(provider.awareness.meta.size, 3)
  for (const broken of [[], [1], [1, 1, 1, 200, 1], [1, 1, 1, 1, 0x7b], [255, 255, 255, 255, 255, 255, 255, 255, 255]]) {
    await say('a.1', Uint8Array.from(broken))
  }
  await say('b.2', state(others, 2, null))
  assert.deepEqual(names(), [[1, '299']])
  others.destroy()
  await close(opened)
})

test('a caret counts anew when its document is opened again', async () => {
  const opened = open()
  const { room, provider } = opened
  const awareness = new Awareness(new Y.Doc())
  awareness.clientID = 2
  const say = async (clock, said) => {
    awareness.states.set(2, said)
    awareness.meta.set(2, { clock, lastUpdated: 0 })
    room.heard.push({ from: { id: 'b.2' }, value: encodeAwarenessUpdate(awareness, [2]) })
    await heard()
  }
  const at = () => provider.awareness.getStates().get(2)?.at
  await say(50, { at: 1 })
  await say(49, { at: 0 })
  assert.equal(at(), 1)
  await say(51, null)
  assert.equal(at(), undefined)
  await say(1, { at: 2 })
  assert.equal(at(), 2)
  awareness.destroy()
  await close(opened)
})
