// A page with a document, behind the provider that its address names. Programs from outside drive it by `page`.

import * as Y from 'yjs'

const PROVIDERS = {
  ours: () => import('./ours.js'),
  'y-webrtc': () => import('./webrtc.js'),
  'y-websocket': () => import('./websocket.js'),
  'y-indexeddb': () => import('./indexeddb.js'),
}

const asked = new URLSearchParams(location.search)
const provider = await PROVIDERS[asked.get('provider')]()
const now = () => performance.timeOrigin + performance.now()
let doc
let text
let entered
let view

/** A document with what was deleted kept, as the provider of Meshwork has it. */
function begin() {
  doc = new Y.Doc({ gc: false })
  text = doc.getText('text')
  return doc
}

/** The time at which the text has so many units. */
function whole(length) {
  return new Promise((done) => {
    const look = () => {
      if (text.length >= length) {
        doc.off('update', look)
        done(performance.now())
      }
    }
    doc.on('update', look)
    look()
  })
}

async function bytesArrived() {
  let bytes = arrived.messages
  for (const connection of arrived.connections) {
    const stats = [...(await connection.getStats()).values()]
    bytes += stats.filter(({ type }) => type === 'transport').reduce((sum, { bytesReceived }) => sum + bytesReceived, 0)
  }
  return bytes
}

/** Numbers that look random and are the same in every page (mulberry32). */
function numbers(state) {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Somebody types until there are so many units: words at the end, and after some 200 letters one elsewhere. */
function* typing(length) {
  const random = numbers(7)
  const word = () => Array.from({ length: 2 + random(8) }, () => 'etaoinshrdlucmfw'[random(16)]).join('') + ' '
  const put = (at, letters) => [...letters].forEach((letter, place) => text.insert(at + place, letter))
  while (text.length < length) {
    yield () => {
      for (const end = Math.min(length, text.length + 200); text.length < end; ) {
        put(text.length, word().slice(0, length - text.length))
      }
    }
    yield () => put(random(text.length), word().slice(0, Math.max(0, length - text.length)))
  }
}

/** Enters by `how`, and says when the text had so many units, what arrived for that, and which tasks were long. */
async function timed(how, length) {
  const began = performance.now()
  const made = begin()
  const ends = whole(length)
  entered = await how(made)
  const ended = await ends
  // A task is told after its end, and Chromium repeats what it counted for somebody else (simple-peer asks) within 50 ms.
  await new Promise((done) => setTimeout(done, 500))
  const bytes = await bytesArrived()
  return { entered_ms: ended - began, loaded_ms: ended, bytes, long_tasks_ms: longTasks }
}

globalThis.page = {
  /** Makes a room, where the provider has any, whose document somebody typed. Returns where it is. */
  write: async (where, length) => {
    const said = await provider.create(begin(), where, typing(length))
    entered = said.entered
    return said.address
  },
  join: (address, length) => timed((doc) => provider.join(doc, address), length),
  /** Keeps in this browser a document of so many units, which is at an address. */
  keep: async (address, length) => {
    const doc = begin()
    await provider.keep(doc, address, whole(length))
  },
  open: (address, length) => timed((doc) => provider.open(doc, address), length),
  text: () => text.toString(),
  /** An editor over the document. */
  edit: async () => {
    const { editor } = await import('./editor.js')
    view = editor(text, entered.awareness, document.querySelector('#editor'), () => page.changed())
  },
  length: () => view.state.doc.length,
  changed: () => {},
  /** Notes when each of the next letters is in the editor. */
  watch: (count) => {
    const before = view.state.doc.length
    page.seen = []
    page.changed = () => {
      while (page.seen.length < Math.min(count, view.state.doc.length - before)) {
        page.seen.push(now())
      }
    }
  },
  /** Types letters after these pauses, and says when each was typed. */
  type: async (pauses) => {
    const typed = []
    let due = performance.now()
    for (const pause of pauses) {
      due += pause
      await new Promise((done) => setTimeout(done, Math.max(0, due - performance.now())))
      typed.push(now())
      const at = view.state.doc.length
      const letter = 'etaoinshrdlu'[at % 12]
      view.dispatch({ changes: { from: at, insert: letter }, selection: { anchor: at + 1 }, userEvent: 'input.type' })
    }
    return typed
  },
}

// What an address asks for begins at once.
if (asked.has('do')) {
  const doing = page[asked.get('do')](decodeURIComponent(location.hash.slice(1)), Number(asked.get('length')))
  globalThis.result = doing.then((value) => ({ value }), (error) => ({ error: String(error?.stack ?? error) }))
}
