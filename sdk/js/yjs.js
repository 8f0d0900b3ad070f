// A document of a room behind a Y.Doc, for any program that is written for Yjs.

import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'

import { readState, writeState } from './awareness.js'
import { edits } from './edits.js'
import { restore } from './restore.js'
import { nextTask } from './task.js'

// What is typed goes out at once, and what follows within this time together, in milliseconds. Carets likewise.
const PAUSE = 50
// Bytes that no batch has: a longer update waited for something, and may be most of the document.
const LONG = 64 * 1024
// What could not be said is tried again after this time, in milliseconds.
const RETRY = 1000
// Codes of errors with which the same update is refused however often it is tried.
const FINAL = new Set(['TooLarge', 'Full', 'ShareExceeded', 'Invalid'])
// A document is another one at most once in this time, in milliseconds: the page opens it anew, and nobody can type meanwhile.
const ANEW_PAUSE = 1000
// Milliseconds that placing what others wrote may take together, and the share of the time that passes which is taken off that. A
// document of a million items takes five seconds or ten; in one that takes longer somebody has written what no editor does.
const PLACING_MAX = 20_000
const PLACING_SHARE = 0.1
// Two bytes in front of a document's name, which has at most 62, make a topic, which has at most 64: one for each document. No
// program calls a topic of its own so.
const CARETS = '\u0000c'
const taken = new WeakSet()

/** What was changed in a text from one version to another, or to a document as it is now. */
export async function compare(before, after, { type = 'text' } = {}) {
  const [old, now] = await Promise.all([read(before, type), read(after, type)])
  const pieces = []
  const add = (kind, { text, authors }, from, to) => {
    for (let start = from, end = from; start < to; start = end) {
      while (end < to && authors[end] === authors[start]) {
        end += 1
      }
      pieces.push({ kind, text: text.slice(start, end), author: authors[start] })
    }
  }
  let [place, fresh] = [0, 0]
  for (const [at, length, words] of [...edits(old.text, now.text), [old.text.length, 0, '']]) {
    const end = fresh + at - place
    add('same', now, fresh, end)
    add('removed', old, at, at + length)
    add('added', now, end, end + words.length)
    ;[place, fresh] = [at + length, end + words.length]
  }
  return pieces
}

/** A Y.Doc of what an update makes. */
function docOf(whole) {
  const doc = new Y.Doc({ gc: false })
  Y.applyUpdate(doc, whole)
  return doc
}

/** A text of a version, or of a document as it is now, with who wrote each of its units of UTF-16. */
async function read(source, type) {
  const whole = typeof source.whole === 'function' ? await source.whole() : source.whole
  const [doc, document] = [docOf(whole), source.document ?? source]
  const ofItem = (type, { client, clock }) => ({ type, user: client, clock })
  const parts = doc.getText(type).toDelta(Y.snapshot(doc), Y.emptySnapshot, ofItem)
  const letters = parts.filter(({ insert }) => typeof insert === 'string')
  const authorsOf = ({ insert, attributes: { ychange } }) => {
    return new Array(insert.length).fill(document.authorOf({ client: ychange.user, clock: ychange.clock }))
  }
  return { text: letters.map(({ insert }) => insert).join(''), authors: letters.flatMap(authorsOf) }
}

/** Whether an update is refused for good: also one that the room's limit has no place for in a whole window. */
function isFinal({ code, left, cost }) {
  return FINAL.has(code) || (code === 'TooFast' && left === cost)
}

export class MeshworkProvider extends EventTarget {
  #document
  #topic
  #room
  #changes
  #pending = []
  #timer
  #last = -Infinity
  #saying
  #caretTimer
  #caretLast = -Infinity
  #clients = new Map()
  #heard
  // Items of which others have the places alone, as ranges `[client, from, to]`.
  #leftOut = []
  #placing = 0
  #placedAt = performance.now()
  #madeAt = performance.now()
  #anewTimer
  #isTangled = false
  #ownAwareness

