// The shapes that several people draw at once.

import { Listened, iterate } from './events.js'

/** A number that JSON has no word for becomes a text, which the module refuses. */
const told = (_, value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value)

function textOf({ picture, ...shape }) {
  // What a blob says of itself are no fields of its own.
  return JSON.stringify({ ...shape, picture: picture && { id: picture.id, size: picture.size } }, told)
}

export class Whiteboard extends Listened {
  #raw

  constructor(raw) {
    super('change', () => this.watch())
    this.#raw = raw
  }

  shapes() {
    return new Map(JSON.parse(this.#raw.shapes()))
  }

  get(id) {
    const shape = this.#raw.get(id)
    return shape && JSON.parse(shape)
  }

  async draw(shape) {
    return this.#raw.draw(textOf(shape))
  }

  get top() {
    return this.#raw.top()
  }

  between(below, above) {
    return this.#raw.between(below, above)
  }

  async change(id, shape) {
    return this.#raw.change(id, textOf(shape))
  }

  async erase(id) {
    await this.#raw.erase(id)
  }

  watch() {
    return iterate(this.#raw.watch(), (change) => JSON.parse(change))
  }
}
