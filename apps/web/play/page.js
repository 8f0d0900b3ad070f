// The page's side of a game: makes its frame, starts its worker, counts what comes from it, and ends it. The frame's document and
// the worker's own text are part of this script; the build fills them in.
//
// A caller gives a function `on(kind, text)`. Kinds: `ready` (the game is loaded), `tick` (a sixtieth of a second is over at the
// host), `game` (JSON of the game), `sounds` (a JSON list of names to play now), `slow` (frames a second, after ten slow seconds),
// `dead` (`refused`: the browser ran no frame; `late`: the script did not finish loading; `silent`: it stopped answering; `flood`: it sent
// too much). After `dead` the frame is gone; `start` makes a new one.

import FRAME from 'play-frame'
import WORKER from 'play-worker'

import { Guard, kindOf, LOADING_MAX, makeFrame, PICTURES } from './common.js'
import { Trusted, warm } from './trusted.js'

/** Longest time without an answer, in ms, from the moment at which the game was ready. */
const SILENCE_MAX = 2000
/** Time between questions, in ms. */
const ASK_EACH = 500
/** Ticks that are handled before the worker is told. */
const TICKS_TOLD = 4
/** Lines in front of the game's own. */
const LINES = WORKER.split('\n').length - 1

export class Frame {
  #parent
  #size
  #label
  #on
  #frame = null
  /** The port to the frame, and whether it answers. */
  #host = null
  #isOpen = false
  /** The worker: its number, its port, and whether the game is loaded. */
  #id = 0
  #port = null
  #isReady = false
  #waiting = null
  #guard = new Guard()
  #ticks = 0
  #timer = 0
  #since = 0
  #asked = null
  #checks = 0
  #isHidden = false
  #me = 'me'

  constructor(parent, width, height, label, on) {
    this.#parent = parent
    this.#size = [width, height]
    this.#label = label
    this.#on = on
    this.#mount()
  }

