// The conversation of a room: what people write to each other.

import { Listened, iterate } from './events.js'

const postOf = ({ re, ...post }) => ({ ...post, re: re ?? undefined })
const postsOf = (told) => JSON.parse(told).map(postOf)

export class Chat extends Listened {
  #raw
  #blobs

  constructor(raw, blobs) {
    super('change', () => this.watch())
    this.#raw = raw
    this.#blobs = blobs
  }

  async post(text, { re, files = [] } = {}) {
    return this.#raw.post(text, re, JSON.stringify(files))
  }

  newest({ before, most = 50 } = {}) {
    return postsOf(this.#raw.newest(before, most))
  }

  after(id, most = 50) {
    return postsOf(this.#raw.after(id, most))
  }

  around(time, most = 50) {
    return postsOf(this.#raw.around(time, most))
  }

  get(id) {
    const told = this.#raw.get(id)
    return told === undefined ? undefined : postOf(JSON.parse(told))
  }

  search(words, most = 50) {
    return postsOf(this.#raw.search(words, most))
  }

  async edit(id, text) {
    await this.#raw.edit(id, text)
  }

  async remove(id) {
    await this.#raw.remove(id)
  }

  async react(id, ...emoji) {
    await this.#raw.react(id, emoji)
  }

  async hide(id) {
    await this.#raw.hide(id)
  }

  async show(id) {
    await this.#raw.show(id)
  }

  blobs() {
    return this.#blobs()
  }

  watch() {
    return iterate(this.#raw.watch(), (told) => {
      if (told === null) {
        return undefined
      }
      const { post, ...change } = JSON.parse(told)
      return { ...change, post: post ? postOf(post) : undefined }
    })
  }
}
