// A room's canvas.

import { Listened, iterate } from './events.js'

/** A cell that shows nothing any more. */
const CLEARED = 0x1000000
const COLOR = /^#[0-9a-f]{6}$/i

function bitsOf(color) {
  if (typeof color === 'string' && COLOR.test(color)) {
    return Number.parseInt(color.slice(1), 16)
  }
  if (Array.isArray(color) && color.length === 3 && color.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)) {
    return (color[0] << 16) | (color[1] << 8) | color[2]
  }
  throw new TypeError(`a color is '#rrggbb' or [red, green, blue], and this is ${JSON.stringify(color)}`)
}

function colorOf(bits) {
  return bits === CLEARED ? null : `#${bits.toString(16).padStart(6, '0')}`
}

export class Receipt {
  #raw

  constructor(raw) {
    this.#raw = raw
    ;[this.first, this.last] = raw.sequences()
  }

  async kept() {
    await this.#raw.kept()
  }
}

export class Canvas extends Listened {
  #raw

  constructor(raw) {
    super('change', () => this.watch())
    this.#raw = raw
  }

  get size() {
    const size = this.#raw.canvasSize()
    return size && { width: size[0], height: size[1] }
  }

  get(x, y) {
    const bits = this.#raw.canvasGet(x, y)
    return bits === undefined ? undefined : colorOf(bits)
  }

  image() {
    const size = this.size
    return size && new ImageData(this.#raw.canvasImage(), size.width, size.height)
  }

  async paint(cells) {
    return this.#paint(cells, false)
  }

  async paintOn(cells) {
    return this.#paint(cells, true)
  }

  async #paint(cells, on) {
    const told = Uint32Array.from(cells.flatMap(({ x, y, color }) => [x, y, bitsOf(color)]))
    return new Receipt(await this.#raw.canvasPaint(told, on))
  }

  async fill({ x, y, width, height, color }) {
    const cells = Array.from({ length: width * height }, (_, at) => {
      return { x: x + (at % width), y: y + Math.floor(at / width), color }
    })
    return this.paint(cells)
  }

  async undo() {
    return this.#go(false)
  }

  async redo() {
    return this.#go(true)
  }

  async #go(again) {
    const gone = await this.#raw.canvasGo(again)
    return gone && { painted: gone[0], theirs: gone[1], left: gone[2] }
  }

  async erase({ author, region } = {}) {
    const { x, y, width, height } = region ?? {}
    await this.#raw.canvasErase(author, region && Uint32Array.of(x, y, width, height))
  }

  get steps() {
    const [undo, redo] = this.#raw.canvasSteps()
    return { undo, redo }
  }

  watch() {
    return iterate(this.#raw.canvasWatch(), ([told, missed]) => {
      const cells = []
      for (let at = 0; at < told.length; at += 3) {
        cells.push({ x: told[at], y: told[at + 1], color: colorOf(told[at + 2]) })
      }
      return { cells, missed }
    })
  }
}
