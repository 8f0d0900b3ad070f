// Values as JSON, and what a room keeps of them.

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
/** Half of a surrogate pair: with the flag a whole one is one character. */
const HALF = /[\ud800-\udfff]/u

export const JSON_TEXT = {
  encode: (value) => encoder.encode(textOf(value)),
  decode: (bytes) => JSON.parse(decoder.decode(bytes)),
}

export function textOf(value) {
  const text = JSON.stringify(value, fit)
  if (text === undefined) {
    throw new TypeError(`${typeof value} cannot be written as JSON`)
  }
  return text
}

/** Refuses what JSON writes as something else, and what programs in Rust do not read. */
function fit(key, value) {
  const plain = value instanceof Number || value instanceof String ? value.valueOf() : value
  if (typeof plain === 'number' && !Number.isFinite(plain)) {
    throw new TypeError(`${plain} is no number in JSON`)
  }
  if (HALF.test(key) || (typeof plain === 'string' && HALF.test(plain))) {
    throw new TypeError('a text has half of a surrogate pair, which other programs cannot read')
  }
  return value
}

export class Entry {
  constructor(told, bytes) {
    Object.assign(this, JSON.parse(told))
    this.bytes = bytes
  }

  get value() {
    try {
      return JSON_TEXT.decode(this.bytes)
    } catch {
      // Somebody wrote bytes there.
      return undefined
    }
  }
}

export function entryOf(told) {
  return told && new Entry(...told)
}

export function changeOf([told, before, after]) {
  return { ...JSON.parse(told), before: entryOf(before), after: entryOf(after) }
}
