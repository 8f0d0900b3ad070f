// The game of a room: people in a party, one of whom is host, and the rules that run in this page.

import { Clock } from './clock.js'
import { iterate } from './events.js'
import { Failure, Harness, Screen } from './harness.js'

/** Width and height in which pointers are told, as in games that come as a script. */
const VIEW = [960, 540]

export class Game {
  #raw

  constructor(raw) {
    this.#raw = raw
  }

  get party() {
    return JSON.parse(this.#raw.party())
  }

  async play(rules, { name = '', view, bot = false } = {}) {
    const enter = (engine) => this.#raw.play(bot ? 'bot' : 'player', name, bot ? undefined : engine)
    return new Player(enter, rules, view)
  }

  async watch() {
    return new Player(() => this.#raw.play('watcher', ''))
  }
}

export class Player extends EventTarget {
  #raw
  #harness = new Harness()
  #screen = new Screen(this.#harness, (names) => this.#sound(names))
  #clock = new Clock(() => this.#tick())
  #hasRules
  /** Whether the rules run ahead of the host: not any more in a match in which they failed there. */
  #predicts
  /** Whether a match runs. */
  #isOn = false
  #picture
  /** The error that the rules threw last. */
  #error
  #isOver = false

  /** `enter` gets the engine, and returns the module's player. */
  constructor(enter, rules, view = VIEW) {
    super()
    this.#harness.view = [...view]
    this.#hasRules = this.#predicts = rules !== undefined
    if (rules) {
      this.#harness.api.game({ setup: (given) => rules.setup(given), update: (...given) => rules.update(...given), render() {} })
    }
    this.#raw = enter(rules && ((message) => this.#handle(JSON.parse(message))))
    this.#follow()
  }

  get lobby() {
    const { host, ending, ...lobby } = JSON.parse(this.#raw.lobby())
    return { ...lobby, host: host ?? undefined, ending: ending ?? undefined }
  }

  get slot() {
    return this.#raw.slot()
  }

  get isHost() {
    return this.#raw.isHost()
  }

  get isOver() {
    return this.#isOver
  }

  get pace() {
    const { ping, why, ...pace } = JSON.parse(this.#raw.pace())
    return { ...pace, ping: ping ?? undefined, why: why ?? undefined }
  }

  hold({ keys = [], stick, second, pointer } = {}) {
    const [width, height] = this.#harness.view
    const axes = [stick?.x ?? 0, stick?.y ?? 0, second?.x ?? 0, second?.y ?? 0]
    this.#raw.hold(JSON.stringify({ keys: [...keys], axes, pointer: pointer ? [pointer.x / width, pointer.y / height] : null }))
  }

  picture(now = performance.now()) {
    if (this.#screen.role !== 'idle') {
      try {
        const [state, { tick = this.#harness.aheadTick, players = this.#harness.players }] = this.#screen.at(now)
        this.#picture = { state, tick, players, me: this.slot }
      } catch (error) {
        // What came from the host is drawn as it is from now on.
        this.#predicts = false
        this.#screen.stop()
        this.#raw.answer(this.#failed(error))
      }
    }
    return this.#picture
  }

  sit() {
    this.#act('sit')
  }

  watch() {
    this.#act('watch')
  }

  ready(isReady = true) {
    this.#act('ready', isReady)
  }

  start() {
    this.#act('start')
  }

  kick(slot) {
    this.#act('kick', slot)
  }

  again() {
    this.#act('again')
  }

  handOver() {
    this.#act('handOver')
  }

  setName(name) {
    this.#act('name', name)
  }

  setColor(color) {
    this.#act('color', color)
  }

  leave() {
    this.#actIfOn('leave')
  }

  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    this.leave()
  }

  #act(act, of) {
    this.#raw.act(JSON.stringify({ act, of }))
  }

  /** The same of a party that may be over. */
  #actIfOn(act, of) {
    try {
      this.#act(act, of)
    } catch (error) {
      if (error.code !== 'Over') {
        throw error
      }
    }
  }

  /** A sixtieth of a second is over. */
  #tick() {
    if (this.isHost) {
      this.#raw.answer('{"is":"tick"}')
    } else {
      this.#clock.stop()
    }
  }

  /** A message to the engine. Returns the answer, if it has one. */
  #handle(message) {
    try {
      switch (message.do) {
        case 'setup':
          this.#host()
          return this.#stepped(this.#harness.setup(message))
        case 'step':
          return this.#stepped(this.#harness.step(message))
        case 'restore':
          this.#host()
          this.#harness.restore(message)
          return undefined
        default:
          this.#stop()
          return undefined
      }
    } catch (error) {
      this.#stop()
      return this.#failed(error)
    }
  }

  #host() {
    this.#isOn = this.#predicts = true
    this.#screen.host()
    this.#clock.start()
  }

  #stop() {
    this.#screen.stop()
    this.#clock.stop()
  }

  #stepped(envelope) {
    this.#sound(envelope.sounds)
    return JSON.stringify({ is: 'stepped', tick: this.#harness.tick, envelope })
  }

  #failed(error) {
    const { message, where } = error instanceof Failure ? error : new Failure('update', `${error}`)
    this.#error = error.error ?? error
    return JSON.stringify({ is: 'failed', message: `${message}`, line: null, where, fatal: true })
  }

  #sound(names) {
    for (const name of names ?? []) {
      this.dispatchEvent(new CustomEvent('sound', { detail: name }))
    }
  }

  /** A state of the host. Without rules there is nothing that could run ahead. */
  #show(message) {
    this.#clock.stop()
    if (!this.#isOn) {
      // The last one of a match, which came with its end.
      const { state, tick, players, me } = message
      this.#picture = { state, tick, players, me: me ?? undefined }
      this.#sound(message.sounds)
      return
    }
    this.#screen.show(this.#predicts ? message : { ...message, draw: 'interpolate' }, performance.now())
  }

  async #follow() {
    const hide = () => this.#actIfOn('hidden', document.visibilityState === 'hidden')
    document.addEventListener('visibilitychange', hide)
    hide()
    for await (const told of iterate(this.#raw.events(), JSON.parse)) {
      if (told.do) {
        // One of an earlier host may come after its engine was restored here, whose clock goes on.
        if (!this.isHost) {
          this.#show(told)
        }
      } else {
        this.#dispatch(told)
      }
    }
    this.#isOver = true
    document.removeEventListener('visibilitychange', hide)
    this.#stop()
    this.dispatchEvent(new CustomEvent('closed'))
  }

  #dispatch({ type, ...detail }) {
    if (type === 'began') {
      this.#isOn = true
      this.#predicts = this.#hasRules
      this.#picture = undefined
    }
    if (type === 'ended') {
      this.#isOn = false
      this.#stop()
    }
    if (type === 'fault') {
      detail.error = this.#error
    }
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
