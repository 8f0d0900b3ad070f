// Checks a WebAssembly module of a stranger, and writes the limit of its memory into it.
//
// A browser bounds a module by its declared maximum alone. All instructions of WebAssembly 2.0 pass but `table.grow`, so each
// unit gives the same result everywhere: relaxed SIMD rounds as the processor does, and threads depend on time.

/** Entries of all tables together. A table grows the process and not the memory. */
const ENTRIES_MAX = 1_000_000
/** Pages of a MiB. */
const PAGES = 16
const [IMPORTS, TABLES, MEMORIES, CODE, LAST] = [2, 4, 5, 10, 12]

/** Reads bytes from a place on. */
class Reader {
  constructor(bytes, at, end) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  byte() {
    if (this.at >= this.end) throw new Error('the module breaks off')
    return this.bytes[this.at++]
  }

  /** A number of at most 32 bits without a sign. */
  number() {
    let value = 0
    for (let place = 1, byte = 128; byte > 127; place *= 128) {
      byte = this.byte()
      value += (byte % 128) * place
      if (value >= 2 ** 32) throw new Error('a number of the module has more than 32 bits')
    }
    return value
  }

  /** Passes over so many bytes. */
  skip(bytes) {
    if (bytes > this.end - this.at) throw new Error('the module breaks off')
    this.at += bytes
  }

  /** Passes over so many numbers, with a sign or without. */
  pass(numbers) {
    for (; numbers > 0; numbers--) while (this.byte() > 127);
  }
}

/**
 * The module with `memory_mib` as the greatest size of its memory, unless it declares less. Throws an error that says why the module is
 * refused.
 */
export function bounded(code, memory_mib) {
  const reader = new Reader(code, 8, code.length)
  if (code.length < 8 || new DataView(code.buffer, code.byteOffset).getUint32(0) !== 0x0061736d) throw new Error('it is no WebAssembly module')
  const parts = [code.subarray(0, 8)]
  while (reader.at < code.length) {
    const from = reader.at
    const [kind, length] = [reader.byte(), reader.number()]
    const body = new Reader(code, reader.at, reader.at + length)
    reader.skip(length)
    if (kind > LAST) throw new Error('it throws exceptions of WebAssembly')
    if (kind === IMPORTS && body.number() > 0) throw new Error('it imports functions, and there is nothing to import')
    if (kind === TABLES) checkTables(body)
    if (kind === CODE) checkCode(body)
    parts.push(kind === MEMORIES ? memorySection(body, memory_mib) : code.subarray(from, reader.at))
  }
  return joined(parts)
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function memorySection(reader, memory_mib) {
  const count = reader.number()
  if (count === 0) return new Uint8Array([MEMORIES, 1, 0])
  if (count > 1) throw new Error('it has more than one memory')
  const flags = reader.byte()
  if (flags > 1) throw new Error('its memory is shared, or has addresses of 64 bits')
  const least = reader.number()
  const most = Math.min(flags === 1 ? reader.number() : Infinity, memory_mib * PAGES)
  if (least > most) throw new Error(`it begins with ${least / PAGES} MiB of memory, and the limit is ${memory_mib} MiB`)
  const body = [1, 1, ...varint(least), ...varint(most)]
  return new Uint8Array([MEMORIES, body.length, ...body])
}

/** A number as a varint. */
export function varint(value) {
  const bytes = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return [...bytes, value]
}

function checkTables(reader) {
  let entries = 0
  for (let count = reader.number(); count > 0; count--) {
    passType(reader)
    const flags = reader.byte()
    if (flags > 1) throw new Error('a table is shared, or has addresses of 64 bits')
    entries += reader.number()
    reader.pass(flags)
  }
  if (entries > ENTRIES_MAX) throw new Error(`its tables have ${entries} entries, and the limit is ${ENTRIES_MAX}`)
}

function checkCode(reader) {
  for (let count = reader.number(); count > 0; count--) {
    const length = reader.number()
    const body = new Reader(reader.bytes, reader.at, reader.at + length)
    reader.skip(length)
    for (let locals = body.number(); locals > 0; locals--) {
      body.pass(1)
      passType(body)
    }
    while (body.at < body.end) passInstruction(body)
  }
}

function passInstruction(reader) {
  const code = reader.byte()
  if (code === 0xfc) passBulk(reader)
  else if (code === 0xfd) passVector(reader)
  else if (code === 0x43) reader.skip(4)
  else if (code === 0x44) reader.skip(8)
  else if (code >= 0x02 && code <= 0x04) passType(reader)
  else if (code === 0x0e) reader.pass(reader.number() + 1)
  else if (code === 0x1c) for (let types = reader.number(); types > 0; types--) passType(reader)
  else if (code === 0x11) reader.pass(2)
  else if (code >= 0x28 && code <= 0x3e) passPlace(reader)
  else if (hasNumber(code)) reader.pass(1)
  else if (!isPlain(code)) throw new Error(`it has the instruction ${code.toString(16)}, which is beyond WebAssembly 2.0`)
}

/** A type, or the index of one. Types of two parts are beyond WebAssembly 2.0. */
function passType(reader) {
  const first = reader.bytes[reader.at]
  if (first === 0x63 || first === 0x64) throw new Error('it has types beyond WebAssembly 2.0')
  reader.pass(1)
}

/** Alignment and offset of an access to memory. */
function passPlace(reader) {
  if (reader.number() > 63) throw new Error('it has more than one memory')
  reader.pass(1)
}

/** br, br_if, call, variables, memory.size, memory.grow, whole constants, references. */
const hasNumber = (code) =>
  code === 0x0c || code === 0x0d || code === 0x10 || (code >= 0x20 && code <= 0x26) ||
  (code >= 0x3f && code <= 0x42) || code === 0xd0 || code === 0xd2

/** unreachable, nop, else, end, return, drop, select, arithmetic, ref.is_null. */
const isPlain = (code) =>
  code < 0x02 || code === 0x05 || code === 0x0b || code === 0x0f || code === 0x1a || code === 0x1b || (code >= 0x45 && code <= 0xc4) || code === 0xd1

function passBulk(reader) {
  const code = reader.number()
  if (code === 15) throw new Error('its tables grow')
  if (code > 17) throw new Error(`it has the instruction fc ${code}, which is beyond WebAssembly 2.0`)
  if (code >= 8) reader.pass([8, 10, 12, 14].includes(code) ? 2 : 1)
}

function passVector(reader) {
  const code = reader.number()
  if (code > 255) throw new Error('it has relaxed SIMD, whose results differ between devices')
  if (code <= 11 || (code >= 84 && code <= 93)) passPlace(reader)
  if (code === 12 || code === 13) reader.skip(16)
  if ((code >= 21 && code <= 34) || (code >= 84 && code <= 91)) reader.skip(1)
}
