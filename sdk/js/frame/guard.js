// Counts what a program of a stranger sends, so that a flood ends before it stops the page.

/** Messages and bytes of a second. A flood stops WebKit's page for good, so the handler closes the port by itself. */
const MESSAGES_MAX = 240
const BYTES_MAX = 8 << 20

/** The least weight of a value, in bytes. */
const VALUE_BYTES = 8

/**
 * The bytes that a received message takes here, about: texts, numbers, buffers, pictures, and all that lists and objects have.
 * Counting ends beyond `most`.
 */
export function weightOf(data, most) {
  const [waiting, seen] = [[data], new Set()]
  let weight = 0
  while (waiting.length > 0 && weight <= most) {
    const value = waiting.pop()
    weight += VALUE_BYTES
    if (typeof value === 'string') weight += value.length
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    const buffer = ArrayBuffer.isView(value) ? value.buffer : value
    if (buffer instanceof ArrayBuffer) {
      if (!seen.has(buffer) || buffer === value) weight += buffer.byteLength
      seen.add(buffer)
    } else if (value instanceof Blob) weight += value.size
    else if (typeof value.width === 'number' && typeof value.height === 'number' && !isPlain(value)) weight += value.width * value.height * 4
    else if (value instanceof Map || value instanceof Set) {
      weight += value.size * VALUE_BYTES
      if (weight <= most) for (const entry of value) waiting.push(entry)
    } else if (Array.isArray(value)) {
      // Holes count too: `length` alone can be four thousand million.
      weight += value.length * VALUE_BYTES
      if (weight <= most) for (const entry of value) waiting.push(entry)
    } else {
      for (const name in value) {
        weight += name.length
        if (weight > most) break
        waiting.push(value[name])
      }
    }
  }
  return weight
}

const isPlain = (value) => Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype

/** Counts messages and bytes of one second. */
export class Guard {
  #begin = 0
  #messages = 0
  #bytes = 0

  /** Whether this message is one too many. */
  isFlood(data) {
    const now = performance.now()
    if (now - this.#begin >= 1000) [this.#begin, this.#messages, this.#bytes] = [now, 0, 0]
    this.#messages += 1
    this.#bytes += weightOf(data, BYTES_MAX)
    return this.#messages > MESSAGES_MAX || this.#bytes > BYTES_MAX
  }
}
