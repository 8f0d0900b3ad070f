// Runs programs of strangers for a lender, each in a worker of the sealed frame (`sdk/js/frame`), with `runner.js` in front of it.
// Shaders run on the graphics card (`card.js`), one dispatch at a time.
//
// Orders: `{ load: { id, kind: 'wasm' | 'js' | 'wgsl', code, shader, input, hasItems, params, units, shape, limits: { memory_mib, unit_ms, result } } }`,
// `{ run: { run, id, first, units } }`, `{ end: run }`, `{ unload: id }`, `{ reduce: { id, packet } }`. `input` is the whole input, or the
// packet of all items; `shape` is 'bytes', 'json', 'f32', 'f64' or 'u32';
// `shader` is `{ groups: [x, y, z], output }`.
//
// `tell` gets `{ ran: { run, unit, bytes | failure, micros } }`, `{ reduced: { id, bytes | failure } }`, `{ refused: words }` if the browser
// runs no sealed frame, after which every run fails, and `{ cardGone: words }` if shaders run here no more. A failure is `{ kind: 'trapped' | 'time' | 'memory' | 'result' | 'load', words }`.
//
// The answers of workers drive the pool, so it goes on in a tab behind another, whose timers are late.

import { weightOf } from '../frame/guard.js'
import { Sandbox } from '../frame/sandbox.js'
import { Shader, formed, shaderOf } from './card.js'

/** Time that the units of one task take together, in ms. Each task costs two messages. */
const TASK_MS = 25
/** Most units of a task, and most bytes of their results. */
const TASK_UNITS_MAX = 64
const TASK_BYTES_MAX = 4 << 20
/** Most bytes of a reduction. */
const REDUCED_MAX = 64 << 20
/** Most time of a reduction, in ms. */
const REDUCE_MS = 60_000
/** Bytes of an answer beside its results. */
const ANSWER_BYTES = 4096
/** Between two looks at a task whose time is over, in ms: its answer may wait behind the timer. */
const LOOK_MS = 250
/** A worker that waits to keep its share makes up for so many ms. */
const LATE_MAX = 1000
/** A shader that loses the device so often runs here no more. */
const LOSSES_MAX = 2

const REFUSED = 'the page runs no sealed frame: its policy must name the script of the frame'

/** A run of units, or a reduction. */
class Work {
  runner = null
  /** Units below this run one by one, since one of them ends the worker. */
  careful = 0

  constructor(job, { run, first, units, packet }) {
    this.job = job
    this.run = run
    this.next = first
    this.end = first + units
    this.packet = packet
  }
}

/** A worker with a job's program, in the frame or, for a shader, in the page. */
class Runner {
  isReady = false
  work = null
  /** The units in hand, and the time at which they were sent. */
  count = 0
  sent = 0
  /** The time at which its time was over. */
  over = null
  /** The time from which the next task may start. */
  due = performance.now()
  micros = 0

  constructor(job) {
    this.job = job
  }

  get isBusy() {
    return this.count > 0
  }

  get isShader() {
    return this.job.kind === 'wgsl'
  }

  /** One answer for each task, no larger than its results may be. */
  isFlood(data) {
    if (data === 'ready') return this.isReady
    const most = this.work?.packet ? REDUCED_MAX : this.count * this.job.limits.result
    return !this.isBusy || typeof data !== 'object' || weightOf(data, most + ANSWER_BYTES) > most + ANSWER_BYTES
  }
}

/** The pool of a page. */
export class Pool {
  #texts
  #parent
  #tell
  #share
  #sandbox = null
  #refused = false
  /** Why no shader runs here, in words. */
  #cardGone = null
  #jobs = new Map()
  #works = new Set()
  #runners = new Set()
  #drainsUntil = null
  #timer = null

  /**
   * `texts` are the frame's document and the text before programs; the frame is added to `parent`, which may be hidden. `share` is
   * the per cent of its time in which a worker works.
   */
  constructor(texts, parent, tell, { share = 100 } = {}) {
    this.#texts = texts
    this.#parent = parent
    this.#tell = tell
    this.share = share
  }

  /**
   * Whether modules of everybody may run here. Nothing ends a module's loop in WebKit but the end of the tab, so there a page runs modules of
   * people alone whom its person allows.
   */
  get strangersModules() {
    return !navigator.vendor.startsWith('Apple')
  }

  /** The per cent of its time in which a worker works, from 1 to 100. */
  get share() {
    return this.#share
  }

