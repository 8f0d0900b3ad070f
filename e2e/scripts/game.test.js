// A game as its script describes it, tick by tick, without a browser.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { between, Failure, Harness, Playhead } from '../../sdk/js/harness.js'

const players = [
  { slot: 0, name: 'Lin', colour: '#3cb44b' },
  { slot: 1, name: 'Mira', colour: '#4363d8' },
]

const hands = (slot, more) => ({ slot, held: [], pressed: [], axes: [0, 0, 0, 0], pointer: null, ...more })

/** A harness with the game of a script. */
function load(game) {
  const harness = new Harness()
  harness.api.game({ setup: () => ({}), update: (state) => state, render() {}, ...game })
  return harness
}

/** What is wrong, in words. */
function wrong(act) {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof Failure, `${error}`)
    return `${error}`
  }
  return 'nothing'
}

const runner = {
  setup: ({ players, random }) => ({ entities: players.map(({ slot }) => ({ id: slot, x: slot * 10, jumps: 0, luck: random() })) }),
  update(state, inputs, { random, sound, end, tick }) {
    for (const entity of state.entities) {
      const input = inputs[entity.id]
      entity.x += input.stick.x
      if (input.pressed('a')) {
        entity.jumps += 1
        sound('jump')
      }
      entity.luck = random()
    }
    if (tick === 5) end({ winner: 1 })
  },
}

test('a host goes on where another stopped', () => {
  const [one, other] = [load(runner), load(runner)]
  const first = one.setup({ seed: 7, players })
  assert.deepEqual(first.sounds, [])
  assert.equal(first.state.entities[1].x, 10)
  const step = (harness, tick, inputs) => JSON.parse(JSON.stringify(harness.step({ tick, inputs, players })))
  const saved = step(one, 1, [hands(0, { held: ['right'], pressed: ['a'] })])
  assert.deepEqual(saved.sounds, ['jump'])
  assert.equal(saved.state.entities[0].x, 1)
  assert.equal(saved.end, null)
  other.restore({ tick: 1, envelope: saved, players })
  for (let tick = 2; tick <= 5; tick++) {
    const inputs = [hands(1, { axes: [-0.5, 0, 0, 0] })]
    const envelope = step(one, tick, inputs)
    assert.deepEqual(step(other, tick, inputs), envelope)
    if (tick === 5) assert.deepEqual(envelope.end, { winner: 1 })
  }
  assert.equal(one.state.entities[1].x, 8)
})

test('the keys of an object have one order everywhere', () => {
  const scores = (state) => Object.keys(state.scores).join()
  const game = load({
    setup: () => ({ scores: { zeta: 1, beta: 2, alpha: 3 }, extra: { alpha: 0, beta: 0 } }),
    update(state, inputs, { tick }) {
      const { beta, ...others } = state.scores
      if (tick === 1) state.scores = { ...others, 7: 0, gamma: undefined, beta }
      if (tick === 2) state.extra = { omega: 1, alpha: Object.freeze({ beta: 1, zeta: 2 }) }
      if (tick === 3) state.scores = { omega: 1, alpha: 2 }
    },
  })
  const first = game.setup({ seed: 7, players })
  assert.equal(scores(first.state), 'zeta,beta,alpha')
  assert.equal(Object.keys(first.state.extra).join(), 'beta,alpha', 'in the order of their first use')
  const back = game.step({ tick: 1, inputs: [], players })
  assert.equal(scores(JSON.parse(JSON.stringify(back.state))), '7,zeta,beta,alpha', 'a key that came back has its old place')
  game.step({ tick: 2, inputs: [], players })
  const { state } = game.step({ tick: 3, inputs: [], players })
  assert.equal(scores(state), 'alpha,omega')
  // The next host has the table of the session, in which keys stay that no object has any more.
  const next = load({ update: (state) => void (state.scores = { alpha: 1, gone: 2 }) })
  const keys = ['id', 'scores', 'gone', 'alpha']
  next.restore({ tick: 3, envelope: { state: { scores: { alpha: 1 } }, random: [1, 2, 3, 4], keys }, players })
  assert.equal(scores(next.step({ tick: 4, inputs: [], players }).state), 'gone,alpha')
})

