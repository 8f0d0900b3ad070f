// Items, results and outcomes of jobs as values of JavaScript.

import { JSON_TEXT } from '../entry.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
/** Writers, readers and arrays of numbers; all are little-endian. */
const NUMBERS = {
  f32: { length: 4, put: 'setFloat32', get: 'getFloat32', List: Float32Array },
  f64: { length: 8, put: 'setFloat64', get: 'getFloat64', List: Float64Array },
  u32: { length: 4, put: 'setUint32', get: 'getUint32', List: Uint32Array },
}
const TOTALS = new Set(['sum', 'min', 'max'])

const viewOf = ({ buffer, byteOffset, byteLength }) => new DataView(buffer, byteOffset, byteLength)

/** The bytes of a buffer, of a view of one, or of a Blob; `undefined` of anything else. */
export function rawBytes(value) {
  if (value instanceof Blob) return value.arrayBuffer().then((buffer) => new Uint8Array(buffer))
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined
}

/** An item as lenders read it: its bytes, or JSON. */
export const encodeItem = (item) => rawBytes(item) ?? JSON_TEXT.encode(item)

/** An item: JSON, or else its bytes. */
export function decodeItem(bytes) {
  try {
    return JSON_TEXT.decode(bytes)
  } catch {
    return bytes
  }
}

/** Parameters, which a stranger wrote; null if there are none, or they are no JSON. */
export function decodeParams(text) {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return null
  }
}

/** The bytes of what a function of this page returned; throws TypeError for another form than the job states. */
export async function encodeResult(value, shape) {
  if (shape === 'json') return JSON_TEXT.encode(value)
  if (shape === 'bytes') {
    const bytes = typeof value === 'string' ? encoder.encode(value) : rawBytes(value)
    if (!bytes) throw new TypeError(`${typeof value} is neither bytes nor a text`)
    return bytes
  }
  if (typeof value !== 'number' || (shape === 'u32' && value >>> 0 !== value)) throw new TypeError(`${value} is no ${shape}`)
  const { length, put } = NUMBERS[shape]
  const bytes = new Uint8Array(length)
  if (Number.isNaN(value)) {
    // All NaNs are one.
    bytes.set(shape === 'f32' ? [0, 0, 0xc0, 0x7f] : [0, 0, 0, 0, 0, 0, 0xf8, 0x7f])
  } else {
    viewOf(bytes)[put](0, value, true)
  }
  return bytes
}

/** The result of a unit. Lenders may have returned anything, so bytes in another form are `undefined`. */
export function decodeResult(bytes, result) {
  try {
    if (result === 'json') return JSON_TEXT.decode(bytes)
    if (result === 'text') return decoder.decode(bytes)
    return result === 'bytes' ? bytes : viewOf(bytes)[NUMBERS[result].get](0, true)
  } catch {
    return undefined
  }
}

/** An outcome: bytes, or for a list those of each unit. */
export function decodeOutcome(told, { result, reduce }) {
  const numbers = NUMBERS[result]
  if (TOTALS.has(reduce)) {
    // A sum of 1,000,000 numbers of 32 bits is exact.
    return result === 'u32' ? Number(viewOf(told).getBigUint64(0, true)) : viewOf(told).getFloat64(0, true)
  }
  if (reduce === 'list') {
    const values = told.map((bytes) => decodeResult(bytes, result))
    return numbers ? numbers.List.from(values) : values
  }
  if (reduce === 'program') return result === 'bytes' ? told : reduced(told)
  if (numbers) {
    const view = viewOf(told)
    return numbers.List.from({ length: told.length / numbers.length }, (_, at) => view[numbers.get](at * numbers.length, true))
  }
  return result === 'bytes' ? told : decoder.decode(told)
}

/** The outcome of the program's own reduction: JSON, or else a text. */
function reduced(bytes) {
  const value = decodeItem(bytes)
  return value === bytes ? decoder.decode(bytes) : value
}
