// Runs units in a worker, behind the prelude and, for JavaScript, before the program's text, in one script.
//
// The first message has `{ kind, code, input, params, shape, limits }`, and the port. From the page: a number from 0 up (answer it),
// `{ first, count, items }` (run these units), `{ packet, units }` (reduce the results of so many units). To the page: `ready`, and for each
// task one answer: `{ ran, failure }` with the results up to the first failure, or `{ reduced, failure }`.
//
// No text of the program has run when this runs, but its functions are hoisted, so globals may be the program's. The port goes to
// no function that the program can replace.
/* global workerScope, unit, reduce */

import { bounded, varint } from './module.js'

const { WebAssembly, TextEncoder, TextDecoder, Uint8Array, ArrayBuffer, DataView, Math, JSON } = workerScope
const { stringify, parse } = JSON
const { getPrototypeOf, prototype: plain } = {}.constructor
const { imul } = Math
const { isView } = ArrayBuffer

/** Most bytes of a program's last words. */
const WORDS_MAX = 200
/** Most bytes of what a reduction returns. */
const REDUCED_MAX = 64 << 20

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const loose = new TextDecoder()

/** A unit's end without a result. */
class Failure {
  constructor(kind, words = '') {
    this.kind = kind
    this.words = words
  }
}

// Every device draws the same numbers: mulberry32, whose seed is the unit.
let drawn = 0
Math.random = () => {
  drawn = (drawn + 0x6d2b79f5) | 0
  let t = imul(drawn ^ (drawn >>> 15), drawn | 1)
  t ^= t + imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

// Words of a language differ between devices, and name the person's.
delete (0).constructor.prototype.toLocaleString
delete 0n.constructor.prototype.toLocaleString
const texts = ''.constructor.prototype
texts.toLocaleLowerCase = texts.toLowerCase
texts.toLocaleUpperCase = texts.toUpperCase
texts.localeCompare = function (other) {
  const [left, right] = [`${this}`.normalize(), `${other}`.normalize()]
  return left < right ? -1 : +(left > right)
}

/** The bytes of a whole number of at most four bytes, or of a float. */
function numberBytes(write, value, length) {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer)[write](0, value, true)
  return bytes
}

