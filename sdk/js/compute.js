// The jobs of a room, which all of its devices work on.

import { itemAt, iteratorOf, jobOf, programOf, termsOf } from './compute/program.js'
import { Serving } from './compute/serving.js'
import { decodeOutcome, decodeParams, decodeResult } from './compute/values.js'
import { ClosedError, ItemError, JobError, LendError } from './errors.js'
import { Listened, iterate } from './events.js'

/** A job as JSON says, without what is missing. */
function progressOf(told) {
  const { standstill, failure, left, steward, tiles, params, ...progress } = JSON.parse(told)
  const some = (value) => value ?? undefined
  return {
    ...progress,
    left: some(left),
    steward: some(steward),
    tiles: some(tiles),
    failure: some(failure),
    standstill: some(standstill),
    params: decodeParams(params),
  }
}

export class Compute extends Listened {
  #raw
  #jobs = new Map()
  #lending
  #serving
  #hasPool = false

  constructor(raw) {
    super('change', () => this.watch())
    this.#raw = raw
  }

  async submit(options) {
    const { told, code, input, items } = await jobOf(options)
    if (told.reduce === 'program' && !this.#hasPool) {
      this.#serve()
      this.#raw.usePool()
    }
    return this.#known(await this.#raw.submit(JSON.stringify(told), code, input, items))
  }

  map(items, options) {
    const { ordered = true, skip = false, onError, signal } = options
    const source = iteratorOf(items)
    const begin = async () => {
      const { told, code } = await programOf(options)
      signal?.throwIfAborted()
      told.result ??= told.kind === 'wasm' ? 'bytes' : 'json'
      const [raw, reader] = this.#raw.map(JSON.stringify({ ...told, isUnordered: !ordered }), code)
      return { raw, reader, result: told.result }
    }
    return mapped(source, begin, { skip, onError, signal })
  }