  /** Starts a game, in place of the one that runs. `files` are pairs of a path and bytes, of which pictures go to the worker. */
  start(code, files) {
    this.#stop()
    if (!this.#frame) this.#mount()
    const images = files.flatMap(([name, bytes]) => {
      const type = kindOf(name, PICTURES)
      return type ? [[name, type, bytes]] : []
    })
    this.#waiting = { code, images }
    if (this.#isOpen) this.#launch()
  }

  /** Sends a message to the game, as JSON. */
  send(text) {
    this.#port?.postMessage(text)
  }

  /** A game in a page that is not seen paints nothing; its host goes on. */
  setHidden(isHidden) {
    this.#isHidden = isHidden
    this.send(`hidden ${+isHidden}`)
  }

  /** The slot of the person at this screen; undefined for a watcher. */
  setMe(slot) {
    this.#me = slot === undefined ? 'me' : `me ${slot}`
    this.send(this.#me)
  }

  /** A game in a worker gets its hands with each tick, and never the focus. */
  sendInput() {}
  focus() {}

  /** Removes the frame, which ends its worker at once. */
  end() {
    this.#drop()
    clearInterval(this.#timer)
    this.#on = () => {}
  }

  #mount() {
    const frame = makeFrame(this.#label)
    // The page reads keys and pointers.
    frame.setAttribute('tabindex', '-1')
    frame.style.pointerEvents = 'none'
    frame.srcdoc = FRAME
    const { port1, port2 } = new MessageChannel()
    // A frame that navigates loads once more; the port goes to the first document alone.
    frame.onload = () => {
      frame.onload = null
      // The origin of the frame is opaque.
      frame.contentWindow.postMessage('begin', '*', [port2])
    }
    port1.onmessage = ({ data }) => this.#heardFrame(data)
    this.#frame = frame
    this.#host = port1
    this.#isOpen = false
    this.#since = performance.now()
    this.#checks = 0
    this.#parent.append(frame)
    clearInterval(this.#timer)
    this.#timer = setInterval(() => this.#watch(), ASK_EACH)
  }

  #heardFrame({ ready, id, failed, line }) {
    if (ready) {
      this.#isOpen = true
      if (this.#waiting) this.#launch()
    } else if (typeof failed === 'string' && id === this.#id && this.#port) {
      const where = this.#isReady ? 'update' : 'load'
      this.#stop()
      // Firefox says nothing about a script that it cannot read.
      const words = failed === 'refused' ? 'SyntaxError: the browser cannot read the script' : failed
      const message = words.replace(/^Uncaught /, '').slice(0, 1000)
      const ownLine = Math.max(0, Number(line) - LINES) || null
      this.#on('game', JSON.stringify({ is: 'failed', message, line: ownLine, where, fatal: true }))
    }
  }

  #launch() {
    const { code, images } = this.#waiting
    this.#waiting = null
    const { port1, port2 } = new MessageChannel()
    this.#id += 1
    this.#port = port1
    this.#isReady = false
    this.#guard = new Guard()
    this.#ticks = 0
    this.#since = performance.now()
    this.#checks = 0
    this.#asked = null
    port1.onmessage = ({ data }) => this.#heard(port1, data)
    const give = { view: this.#size, lines: LINES, images }
    this.#host.postMessage({ id: this.#id, code: WORKER + code, give, size: this.#size }, [port2])
    this.send(this.#me)
    this.send(`hidden ${+this.#isHidden}`)
  }

  #heard(port, data) {
    // Events that were queued before the port was closed still come.
    if (port !== this.#port) return
    if (this.#guard.isFlood(data)) return this.#die('flood')
    if (data === -1) {
      this.#ticks += 1
      if (this.#ticks === TICKS_TOLD) {
        port.postMessage(-TICKS_TOLD)
        this.#ticks = 0
      }
      this.#on('tick', '')
    } else if (typeof data === 'number') {
      if (data === this.#asked) this.#asked = null
    } else if (typeof data === 'string') {
      if (data[0] === '{') return this.#on('game', data)
      const [kind, ...rest] = data.split(' ')
      if (kind === 'ready') this.#isReady = true
      if (kind === 'ready' || kind === 'sounds' || kind === 'slow') this.#on(kind, rest.join(' '))
    }
  }

  /** Looks for signs of life. A worker that dies of memory says nothing. */
  #watch() {
    if (!this.#frame || (this.#isOpen && !this.#port)) return
    // A page that slept finds old questions, whose answers wait behind this very event.
    this.#checks += 1
    const waited = this.#checks >= 3 ? performance.now() - this.#since : 0
    if (!this.#isOpen) {
      if (waited > LOADING_MAX) this.#die('refused')
    } else if (!this.#isReady) {
      if (waited > LOADING_MAX) this.#die('late')
    } else if (this.#asked === null) {
      this.#asked = this.#checks = 0
      this.#since = performance.now()
      this.send(0)
    } else if (waited > SILENCE_MAX) {
      this.#die('silent')
    }
  }

  #die(why) {
    this.#drop()
    this.#on('dead', why)
  }

  /** Ends the worker; the frame stays for the next. */
  #stop() {
    if (!this.#port) return
    this.#closePort()
    this.#host.postMessage({ id: this.#id, ended: true })
  }

  /** Closing the port comes first: what a flood has queued is not handled any more. */
  #closePort() {
    if (!this.#port) return
    this.#port.onmessage = null
    this.#port.close()
    this.#port = null
  }

  #drop() {
    this.#closePort()
    if (this.#host) {
      this.#host.onmessage = null
      this.#host.close()
    }
    this.#frame?.remove()
    this.#frame = this.#host = this.#waiting = null
    this.#isOpen = false
  }
}

/** Adds a frame to an element. */
export const mount = (parent, width, height, label, on) => new Frame(parent, width, height, label, on)

/** Prepares a frame in an element for a game that is a page of its own. */
export const trust = (parent, label, on) => new Trusted(parent, label, on)

export { warm }
