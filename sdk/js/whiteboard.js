// The shapes that several people draw at once.

import { Listened, iterate } from './events.js'

/** What is no number is beyond all that a shape may have. */
const number = (value) => (Number.isFinite(value) ? value : Infinity)
/** What is left out is no number to the module. */
const asNumber = (value) => (value === undefined ? NaN : number(value))
const asText = (value) => (value === undefined ? value : `${value}`)

function shapeOf([what, numbers, order, text, places, pressures, id]) {
  const [x, y, width, height, color, size, isFilled, bytes] = numbers
  const shape = { what, x, y, width, height, color, size, isFilled: isFilled > 0, order, text }
  if (places.length > 0) {
    shape.points = Array.from({ length: places.length / 2 }, (_, at) => [places[2 * at], places[2 * at + 1]])
  }
  if (pressures.length > 0) {
    shape.pressures = Array.from(pressures)
  }
  return id ? { ...shape, picture: { id, size: bytes } } : shape
}

function told({ what, x, y, width, height, color, size, isFilled, order, text, points, pressures = [], picture }) {
  const isTinted = isFilled === undefined ? isFilled : Number(isFilled)
  const numbers = [x, y, width, height, color, size, isTinted, picture?.size].map(asNumber)
  const places = points?.flatMap(([x, y]) => [number(x), number(y)])
  return [asText(what), numbers, asText(order), asText(text), places, pressures.map(number), asText(picture?.id)]
}

export class Whiteboard extends Listened {
  #raw

  constructor(raw) {
    super('change', () => this.watch())
    this.#raw = raw
  }

  shapes() {
    return new Map(this.#raw.shapes().map(([id, shape]) => [id, shapeOf(shape)]))
  }

  get(id) {
    const shape = this.#raw.get(id)
    return shape && shapeOf(shape)
  }

  async draw(shape) {
    return this.#raw.draw(told(shape))
  }

  get top() {
    return this.#raw.top()
  }

  between(below, above) {
    return this.#raw.between(below, above)
  }

  async change(id, shape) {
    return this.#raw.change(id, told(shape))
  }

  async erase(id) {
    await this.#raw.erase(id)
  }

  oneStep() {
    return new Whiteboard(this.#raw.oneStep())
  }

  async undo() {
    return this.#raw.go(false)
  }

  async redo() {
    return this.#raw.go(true)
  }

  get steps() {
    const [undo, redo] = this.#raw.steps()
    return { undo, redo }
  }

  watch() {
    return iterate(this.#raw.watch(), ([id, shape, missed]) => ({ id, shape: shape && shapeOf(shape), missed }))
  }
}