test('a seed draws the numbers of the library', () => {
  const game = load({ setup: ({ random }) => ({ drawn: Array.from({ length: 4 }, () => random() * 2 ** 32) }) })
  const { state, random } = game.setup({ seed: 7, players })
  assert.deepEqual(state.drawn, [1107360437, 179633292, 2841767865, 698294578])
  assert.deepEqual(random, [774310066, 204944253, 3293181771, 1648156491])
})

test('an input of a player who left is idle', () => {
  const game = load(runner)
  game.setup({ seed: 7, players })
  const { state } = game.step({ tick: 1, inputs: [], players: players.slice(0, 1), left: [1] })
  assert.equal(state.entities[1].x, 10)
})

test('numbers that JSON cannot say name their path', () => {
  const of = (state) => wrong(() => load({ setup: () => state }).setup({ seed: 1, players }))
  assert.equal(of({ a: [{ x: 1 }, { x: NaN }] }), 'setup: state.a[1].x is NaN')
  assert.equal(of({ a: -Infinity }), 'setup: state.a is -Infinity')
  assert.equal(of({ seen: new Set() }), 'setup: state.seen is a Set, which a state cannot hold')
  assert.equal(of({ act() {} }), 'setup: state.act is a function, which a state cannot hold')
  assert.match(of({ text: 'x'.repeat(5000) }), /state.text is a text of 5000 characters/)
  const deep = {}
  deep.deep = deep
  assert.match(of(deep), /lies more than 32 levels deep/)
  assert.equal(of({ a: null, b: [true, 'x', -0.5], c: undefined }), 'nothing')
})

test('errors of a game say where they arose', () => {
  const fails = load({ update: () => null.x })
  fails.setup({ seed: 1, players })
  assert.match(wrong(() => fails.step({ tick: 1, inputs: [], players })), /^update: TypeError/)
  const thrower = load({
    setup() {
      throw { get message() { throw 1 } }
    },
  })
  assert.equal(wrong(() => thrower.setup({ seed: 1, players })), 'setup: an error without a message')
  assert.match(wrong(() => new Harness().setup({ seed: 1, players })), /never calls meshwork.game/)
})

test('predictions take own inputs first and stop', () => {
  const harness = load(runner)
  const state = { entities: [{ id: 0, x: 0, jumps: 0, luck: 0 }, { id: 1, x: 0, jumps: 0, luck: 0 }] }
  const mine = [hands(0, { held: ['right'], pressed: ['a'] }), hands(0, { held: ['right'] })]
  const inputs = [hands(1, { held: ['left'], pressed: ['a'] })]
  harness.take({ tick: 40, state, random: [1, 2, 3, 4], me: 0, players, inputs, mine })
  assert.equal(harness.waiting, 2)
  const near = harness.ahead(2)
  assert.deepEqual(near.entities.map(({ x, jumps }) => [x, jumps]), [[2, 1], [-2, 1]])
  assert.equal(harness.ahead(1000).entities[0].x, 20)
})

test('entities move between two states and jump far', () => {
  const from = { n: 1, list: [{ id: 'a', x: 0, y: 5 }, { id: 'b', x: 0 }] }
  const to = { n: 2, list: [{ id: 'b', x: 500 }, { id: 'a', x: 10, y: 5 }] }
  assert.deepEqual(between(from, to, 0.5, 100), { n: 2, list: [{ id: 'b', x: 500 }, { id: 'a', x: 5, y: 5 }] })
})

test('pictures are late by what packets need', () => {
  const head = new Playhead()
  for (let tick = 0; tick < 600; tick += 3) head.note(tick, 5000 + (tick * 1000) / 60)
  assert.ok(Math.abs(head.delay - 100) < 2, `${head.delay}`)
  assert.ok(Math.abs(head.at(15000) - (600 - 6)) < 0.5, `${head.at(15000)}`)
})
