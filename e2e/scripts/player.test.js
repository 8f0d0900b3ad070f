// Players of the package, with sessions in place of the module's that pass on what host and player say.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Game } from '../../sdk/js/game.js'

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
globalThis.document = page

const players = [
  { slot: 0, name: 'Ann', colour: '#3cb44b', away: false, bot: false },
  { slot: 1, name: 'Bo', colour: '#4363d8', away: false, bot: false },
]

const hands = (slot, held = []) => ({ slot, held, pressed: held, axes: [0, 0, 0, 0], pointer: null })

/** The state is the place of each player, who goes right by one a tick. */
const walk = {
  setup: ({ players }) => players.map(({ slot }) => ({ id: slot, x: slot * 100 })),
  update(state, inputs, { sound, end }) {
    state.forEach((one, slot) => {
      one.x += inputs[slot].stick.x
      if (inputs[slot].pressed('a')) sound('jump')
      if (inputs[slot].pressed('enter')) end({ winner: slot })
      if (inputs[slot].pressed('x')) throw new RangeError('too far')
    })
  },
}

/** The module's player. */
class Session {
  acts = []
  answers = []
  held = []
  isOn = false
  #queue = []
  #wake

  constructor(engine) {
    this.engine = (message) => {
      this.isOn = message.do !== 'stop'
      const answer = engine(JSON.stringify(message))
      return answer && JSON.parse(answer)
    }
  }

  tell(told) {
    this.#queue.push(told && JSON.stringify(told))
    this.#wake?.()
  }