  async lend(options = {}) {
    const { share, onlyOffers, ...terms } = termsOf(options)
    const { signal, offer = {}, parent } = options
    signal?.throwIfAborted()
    terms.kinds = onlyOffers ? 0 : await kindsFor(terms.people === undefined)
    signal?.throwIfAborted()
    this.#lending?.stop()
    Object.assign(this.#serve(), { share, offers: { ...offer }, parent })
    const lending = new Lending(this, this.#raw.lend(JSON.stringify(terms)), terms.cores, () => this.#serving.end())
    this.#lending = lending
    signal?.addEventListener('abort', () => lending.stop(), { once: true })
    return lending
  }

  jobs() {
    const names = this.#raw.jobs()
    for (const name of this.#jobs.keys()) if (!names.includes(name)) this.#jobs.delete(name)
    return names.map((name) => this.job(name)).filter((job) => job !== undefined)
  }

  job(id) {
    if (this.#jobs.has(id)) return this.#jobs.get(id)
    const raw = this.#raw.job(id)
    return raw && this.#known(raw)
  }

  devices() {
    return JSON.parse(this.#raw.devices())
  }

  watch() {
    return iterate(this.#raw.changes(), (told) => told)
  }

  /** One object for each job. */
  #known(raw) {
    const id = raw.id()
    if (!this.#jobs.has(id)) this.#jobs.set(id, new Job(raw))
    return this.#jobs.get(id)
  }

  #serve() {
    this.#hasPool = true
    if (!this.#serving) {
      this.#serving = new Serving(this.#raw, (words) => this.#lending?.stop(new LendError(words)))
      this.#endWithRoom()
    }
    return this.#serving
  }

  async #endWithRoom() {
    for await (const _ of this.watch());
    this.#lending?.stop()
    this.#serving.end()
  }
}

/** Bits of the kinds of programs that run here: modules of everybody do not where nothing ends one in a loop. */
async function kindsFor(everybody) {
  const { FramePool } = await import('./compute-pool.js')
  return everybody && !FramePool.prototype.strangersModules ? 0b10 : 0b11
}

/** The results of items, which are read while the caller goes through the results. */
async function* mapped(source, begin, { skip, onError, signal }) {
  const { raw, reader, result } = await begin()
  let [isOver, wrong, sent, came] = [false, undefined, 0, 0]
  const end = () => {
    if (isOver) return
    isOver = true
    reader.free()
    signal?.removeEventListener('abort', end)
  }
  const put = async () => {
    try {
      for (let next = await source.next(); !next.done && !isOver; next = await source.next()) {
        if (!(await raw.put(await itemAt(await next.value, sent)))) return
        sent += 1
      }
    } catch (error) {
      // The results of the items before it come first.
      wrong = { error }
    } finally {
      raw.free()
    }
  }
  signal?.addEventListener('abort', end, { once: true })
  const putting = put()
  try {
    for (;;) {
      const told = isOver ? undefined : await reader.next()
      signal?.throwIfAborted()
      if (told === undefined) break
      if (told instanceof Error) throw told
      const [, value, right] = told
      if (right) {
        value.value = decodeResult(right, result)
        if (!onError) throw value
        onError(value)
        continue
      }
      came += 1
      if (!(value instanceof ItemError)) yield decodeResult(value, result)
      else if (!skip) throw value
      else {
        onError?.(value)
        yield null
      }
    }
    if (came < sent) throw new ClosedError('the room was left before all results came', { name: 'ClosedError', code: 'Closed' })
    await putting
    if (wrong) throw wrong.error
  } finally {
    end()
    endOf(source)
  }
}

/** Ends the source of items, which may be waiting for one. */
async function endOf(source) {
  try {
    await source.return?.()
  } catch {
    // Its items are wanted no more.
  }
}

export class Job extends Listened {
  #raw
  #form

  constructor(raw) {
    super('change', () => this.watch())
    this.#raw = raw
    this.id = raw.id()
    const told = raw.view()
    this.#form = told === undefined ? {} : progressOf(told)
  }

  get progress() {
    const told = this.#raw.view()
    return told === undefined ? undefined : progressOf(told)
  }

  get name() {
    return this.#form.name
  }

  get state() {
    return this.progress?.state ?? 'erased'
  }

  watch() {
    return iterate(this.#raw.watch(), progressOf)
  }

  [Symbol.asyncIterator]() {
    return this.watch()
  }

  async *results() {
    const changes = iterate(this.#raw.results(), (told) => told)
    for await (const [first, came] of changes) {
      const isLost = typeof came === 'number'
      const count = isLost ? came : came.length
      for (let at = 0; at < count; at++) {
        yield { unit: first + at, value: isLost ? undefined : decodeResult(came[at], this.#form.result), isLost }
      }
    }
  }

  async outcome({ signal } = {}) {
    signal?.throwIfAborted()
    const reader = this.#raw.outcome()
    const abort = () => reader.free()
    signal?.addEventListener('abort', abort, { once: true })
    const told = await reader.next()
    signal?.throwIfAborted()
    signal?.removeEventListener('abort', abort)
    reader.free()
    if (told instanceof Error) throw explained(told)
    try {
      return decodeOutcome(told, this.#form)
    } catch (cause) {
      throw new JobError('the outcome has another form than the job states', { name: 'JobError', code: 'Packet', cause })
    }
  }

  async pause() {
    await this.#raw.pause()
  }

  async resume() {
    await this.#raw.resume()
  }

  async cancel() {
    await this.#raw.cancel()
  }

  async erase() {
    await this.#raw.erase()
  }
}

/** An error of a job. A function that names something outside it fails at once everywhere. */
function explained(error) {
  if (error.words?.startsWith('ReferenceError')) {
    error.message += '. The text of a function is all that is sent: list functions in `uses`, and give values in `params`'
  }
  return error
}

export class Lending extends EventTarget {
  #compute
  #raw
  #end
  #cores
  #isPaused = false
  #isStopped = false
  #error

  constructor(compute, raw, cores, end) {
    super()
    this.#compute = compute
    this.#raw = raw
    this.#cores = cores
    this.#end = end
    this.#follow()
  }

  get running() {
    if (this.#isStopped) return []
    return JSON.parse(this.#raw.runs()).map(({ job: id, unit, end }) => {
      const job = this.#compute.job(id)
      const { name = '', submitter } = job?.progress ?? {}
      return { job, name, submitter, unit, end }
    })
  }

  get cores() {
    return this.#cores
  }

  set cores(cores) {
    this.#cores = termsOf({ cores }).cores
    if (!this.#isStopped) this.#raw.setCores(cores)
  }

  get isPaused() {
    return this.#isPaused
  }

  get isStopped() {
    return this.#isStopped
  }

  get error() {
    return this.#error
  }

  pause() {
    this.#setPaused(true)
  }

  resume() {
    this.#setPaused(false)
  }

  stop(error) {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#error = error instanceof LendError ? error : undefined
    this.#raw.free()
    this.#end()
    this.dispatchEvent(new CustomEvent('change', { detail: [] }))
    this.dispatchEvent(new CustomEvent('stopped', { detail: this.#error }))
  }

  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    this.stop()
  }

  #setPaused(isPaused) {
    this.#isPaused = isPaused
    if (!this.#isStopped) this.#raw.pause(isPaused)
  }

  /** Tells when something else runs. */
  async #follow() {
    let last = '[]'
    for await (const _ of this.#compute.watch()) {
      if (this.#isStopped) return
      const now = this.#raw.runs()
      if (now !== last) this.dispatchEvent(new CustomEvent('change', { detail: this.running }))
      last = now
    }
    this.stop()
  }
}
