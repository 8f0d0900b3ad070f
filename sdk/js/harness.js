// A game as `meshwork.game({ setup, update, render })` describes it: its state, its randomness, its inputs, and its prediction.
// It has no clock, no port and no canvas, so node runs it too:
//
//   const harness = new Harness()
//   new Function('meshwork', text)(harness.api)
//   let { state } = harness.setup({ seed: 1, players: [{ slot: 0, name: 'Lin', colour: '#3cb44b' }] })
//   ({ state } = harness.step({ tick: 1, inputs: [{ slot: 0, held: ['left'], pressed: [], axes: [0, 0, 0, 0], pointer: null }], players }))
//
// A call that fails throws a `Failure`. The game may replace methods of built-in objects, but no object of this file's own is
// handed to one of them that leads out of the worker.

const { imul, min, max, abs, floor } = Math
const { getPrototypeOf, prototype: plain, keys: keysOf, isSealed } = {}.constructor
const { isArray } = [].constructor

/** Longest time that a player's screen runs ahead of the host, in ticks. */
export const AHEAD_MAX = 20
/** Depth, number of values and length of texts of a state, as the session encodes it. */
const DEPTH_MAX = 32
const VALUES_MAX = 20_000
const TEXT_MAX = 4096
/** Slots of a party. */
const SLOTS = 6
/** Sounds of one tick: more are noise. */
const SOUNDS_MAX = 16
/** A tick of the game, in ms. */
export const TICK_MS = 1000 / 60
/** A prediction goes on for so many ticks without a packet. */
const WITHOUT_PACKET_MAX = 6
/** States that wait to be shown. */
const SHOWS_MAX = 64

/** The reason for which a game ends: its message, and the place in which it arose: load, setup, update or render. */
export class Failure {
  constructor(where, message, error) {
    this.where = where
    this.message = message
    this.error = error
  }

  toString() {
    return `${this.where}: ${this.message}`
  }
}

/** Calls a function of the game; an error of it becomes a failure. */
function run(where, act) {
  try {
    return act()
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(where, messageOf(error), error)
  }
}

/** The message of a thrown value, which may be anything. */
function messageOf(error) {
  try {
    const { name, message } = error
    return message === undefined ? `${error}` : `${name ?? 'Error'}: ${message}`
  } catch {
    return 'an error without a message'
  }
}

/** Four numbers of 32 bits from one, by splitmix32. */
function seeded(seed) {
  let at = seed | 0
  const next = () => {
    at = (at + 0x9e3779b9) | 0
    let mixed = imul(at ^ (at >>> 16), 0x21f0aaad)
    mixed = imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  return [next(), next(), next(), next()]
}

/** The next number from 0 to below 1, by sfc32; `state` changes. */
function drawn(state) {
  const [a, b, c, d] = state
  const sum = (((a + b) | 0) + d) | 0
  state[3] = (d + 1) >>> 0
  state[0] = (b ^ (b >>> 9)) >>> 0
  state[1] = (c + (c << 3)) >>> 0
  state[2] = (((c << 21) | (c >>> 11)) + sum) >>> 0
  return (sum >>> 0) / 4294967296
}

const randomOf = (said, seed) => (isArray(said) && said.length === 4 ? [said[0] >>> 0, said[1] >>> 0, said[2] >>> 0, said[3] >>> 0] : seeded(said ?? seed))

/** Names of keys by number, in the order of their first use: all members of a party have the keys of objects in this order. */
class Order {
  #numbers = { __proto__: null }
  #count = 0

  /** The table that another host had. Each table begins with `id`. */
  constructor(names = ['id']) {
    for (let at = 0; at < names.length; at++) this.number(names[at])
  }

  number(key) {
    return (this.#numbers[key] ??= this.#count++)
  }

  /** Orders the keys of an object as they arrive at others. Keys that are integers have an order of their own in JavaScript. */
  apply(value, keys) {
    let last = -1
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]
      if (value[key] === undefined || `${key >>> 0}` === key) continue
      const number = this.number(key)
      if (number < last) return this.#sort(value, keys)
      last = number
    }
  }

  #sort(value, keys) {
    // Its order cannot be changed.
    if (isSealed(value)) return
    keys.sort((one, other) => (this.#numbers[one] ?? -1) - (this.#numbers[other] ?? -1))
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]
      const kept = value[key]
      if (kept === undefined) continue
      delete value[key]
      value[key] = kept
    }
  }
}

