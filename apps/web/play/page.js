// The page's side of a game: starts its worker in a sandbox (`sdk/js/frame`), and speaks with the game. The frame's document and the
// worker's own text are part of this script; the build fills them in.
//
// A caller gives a function `on(kind, text)`. Kinds: `ready` (the game is loaded), `tick` (a sixtieth of a second is over at the
// host), `game` (JSON of the game), `sounds` (a JSON list of names to play now), `slow` (frames a second, after ten slow seconds),
// `dead` (`refused`: the browser ran no frame; `late`: the script did not finish loading; `silent`: it stopped answering; `flood`: it sent
// too much). After `dead` the frame is gone; `start` makes a new one.

import FRAME from 'frame-document'
import WORKER from 'play-worker'

import { Sandbox } from '../../../sdk/js/frame/sandbox.js'
import { kindOf, PICTURES } from './kinds.js'
import { Trusted, warm } from './trusted.js'

/** Ticks that are handled before the worker is told. */
const TICKS_TOLD = 4
/** Lines in front of the game's own. */
const LINES = WORKER.split('\n').length - 1

export class Frame {
  #parent
  #size
  #label
  #on
  #sandbox = null
  #game = null
  #ticks = 0
  #isHidden = false
  #me = 'me'
  #hasAnswered = false

  constructor(parent, width, height, label, on) {
    this.#parent = parent
    this.#size = [width, height]
    this.#label = label
    this.#on = on
    this.#mount()
  }

  /** Starts a game, in place of the one that runs. `files` are pairs of a path and bytes, of which pictures go to the worker. */
  start(code, files) {
    this.#game?.end()
    if (!this.#sandbox) this.#mount()
    const images = files.flatMap(([name, bytes]) => {
      const type = kindOf(name, PICTURES)
      return type ? [[name, type, bytes]] : []
    })
    this.#ticks = 0
    this.#hasAnswered = false
    const give = { view: this.#size, lines: LINES, images }
    this.#game = this.#sandbox.start({ code: WORKER + code, give, size: this.#size }, {
      message: (data) => this.#heard(data),
      failed: (message, line) => this.#failed(message, line),
      dead: (why) => this.#die(why),
    })
    this.send(this.#me)
    this.send(`hidden ${+this.#isHidden}`)
  }

  /** Sends a message to the game, as JSON. */
  send(text) {
    this.#game?.send(text)
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
    this.#on = () => {}
  }

  #mount() {
    this.#sandbox = new Sandbox(this.#parent, FRAME, this.#label, 'game-frame', () => this.#die('refused'))
  }

  #failed(failed, line) {
    // In Firefox `ready` may overtake the error of a script that fails while it loads.
    const where = this.#game?.isReady && this.#hasAnswered ? 'update' : 'load'
    // Firefox says nothing about a script that it cannot read.
    const words = failed === 'refused' ? 'SyntaxError: the browser cannot read the script' : failed
    const message = words.replace(/^Uncaught /, '').slice(0, 1000)
    const ownLine = Math.max(0, Number(line) - LINES) || null
    this.#on('game', JSON.stringify({ is: 'failed', message, line: ownLine, where, fatal: true }))
  }

  #heard(data) {
    if (data === -1) {
      this.#ticks += 1
      if (this.#ticks === TICKS_TOLD) {
        this.#game.send(-TICKS_TOLD)
        this.#ticks = 0
      }
      this.#on('tick', '')
    } else if (typeof data === 'string') {
      if (data[0] === '{') {
        this.#hasAnswered ||= !data.startsWith('{"is":"failed"')
        return this.#on('game', data)
      }
      const [kind, ...rest] = data.split(' ')
      if (kind === 'ready' || kind === 'sounds' || kind === 'slow') this.#on(kind, rest.join(' '))
    }
  }

  #die(why) {
    this.#drop()
    this.#on('dead', why)
  }

  #drop() {
    this.#sandbox?.end()
    this.#sandbox = this.#game = null
  }
}

/** Adds a frame to an element. */
export const mount = (parent, width, height, label, on) => new Frame(parent, width, height, label, on)

/** Prepares a frame in an element for a game that is a page of its own. */
export const trust = (parent, label, on) => new Trusted(parent, label, on)

export { warm }
