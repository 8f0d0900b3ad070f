// A clock of sixty ticks a second that goes on while nobody sees the page: browsers slow down timers of hidden pages, and leave those
// of workers alone.

/** Runs in the worker as well, so it uses nothing of this file. Calls `tick` until `isOn` says no; a clock far behind skips ticks. */
function beat(tick, isOn) {
  const each = 1000 / 60
  let due = performance.now() + each
  const next = () => {
    if (!isOn()) {
      return
    }
    const now = performance.now()
    tick()
    due += each
    if (now - due > 5 * each) {
      due = now
    }
    setTimeout(next, Math.max(0, due - now))
  }
  setTimeout(next, each)
}

/** Of a busy page at most 16 ticks wait. */
const WORKER = `let waiting = 0
onmessage = () => (waiting -= 1)
;(${beat})(() => waiting < 16 && postMessage((waiting += 1)), () => true)`

export class Clock {
  #tick
  /** What ends it; nothing while it stands still. */
  #end

  constructor(tick) {
    this.#tick = tick
  }

  start() {
    this.#end ??= this.#inWorker() ?? this.#inPage()
  }

  stop() {
    this.#end?.()
    this.#end = undefined
  }

  #inWorker() {
    let url
    try {
      url = URL.createObjectURL(new Blob([WORKER], { type: 'text/javascript' }))
      const worker = new Worker(url)
      const end = () => {
        worker.onmessage = worker.onerror = null
        worker.terminate()
        URL.revokeObjectURL(url)
      }
      worker.onmessage = () => {
        worker.postMessage(0)
        this.#tick()
      }
      // Pages may forbid workers of their own making.
      worker.onerror = () => {
        end()
        this.#end = this.#inPage()
      }
      return end
    } catch {
      URL.revokeObjectURL(url)
      return undefined
    }
  }

  #inPage() {
    let isOn = true
    beat(this.#tick, () => isOn)
    return () => {
      isOn = false
    }
  }
}
