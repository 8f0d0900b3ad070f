// An editor as Yjs's users build it, whose document is a room's.

import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { basicSetup } from 'codemirror'
import { join } from 'meshwork'
import { MeshworkProvider, compare } from 'meshwork/yjs'
import { yCollab } from 'y-codemirror.next'
import * as Y from 'yjs'

let room
let provider
let view
let undo
const errors = []
/** Whether the document was not only added to. */
let isAnew = false
// As long as names may be, in bytes, and alike but for their ends.
const LONG = ['a', 'b'].map((end) => `${'ö'.repeat(30)}1${end}`)
let long = []

function edit(name) {
  const doc = new Y.Doc()
  provider = new MeshworkProvider(room, doc, { name: 'notes' })
  provider.addEventListener('error', ({ detail }) => errors.push(detail.message))
  provider.addEventListener('anew', () => {
    isAnew = true
  })
  const text = doc.getText('text')
  provider.awareness.setLocalStateField('user', { name, color: '#c81e1e' })
  undo = new Y.UndoManager(text, { captureTimeout: 60_000 })
  view = new EditorView({
    state: EditorState.create({
      doc: text.toString(),
      extensions: [basicSetup, yCollab(text, provider.awareness, { undoManager: undo })],
    }),
    parent: document.querySelector('#editor'),
  })
}

const notes = () => room.document('notes')
/** As much of a room as a provider needs, which has this document. */
const roomOf = (document) => {
  return Object.assign(new EventTarget(), { document: () => document, members: [], topicBytes: async function* () {} })
}
const version = (wanted) => notes().versions().find(({ label }) => label === wanted)

globalThis.page = {
  join: async (link, name) => {
    room = await join(link, { name })
    edit(name)
    return room.members.length
  },
  text: () => view.state.doc.toString(),
  caret: (at) => view.dispatch({ selection: { anchor: at } }),
  type: (words) => view.dispatch(view.state.replaceSelection(words)),
  focus: () => {
    // No window of a browser without a screen is in front.
    document.hasFocus = () => true
    view.focus()
  },
  undo: () => undo.undo(),
  seed: (words) => provider.seed((empty) => empty.getText('text').insert(0, words)),
  flushed: () => provider.flushed(),
  carets: () => [...document.querySelectorAll('.cm-ySelectionInfo')].map((caret) => caret.textContent).sort(),
  names: () => [...provider.awareness.getStates().values()].map(({ user }) => user?.name).sort(),
  second: () => {
    try {
      return new MeshworkProvider(room, new Y.Doc(), { name: 'notes' }) && null
    } catch ({ message }) {
      return message
    }
  },
  edited: () => {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'before')
    try {
      return new MeshworkProvider(room, doc, { name: 'other' }) && null
    } catch ({ message }) {
      return message
    }
  },
  openLong: () => {
    long = LONG.map((name) => new MeshworkProvider(room, new Y.Doc(), { name }))
  },
  callLong: (place, name) => long[place].awareness.setLocalStateField('user', { name }),
  namesLong: () => {
    const users = long.map(({ awareness }) => [...awareness.getStates().values()].map(({ user }) => user?.name))
    return users.map((names) => names.filter(Boolean))
  },
  tooLong: () => {
    try {
      return new MeshworkProvider(room, new Y.Doc(), { name: `${LONG[0]}b` }) && null
    } catch ({ name, code }) {
      return [name, code]
    }
  },
  isAuthor: () => room.me.startsWith(room.document('notes').authorOf({ client: provider.doc.clientID, clock: 0 })),
  errors: () => errors,
  begunAnew: () => isAnew,
  eraseBy: (peer) => room.document('notes').eraseBy(peer).catch(({ name }) => name),
  cards: () => provider.doc.getArray('cards').toJSON(),
  addCard: (name) => provider.doc.getArray('cards').push([new Y.Map([['name', name], ['done', false]])]),
  tickCard: (place) => provider.doc.getArray('cards').get(place).set('done', true),
  removeCard: (place) => provider.doc.getArray('cards').delete(place),
  keepBlobs: () => {
    room.app('sync').keepBlobs().catch(({ message }) => errors.push(message))
  },
  saveVersion: async (label) => {
    const saved = await provider.saveVersion(label)
    await saved.kept()
    return [saved.label, saved.author === room.me.split('.')[0], (await saved.whole()).length === saved.size]
  },
  versions: () => notes().versions().map(({ label, holders }) => [label, holders]),
  changes: async (from, to) => {
    const pieces = await compare(version(from), to ? version(to) : notes())
    return pieces.map(({ kind, text, author }) => [kind, text, author ?? null])
  },
  restore: (label) => provider.restore(version(label)),
  deleteVersion: async (label) => {
    try {
      return await version(label).delete() ?? null
    } catch ({ name, code }) {
      return [name, code]
    }
  },
  putImage: async (size) => {
    try {
      const { id } = await notes().putImage(new Uint8Array(size).fill(7))
      return id
    } catch ({ name, code }) {
      return [name, code]
    }
  },
  images: async () => {
    const held = notes().images().map(async (id) => (await room.app('sync').blobs().fetch(id)).bytes())
    return (await Promise.all(held)).map((bytes) => [bytes.length, bytes[0]])
  },
  slices: (name) => room.document(name).slices.length,
  openTyping: async (name, words) => {
    const doc = new Y.Doc()
    const opening = new MeshworkProvider(room, doc, { name })
    const text = doc.getText('text')
    const { length } = text
    text.insert(length, words)
    await opening.opened
    await opening.flushed()
    return [length, text.toString()]
  },
  // A document of which all comes at once, since it waited for something.
  openWaiting: async (letters) => {
    const [source, slices] = [new Y.Doc(), []]
    for (const half of [0, 1]) {
      const known = Y.encodeStateVector(source)
      source.transact(() => {
        for (let letter = 0; letter < letters / 2; letter += 1) {
          source.getText('text').insert(half, 'a')
        }
      })
      slices.push(Y.encodeStateAsUpdate(source, known))
    }
    const long = {
      client: 1,
      slices: [],
      watch: async function* () {
        long.slices = slices
        yield { update: Y.encodeStateAsUpdate(source) }
      },
    }
    const [doc, steps] = [new Y.Doc(), []]
    const { resolve, promise } = Promise.withResolvers()
    doc.on('update', () => steps.push(doc.getText('text').length) === slices.length && resolve())
    new MeshworkProvider(roomOf(long), doc)
    await promise
    return steps
  },
  // A document of which some cannot be read: how often that is told, and what is read of the rest.
  openBroken: async () => {
    const [source, doc, told] = [new Y.Doc(), new Y.Doc(), []]
    source.getText('text').insert(0, 'heard')
    const [broken, whole] = [Uint8Array.of(255), Y.encodeStateAsUpdate(source)]
    const watch = async function* () {
      yield { update: broken }
      yield { update: whole }
    }
    const { resolve, promise } = Promise.withResolvers()
    doc.on('update', resolve)
    const opening = new MeshworkProvider(roomOf({ client: 1, slices: [broken], watch }), doc)
    opening.addEventListener('error', ({ detail }) => told.push(detail instanceof Error))
    await promise
    return [told, doc.getText('text').toString()]
  },
  rename: (title) => notes().rename(title),
  titles: () => room.documents().map((name) => [name, room.document(name).title ?? null]),
  erase: () => notes().delete(),
  leave: () => room.leave(),
}
