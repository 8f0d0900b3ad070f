// Values as JSON, and what a room keeps of them.

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export const JSON_TEXT = {
  encode: (value) => encoder.encode(textOf(value)),
  decode: (bytes) => JSON.parse(decoder.decode(bytes)),
}

export function textOf(value) {
  const text = JSON.stringify(value)
  if (text === undefined) {
    throw new TypeError(`${typeof value} cannot be written as JSON`)
  }
  return text
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
