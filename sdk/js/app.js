// What an app of a room has: topics, tables, blobs, and what members say of themselves.

import { Blobs } from './blobs.js'
import { Compute } from './compute.js'
import { JSON_TEXT, changeOf, entryOf, textOf } from './entry.js'
import { Listened, iterate } from './events.js'
import { RAW } from './module.js'
import { Counter, Document, Values } from './sync.js'
import { Whiteboard } from './whiteboard.js'

const BYTES = { encode: (bytes) => bytes, decode: (bytes) => bytes }
const idOf = (member) => (typeof member === 'string' ? member : member.id)
export const peerOf = (peer) => (typeof peer === 'string' ? peer : peer.peer)

/** The object of this key: made once, so that listeners are found again. */
function once(made, key, make) {
  if (!made.has(key)) {
    made.set(key, make())
  }
  return made.get(key)
}

export class App {
  #room
  #made = new Map()

  constructor(raw, room) {
    this[RAW] = raw
    this.#room = room
  }

  topic(name) {
    return once(this.#made, `json ${name}`, () => new Topic(this[RAW].topic(name), this.#room, JSON_TEXT))
  }

  topicBytes(name) {
    return once(this.#made, `bytes ${name}`, () => new Topic(this[RAW].topic(name), this.#room, BYTES))
  }

  table(name) {
    return once(this.#made, `table ${name}`, () => new Table(this[RAW].table(name)))
  }

  counter(name) {
    return once(this.#made, `counter ${name}`, () => new Counter(this[RAW].counter(name)))
  }

  counters(prefix = '') {
    return new Map(this[RAW].counters(prefix))
  }

  values() {
    return once(this.#made, 'values', () => new Values(this[RAW].values()))
  }

  document(name) {
    return once(this.#made, `document ${name}`, () => new Document(this[RAW].document(name), name))
  }

  documents() {
    return this[RAW].documents()
  }

  whiteboard() {
    return once(this.#made, 'whiteboard', () => new Whiteboard(this[RAW].whiteboard()))
  }

  compute() {
    return once(this.#made, 'compute', () => new Compute(this[RAW].compute()))
  }

  async keepBlobs({ signal } = {}) {
    signal?.throwIfAborted()
    const keeping = this[RAW].keepBlobs()
    signal?.addEventListener('abort', () => keeping.free(), { once: true })
    const error = await keeping.next()
    if (error) {
      throw error
    }
  }

  blobs() {
    return once(this.#made, 'blobs', () => new Blobs(this[RAW].blobs()))
  }

  presence() {
    return once(this.#made, 'presence', () => new Presence(this[RAW]))
  }
}

/** What a reader of messages reads. */
function hear(reader, room, codec) {
  let passedOver = 0
  return iterate(reader, ([told, bytes]) => {
    const { from, lane, missed } = JSON.parse(told)
    try {
      const heard = { from: room.member(from), value: codec.decode(bytes), lane, missed: missed + passedOver }
      passedOver = 0
      return heard
    } catch {
      // It is no value of this kind.
      passedOver += missed + 1
      return undefined
    }
  })
}

/** What is said to everybody, and heard. */
class Said extends Listened {
  #raw
  #room
  #codec

  constructor(raw, room, codec) {
    super('message', () => this[Symbol.asyncIterator]())
    this.#raw = raw
    this.#room = room
    this.#codec = codec
  }

  async say(value) {
    await this.#raw.say(this.#codec.encode(value))
  }

  [Symbol.asyncIterator]() {
    return hear(this.#raw.listen(), this.#room, this.#codec)
  }
}

export class Causal extends Said {}

export class Topic extends Said {
  #raw
  #room
  #codec
  #causal

  constructor(raw, room, codec) {
    super(raw, room, codec)
    this.#raw = raw
    this.#room = room
    this.#codec = codec
  }

  async direct(member, value) {
    await this.#raw.direct(idOf(member), this.#codec.encode(value))
  }

  datagram(value) {
    this.#raw.datagram(undefined, this.#codec.encode(value))
  }

  datagramTo(member, value) {
    this.#raw.datagram(idOf(member), this.#codec.encode(value))
  }

  causal() {
    this.#causal ??= new Causal(this.#raw.causal(), this.#room, this.#codec)
    return this.#causal
  }
}

export class Table extends Listened {
  #raw
  #made = new Map()

  constructor(raw) {
    super('change', () => this.watch())
    this.#raw = raw
  }

  get mine() {
    return once(this.#made, 'mine', () => new Table(this.#raw.mine()))
  }

  get moderated() {
    return once(this.#made, 'moderated', () => new Table(this.#raw.moderated()))
  }

  of(peer) {
    return once(this.#made, `of ${peerOf(peer)}`, () => new Table(this.#raw.of(peerOf(peer))))
  }

  row(key) {
    return new Row(this.#raw, key)
  }

  async set(key, value) {
    await this.row(key).set('', value)
  }

  async setBytes(key, bytes) {
    await this.#raw.setBytes(key, bytes)
  }

  async remove(key) {
    await this.row(key).remove('')
  }

  get(key) {
    return this.row(key).get('')
  }

  entries(prefix = '') {
    return this.#raw.entries(prefix).map(entryOf)
  }

  entriesOfEach(prefix = '') {
    return this.#raw.entriesOfEach(prefix).map(entryOf)
  }

  rows(prefix = '') {
    return this.#raw.rows(prefix).map((key) => new Row(this.#raw, key))
  }

  watch(prefix = '') {
    return iterate(this.#raw.watch(prefix), changeOf)
  }

  watchKey(key) {
    return iterate(this.#raw.watchKey(key), changeOf)
  }

  watchEach(prefix = '') {
    return iterate(this.#raw.watchEach(prefix), changeOf)
  }
}

export class Row {
  #raw
  #key

  constructor(raw, key) {
    this.#raw = raw
    this.#key = key
  }

  async set(field, value) {
    await this.#raw.set(this.#key, field, textOf(value))
  }

  async remove(field) {
    await this.#raw.remove(this.#key, field)
  }

  get key() {
    return this.#key
  }

  get(field) {
    return entryOf(this.#raw.get(this.#key, field))
  }

  fields() {
    return new Map(this.#raw.fields(this.#key).map(([name, entry]) => [name, entryOf(entry)]))
  }
}

export class Presence {
  #raw

  constructor(raw) {
    this.#raw = raw
  }

  set(value) {
    this.#raw.setPresence(textOf(value))
  }

  clear() {
    this.#raw.setPresence(undefined)
  }

  of(member) {
    const told = this.#raw.presenceOf(idOf(member))
    return told === undefined ? undefined : JSON.parse(told)
  }
}