/** The reason for which a value cannot be part of a state, and the path to it from its end; null if it can. */
function unfit(value, depth, count) {
  count.values += 1
  if (count.values > VALUES_MAX) return [`has more than ${VALUES_MAX} values`]
  switch (typeof value) {
    case 'boolean':
    case 'undefined':
      return null
    case 'number':
      // NaN and Infinity would come back as null.
      return value - value === 0 ? null : [`is ${value}`]
    case 'string':
      return value.length <= TEXT_MAX ? null : [`is a text of ${value.length} characters, above the limit of ${TEXT_MAX}`]
    case 'object':
      break
    default:
      return [`is a ${typeof value}, which a state cannot hold`]
  }
  if (value === null) return null
  if (depth > DEPTH_MAX) return [`lies more than ${DEPTH_MAX} levels deep`]
  if (isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const found = unfit(value[at], depth + 1, count)
      if (found) return found.push(`[${at}]`), found
    }
    return null
  }
  const kind = getPrototypeOf(value)
  if (kind !== plain && kind !== null) return [`is a ${value.constructor?.name ?? 'special object'}, which a state cannot hold`]
  const keys = keysOf(value)
  for (let at = 0; at < keys.length; at++) {
    const inner = value[keys[at]]
    // A key is entered before those of its value, as the session reads them.
    if (inner !== undefined) count.order?.number(keys[at])
    const found = unfit(inner, depth + 1, count)
    if (found) return found.push(`.${keys[at]}`), found
  }
  count.order?.apply(value, keys)
  return null
}

/** Throws if a state is no value of JSON, and names the path of the culprit. Its keys get their order. */
function check(where, state, order) {
  const found = unfit(state, 0, { values: 0, order })
  if (!found) return
  const [reason, ...path] = found
  throw new Failure(where, `state${path.reverse().join('')} ${reason}`)
}

/** The hands of a player in a tick, as a game reads them. */
function inputOf(said, [width, height]) {
  const held = said?.held ?? []
  const pressed = said?.pressed ?? []
  const axes = said?.axes ?? [0, 0, 0, 0]
  const pointer = said?.pointer ?? null
  const side = (less, more) => held.includes(more) - held.includes(less)
  return {
    held: (name) => held.includes(name),
    pressed: (name) => pressed.includes(name),
    // Arrow keys are a stick as well, so that a game needs no two ways of steering.
    stick: { x: axes[0] || side('left', 'right'), y: axes[1] || side('up', 'down') },
    second: { x: axes[2] || 0, y: axes[3] || 0 },
    pointer: pointer && { x: pointer[0] * width, y: pointer[1] * height },
  }
}

/** The inputs of all slots: a game may ask for each without a test whether somebody has it, as that of a player who left. */
function inputsOf(said, view) {
  const inputs = []
  for (let slot = 0; slot < SLOTS; slot++) inputs[slot] = inputOf(null, view)
  for (const input of said) inputs[input.slot] = inputOf(input, view)
  return inputs
}

/** An input once more, without what was pressed in its tick. */
const again = (input) => (input ? { ...input, pressed: [] } : input)

export class Harness {
  /** Width and height of the picture, in which pointers are told. */
  view = [960, 540]
  #game = null
  #now = null
  #ahead = null
  #players = []
  #order = new Order()