  set share(share) {
    this.#share = Math.min(100, Math.max(1, share))
  }

  /** Carries out an order, without waiting for its end. */
  order({ load, run, end, unload, reduce }) {
    if (load) this.#jobs.set(load.id, jobOf(load))
    if (run) this.#begin(run)
    if (reduce) this.#begin({ ...reduce, first: 0, units: 1 })
    if (end !== undefined) this.#end((work) => work.run === end)
    if (unload !== undefined) this.#unload(unload)
    this.#pump()
  }

  /** Ends everything, and removes the frame. */
  end() {
    this.#tell = () => {}
    this.#works.clear()
    this.#jobs.clear()
    this.#removeFrame()
    this.#pump()
  }

  #begin(wanted) {
    const job = this.#jobs.get(wanted.id)
    const isShader = job?.kind === 'wgsl'
    const words = this.#refused && !isShader ? REFUSED : job ? (job.fault ?? (isShader ? this.#cardGone : null)) : 'it was not loaded'
    const work = new Work(job ?? { id: wanted.id }, wanted)
    if (words) this.#fail(work, { kind: 'load', words }, 0)
    else this.#works.add(work)
  }

  #end(isMeant) {
    for (const work of [...this.#works].filter(isMeant)) {
      this.#works.delete(work)
      if (work.runner?.isBusy) this.#drop(work.runner)
      else this.#free(work)
    }
  }

  #unload(id) {
    this.#end((work) => work.job.id === id)
    for (const runner of [...this.#runners].filter(({ job }) => job.id === id)) this.#drop(runner)
    this.#jobs.delete(id)
  }

  /** Tells the caller, who may hold a lock until its order returns, and may give orders when it is told. */
  #say(told) {
    queueMicrotask(() => this.#tell(told))
  }

  /** Takes a work's worker from it. */
  #free(work) {
    if (work.runner) work.runner.work = null
    work.runner = null
  }

  /** Ends a worker. */
  #drop(runner) {
    if (runner.work) this.#free(runner.work)
    runner.count = 0
    this.#runners.delete(runner)
    runner.program.end()
  }

  /** Gives workers to what waits, and tasks to workers; then sets the timer. */
  #pump() {
    const now = performance.now()
    if (this.#drainsUntil !== null) this.#drain(now)
    let wake = Infinity
    if (this.#drainsUntil === null) {
      for (const work of this.#works) {
        if (!work.runner) this.#employ(work)
        const { runner } = work
        if (!runner.isReady || runner.isBusy || (runner.isShader && this.#isCardBusy())) continue
        if (runner.due > now) wake = Math.min(wake, runner.due)
        else this.#send(runner, now)
      }
    } else {
      wake = this.#drainsUntil
    }
    for (const runner of this.#runners) if (runner.isBusy) wake = Math.min(wake, this.#limit(runner))
    clearTimeout(this.#timer)
    if (wake < Infinity) this.#timer = setTimeout(() => this.#look(), Math.max(0, wake - now))
  }

  /** Whether the card works: it does one thing at a time. */
  #isCardBusy() {
    return [...this.#runners].some((runner) => runner.isShader && runner.isBusy)
  }

  /** An idle worker of the job, or a new one. */
  #employ(work) {
    const idle = [...this.#runners].filter((runner) => !runner.work)
    let runner = idle.find(({ job }) => job === work.job)
    if (!runner) {
      // As many workers live as runs went on at once.
      if (idle.length > 0) this.#drop(idle[0])
      runner = this.#start(work.job)
    }
    runner.work = work
    work.runner = runner
  }

  #start(job) {
    if (job.kind === 'wgsl') return this.#startShader(job)
    this.#sandbox ??= new Sandbox(this.#parent, this.#texts.frame, 'Programs that this device runs', 'compute-frame', () => this.#refuse())
    const runner = new Runner(job)
    const { kind, code, input, params, shape, limits, hasItems } = job
    const isScript = kind === 'js'
    const give = { kind, code: isScript ? null : code, input: hasItems ? null : input, params, shape, limits, lines: this.#texts.worker.split('\n').length - 1 }
    runner.program = this.#sandbox.start({ code: this.#texts.worker + (isScript ? job.text : ''), give, guard: runner }, {
      message: (data) => this.#heard(runner, data),
      failed: (message, line) => this.#failed(runner, message, line - give.lines),
      dead: (why) => this.#died(runner, why),
    })
    this.#runners.add(runner)
    return runner
  }

  #startShader(job) {
    const runner = new Runner(job)
    this.#runners.add(runner)
    runner.program = new Shader(job.shaderOf, {
      message: (data) => this.#heard(runner, data),
      lost: (words) => this.#lostCard(runner, words),
      gone: (words) => this.#loseCard(words),
    })
    return runner
  }

  /** The device was lost. The unit runs once more, unless the shader has lost it before. */
  #lostCard(runner, words) {
    const { work, job, count } = runner
    this.#countLoss(job)
    this.#drop(runner)
    if (work && job.fault) this.#fail(work, { kind: 'trapped', words: `it loses the graphics card: ${words}`.slice(0, 200) }, 0)
    else if (work) work.careful = work.next + count
    this.#pump()
  }

  #countLoss(job) {
    job.losses += 1
    if (job.losses >= LOSSES_MAX) job.fault = `it has lost the graphics card here ${LOSSES_MAX} times`
  }

  /** Shaders run here no more. */
  #loseCard(words) {
    if (this.#cardGone) return
    this.#cardGone = words
    this.#say({ cardGone: words })
    for (const work of [...this.#works].filter(({ job }) => job.kind === 'wgsl')) this.#fail(work, { kind: 'load', words }, 0)
    for (const runner of [...this.#runners].filter(({ isShader }) => isShader)) this.#drop(runner)
    this.#pump()
  }

  /** Sends the next task. */
  #send(runner, now) {
    const { work, job } = runner
    runner.sent = now
    runner.over = null
    if (work.packet) {
      runner.count = 1
      return runner.program.send({ packet: work.packet, units: job.units })
    }
    const quick = Math.min(TASK_MS, job.limits.unit_ms / 2) * 1000
    const fit = Math.min(TASK_UNITS_MAX, TASK_BYTES_MAX / job.limits.result, work.end - work.next)
    const most = work.next < work.careful || !runner.micros ? 1 : quick / runner.micros
    runner.count = Math.max(1, Math.floor(Math.min(fit, most)))
    const items = job.hasItems ? itemsOf(job, work.next, runner.count) : null
    runner.program.send({ first: work.next, count: runner.count, items })
  }

  #heard(runner, data) {
    if (data === 'ready') runner.isReady = true
    else this.#answered(runner, data)
    this.#pump()
  }

  #answered(runner, { ran, reduced, failure }) {
    const { work, job, count, sent } = runner
    const now = performance.now()
    const took = now - sent
    // A timer that comes late has made no worker wait.
    runner.due = Math.max(runner.due, sent - LATE_MAX) + (took * 100) / this.#share
    runner.count = 0
    if (work.packet) {
      if (reduced instanceof Uint8Array && !failure) this.#done(work, reduced)
      else this.#fail(work, failureOf(failure), 0)
    } else {
      const results = Array.isArray(ran) ? ran.slice(0, count) : []
      const micros = Math.max(1, Math.round((took * 1000) / Math.max(1, results.length + (failure ? 1 : 0))))
      runner.micros = micros
      const { result } = job.limits
      const isResult = (bytes) => bytes instanceof Uint8Array && bytes.length <= result && (!runner.isShader || formed(bytes, job.shape, result))
      const right = results.findIndex((bytes) => !isResult(bytes))
      for (const bytes of right < 0 ? results : results.slice(0, right)) {
        this.#say({ ran: { run: work.run, unit: work.next, bytes, micros } })
        work.next += 1
      }
      if (right >= 0 || failure || results.length < count) this.#fail(work, failureOf(right < 0 ? failure : null), micros)
      else if (work.next === work.end) this.#finish(work)
    }
  }

  #done(work, bytes) {
    this.#finish(work)
    this.#say({ reduced: { id: work.job.id, bytes } })
  }

  #finish(work) {
    this.#works.delete(work)
    this.#free(work)
  }

  /** A failure ends the run, and its worker: nobody knows in which state the program is. */
  #fail(work, failure, micros) {
    const { runner } = work
    this.#finish(work)
    if (runner) this.#drop(runner)
    if (work.packet) this.#say({ reduced: { id: work.job.id, failure } })
    else this.#say({ ran: { run: work.run, unit: work.next, failure, micros } })
  }

  /** An error that nobody caught has ended a worker. */
  #failed(runner, message, line) {
    // Firefox says nothing about a script that it cannot read.
    const words = message === 'refused' ? 'SyntaxError: the browser cannot read the script' : message.replace(/^Uncaught /, '')
    const place = line > 0 ? ` (line ${line})` : ''
    // The runner catches what units throw. `ready` may overtake the error of a text that fails while it loads.
    this.#lost(runner, { kind: runner.micros > 0 ? 'trapped' : 'load', words: words.slice(0, 150) + place })
  }

  #died(runner, why) {
    const failures = { late: ['load', 'it does not finish loading within ten seconds'], flood: ['trapped', 'it sends messages of its own'] }
    const [kind, words] = failures[why]
    this.#lost(runner, { kind, words })
  }

  /** A worker has ended within a task: its units run one by one in a new worker, and one that does so alone has failed. */
  #lost(runner, failure) {
    const { work, count, isBusy, sent } = runner
    this.#drop(runner)
    if (work && isBusy && count > 1) work.careful = work.next + count
    else if (work) this.#fail(work, failure, isBusy ? Math.round((performance.now() - sent) * 1000) : 0)
    this.#pump()
  }

  /** The time of the next look at a worker's task. */
  #limit({ work, job, sent, over }) {
    return over === null ? sent + (work.packet ? REDUCE_MS : job.limits.unit_ms) : over + LOOK_MS
  }

  /** Looks for tasks whose time is over. */
  #look() {
    const now = performance.now()
    for (const runner of [...this.#runners]) {
      if (!runner.isBusy || this.#limit(runner) > now) continue
      if (runner.over === null) {
        // The answer may wait behind this very event, in a page that slept.
        runner.over = now
        continue
      }
      if (runner.isShader) this.#countLoss(runner.job)
      // Terminating ends a sort in Chromium after seconds alone, removing all frames at once.
      else this.#drainsUntil ??= now + runner.job.limits.unit_ms
      this.#lost(runner, { kind: 'time', words: '' })
    }
    this.#pump()
  }

  /** Removes the frame once no unit runs, at the latest when the time is over. Units that still run then run again. */
  #drain(now) {
    const isBusy = [...this.#runners].some((runner) => runner.isBusy)
    if (isBusy && now < this.#drainsUntil) return
    this.#drainsUntil = null
    this.#removeFrame()
  }

  #removeFrame() {
    for (const runner of [...this.#runners]) this.#drop(runner)
    this.#sandbox?.end()
    this.#sandbox = null
  }

  #refuse() {
    this.#refused = true
    this.#removeFrame()
    this.#say({ refused: REFUSED })
    for (const work of [...this.#works]) this.#fail(work, { kind: 'load', words: REFUSED }, 0)
  }
}

/** A job as the pool stores it. `fault` says why its runs fail at once. */
function jobOf(load) {
  const job = { ...load, fault: null, text: '', items: null, losses: 0 }
  try {
    if (load.kind === 'wgsl') job.shaderOf = shaderOf(load)
    if (load.kind === 'js') job.text = new TextDecoder('utf-8', { fatal: true }).decode(load.code)
  } catch ({ name, message }) {
    job.fault = name === 'Error' ? message : 'its code is no text'
  }
  if (load.hasItems) {
    job.items = placesOf(load.input, load.units)
    if (!job.items) job.fault = `its input is no packet of ${load.units} items`
  }
  return job
}

/** The places of a packet's values: begin and end of each. Null if it has another number of values. */
function placesOf(packet, count) {
  const places = new Uint32Array(2 * count)
  let at = 0
  for (let i = 0; i < count; i++) {
    let [length, shift, byte] = [0, 0, 128]
    for (; byte > 127 && shift < 28; shift += 7) {
      byte = packet[at++] ?? 0
      length += (byte & 127) * 2 ** shift
    }
    if (at + length > packet.length) return null
    places.set([at, at + length], 2 * i)
    at += length
  }
  return at === packet.length ? places : null
}

const itemsOf = ({ input, items }, first, count) =>
  Array.from({ length: count }, (_, i) => input.slice(items[2 * (first + i)], items[2 * (first + i) + 1]))

const KINDS = ['trapped', 'time', 'memory', 'result', 'load']

/** A failure as a worker states it, or that of a result in another form. */
function failureOf(failure) {
  const { kind, words } = failure ?? {}
  return KINDS.includes(kind) ? { kind, words: String(words).slice(0, 200) } : { kind: 'result', words: '' }
}
