// Programs, jobs and terms as people write them: every argument is checked, and named if it is wrong.

import { ArgumentError } from '../errors.js'
import { CODE_MAX, INPUT_MAX, OFFERED_MS_MAX, RESULT_MAX, UNITS_MAX, UNIT_MS_MAX } from '../limits.js'
import { textOf } from '../entry.js'
import { encodeItem, rawBytes } from './values.js'

const RESULTS = ['json', 'bytes', 'text', 'f32', 'f64', 'u32']
const REDUCTIONS = ['concat', 'list', 'sum', 'min', 'max', 'program']
const TOTALS = ['sum', 'min', 'max']
const CHECKS = ['none', 'sample', 'all']
const VIEWS = ['file', 'numbers', 'table']
/** Most bytes of parameters, most memory in MiB, greatest side of a tile, and most trusted peers. */
const [PARAMS_MAX, MEMORY_MIB_MAX, SIDE_MAX, TRUSTED_MAX] = [16_384, 1024, 65_535, 63]
/** Most cores of a lender, offered programs, and bytes of the name of one. */
const [CORES_MAX, OFFERS_MAX, OFFER_NAME_MAX] = [128, 8, 32]
const PEER = /^[\w-]{43}$/
/** The beginning of a function that is an expression. A method of an object begins otherwise. */
const EXPRESSION = /^(async\b\s*)?(function\b|\(|[\p{ID_Start}$_][\p{ID_Continue}$]*\s*=>)/u
const WASM = [0, 0x61, 0x73, 0x6d]

const encoder = new TextEncoder()
const number = (value) => value.toLocaleString('en')

/** A value of somebody's in a few words. */
function shown(value) {
  if (typeof value === 'function') return `the function ${value.name}`
  try {
    const text = JSON.stringify(value) ?? String(value)
    return text.length > 60 ? `${text.slice(0, 60)}…` : text
  } catch {
    return typeof value
  }
}

const isList = (value) => typeof value !== 'string' && typeof value?.[Symbol.iterator] === 'function'

const wrong = (argument, value, wanted) => new ArgumentError(argument, value, `${argument} is ${shown(value)}: ${wanted}`)

function whole(argument, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw wrong(argument, value, `it must be a whole number from ${number(least)} to ${number(most)}`)
  }
  return value
}

function text(argument, value, least, most) {
  const length = typeof value === 'string' ? encoder.encode(value).length : -1
  if (length < least || length > most) throw wrong(argument, value, `it must be a text of ${least} to ${number(most)} bytes`)
  return value
}

function word(argument, value, words) {
  if (value !== undefined && !words.includes(value)) throw wrong(argument, value, `it must be one of ${words.join(', ')}`)
  return value
}

function peers(argument, value, most) {
  if (!isList(value)) throw wrong(argument, value, 'it must be a list of members or peers')
  const list = [...value].map((one) => (typeof one === 'string' ? one : one?.peer))
  const odd = list.findIndex((peer) => !PEER.test(peer))
  if (odd >= 0) throw wrong(`${argument}[${odd}]`, [...value][odd], 'it must be a member or the id of a peer')
  const unique = [...new Set(list)]
  if (unique.length > most) throw wrong(argument, unique.length, `it may name ${most} peers`)
  return unique
}

const optional = (value, read) => (value === undefined ? undefined : read(value))

/** The text of a function, as an expression. */
function textOfFunction(argument, value) {
  if (typeof value !== 'function') throw wrong(argument, value, 'it must be a function')
  const written = Function.prototype.toString.call(value)
  if (/\{\s*\[native code\]\s*\}$/.test(written)) throw wrong(argument, value, 'a bound or built-in function has no text to send')
  if (/^class\b/.test(written)) throw wrong(argument, value, 'it must be a function, and not a class')
  if (/^(async\s*)?(function\s*)?\*/.test(written)) throw wrong(argument, value, 'it must return its result, and not be a generator')
  // A method is an expression only inside an object.
  return EXPRESSION.test(written) ? `(${written})` : `(Object.values({ ${written} })[0])`
}