  /** What the game's script finds under the name `meshwork`. */
  api = {
    game: (game) => {
      // An error of the language: the browser reports it with its line.
      if (this.#game) throw new TypeError('the script calls meshwork.game more than once')
      const { setup, update, render } = game ?? {}
      for (const part of [setup, update, render]) {
        if (typeof part !== 'function') throw new TypeError('meshwork.game needs the functions setup, update and render')
      }
      this.#game = { setup, update, render }
    },
  }

  /** Throws if the script has described no game. */
  checkLoaded() {
    if (!this.#game) throw new Failure('load', 'the script never calls meshwork.game')
  }

  /** Begins a match as its host; returns the envelope of tick 0. */
  setup({ seed, players, tick = 0 }) {
    this.checkLoaded()
    const random = seeded(seed)
    this.#players = players
    const state = run('setup', () => this.#game.setup({ players, random: () => drawn(random) }))
    this.#now = { state, random, tick }
    this.#order = new Order()
    return this.#envelope('setup', [], null)
  }

  /** Does one tick as the host; returns its envelope. */
  step({ tick, inputs, players, joined = [], left = [] }) {
    if (!this.#now) throw new Failure('update', 'a tick came before the state')
    this.#players = players
    const sounds = []
    const ending = { result: null }
    this.#now.tick = tick - 1
    this.#advance(this.#now, { inputs, players, joined, left, sounds, ending })
    return this.#envelope('update', sounds, ending.result)
  }

  /** Goes on from the state of another host. */
  restore({ tick, envelope, players }) {
    this.checkLoaded()
    this.#players = players ?? this.#players
    this.#now = { state: envelope.state, random: randomOf(envelope.random, tick), tick }
    this.#order = new Order(envelope.keys)
  }

  /** The host's newest state. */
  get state() {
    return this.#now?.state
  }

  /** The host's newest tick. */
  get tick() {
    return this.#now?.tick ?? 0
  }

  /** Takes a state of the host, from which `ahead` predicts. It belongs to the harness from now on. */
  take({ tick, state, random, me, players, inputs = [], mine = [] }) {
    this.#players = players
    const others = inputs.filter(({ slot }) => slot !== me)
    const last = inputs.find(({ slot }) => slot === me)
    this.#ahead = { state, random: randomOf(random, tick), tick, base: tick, me, others, last, mine, players }
  }

  /** The players of the newest state. */
  get players() {
    return this.#players
  }

  /** The number of own inputs that the host has not yet consumed. */
  get waiting() {
    return this.#ahead?.mine.length ?? 0
  }

  /** The tick of the state that was computed ahead last. */
  get aheadTick() {
    return this.#ahead?.tick ?? 0
  }

  /** The state `ticks` after the one that was taken: own inputs first, then the last of them again, others' last ones throughout. */
  ahead(ticks) {
    const ahead = this.#ahead
    const wanted = min(ticks, AHEAD_MAX)
    while (ahead.tick - ahead.base < wanted) {
      const done = ahead.tick - ahead.base
      const own = ahead.mine[done] ?? again(ahead.mine[ahead.mine.length - 1] ?? ahead.last)
      const others = done === 0 ? ahead.others : ahead.others.map(again)
      const inputs = own && ahead.me !== null ? [...others, { ...own, slot: ahead.me }] : others
      this.#advance(ahead, { inputs, players: ahead.players, joined: [], left: [], sounds: [], ending: {} })
    }
    return ahead.state
  }

  /** Draws a state. */
  render(draw, state, given) {
    const [width, height] = this.view
    run('render', () => this.#game.render(draw, state, { players: this.#players, width, height, ...given }))
  }

  #advance(place, { inputs, players, joined, left, sounds, ending }) {
    const tick = place.tick + 1
    const given = {
      tick,
      players,
      joined,
      left,
      random: () => drawn(place.random),
      sound: (name) => void (sounds.length < SOUNDS_MAX && sounds.push(`${name}`)),
      end: (result = null) => void (ending.result = { result }),
    }
    const next = run('update', () => this.#game.update(place.state, inputsOf(inputs, this.view), given))
    // A game may change its state in place and return nothing.
    if (next !== undefined) place.state = next
    place.tick = tick
  }

  #envelope(where, sounds, ending) {
    const { state, random } = this.#now
    check(where, state, this.#order)
    if (ending) check(where, ending.result)
    // The end without a result is still an end.
    return { state, random: [...random], sounds, end: ending ? (ending.result ?? true) : null }
  }
}

/** A state between two: `x` and `y` of entities move, all else is the later one's. Jumps of more than `most` stay jumps. */
export function between(from, to, share, most) {
  if (isArray(to)) {
    if (!isArray(from)) return to
    const byId = to[0]?.id === undefined ? null : new IdMap(from)
    return to.map((value, at) => between(byId ? byId.get(value?.id) : from[at], value, share, most))
  }
  if (typeof to !== 'object' || to === null || typeof from !== 'object' || from === null) return to
  const mixed = { ...to }
  for (const key of keysOf(to)) {
    const [one, other] = [from[key], to[key]]
    if (typeof other === 'number') {
      const isPlace = (key === 'x' || key === 'y') && typeof one === 'number' && abs(other - one) <= most
      if (isPlace) mixed[key] = one + (other - one) * share
    } else if (typeof other === 'object') {
      mixed[key] = between(one, other, share, most)
    }
  }
  return mixed
}

/** Entities by their id. */
class IdMap {
  #entities = { __proto__: null }

  constructor(list) {
    for (const value of list) if (value?.id !== undefined) this.#entities[value.id] = value
  }

  get(id) {
    return this.#entities[id]
  }
}

/** The time by which a picture is late, so that packets which come unevenly are shown evenly. */
export class Playhead {
  #offset = null
  #jitter = 0
  #gap = 1000 / 60
  #last = null

  /** A packet of `tick` arrived at `now`, in ms. */
  note(tick, now) {
    const offset = now - (tick * 1000) / 60
    if (this.#offset === null || abs(offset - this.#offset) > 1000) {
      this.#offset = offset
      this.#jitter = 0
    }
    this.#jitter += (abs(offset - this.#offset) - this.#jitter) / 16
    this.#offset += (offset - this.#offset) / 16
    if (this.#last !== null && tick > this.#last) this.#gap += (((tick - this.#last) * 1000) / 60 - this.#gap) / 8
    this.#last = tick
  }

  /** How far behind the newest packet the picture is, in ms: two packets and twice the jitter. */
  get delay() {
    return min(150, max(33, 2 * this.#gap + 2 * this.#jitter))
  }

  /** The tick to show at `now`, with its fraction. */
  at(now) {
    return ((now - this.#offset - this.delay) * 60) / 1000
  }
}

/** The state to draw at a moment: a host's own, a player's ahead of the host, or one between two that came. */
export class Screen {
  #harness
  #sound
  #role = 'idle'
  #shows = []
  #playhead = new Playhead()
  #shown = 0

  /** `sound` is called with the names of sounds when they are to be heard. */
  constructor(harness, sound) {
    this.#harness = harness
    this.#sound = sound
  }

  /** `idle`, `host`, `predict` or `interpolate`. */
  get role() {
    return this.#role
  }

  /** The harness has the state from now on. */
  host() {
    this.#role = 'host'
  }

  /** There is nothing new to draw. */
  stop() {
    this.#role = 'idle'
  }

  /** A state of the host came at `now`, in ms. */
  show(message, now) {
    if (this.#role !== 'predict' && this.#role !== 'interpolate') {
      this.#shows = []
      this.#playhead = new Playhead()
    }
    this.#role = message.draw === 'interpolate' ? 'interpolate' : 'predict'
    if (this.#role === 'predict') {
      this.#harness.take(message)
      this.#shown = now
      this.#sound(message.sounds)
      return
    }
    this.#playhead.note(message.tick, now)
    this.#shows.push(message)
    if (this.#shows.length > SHOWS_MAX) this.#shows.shift()
  }

  /** The state to draw at `now`, and the players and tick that it is of if they are not the harness's. */
  at(now) {
    const harness = this.#harness
    if (this.#role === 'host') return [harness.state, { tick: harness.tick }]
    if (this.#role === 'predict') {
      const since = max(0, min(floor((now - this.#shown) / TICK_MS), WITHOUT_PACKET_MAX))
      return [harness.ahead(harness.waiting + since), {}]
    }
    const shows = this.#shows
    const at = this.#playhead.at(now)
    while (shows.length > 1 && shows[1].tick <= at) this.#sound(shows.shift().sounds)
    const [from, to] = shows
    if (from.tick <= at && from.sounds) {
      this.#sound(from.sounds)
      from.sounds = null
    }
    const { players, tick } = from
    if (!to || at <= from.tick) return [from.state, { players, tick }]
    const share = (at - from.tick) / (to.tick - from.tick)
    return [between(from.state, to.state, share, harness.view[0] / 4), { players, tick }]
  }
}
