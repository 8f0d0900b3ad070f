// The page's side of the sealed frame: mounts it, starts programs of strangers in it, counts what they send, asks for signs of life,
// and ends them.
//
// A program is the text of a worker, which begins with a prelude that deletes what it may not have, and a runner. The runner takes a port from
// the first message, beside what the page gives it. It posts `ready` once its program is loaded, and posts each number from 0 up that
// it receives. All other messages are the program's own.
//
// The frame's document is `document.js` of the package, or what a build makes of `frame.js`. A page with a policy names the hash
// of its script, since a `srcdoc` frame inherits the policy.

import { Guard } from './guard.js'

/** Longest time until a frame has begun, and until a program is loaded, in ms. A busy phone takes seconds. */
export const LOADING_MAX = 10_000
/** Longest time without an answer, in ms, from the moment at which the program was ready. */
const SILENCE_MAX = 2000
/** Time between questions, in ms. */
const ASK_EACH = 500

/** A sealed frame that fills its parent; tests find it by `name`. */
export function makeFrame(label, name) {
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', 'allow-scripts')
  frame.setAttribute('referrerpolicy', 'no-referrer')
  frame.setAttribute('style', 'display:block;border:0;width:100%;height:100%')
  frame.title = label
  frame.dataset.testid = name
  return frame
}

/** A sealed frame, in which programs run side by side. */
export class Sandbox {
  #frame
  #host
  #isOpen = false
  #programs = new Map()
  #last = 0
  #patience = new Patience()
  #timer
  #refused

  /** Adds a frame with this document to an element. `refused` is called if the browser does not run it. */
  constructor(parent, text, label, name, refused) {
    const frame = makeFrame(label, name)
    // The page reads keys and pointers.
    frame.setAttribute('tabindex', '-1')
    frame.style.pointerEvents = 'none'
    frame.srcdoc = text
    const { port1, port2 } = new MessageChannel()
    // A frame that navigates loads once more; the port goes to the first document alone.
    frame.onload = () => {
      frame.onload = null
      // The origin of the frame is opaque.
      frame.contentWindow.postMessage('begin', '*', [port2])
    }
    port1.onmessage = ({ data }) => this.#heard(data)
    this.#frame = frame
    this.#host = port1
    this.#refused = refused
    parent.append(frame)
    this.#timer = setInterval(() => this.#watch(), ASK_EACH)
  }

  /**
   * Starts a program. Its first message is `give`, with `canvas` in it if it has a `size` of pixels. Calls of `on`: `message(data)`,
   * `failed(message, line)` for an error that nobody caught, after which it has ended, and `dead(why)`, after which the caller ends it:
   * `late` (not loaded in time), `silent` (no answer, as in a loop or without memory), `flood` (too many messages or bytes). A caller
   * with a `guard` of its own also limits the time of each task by itself: then no program is `silent`.
   */
  start({ code, give, size, guard }, on) {
    const id = ++this.#last
    const order = (what, ports) => this.#host?.postMessage({ id, ...what }, ports)
    const program = new Program(order, { code, give, size }, guard, on, () => this.#programs.delete(id))
    this.#programs.set(id, program)
    if (this.#isOpen) program.launch()
    return program
  }

  /** Removes the frame, and with it all programs at once. */
  end() {
    clearInterval(this.#timer)
    for (const program of this.#programs.values()) program.end()
    if (this.#host) {
      this.#host.onmessage = null
      this.#host.close()
    }
    this.#frame?.remove()
    this.#frame = this.#host = null
  }

  #heard({ ready, id, failed, line }) {
    if (ready) {
      this.#isOpen = true
      for (const program of this.#programs.values()) program.launch()
    } else if (typeof failed === 'string') {
      this.#programs.get(id)?.fail(failed, line)
    }
  }

  #watch() {
    for (const program of this.#programs.values()) program.watch()
    if (this.#isOpen || this.#patience.waited() <= LOADING_MAX) return
    this.end()
    this.#refused()
  }
}

/** A program in a sandbox. */
class Program {
  #order
  #waiting
  #on
  #gone
  #port
  #far
  #isReady = false
  #isOver = false
  #guard
  #isTimed
  #asked = null
  #patience = null

  constructor(order, waiting, guard, on, gone) {
    const { port1, port2 } = new MessageChannel()
    this.#order = order
    this.#waiting = waiting
    this.#guard = guard ?? new Guard()
    this.#isTimed = Boolean(guard)
    this.#on = on
    this.#gone = gone
    this.#port = port1
    this.#far = port2
    port1.onmessage = ({ data }) => this.#heard(data)
  }

  /** Whether it was loaded. */
  get isReady() {
    return this.#isReady
  }

  /** Sends a message. */
  send(data) {
    this.#port?.postMessage(data)
  }

  /** Ends the worker; the frame stays for others. Chromium takes two seconds for one in a loop, if other frames are on the page. */
  end() {
    if (this.#isOver) return
    this.#isOver = true
    this.#closePort()
    this.#gone()
    this.#order({ ended: true })
  }

  /** Has the frame make the worker. */
  launch() {
    this.#patience = new Patience()
    this.#order(this.#waiting, [this.#far])
    this.#waiting = null
  }

  fail(message, line) {
    this.end()
    this.#on.failed(message, line)
  }

  /** Looks for signs of life. A worker that dies of memory says nothing. */
  watch() {
    if (!this.#patience || !this.#port) return
    const waited = this.#patience.waited()
    if (!this.#isReady) {
      if (waited > LOADING_MAX) this.#die('late')
    } else if (this.#isTimed) {
      // Its caller ends it.
    } else if (this.#asked === null) {
      this.#asked = 0
      this.#patience = new Patience()
      this.send(0)
    } else if (waited > SILENCE_MAX) {
      this.#die('silent')
    }
  }

  #heard(data) {
    // Events that were queued before the port was closed still come.
    if (!this.#port) return
    if (this.#guard.isFlood(data)) return this.#die('flood')
    if (typeof data === 'number' && data >= 0) {
      if (data === this.#asked) this.#asked = null
      return
    }
    if (data === 'ready') this.#isReady = true
    this.#on.message(data)
  }

  #die(why) {
    this.#closePort()
    this.#on.dead(why)
  }

  /** Closing the port comes first: what a flood has queued is not handled any more. */
  #closePort() {
    if (!this.#port) return
    this.#port.onmessage = null
    this.#port.close()
    this.#port = null
  }
}

/** Time since a moment, as far as the page was awake. */
class Patience {
  #since = performance.now()
  #looks = 0

  waited() {
    // A page that slept finds old questions, whose answers wait behind this very event.
    this.#looks += 1
    return this.#looks >= 3 ? performance.now() - this.#since : 0
  }
}
