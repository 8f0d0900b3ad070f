// Bytes that are too long for a message, named by their hash.

export class Blobs {
  #raw

  constructor(raw) {
    this.#raw = raw
  }

  async offer(data) {
    return new HeldBlob(await this.#raw.offer(await bytesOf(data)))
  }

  async fetch(id, { atMost, onProgress, signal } = {}) {
    signal?.throwIfAborted()
    const fetch = this.#raw.fetch(id, atMost)
    const aborted = signal && new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    let waited
    try {
      for (;;) {
        waited = fetch.next()
        const progress = await (aborted ? Promise.race([waited, aborted]) : waited)
        if (!progress) {
          break
        }
        onProgress?.(progress)
      }
    } finally {
      // The module lends the fetch to who waits for it: it goes when that is over.
      waited.catch(() => {}).finally(() => fetch.free())
    }
    return new HeldBlob(await this.#raw.get(id))
  }

  async get(id) {
    const raw = await this.#raw.get(id)
    return raw && new HeldBlob(raw)
  }

  async list() {
    return (await this.#raw.list()).map((raw) => new HeldBlob(raw))
  }

  async free(id) {
    await this.#raw.free(id)
  }
}

export class HeldBlob {
  #raw

  constructor(raw) {
    this.#raw = raw
  }

  get id() {
    return this.#raw.id()
  }

  get size() {
    return this.#raw.size()
  }

  async blob(type = '') {
    const parts = []
    for await (const part of this.parts()) {
      parts.push(part)
    }
    return new Blob(parts, { type })
  }

  async bytes() {
    const bytes = new Uint8Array(this.size)
    let at = 0
    for await (const part of this.parts()) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }

  async *parts() {
    for (let number = 0; ; number += 1) {
      const part = await this.#raw.part(number)
      if (part.length === 0) {
        return
      }
      yield part
    }
  }
}

export async function bytesOf(data) {
  if (data instanceof Blob) {
    return new Uint8Array(await data.arrayBuffer())
  }
  if (data instanceof ArrayBuffer) {
    return new Uint8Array(data)
  }
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  }
  throw new TypeError('a blob is made of a Blob, an ArrayBuffer or a view of one')
}