/** A script that declares `unit` and, if it has one, `reduce`. The unit stands first, so that its lines count from 1. */
function scriptOf(code, uses, reduce) {
  const lines = [`const $unit = ${textOfFunction('code', code)}`]
  lines.push('function unit(n, params, input) { return $unit(n, params, input) }')
  if (reduce) {
    lines.push(`const $reduce = ${textOfFunction('reduce', reduce)}`)
    lines.push('function reduce(results, params) { return $reduce(results, params) }')
  }
  for (const [at, used] of [...uses].entries()) {
    const written = textOfFunction(`uses[${at}]`, used)
    lines.push(`const ${text(`uses[${at}].name`, used.name, 1, 64)} = ${written}`)
  }
  return lines.join('\n')
}

/** Kind and bytes of a program that travels. */
async function codeOf({ code, uses = [], reduce }) {
  if (!isList(uses)) throw wrong('uses', uses, 'it must be a list of functions')
  const own = typeof reduce === 'function' ? reduce : undefined
  if (typeof code === 'function') return { kind: 'js', bytes: encoder.encode(scriptOf(code, uses, own)) }
  if ([...uses].length > 0) throw wrong('uses', uses, 'only `code` that is a function uses others')
  if (own) throw wrong('reduce', own, 'code that is no function declares its own function `reduce`: write "program"')
  if (typeof code === 'string') return { kind: 'js', bytes: encoder.encode(code) }
  const bytes = await (code instanceof URL ? fetched(code) : rawBytes(code))
  if (!bytes) throw wrong('code', code, 'it must be a function, a text in JavaScript, a URL, or bytes of a WebAssembly module')
  return { kind: WASM.every((byte, at) => bytes[at] === byte) ? 'wasm' : 'js', bytes }
}

