// A room as the provider of the npm package wants it, over what the page's own program does.

/** Values for one reader, who may come later. */
class Stream {
  #waiting = []
  #wake
  #isEnded = false

  push(value) {
    this.#waiting.push(value)
    this.#wake?.()
  }

  async next() {
    while (this.#waiting.length === 0 && !this.#isEnded) {
      await new Promise((resolve) => (this.#wake = resolve))
    }
    return this.#isEnded ? { done: true, value: undefined } : { done: false, value: this.#waiting.shift() }
  }

  async return() {
    this.#isEnded = true
    this.#wake?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator]() {
    return this
  }
}

class Document {
  #ask
  changes = new Stream()

  constructor(ask, name) {
    this.#ask = ask
    this.name = name
  }

  get client() {
    return this.#ask('client', [this.name])
  }

  get whole() {
    return this.#ask('whole', [this.name])
  }

  get slices() {
    return this.#ask('slices', [this.name])
  }

  async say(update) {
    this.#ask('say', [this.name, update])
  }

  emptied(update) {
    return this.#ask('emptied', [update])
  }

  clientOf(member) {
    return this.#ask('clientOf', [member])
  }

  authorOf({ client, clock }) {
    return this.#ask('author', [this.name, client, clock])
  }

  watch() {
    this.changes = new Stream()
    return this.changes
  }
}

export class Room extends EventTarget {
  #ask
  #documents = new Map()
  #topics = new Map()
  isLeft = false
  members = []

  constructor(ask) {
    super()
    this.#ask = ask
  }

  document(name) {
    if (!this.#documents.has(name)) {
      this.#documents.set(name, new Document(this.#ask, name))
    }
    return this.#documents.get(name)
  }

  topicBytes(name) {
    const heard = new Stream()
    this.#topics.set(name, heard)
    return {
      say: async (bytes) => this.#ask('tell', [name, bytes]),
      [Symbol.asyncIterator]: () => heard,
    }
  }

  /** A document is what it was and this update; without one it is another. */
  changed(name, update) {
    this.#documents.get(name)?.changes.push({ update })
  }

  /** A member said something. */
  said(from, name, value) {
    this.#topics.get(name)?.push({ from: { id: from }, value })
  }

  setMembers(ids) {
    this.members = ids.map((id) => ({ id }))
    this.dispatchEvent(new Event('members'))
  }
}
