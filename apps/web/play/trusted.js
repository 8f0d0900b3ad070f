// The page's side of an HTML game: a page of its own in a frame, which speaks JSON by `postMessage`. It answers the session as a
// worker does, so a page treats both alike. Its author is trusted by the person, since its frame cannot be sealed.
//
// Down: LOAD_CODE, UPDATE { payload: { inputs: [{ playerId, keys, frame }] } } at the host, STATE_UPDATE { payload }, PLAYER_INPUT, PAUSE,
// RESUME. Up: READY, STATE { payload }, INPUT { keys, frame }, ERROR { message, line }, LOG, HEARTBEAT.
//
// Kinds of `on` are those of `page.js`, and `input` (a JSON list of the keys that this person holds) and the deaths `left` (the game
// went to another page) and `silent` (five seconds without a heartbeat, after the first).

import { Guard } from '../../../sdk/js/frame/guard.js'
import { LOADING_MAX, makeFrame } from '../../../sdk/js/frame/sandbox.js'
import { kindOf, PICTURES } from './kinds.js'

const SHELL = new URL('./trusted.html', import.meta.url).href
/** Longest time between heartbeats, in ms. */
const HEARTBEAT_MAX = 5000
/** The loads of a frame that goes nowhere: that of the shell, and that of the game in its place. */
const LOADS_MAX = 2
/** A clock that a tab behind another does not slow. */
const CLOCK =
  'let due=performance.now();const beat=()=>{postMessage(0);const now=performance.now();due+=1000/60;if(now-due>84)due=now;setTimeout(beat,Math.max(0,due-now))};beat()'

/** Names of keys, as pages of their own know them. */
const KEYS = { left: 'ArrowLeft', right: 'ArrowRight', up: 'ArrowUp', down: 'ArrowDown', space: ' ', enter: 'Enter', shift: 'Shift', ctrl: 'Control', alt: 'Alt', tab: 'Tab', backspace: 'Backspace' }
const NAMES = Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [key.toLowerCase(), name]))

/** The name of a key that a game reports by its `key` or its `code`. */
const nameOf = (key) => NAMES[key.toLowerCase()] ?? key.toLowerCase().replace(/^(key|digit)(?=.$)/, '')

const KINDS = { ...PICTURES, svg: 'image/svg+xml', mp3: 'audio/mpeg', ogg: 'audio/ogg', wav: 'audio/wav', json: 'application/json', js: 'text/javascript', css: 'text/css' }

export class Trusted {
  #parent
  #label
  #on
  #frame = null
  #loads = 0
  #code = null
  #isReady = false
  #state = null
  #clock = null
  #timer = 0
  #begun = 0
  #heartbeat = 0
  #guard = new Guard()
  #me
  #told = '[]'

  constructor(parent, label, on) {
    this.#parent = parent
    this.#label = label
    this.#on = on
  }