async function fetched(url) {
  let response
  try {
    response = await fetch(url)
  } catch (error) {
    throw wrong('code', url, `it cannot be fetched: ${error.message}`)
  }
  if (!response.ok) throw wrong('code', url, `its server answers with status ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

/** The name of a function, unless it has that of the option alone. */
const nameOf = ({ name }) => (typeof name === 'string' && name && name !== 'code' ? name : 'Job')

/** The part of options that jobs and maps share, as the module reads it, and the code. */
export async function programOf(options) {
  const { code, offered, about = '', tiles, tolerance, limits = {}, params = null, trusted = [] } = options
  if ((code === undefined) === (offered === undefined)) {
    throw wrong('code', code, 'a program has either `code` or the name under which it is `offered`')
  }
  const { kind, bytes } = offered === undefined ? await codeOf(options) : { kind: 'offered' }
  if (bytes) whole('the length of code', bytes.length, 1, CODE_MAX)
  const written = textOf(params)
  const length = encoder.encode(written).length
  if (length > PARAMS_MAX) throw wrong('the length of params', length, `it may have ${number(PARAMS_MAX)} bytes as JSON`)
  const name = offered === undefined ? (options.name ?? nameOf(code)) : text('offered', offered, 1, OFFER_NAME_MAX)
  const told = {
    kind,
    name: text('name', name, 1, 64),
    about: text('about', about, 0, 512),
    result: word('result', options.result, RESULTS),
    view: word('view', options.view, VIEWS),
    tiles: tiles && ['columns', 'width', 'height'].map((side) => whole(`tiles.${side}`, tiles[side], 1, SIDE_MAX)),
    tolerance: optional(tolerance, toleranceOf),
    memoryMib: optional(limits.memoryMib, (mib) => whole('limits.memoryMib', mib, 1, MEMORY_MIB_MAX)),
    unitMs: optional(limits.unitMs, (ms) => whole('limits.unitMs', ms, 1, kind === 'offered' ? OFFERED_MS_MAX : UNIT_MS_MAX)),
    resultMax: optional(limits.result, (most) => whole('limits.result', most, 1, RESULT_MAX)),
    params: JSON.parse(written),
    check: word('check', options.check, CHECKS),
    trusted: peers('trusted', trusted, TRUSTED_MAX),
  }
  return { told, code: bytes }
}

function toleranceOf({ absolute = 0, relative = 0 }) {
  const odd = [absolute, relative].find((part) => typeof part !== 'number' || !(part >= 0 && part < Infinity))
  if (odd !== undefined) throw wrong('tolerance', odd, 'its absolute and relative parts must be finite numbers from 0 up')
  return [absolute, relative]
}

/** A job as the module reads it: options, code, whole input and items. */
export async function jobOf(options) {
  const { units, input, items, reduce } = options
  const { told, code } = await programOf(options)
  if (items !== undefined && (units !== undefined || input !== undefined)) {
    throw wrong('items', items, 'each is a unit, so `units` and `input` must be left out')
  }
  const list = items === undefined ? undefined : await itemsOf(items)
  if (!list) told.units = whole('units', units, 1, UNITS_MAX)
  const bytes = input === undefined ? undefined : await (typeof input === 'string' ? encoder.encode(input) : rawBytes(input))
  if (input !== undefined && !bytes) throw wrong('input', input, 'it must be bytes, a Blob or a text')
  if (bytes) whole('the length of input', bytes.length, 0, INPUT_MAX)
  told.reduce = typeof reduce === 'function' ? 'program' : word('reduce', reduce, REDUCTIONS)
  if (TOTALS.includes(told.reduce)) {
    // Numbers of JavaScript are doubles.
    if (told.kind === 'js') told.result ??= 'f64'
    if (!['f32', 'f64', 'u32'].includes(told.result)) throw wrong('result', told.result, `only f32, f64 and u32 have a ${told.reduce}`)
  }
  const result = told.tiles ? 'bytes' : (told.result ?? (told.kind === 'wasm' ? 'bytes' : 'json'))
  if (!told.reduce && (result === 'json' || result === 'text')) told.reduce = 'list'
  return { told, code, input: bytes, items: list }
}

async function itemsOf(items) {
  if (!isList(items)) throw wrong('items', items, 'it must be a list')
  const list = await Promise.all([...items].map(itemAt))
  whole('the number of items', list.length, 1, UNITS_MAX)
  const length = list.reduce((sum, { length }) => sum + length, 0)
  whole('the length of items', length, 0, INPUT_MAX)
  return list
}

/** The bytes of an item. */
export async function itemAt(item, index) {
  try {
    return await encodeItem(item)
  } catch (error) {
    throw wrong(`items[${index}]`, item, error.message)
  }
}

/** Reads items one after the other. */
export function iteratorOf(items) {
  const begin = items?.[Symbol.asyncIterator] ?? (typeof items === 'string' ? undefined : items?.[Symbol.iterator])
  if (typeof begin !== 'function') throw wrong('items', items, 'it must be an array or another iterable')
  return begin.call(items)
}

function allowed(trust) {
  if (typeof trust === 'string') throw wrong('trust', trust, 'it must be "mine", "everybody" or a list of members or peers')
  return peers('trust', trust, Infinity)
}

const halfOfAll = () => Math.min(CORES_MAX, Math.max(1, Math.floor((navigator.hardwareConcurrency || 2) / 2)))

/** The terms of a lender. */
export function termsOf({ cores, share = 100, trust = 'mine', offer = {}, onlyOffers = false, parent }) {
  const names = Object.keys(offer)
  if (names.length > OFFERS_MAX) throw wrong('offer', names, `a device offers at most ${OFFERS_MAX} programs`)
  for (const name of names) {
    text('offer', name, 1, OFFER_NAME_MAX)
    if (typeof offer[name] !== 'function') throw wrong(`offer.${name}`, offer[name], 'it must be a function')
  }
  if (parent !== undefined && !(parent instanceof Element)) throw wrong('parent', parent, 'it must be an element of the page')
  return {
    cores: whole('cores', cores ?? halfOfAll(), 1, CORES_MAX),
    share: whole('share', share, 1, 100),
    // An empty list is this person alone.
    people: trust === 'everybody' ? undefined : trust === 'mine' ? [] : allowed(trust),
    offers: names,
    onlyOffers,
  }
}
