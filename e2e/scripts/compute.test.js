// Jobs of the package, over a module in this script's place: arguments are named if they are wrong, values keep their form, items come
// in order, and functions of a page serve units.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Compute } from '../../sdk/js/compute.js'
import { decodeOutcome, encodeResult } from '../../sdk/js/compute/values.js'
import { ArgumentError, ClosedError, ItemError } from '../../sdk/js/errors.js'

globalThis.document = { body: {} }
globalThis.Element ??= class {}
globalThis.navigator ??= {}

/** A reader of the module, and its other end. */
class Reader {
  isFreed = false
  #queue = []
  #wake = () => {}

  push(told) {
    this.#queue.push(told)
    this.#wake()
  }

  async next() {
    while (this.#queue.length === 0 && !this.isFreed) await new Promise((resolve) => (this.#wake = resolve))
    return this.isFreed ? undefined : this.#queue.shift()
  }

  free() {
    assert(!this.isFreed, 'a reader is freed once')
    this.isFreed = true
    this.#wake()
  }
}

const text = (bytes) => new TextDecoder().decode(bytes)
const bytes = (value) => new TextEncoder().encode(value)

/** The module's part: it notes what it gets, and answers a map by `answer`. */
class Module {
  submitted = []
  told = []
  ordered = new Reader()
  changed = new Reader()
  lent = []

  constructor(answer = (item) => item) {
    this.answer = answer
  }

  async submit(options, code, input, items) {
    this.submitted.push({ ...JSON.parse(options), code: code && text(code), input, items })
    const view = { name: 'x', units: 1, params: 'null', result: 'json', reduce: 'list' }
    return { id: () => `${this.submitted.length}`, view: () => JSON.stringify(view) }
  }

  map() {
    this.results = new Reader()
    let number = 0
    const put = async (item) => {
      if (this.results.isFreed) return false
      const told = this.answer(item, number++)
      if (told) this.results.push([number - 1, ...[told].flat()])
      return true
    }
    return [{ put, free: () => this.results.push(undefined) }, this.results]
  }

  lend(terms) {
    this.lent.push(JSON.parse(terms))
    return { free: () => this.lent.pop(), runs: () => '[]' }
  }