  /** Starts a game: the text of its page, and its other files as pairs of a path and bytes. */
  start(code, files) {
    this.#drop()
    const assets = files.map(([name, bytes]) => ({ name, type: kindOf(name, KINDS) ?? '', bytes }))
    this.#code = { type: 'LOAD_CODE', code, assets }
    this.#state = null
    this.#told = '[]'
    const frame = makeFrame(this.#label, 'game-frame')
    frame.src = SHELL
    frame.onload = () => {
      this.#loads += 1
      if (this.#loads > LOADS_MAX) this.#die('left')
    }
    this.#loads = 0
    this.#isReady = false
    this.#heartbeat = 0
    this.#begun = performance.now()
    this.#frame = frame
    addEventListener('message', this.#hear)
    this.#timer = setInterval(() => this.#watch(), 500)
    this.#parent.append(frame)
  }

  /** Does what a message of the session says. */
  send(text) {
    const message = JSON.parse(text)
    switch (message.do) {
      case 'setup':
      case 'restore':
        this.#state = message.envelope?.state ?? null
        if (message.envelope) this.#post({ type: 'STATE_UPDATE', payload: this.#state })
        this.#post({ type: 'RESUME' })
        if (message.do === 'setup') this.#answer(message.tick ?? 0)
        this.#startClock()
        break
      case 'step': {
        const inputs = message.inputs.map(({ slot, held }) => ({ playerId: `${slot}`, keys: held.map((name) => KEYS[name] ?? name), frame: message.tick }))
        this.#post({ type: 'UPDATE', payload: { inputs, frame: message.tick, players: message.players.map(({ slot }) => `${slot}`), me: this.#me } })
        this.#answer(message.tick)
        break
      }
      case 'show':
        this.#stopClock()
        this.#post({ type: 'STATE_UPDATE', payload: message.state, frame: message.tick, me: this.#me })
        break
      case 'stop':
        this.#stopClock()
        this.#post({ type: 'PAUSE' })
        break
    }
  }

  /** The keys of a person that the page read, as from a touch screen; only changes, since the game may hear keys of its own. */
  sendInput(keys) {
    if (keys === this.#told) return
    this.#told = keys
    this.#post({ type: 'PLAYER_INPUT', payload: { playerId: `${this.#me ?? ''}`, keys: JSON.parse(keys).map((name) => KEYS[name] ?? name) } })
  }

  setHidden(isHidden) {
    // A host goes on behind another tab, so it is not paused.
    if (!this.#clock) this.#post({ type: isHidden ? 'PAUSE' : 'RESUME' })
  }

  setMe(slot) {
    this.#me = slot === undefined ? undefined : `${slot}`
  }

  /** Gives the game the keys. */
  focus() {
    this.#frame?.focus()
  }

  /** Removes the frame. */
  end() {
    this.#drop()
    this.#on = () => {}
  }

  #post(message) {
    // The origin of the frame is opaque.
    this.#frame?.contentWindow?.postMessage(message, '*')
  }

  /** Everything that is framed can post here, so the sender is compared. */
  #hear = ({ source, data }) => {
    if (!this.#frame || source !== this.#frame.contentWindow) return
    if (this.#guard.isFlood(data)) return this.#die('flood')
    if (typeof data !== 'object' || data === null) return
    const payload = data.payload ?? data
    switch (data.type) {
      case 'SHELL':
        if (this.#code) this.#post(this.#code)
        this.#code = null
        break
      case 'READY':
        if (!this.#isReady) this.#on('ready', '')
        this.#isReady = true
        break
      case 'STATE':
        this.#state = data.payload ?? null
        break
      case 'INPUT':
        if (Array.isArray(payload.keys)) this.#on('input', JSON.stringify(payload.keys.filter((key) => typeof key === 'string').slice(0, 64).map(nameOf)))
        break
      case 'HEARTBEAT':
        this.#heartbeat = performance.now()
        break
      case 'ERROR': {
        const message = `${payload.message}`.slice(0, 1000)
        this.#on('game', JSON.stringify({ is: 'failed', message, line: Math.max(0, Number(payload.line)) || null, where: this.#isReady ? 'update' : 'load', fatal: true }))
        break
      }
    }
  }

  /** The newest state that the game said stands for this tick. */
  #answer(tick) {
    const envelope = { state: this.#state, random: [0, 0, 0, 0], sounds: [], end: null }
    // The session expects no answer within the call.
    queueMicrotask(() => this.#on('game', JSON.stringify({ is: 'stepped', tick, envelope })))
  }

  #startClock() {
    this.#stopClock()
    const url = URL.createObjectURL(new Blob([CLOCK], { type: 'text/javascript' }))
    this.#clock = new Worker(url)
    this.#clock.onmessage = () => this.#on('tick', '')
    URL.revokeObjectURL(url)
  }

  #stopClock() {
    this.#clock?.terminate()
    this.#clock = null
  }

  #watch() {
    const now = performance.now()
    if (!this.#isReady && now - this.#begun > LOADING_MAX) this.#die('late')
    else if (this.#heartbeat && !document.hidden && now - this.#heartbeat > HEARTBEAT_MAX) this.#die('silent')
  }

  #die(why) {
    this.#drop()
    this.#on('dead', why)
  }

  #drop() {
    clearInterval(this.#timer)
    removeEventListener('message', this.#hear)
    this.#stopClock()
    this.#frame?.remove()
    this.#frame = this.#code = null
  }
}

/** Loads the shell once, so that the browser has it while the server is away. */
export function warm() {
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', '')
  frame.setAttribute('referrerpolicy', 'no-referrer')
  frame.hidden = true
  frame.src = SHELL
  frame.onload = () => frame.remove()
  document.body.append(frame)
}