  events() {
    return {
      next: async () => {
        if (this.#queue.length === 0) await new Promise((resolve) => (this.#wake = resolve))
        return this.#queue.shift()
      },
      free() {},
    }
  }

  answer(text) {
    this.answers.push(JSON.parse(text))
    this.answered?.()
  }

  act(text) {
    this.acts.push(JSON.parse(text))
  }

  hold(text) {
    this.held.push(JSON.parse(text))
  }

  slot = () => 1
  isHost = () => this.isOn
  lobby = () => JSON.stringify({ phase: 'playing', seats: [], host: null, ending: null })
}

/** Somebody who plays, and the session below. */
async function enter(rules, options) {
  let session
  const raw = { play: (role, name, engine) => (session = Object.assign(new Session(engine), { role, name })) }
  const player = await new Game(raw).play(rules, options)
  return [player, session]
}

/** What an event of this type says. */
const once = (player, type) => new Promise((resolve) => player.addEventListener(type, ({ detail }) => resolve(detail), { once: true }))

const show = (tick, state, more) => ({ do: 'show', tick, state, random: [1, 2, 3, 4], me: 1, players, inputs: [], mine: [], draw: 'predict', sounds: [], ...more })

/** The player once it has read what it was told. */
const read = () => new Promise((resolve) => setImmediate(resolve))

test('a host steps its rules, and another goes on', async () => {
  const [ann, session] = await enter(walk, { name: 'Ann' })
  assert.equal(session.name, 'Ann')
  const heard = once(ann, 'sound')
  assert.deepEqual(session.engine({ do: 'setup', seed: 7, players, tick: 0 }).envelope.state[1], { id: 1, x: 100 })
  const step = { do: 'step', tick: 1, inputs: [hands(1, ['right', 'a'])], players, joined: [], left: [] }
  const { is, tick, envelope } = session.engine(step)
  assert.deepEqual([is, tick, envelope.state[1].x, envelope.sounds], ['stepped', 1, 101, ['jump']])
  assert.equal(await heard, 'jump')
  assert.deepEqual(ann.picture(), { state: envelope.state, tick: 1, players, me: 1 })
  const [, other] = await enter(walk)
  assert.equal(other.engine({ do: 'restore', tick: 1, envelope }), undefined)
  assert.equal(other.engine({ ...step, tick: 2 }).envelope.state[1].x, 102)
  const ended = session.engine({ ...step, tick: 2, inputs: [hands(0, ['enter'])] })
  assert.deepEqual(ended.envelope.end, { winner: 0 })
  session.tell(undefined)
  await once(ann, 'closed')
  other.isOn = false
})

test('the clock ticks at the host alone', async () => {
  const [, session] = await enter(walk)
  session.engine({ do: 'setup', seed: 7, players, tick: 0 })
  const ticked = new Promise((resolve) => (session.answered = () => session.answers.length === 3 && resolve()))
  await ticked
  assert.deepEqual(session.answers[2], { is: 'tick' })
  session.engine({ do: 'stop' })
})

test('a late state of an earlier host does not stop the clock', async () => {
  const [, session] = await enter(walk)
  session.tell({ type: 'began' })
  session.engine({ do: 'setup', seed: 7, players, tick: 0 })
  session.tell(show(1, walk.setup({ players })))
  await read()
  await new Promise((resolve) => (session.answered = resolve))
  session.engine({ do: 'stop' })
})

test('players are ahead of the host', async () => {
  const [bo, session] = await enter(walk)
  assert.equal(bo.picture(), undefined)
  session.tell({ type: 'began' })
  session.tell(show(10, walk.setup({ players }), { mine: [hands(1, ['right']), hands(1, ['right'])] }))
  await read()
  const now = performance.now()
  assert.deepEqual([bo.picture(now - 500).state[1].x, bo.picture(now - 500).tick], [102, 12])
  const later = bo.picture(now + 500)
  assert.deepEqual([later.state[1].x, later.tick], [108, 18])
  session.tell({ type: 'ended', reason: 'over', result: 1 })
  session.tell(show(12, [{ id: 1, x: 7 }]))
  await read()
  assert.deepEqual([bo.picture(now + 500).state, bo.picture().tick], [[{ id: 1, x: 7 }], 12])
})

test('without rules states are shown in between', async () => {
  const [bo, session] = await enter(undefined)
  session.tell({ type: 'began' })
  const begun = performance.now()
  for (let tick = 0; tick <= 60; tick += 6) session.tell(show(tick, { x: tick }))
  await read()
  const places = [0, 20, 40, 60].map((after) => bo.picture(begun + 100 + after).state.x)
  assert.ok(places.every((place, at) => at === 0 || place >= places[at - 1]), `${places}`)
  assert.deepEqual(bo.picture().players, players)
})

test('errors of rules end the match with their words', async () => {
  const [ann, session] = await enter(walk)
  session.engine({ do: 'setup', seed: 7, players, tick: 0 })
  const failed = session.engine({ do: 'step', tick: 1, inputs: [hands(0, ['x'])], players, joined: [], left: [] })
  assert.deepEqual([failed.is, failed.message, failed.where, failed.fatal], ['failed', 'RangeError: too far', 'update', true])
  const fault = once(ann, 'fault')
  session.tell({ type: 'fault', message: failed.message, where: 'update' })
  assert.ok((await fault).error instanceof RangeError)
  const [, nan] = await enter({ ...walk, setup: () => ({ x: Number.NaN }) })
  assert.equal(nan.engine({ do: 'setup', seed: 7, players, tick: 0 }).message, 'state.x is NaN')
  const [bo, ahead] = await enter(walk)
  ahead.tell({ type: 'began' })
  ahead.tell(show(3, walk.setup({ players }), { mine: [hands(1, ['x'])] }))
  await read()
  bo.picture()
  assert.equal(ahead.answers[0].message, 'RangeError: too far')
  ahead.tell(show(4, walk.setup({ players }), { mine: [hands(1, ['x'])] }))
  await read()
  assert.equal(bo.picture().state[1].x, 100)
  assert.equal(ahead.answers.length, 1)
})

test('inputs and acts are handed on', async () => {
  const [bo, session] = await enter(walk, { view: [200, 100] })
  bo.hold({ keys: new Set(['left']), stick: { x: -1, y: 0.5 }, pointer: { x: 50, y: 50 } })
  bo.hold()
  assert.deepEqual(session.held[0], { keys: ['left'], axes: [-1, 0.5, 0, 0], pointer: [0.25, 0.5] })
  assert.deepEqual(session.held[1], { keys: [], axes: [0, 0, 0, 0], pointer: null })
  bo.ready()
  bo.kick(0)
  page.visibilityState = 'hidden'
  page.dispatchEvent(new Event('visibilitychange'))
  const acts = session.acts.map(({ act, of }) => [act, of])
  assert.deepEqual(acts, [['hidden', false], ['ready', true], ['kick', 0], ['hidden', true]])
  assert.equal(bo.lobby.host, undefined)
})