  orders = () => this.ordered
  changes = () => this.changed
  ran = (...told) => this.told.push(told)
  usePool() {}
}

const scriptOf = async (job) => {
  const module = new Module()
  await new Compute(module).submit({ units: 2, ...job })
  return module.submitted[0]
}

test('functions travel as text, with those that they use', async () => {
  const isPrime = (n) => n % 2
  function twice(n) {
    return n * 2
  }
  const { unit, wait } = {
    unit(n) {
      return n + 1
    },
    async wait(n) {
      return n
    },
  }
  const run = ({ code }, n, params) => Function(`${code}\nreturn unit`)()(n, params)
  assert.equal(run(await scriptOf({ code: (n, { by }) => isPrime(twice(n) + by), uses: [isPrime, twice] }), 3, { by: 1 }), 1)
  assert.equal(run(await scriptOf({ code: unit }), 3), 4)
  assert.equal(await run(await scriptOf({ code: wait }), 3), 3)
  for (const code of [async (n) => n, async n => n, function named(n) { return n }]) assert.equal(await run(await scriptOf({ code }), 5), 5)
  assert.equal(await run(await scriptOf({ code: twice }), 5), 10)
  const { code, reduce } = await scriptOf({ code: (n) => n, reduce: (results) => results.length })
  assert.equal(Function(`${code}\nreturn reduce`)()([1, 2, 3]), 3)
  assert.equal(reduce, 'program')
  const { result } = await scriptOf({ code: (n) => n, reduce: 'sum' })
  assert.equal(result, 'f64')
})

test('a wrong argument is named with its value', async () => {
  const code = (n) => n
  const wrong = [
    [{ units: 0 }, 'units', 0, /from 1 to 1,000,000/],
    [{ units: 1.5 }, 'units', 1.5, /whole number/],
    [{ code: undefined }, 'code', undefined, /offered/],
    [{ code: 7 }, 'code', 7, /function/],
    [{ code: code.bind(null) }, 'code', undefined, /bound/],
    [{ code: class One {} }, 'code', undefined, /class/],
    [{ code: 'function unit() {}', uses: [code] }, 'uses', undefined, /function/],
    [{ code: 'function unit() {}', reduce: code }, 'reduce', code, /declares/],
    [{ reduce: 'average' }, 'reduce', 'average', /concat, list, sum/],
    [{ reduce: 'sum', result: 'json' }, 'result', 'json', /only f32/],
    [{ limits: { unitMs: 90_000 } }, 'limits.unitMs', 90_000, /60,000/],
    [{ limits: { memoryMib: '1' } }, 'limits.memoryMib', '1', /1,024/],
    [{ check: 'some' }, 'check', 'some', /none, sample, all/],
    [{ name: '' }, 'name', '', /1 to 64 bytes/],
    [{ trusted: ['nobody'] }, 'trusted[0]', 'nobody', /peer/],
    [{ tiles: { columns: 0, width: 1, height: 1 } }, 'tiles.columns', 0, /65,535/],
    [{ items: [1] }, 'items', undefined, /left out/],
    [{ units: undefined, items: [1, undefined] }, 'items[1]', undefined, /JSON/],
    [{ params: 'x'.repeat(20_000) }, 'the length of params', 20_002, /16,384/],
    [{ tolerance: { relative: -1 } }, 'tolerance', -1, /finite/],
  ]
  const module = new Module()
  const compute = new Compute(module)
  for (const [options, argument, value, words] of wrong) {
    const refused = compute.submit({ code, units: 3, ...options })
    await assert.rejects(refused, (error) => {
      assert(error instanceof ArgumentError, `${error}`)
      assert.equal(error.argument, argument)
      if (value !== undefined) assert.equal(error.value, value)
      assert.match(error.message, words)
      return true
    })
  }
  const lend = [
    [{ cores: 0 }, 'cores'],
    [{ share: 101 }, 'share'],
    [{ trust: 'room' }, 'trust'],
    [{ offer: { echo: 1 } }, 'offer.echo'],
  ]
  for (const [options, argument] of lend) await assert.rejects(compute.lend(options), { name: 'ArgumentError', argument })
  assert.throws(() => compute.map('text', { code }), { name: 'ArgumentError', argument: 'items' })
  assert.deepEqual([module.submitted, module.lent], [[], []])
})

test('outcomes have the form that the job states', async () => {
  const all = async (values, shape) => Promise.all(values.map((value) => encodeResult(value, shape)))
  const joined = (parts) => Uint8Array.from(parts.flatMap((part) => [...part]))
  const list = async (values, result) => decodeOutcome(await all(values, result), { result, reduce: 'list' })
  assert.deepEqual(await list([1, { a: [null] }, 'é'], 'json'), [1, { a: [null] }, 'é'])
  assert.deepEqual(await list([1, 4_294_967_295], 'u32'), Uint32Array.of(1, 4_294_967_295))
  assert.deepEqual(decodeOutcome(joined(await all([0.5, NaN], 'f64')), { result: 'f64', reduce: 'concat' }), Float64Array.of(0.5, NaN))
  assert.deepEqual(decodeOutcome(joined(await all([0.5, NaN], 'f32')), { result: 'f32', reduce: 'concat' }), Float32Array.of(0.5, NaN))
  assert.deepEqual(decodeOutcome(bytes('ab'), { result: 'bytes', reduce: 'concat' }), bytes('ab'))
  assert.equal(decodeOutcome(bytes('ab'), { result: 'text', reduce: 'concat' }), 'ab')
  assert.equal(decodeOutcome(Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0), { result: 'u32', reduce: 'sum' }), 2 ** 32 + 1)
  assert.equal(decodeOutcome(joined(await all([2.5], 'f64')), { result: 'f32', reduce: 'max' }), 2.5)
  assert.deepEqual(decodeOutcome(bytes('{"a":1}'), { result: 'u32', reduce: 'program' }), { a: 1 })
  assert.equal(decodeOutcome(bytes('no JSON'), { result: 'json', reduce: 'program' }), 'no JSON')
  for (const [value, shape] of [[-1, 'u32'], ['1', 'f64'], [{}, 'bytes'], [undefined, 'json']]) {
    await assert.rejects(encodeResult(value, shape), TypeError)
  }
})

const failed = (index) => new ItemError(`item ${index}: it fails`, { name: 'ItemError', code: 'Failed', index })