/** Bytes in the form that the manifest states: all NaNs are one. */
function formed(bytes, shape, most) {
  const { length } = bytes
  const wanted = { __proto__: null, f32: 4, f64: 8, u32: 4 }[shape]
  if (length > most || (wanted !== undefined && length !== wanted)) throw new Failure('result')
  if (shape === 'json') {
    try {
      parse(decoder.decode(bytes))
    } catch {
      throw new Failure('result')
    }
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  if (shape === 'f32' && isNone(view.getFloat32(0, true))) return numberBytes('setUint32', 0x7fc00000, 4)
  if (shape === 'f64' && isNone(view.getFloat64(0, true))) return numberBytes('setBigUint64', 0x7ff8000000000000n, 8)
  return bytes
}

const isNone = (value) => value !== value

/** Runs the module: a fresh instance for each unit. */
class Module {
  #module
  #give

  constructor(give) {
    this.#give = give
    this.#module = new WebAssembly.Module(bounded(give.code, give.limits.memory_mib))
    const exported = WebAssembly.Module.exports(this.#module)
    for (const [name, kind] of [['memory', 'memory'], ['input', 'function'], ['unit', 'function']]) {
      if (!exported.some((one) => one.name === name && one.kind === kind)) throw new Error(`it does not export the ${kind} ${name}`)
    }
  }

  unit(n, item) {
    const { params, shape, limits } = this.#give
    const text = encoder.encode(params)
    const exports = this.#begin([new Uint8Array(varint(text.length)), text, item ?? new Uint8Array(0)])
    return formed(this.#result(exports, exports.unit(n), limits.result), shape, limits.result)
  }

  reduce(packet) {
    const exports = this.#begin([packet])
    if (typeof exports.reduce !== 'function') throw new Failure('load', 'it does not export the function reduce')
    return this.#result(exports, exports.reduce(exports.at, packet.length), REDUCED_MAX)
  }

  /** An instance with these bytes in its memory, from `at` on. */
  #begin(parts) {
    let instance
    try {
      instance = new WebAssembly.Instance(this.#module, {})
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) throw new Failure('load', `its start function ends with: ${error.message}`)
      throw new Failure('memory')
    }
    const { exports } = instance
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const at = exports.input(length) >>> 0
    if (at + length > exports.memory.buffer.byteLength) throw new Failure('trapped', `input(${length}) gives a place outside its memory`)
    const memory = new Uint8Array(exports.memory.buffer, at, length)
    let from = 0
    for (const part of parts) {
      memory.set(part, from)
      from += part.length
    }
    return { __proto__: null, memory: exports.memory, unit: exports.unit, reduce: exports.reduce, at }
  }

  /** The bytes at a place that the module named. */
  #result({ memory }, place, most) {
    if (typeof place !== 'bigint') throw new Failure('load', 'unit and reduce must return an i64: place << 32 | length')
    const [at, length] = [Number(BigInt.asUintN(32, place >> 32n)), Number(BigInt.asUintN(32, place))]
    if (length > most || at + length > memory.buffer.byteLength) throw new Failure('result')
    return new Uint8Array(memory.buffer, at, length).slice()
  }
}

/** Runs the program's functions. */
class Functions {
  #give

  constructor(give) {
    this.#give = give
    if (typeof unit !== 'function') throw new Error('it has no function unit(n, params, input)')
  }

  unit(n, item) {
    const { params, input, shape, limits } = this.#give
    const value = unit(n, readJson(params), input ?? readItem(item))
    return formed(bytesOf(value, shape), shape, limits.result)
  }

  reduce(packet, units) {
    const { params, shape } = this.#give
    if (typeof reduce !== 'function') throw new Failure('load', 'it has no function reduce(results, params)')
    const values = readPacket(packet, units)
    for (let i = 0; i < units; i++) values[i] = valueOf(values[i], shape)
    const bytes = bytesOf(reduce(values, readJson(params)), shape)
    if (bytes.length > REDUCED_MAX) throw new Failure('result')
    return bytes
  }
}

const readJson = (text) => (text === '' ? null : parse(text))

/** An item: JSON, or else its bytes. */
function readItem(item) {
  if (!item) return undefined
  try {
    return parse(decoder.decode(item))
  } catch {
    return item
  }
}

/** The values of a packet: for each a varint length and the bytes. */
function readPacket(packet, units) {
  const values = []
  let at = 0
  for (let i = 0; i < units; i++) {
    let [length, shift, byte] = [0, 0, 128]
    for (; byte > 127; shift += 7) {
      byte = packet[at++] ?? 0
      length += (byte & 127) * 2 ** shift
    }
    values[i] = packet.slice(at, at + length)
    at += length
  }
  return values
}

/** A result as the program's own reduction reads it. */
function valueOf(bytes, shape) {
  const view = new DataView(bytes.buffer)
  if (shape === 'json') return parse(decoder.decode(bytes))
  if (shape === 'f32') return view.getFloat32(0, true)
  if (shape === 'f64') return view.getFloat64(0, true)
  return shape === 'u32' ? view.getUint32(0, true) : bytes
}

/** The bytes of a value that the program returned. */
function bytesOf(value, shape) {
  if (typeof value?.then === 'function') throw new Failure('trapped', 'it returns a promise: return the value itself')
  if (shape === 'json') {
    const text = stringify(value)
    if (text === undefined) throw new Failure('result')
    return encoder.encode(text)
  }
  if (shape === 'bytes') {
    if (typeof value === 'string') return encoder.encode(value)
    if (isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice()
    if (value instanceof ArrayBuffer) return new Uint8Array(value).slice()
    throw new Failure('result')
  }
  if (typeof value !== 'number' || (shape === 'u32' && value >>> 0 !== value)) throw new Failure('result')
  if (shape === 'u32') return numberBytes('setUint32', value, 4)
  return shape === 'f32' ? numberBytes('setFloat32', value, 4) : numberBytes('setFloat64', value, 8)
}

/** An error as a failure. The program may have thrown anything. */
function failureOf(error, kind, lines) {
  if (error instanceof Failure) return { kind: error.kind, words: cut(error.words) }
  try {
    const text = `${error}`
    const isMemory = /allocation failed|out of memory|allocate/i.test(text)
    const place = `${error?.stack}`.match(/blob:[^\s)]*?:(\d+):\d+/)
    const line = place ? place[1] - lines : 0
    return { kind: isMemory ? 'memory' : kind, words: cut(line > 0 ? `${text} (line ${line})` : text) }
  } catch {
    return { kind, words: '' }
  }
}

/** The first bytes of a text. */
function cut(text) {
  const bytes = new Uint8Array(WORDS_MAX)
  return loose.decode(bytes.subarray(0, encoder.encodeInto(text, bytes).written))
}

function begin(port, give) {
  let [program, failed] = [null, null]
  const { lines } = give

  function run({ first, count, items }) {
    const ran = []
    let failure = failed
    for (let i = 0; i < count && !failure; i++) {
      drawn = first + i
      try {
        ran[i] = program.unit(first + i, items ? items[i] : give.kind === 'wasm' ? give.input : null)
      } catch (error) {
        failure = failureOf(error, 'trapped', lines)
      }
    }
    port.postMessage({ ran, failure })
  }

  function reduceAll({ packet, units }) {
    drawn = 0
    try {
      if (failed) port.postMessage({ failure: failed })
      else port.postMessage({ reduced: program.reduce(packet, units) })
    } catch (error) {
      port.postMessage({ failure: failureOf(error, 'trapped', lines) })
    }
  }

  port.onmessage = ({ data }) => {
    if (typeof data === 'number') port.postMessage(data)
    else if (data.packet) reduceAll(data)
    else run(data)
  }
  try {
    program = give.kind === 'wasm' ? new Module(give) : new Functions(give)
  } catch (error) {
    failed = { kind: 'load', words: cut(error.message) }
  }
  port.postMessage('ready')
}

let isBegun = false
let place = workerScope
while (getPrototypeOf(place) !== plain) place = getPrototypeOf(place)
const { addEventListener } = place
for (const name of ['WebAssembly', 'TextEncoder', 'TextDecoder']) delete workerScope[name]
delete place.addEventListener

// The only listener: no function of the program sees the message with the port.
addEventListener.call(workerScope, 'message', (event) => {
  event.stopImmediatePropagation()
  if (isBegun || !event.isTrusted) return
  isBegun = true
  begin(event.ports[0], event.data)
})
