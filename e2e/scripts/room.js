// As much of a room as the provider of documents needs, in which members hear each other at once.

import * as Y from 'yjs'

/** Values for one reader. */
class Stream {
  #waiting = []
  #wake = () => {}

  push(value) {
    this.#waiting.push(value)
    this.#wake()
  }

  async next() {
    while (this.#waiting.length === 0) {
      await new Promise((resolve) => (this.#wake = resolve))
    }
    return { done: false, value: this.#waiting.shift() }
  }

  async return() {
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator]() {
    return this
  }
}

/** A refusal as the package throws it. */
export const refusal = (code, fields) => Object.assign(new Error(code), { code, ...fields })

/** A room with one document; `refuse` throws for updates that it does not take. */
export class Room extends EventTarget {
  isLeft = false
  members = []
  said = []
  heard = new Stream()
  told = []

  constructor({ client = 7, refuse = () => {} } = {}) {
    super()
    const changes = new Stream()
    this.changes = changes
    this.stored = new Y.Doc({ gc: false })
    const { said, stored } = this
    this.notes = {
      client,
      slices: [],
      watch: () => changes,
      get whole() {
        return Y.encodeStateAsUpdate(stored)
      },
      say: async (update) => {
        refuse(update)
        said.push(update)
        Y.applyUpdate(stored, update)
      },
      // As the library does it.
      emptied,
      clientOf: (member) => Number(member.split('.')[1]),
    }
  }

  document() {
    return this.notes
  }

  topicBytes() {
    return {
      say: async (bytes) => this.told.push(bytes),
      [Symbol.asyncIterator]: () => this.heard,
    }
  }

  /** What the others read. */
  get text() {
    return this.stored.getText('text').toString()
  }
}

/** An update with places alone. */
function emptied(update) {
  const { structs } = Y.decodeUpdate(update)
  for (const item of structs) {
    if (item.content && !(item.content instanceof Y.ContentType)) {
      item.content = new Y.ContentDeleted(item.length)
    }
  }
  const encoder = new Y.UpdateEncoderV1()
  const byClient = new Map()
  structs.forEach((item) => byClient.set(item.id.client, [...(byClient.get(item.id.client) ?? []), item]))
  const write = (number) => {
    let rest = number
    while (rest >= 128) {
      encoder.restEncoder.cbuf[encoder.restEncoder.cpos++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    encoder.restEncoder.cbuf[encoder.restEncoder.cpos++] = rest
  }
  write(byClient.size)
  for (const [client, items] of byClient) {
    write(items.length)
    write(client)
    write(items[0].id.clock)
    items.forEach((item) => item.write(encoder, 0))
  }
  write(0)
  return encoder.toUint8Array()
}