  constructor(room, doc, { name = 'document', awareness } = {}) {
    super()
    const document = room.document(name)
    if (taken.has(document)) {
      throw new Error(`a provider of this page has the document ${name} already: two would write under one number`)
    }
    if (doc.store.clients.size > 0 && doc.clientID !== document.client) {
      throw new Error('the Y.Doc has been edited: make the provider first, which gives it its clientID')
    }
    // All that may throw comes before the document is taken.
    this.#topic = room.topicBytes(`${CARETS}${name}`)
    const { slices } = document
    // Nothing happens in the room between what is there and what changes from now on.
    this.#changes = document.watch()
    taken.add(document)
    this.#document = document
    this.#room = room
    this.doc = doc
    doc.clientID = document.client
    // What was deleted is kept as places, or what others wrote beside it would be lost.
    doc.gc = false
    this.#ownAwareness = awareness ? undefined : new Awareness(doc)
    this.awareness = awareness ?? this.#ownAwareness
    // A long document in steps, so that the page goes on meanwhile; a short one is there at once.
    this.opened = this.#open(slices)
    doc.on('update', this.#edited)
    this.awareness.on('update', this.#aware)
    room.addEventListener('members', this.#members)
    this.#follow()
    this.#listen()
  }

  /** Waits until what was edited is said, or one attempt at that failed. */
  async flushed() {
    while (await this.#flush()) {
      // What was edited meanwhile goes out, too.
    }
  }

  /** Puts something into the document that stands there once, whoever seeds it. */
  async seed(write) {
    const seed = new Y.Doc({ gc: false })
    // Nobody's, so that all who write the same write one thing.
    seed.clientID = 0
    seed.transact(() => write(seed))
    await this.#document.seed(Y.encodeStateAsUpdate(seed))
  }

  /** Saves the document with all that was edited here. */
  async saveVersion(label) {
    await this.flushed()
    return this.#document.saveVersion(label)
  }

  /** Makes the document what it was, as an edit like any other. */
  async restore(version) {
    const [then] = await Promise.all([version.whole().then(docOf), this.opened])
    this.doc.transact(() => restore(this.doc, then))
    await this.flushed()
  }

  /** The letters that were refused for good and stand in the Y.Doc all the same, in the order in which they were typed. */
  get leftOut() {
    return this.#itemsLeftOut(({ content, id }, from, to) => content.str?.slice(from - id.clock, to - id.clock) ?? '').join('')
  }

  async destroy() {
    await this.flushed()
    clearTimeout(this.#anewTimer)
    this.doc.off('update', this.#edited)
    // Others hear of it, so that no caret stays behind.
    removeAwarenessStates(this.awareness, [this.doc.clientID], 'left')
    this.awareness.off('update', this.#aware)
    // It has a timer.
    this.#ownAwareness?.destroy()
    this.#room.removeEventListener('members', this.#members)
    await this.#changes.return()
    await this.#heard?.return()
    taken.delete(this.#document)
  }

  async #open(slices) {
    for (const [place, slice] of slices.entries()) {
      if (place > 0) {
        await nextTask()
      }
      if (!taken.has(this.#document) || this.#isTangled) {
        return
      }
      this.#take(slice)
    }
  }

  // What cannot be taken in, or what the page does at that, holds up nothing that follows.
  #take(update) {
    // What comes before the document is opened anew may need what is not there.
    if (this.#isTangled || this.#anewTimer !== undefined) {
      return
    }
    const began = performance.now()
    try {
      Y.applyUpdate(this.doc, update, this)
    } catch (error) {
      // Whoever makes a provider listens after that.
      queueMicrotask(() => this.#fail(error))
    }
    const now = performance.now()
    this.#placing = Math.max(0, this.#placing - PLACING_SHARE * (began - this.#placedAt)) + now - began
    this.#placedAt = now
    if (this.#placing > PLACING_MAX) {
      this.#isTangled = true
      const error = new Error('this document is too tangled to open: somebody wrote in it what no editor does')
      queueMicrotask(() => this.dispatchEvent(new CustomEvent('tangled', { detail: error })))
    }
  }

  #fail(error) {
    this.dispatchEvent(new CustomEvent('error', { detail: error }))
  }

  #edited = (update, origin) => {
    if (this.#leftOut.length > 0 && this.#itemsLeftOut(() => true).length === 0) {
      this.#leftOut = []
      this.dispatchEvent(new CustomEvent('leftout', { detail: null }))
    }
    if (origin !== this) {
      this.#pending.push(update)
      this.#schedule(Math.max(0, this.#last + PAUSE - performance.now()))
    }
  }

  #schedule(wait) {
    if (this.#timer !== undefined || this.#saying !== undefined) {
      return
    }
    if (wait > 0) {
      this.#timer = setTimeout(() => this.#flush(), wait)
    } else {
      // Before the editor draws it.
      this.#flush()
    }
  }

  // Says what waits. Returns whether there was something, and all of it was said.
  async #flush() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#saying === undefined && this.#pending.length === 0) {
      return false
    }
    this.#saying ??= this.#say()
    return await this.#saying
  }

  async #say() {
    this.#last = performance.now()
    // All that waits at once, and in halves where that is refused: an edit that is too large holds up no other.
    const parts = [this.#pending]
    this.#pending = []
    let wait = 0
    while (parts.length > 0 && wait === 0) {
      const [part] = parts
      try {
        await this.#document.say(Y.mergeUpdates(part))
        parts.shift()
      } catch (error) {
        if (part.length > 1 && (isFinal(error) || error.left > 0)) {
          const middle = part.length >> 1
          parts.splice(0, 1, part.slice(0, middle), part.slice(middle))
        } else if (isFinal(error)) {
          wait = await this.#leaveOut(parts, error)
        } else {
          wait = error.wait ?? RETRY
          this.#fail(error)
        }
      }
    }
    // Nothing typed is lost: it goes out with what follows.
    this.#pending = [...parts.flat(), ...this.#pending]
    this.#saying = undefined
    if (this.#pending.length > 0 && !this.#room.isLeft) {
      this.#schedule(Math.max(wait, PAUSE))
    }
    return wait === 0
  }

  /**
   * Says of an edit that is refused for good the places alone, so that all that is written behind and within it travels: the first
   * part of `parts`, which it takes from there. Returns after which time to go on, in milliseconds.
   */
  async #leaveOut(parts, error) {
    const [[update]] = parts
    let places
    try {
      places = this.#document.emptied(update)
      await this.#document.say(places)
    } catch (again) {
      if (!isFinal(again) || again.code === 'Full' || again.code === 'ShareExceeded') {
        // This peer's share has no place even for that, or this is not the time.
        if (update.length > LONG) {
          parts[0] = [places]
          this.#noteLeftOut(update, error)
        } else {
          this.#fail(again)
        }
        return again.wait ?? RETRY
      }
      // What builds on it cannot travel either.
      parts.length = 0
      this.#pending = []
      this.#fail(error)
      this.dispatchEvent(new CustomEvent('anew', { detail: this.#document.whole }))
      return 0
    }
    parts.shift()
    this.#noteLeftOut(update, error)
    return 0
  }

  #noteLeftOut(update, error) {
    for (const { id, length } of Y.decodeUpdate(update).structs) {
      this.#leftOut.push([id.client, id.clock, id.clock + length])
    }
    if (this.#itemsLeftOut(() => true).length > 0) {
      this.dispatchEvent(new CustomEvent('leftout', { detail: error }))
    } else {
      // It was undone meanwhile.
      this.#leftOut = []
    }
  }

  /** What `read` makes of each item that was left out and is not deleted, and of the part of it that was. */
  #itemsLeftOut(read) {
    const found = []
    for (const [client, from, to] of this.#leftOut) {
      const structs = this.doc.store.clients.get(client) ?? []
      for (let at = structs.length > 0 ? Y.findIndexSS(structs, from) : 0; at < structs.length; at += 1) {
        const item = structs[at]
        const [start, end] = [Math.max(from, item.id.clock), Math.min(to, item.id.clock + item.length)]
        if (start >= end) {
          break
        }
        if (!item.deleted && item.countable) {
          found.push(read(item, start, end))
        }
      }
    }
    return found
  }

  async #follow() {
    for await (const { update } of this.#changes) {
      try {
        await this.#hear(update)
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  async #hear(update) {
    if (update?.length > LONG) {
      this.opened = this.#open(this.#document.slices)
      await this.opened
    } else if (update) {
      this.#take(update)
    } else {
      const wait = this.#madeAt + ANEW_PAUSE - performance.now()
      this.#anewTimer ??= setTimeout(() => this.#tellAnew(), Math.max(0, wait))
    }
  }

  // A Y.Doc cannot forget: the page opens what the document is now.
  #tellAnew() {
    if (taken.has(this.#document)) {
      this.dispatchEvent(new CustomEvent('anew', { detail: this.#document.whole }))
    }
    this.#anewTimer = undefined
    this.#madeAt = performance.now()
    this.#isTangled = false
  }

  #aware = ({ added, updated, removed }, origin) => {
    const isOurs = [...added, ...updated, ...removed].includes(this.doc.clientID)
    if (origin === this || origin?.from || !isOurs) {
      return
    }
    if (removed.includes(this.doc.clientID)) {
      this.#tellCaret()
    } else {
      // The letter that moved it goes first.
      this.#caretTimer ??= setTimeout(() => this.#tellCaret(), this.#caretLast + PAUSE - performance.now())
    }
  }

  #tellCaret() {
    clearTimeout(this.#caretTimer)
    this.#caretTimer = undefined
    this.#caretLast = performance.now()
    this.#tell()
  }

  #tell() {
    if (!this.#room.isLeft) {
      // Who does not hear it hears the next one: it is said again every 15 s.
      this.#topic.say(encodeAwarenessUpdate(this.awareness, [this.doc.clientID])).catch(() => {})
    }
  }

  #members = () => {
    const here = new Set(this.#room.members.map(({ id }) => id))
    for (const [member, { client }] of this.#clients) {
      if (!here.has(member)) {
        this.#clients.delete(member)
        removeAwarenessStates(this.awareness, [client], this)
      }
    }
    if (this.awareness.getLocalState() !== null) {
      this.#tell()
    }
  }

  async #listen() {
    this.#heard = this.#topic[Symbol.asyncIterator]()
    for await (const { from, value } of this.#heard) {
      try {
        this.#hearState(from.id, value)
      } catch {
        // Others say what they like.
      }
    }
  }

  /** What a member says of itself: one state, which counts for its own number, whatever number it names. */
  #hearState(member, value) {
    const told = readState(value)
    const client = told && this.#document.clientOf(member)
    if (client === undefined || client === this.awareness.clientID) {
      return
    }
    const last = this.#clients.get(member)
    const isAfter = !last || last.named !== told.client || told.clock > last.clock
    if (!isAfter && (told.clock < last.clock || told.state !== null)) {
      return
    }
    // A member that opens the document again counts from the beginning.
    this.#clients.set(member, { client, named: told.client, clock: told.state === null ? -1 : told.clock })
    const clock = (this.awareness.meta.get(client)?.clock ?? 0) + 1
    applyAwarenessUpdate(this.awareness, writeState({ client, clock, state: told.state }), { from: member })
  }
}
