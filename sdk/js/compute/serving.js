// Carries out the orders to a page's pool: code of strangers runs in the sealed frame, offered programs are functions of the page.

import { iterate } from '../events.js'
import { decodeItem, decodeParams, encodeResult } from './values.js'

/** Most bytes of a failure's words. */
const WORDS_MAX = 200

export class Serving {
  /** The per cent of its time in which each worker of the frame works. */
  share = 100
  /** The element that has the frame; the body if there is none. */
  parent
  /** Functions by name. */
  offers = {}
  #raw
  #refused
  #frame
  /** Jobs by name, as they were loaded. */
  #jobs = new Map()
  /** Runs of functions of the page, each with the controller of its unit. */
  #runs = new Map()
  /** Jobs whose results are reduced. */
  #reducing = new Set()

  /** `refused` is called if the browser runs no sealed frame. */
  constructor(raw, refused) {
    this.#raw = raw
    this.#refused = refused
    this.#follow()
  }

  /** Ends all that runs for others, and removes the frame, unless it reduces results of this page's jobs. */
  end() {
    for (const run of this.#runs.keys()) this.#end(run)
    if (this.#reducing.size === 0) this.#removeFrame()
  }

  async #follow() {
    const orders = iterate(this.#raw.orders(), ([told, ...bytes]) => [JSON.parse(told), bytes])
    for await (const [{ load, run, end, unload, reduce }, bytes] of orders) {
      if (load) this.#load(load, bytes)
      if (run) await this.#run(run)
      if (end !== undefined) this.#end(end)
      if (unload !== undefined) this.#unload(unload)
      if (reduce) await this.#reduce(reduce.id, bytes[0])
    }
  }

  #load(load, [code, input]) {
    const job = { ...load, code, input }
    this.#jobs.set(job.id, job)
    if (job.kind !== 'offered') this.#frame?.pool.order({ load: job })
  }

  async #run(run) {
    const job = this.#jobs.get(run.id)
    if (job?.kind === 'offered') this.#serve(run, job)
    else await this.#order({ run }, (failure) => this.#ran({ run: run.run, unit: run.first, failure, micros: 0 }))
  }

  async #reduce(id, packet) {
    this.#reducing.add(id)
    await this.#order({ reduce: { id, packet } }, (failure) => this.#told({ reduced: { id, failure } }))
  }

  #end(run) {
    this.#runs.get(run)?.abort()
    this.#runs.delete(run)
    this.#frame?.pool.order({ end: run })
  }

  /** The frame goes with the last program in it. */
  #unload(id) {
    this.#jobs.delete(id)
    this.#reducing.delete(id)
    this.#frame?.pool.order({ unload: id })
    if (![...this.#jobs.values()].some(({ kind }) => kind !== 'offered')) this.#removeFrame()
  }

  async #order(order, fail) {
    try {
      this.#frame ??= await this.#makeFrame()
    } catch (error) {
      fail({ kind: 'load', words: `the page cannot load its pool: ${error}` })
      return
    }
    this.#frame.pool.order(order)
  }

  /** A frame in which all programs are loaded. Its script is loaded now, and not with the package. */
  async #makeFrame() {
    const { FramePool } = await import('../compute-pool.js')
    const place = document.createElement('div')
    place.hidden = true
    const parent = this.parent ?? document.body
    parent.append(place)
    const pool = new FramePool(place, (told) => this.#told(told), { share: this.share })
    for (const load of this.#jobs.values()) if (load.kind !== 'offered') pool.order({ load })
    return { pool, place }
  }

  #removeFrame() {
    this.#frame?.pool.end()
    this.#frame?.place.remove()
    this.#frame = undefined
  }

  #told({ ran, reduced, refused }) {
    if (ran) this.#ran(ran)
    if (reduced) this.#reducing.delete(reduced.id)
    if (reduced) this.#raw.reduced(reduced.id, reduced.bytes, reduced.failure?.kind, reduced.failure?.words)
    if (refused) this.#refused(refused)
  }

  #ran({ run, unit, bytes, failure, micros }) {
    this.#raw.ran(run, unit, bytes, failure?.kind, failure?.words, Math.min(micros, 2 ** 32 - 1))
  }

  /** Runs units by a function of the page. */
  async #serve({ run, first, units }, job) {
    for (let unit = first; unit < first + units; unit++) {
      const controller = new AbortController()
      this.#runs.set(run, controller)
      const begun = performance.now()
      const ran = await this.#unit(job, unit, controller)
      // The run was ended meanwhile.
      if (this.#runs.get(run) !== controller) return
      this.#ran({ run, unit, micros: Math.round((performance.now() - begun) * 1000), ...ran })
      if (ran.failure) break
    }
    this.#runs.delete(run)
  }

  /** The bytes of a unit, or its failure. Nobody waits for a function beyond its time. */
  async #unit(job, unit, controller) {
    if (!Object.hasOwn(this.offers, job.name)) return failed('load', `this device no longer offers ${job.name}`)
    if (job.hasItems && !job.input) return failed('load', 'the input is no list of items')
    const { signal } = controller
    const ended = new Promise((resolve) => signal.addEventListener('abort', () => resolve(failed('time')), { once: true }))
    const timer = setTimeout(() => controller.abort(), job.limits.unit_ms)
    const ran = await Promise.race([this.#call(job, unit, signal), ended])
    clearTimeout(timer)
    return ran
  }

  async #call(job, unit, signal) {
    const { hasItems, input, params, submitter, units, shape, limits } = job
    let value
    try {
      const given = { unit, units, params: decodeParams(params), submitter, signal }
      value = await this.offers[job.name](hasItems ? decodeItem(input[unit]) : (input ?? undefined), given)
    } catch (error) {
      return failed('trapped', error)
    }
    try {
      const bytes = await encodeResult(value, shape)
      return bytes.length > limits.result ? failed('result') : { bytes }
    } catch {
      return failed('result')
    }
  }
}

/** A failure with the words of a text or of an error, which may be anything that was thrown. */
function failed(kind, error = '') {
  let words = ''
  try {
    words = String(error)
  } catch {
    // It cannot be written.
  }
  return { failure: { kind, words: words.slice(0, WORDS_MAX) } }
}