test('items come in order, and an error has their index', async () => {
  const echo = new Compute(new Module())
  const got = []
  async function* slow() {
    yield 1
    yield { a: 2 }
  }
  for await (const one of echo.map(slow(), { offered: 'echo' })) got.push(one)
  for await (const one of echo.map(new Set(['x']), { offered: 'echo' })) got.push(one)
  assert.deepEqual(got, [1, { a: 2 }, 'x'])
  const odd = () => new Compute(new Module((item, number) => (number === 1 ? [failed(1)] : item)))
  const read = async (compute, items, options) => {
    const read = []
    try {
      for await (const one of compute.map(items, { offered: 'echo', ...options })) read.push(one)
    } catch (error) {
      read.push(error)
    }
    return read
  }
  const [first, error] = await read(odd(), [1, 2, 3])
  assert.deepEqual([first, error.code, error.index], [1, 'Failed', 1])
  const skipped = []
  assert.deepEqual(await read(odd(), [1, 2, 3], { skip: true, onError: (error) => skipped.push(error.index) }), [1, null, 3])
  assert.deepEqual(skipped, [1])
  const [before, wrong] = await read(echo, [1, () => {}, 3])
  assert.deepEqual([before, wrong.name, wrong.argument], [1, 'ArgumentError', 'items[1]'])
  const corrected = new ItemError('wrong', { name: 'ItemError', code: 'Corrected', index: 0 })
  const caught = new Compute(new Module((item) => [corrected, item]))
  assert.deepEqual(await read(caught, [7], { skip: true }), [corrected])
  assert.equal(corrected.value, 7)
})

test('a loop that ends early, or a signal, ends the map and its source', async () => {
  let isEnded = false
  async function* endless() {
    try {
      for (let n = 0; ; n++) yield n
    } finally {
      isEnded = true
    }
  }
  const module = new Module()
  for await (const one of new Compute(module).map(endless(), { offered: 'echo' })) if (one === 2) break
  await new Promise((resolve) => setTimeout(resolve))
  assert.deepEqual([isEnded, module.results.isFreed], [true, true])
  const abort = new AbortController()
  const silent = new Module(() => undefined)
  async function* waiting() {
    yield 1
    await new Promise(() => {})
  }
  const results = new Compute(silent).map(waiting(), { offered: 'echo', signal: abort.signal })
  const next = results.next()
  await new Promise((resolve) => setTimeout(resolve))
  abort.abort(new Error('enough'))
  await assert.rejects(next, { message: 'enough' })
  assert(silent.results.isFreed)
  // A room that was left has no more results, and says so.
  const left = new Compute(new Module(() => undefined)).map([1], { offered: 'echo' })
  await assert.rejects(left.next(), ClosedError)
})

test('functions of the page serve units until lending stops', async () => {
  const module = new Module()
  const compute = new Compute(module)
  let [isAborted, begun] = [false, undefined]
  const isBegun = new Promise((resolve) => (begun = resolve))
  const offer = {
    echo: (item, { unit, params }) => [item, unit, params],
    fails: () => {
      throw new RangeError('too far')
    },
    odd: () => undefined,
    waits: (_, { signal }) => {
      begun()
      return new Promise(() => signal.addEventListener('abort', () => (isAborted = true)))
    },
  }
  const lending = await compute.lend({ cores: 2, onlyOffers: true, offer })
  assert.deepEqual(module.lent, [{ cores: 2, people: [], offers: ['echo', 'fails', 'odd', 'waits'], kinds: 0 }])
  const limits = { unit_ms: 60_000, result: 100 }
  const order = (told, ...bytes) => module.ordered.push([JSON.stringify(told), ...bytes])
  for (const [run, name] of Object.keys(offer).entries()) {
    const load = { id: name, kind: 'offered', name, params: '{"k":1}', units: 2, shape: 'json', hasItems: true, limits }
    order({ load }, null, [bytes('"a"'), bytes('{"b":1}')])
    order({ run: { run, id: name, first: 0, units: 2 } })
  }
  await isBegun
  while (module.told.length < 4) await new Promise((resolve) => setTimeout(resolve))
  const told = module.told.map(([run, unit, bytes, kind, words]) => [run, unit, bytes && text(bytes), kind, words])
  assert.deepEqual(told.sort(), [
    [0, 0, '["a",0,{"k":1}]', undefined, undefined],
    [0, 1, '[{"b":1},1,{"k":1}]', undefined, undefined],
    [1, 0, undefined, 'trapped', 'RangeError: too far'],
    [2, 0, undefined, 'result', ''],
  ])
  lending.stop()
  assert.deepEqual([lending.isStopped, isAborted, module.lent], [true, true, []])
  await new Promise((resolve) => setTimeout(resolve))
  assert.equal(module.told.length, 4, 'an ended unit says nothing')
})
