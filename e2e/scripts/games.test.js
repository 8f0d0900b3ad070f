// The games of examples/games, played to their end by hands that press keys by chance.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

import { Harness } from '../../sdk/js/harness.js'

const GAMES = `${process.env.CARGO_MANIFEST_DIR}/../examples/games`
const NAMES = ['rim', 'tether', 'trails']
/** Ten minutes of the game. */
const TICKS_MAX = 36_000
/** The encoded state may have 48 KiB, and JSON is longer. */
const JSON_MAX = 48 * 1024

const load = (name) => {
  const harness = new Harness()
  new Function('meshwork', readFileSync(`${GAMES}/${name}/game.js`, 'utf8'))(harness.api)
  return harness
}

const person = (slot) => ({ slot, name: `Player ${slot + 1}`, colour: '#3cb44b', away: false, bot: true })
const people = (count) => Array.from({ length: count }, (_, slot) => person(slot))

/** Hands that hold other keys every half second. */
function fumble(seed) {
  let at = seed
  const chance = () => (at = (at * 16807) % 2147483647) / 2147483647
  const hands = []
  return (tick, players) =>
    players.map(({ slot }) => {
      const hand = (hands[slot] ??= { until: 0, held: [] })
      const before = hand.held
      if (tick >= hand.until) {
        hand.until = tick + 6 + chance() * 30
        hand.held = ['left', 'right', 'up', 'down', 'space'].filter(() => chance() < 0.35)
      }
      return { slot, held: hand.held, pressed: hand.held.filter((key) => !before.includes(key)), axes: [0, 0, 0, 0], pointer: null }
    })
}

/** A context that draws nothing, and refuses numbers that a browser refuses or does not draw. */
function paper() {
  const calls = { count: 0 }
  const call = (name) =>
    (...given) => {
      calls.count += 1
      for (const value of given.flat()) if (typeof value === 'number') assert.ok(Number.isFinite(value), `${name}(${given})`)
      if (name === 'arc') assert.ok(given[2] >= 0, `arc(${given})`)
      if (name === 'createRadialGradient') assert.ok(given[2] >= 0 && given[5] >= 0, `${name}(${given})`)
      return { addColorStop() {} }
    }
  const draw = new Proxy({}, { get: (known, name) => (name in known ? known[name] : call(name)), set: (known, name, value) => ((known[name] = value), true) })
  return { draw, calls }
}

const copied = (value) => JSON.parse(JSON.stringify(value))

for (const name of NAMES) {
  for (const count of [2, 6]) {
    test(`${name} of ${count} ends within its limits`, () => {
      const [harness, players, hands] = [load(name), people(count), fumble(count)]
      const files = readdirSync(`${GAMES}/${name}`)
      const { draw, calls } = paper()
      let envelope = harness.setup({ seed: 7, players })
      const heard = new Set()
      for (let tick = 1; tick < TICKS_MAX && !envelope.end; tick++) {
        envelope = harness.step({ tick, inputs: hands(tick, players), players })
        envelope.sounds.forEach((sound) => heard.add(sound))
        if (tick % 50) continue
        assert.ok(JSON.stringify(envelope.state).length < JSON_MAX)
        for (const me of [0, null]) harness.render(draw, copied(envelope.state), { me })
      }
      assert.ok(envelope.end, 'it ends')
      assert.ok(typeof envelope.end === 'string' || players.some(({ slot }) => slot === envelope.end.winner))
      assert.ok(heard.size > 1 && calls.count > 1000)
      for (const sound of heard) assert.ok(files.includes(`${sound}.wav`), `there is a file for ${sound}`)
    })
  }

  test(`${name} goes on at another host, with late players and without lost ones`, () => {
    const [one, other] = [load(name), load(name)]
    const hands = fumble(5)
    one.setup({ seed: 3, players: people(3) })
    const step = (harness, given) => copied(harness.step(given))
    let saved
    for (let tick = 1; tick <= 200; tick++) saved = step(one, { tick, inputs: hands(tick, people(3)), players: people(3) })
    other.restore({ tick: 200, envelope: saved, players: people(3) })
    const four = people(4)
    const without = four.filter(({ slot }) => slot !== 1)
    for (let tick = 201; tick <= 500; tick++) {
      const players = tick < 300 ? four : without
      const given = { tick, inputs: hands(tick, players), players, joined: tick === 201 ? [3] : [], left: tick === 300 ? [1] : [] }
      const envelope = step(one, given)
      assert.deepEqual(step(other, given), envelope)
      if (envelope.end) return
      const [entities] = ['balls', 'beads', 'riders'].flatMap((list) => (envelope.state[list] ? [envelope.state[list]] : []))
      assert.deepEqual(entities.map(({ id }) => id).sort(), players.map(({ slot }) => slot))
    }
  })

  test(`${name} is played with keys and with a stick`, () => {
    for (const input of [{ held: ['right'], axes: [1, 0, 0, 0] }, { held: [], axes: [0.3, 0.6, 0, 0] }]) {
      const places = [input, { held: [], axes: [0, 0, 0, 0] }].map((mine) => {
        const harness = load(name)
        harness.setup({ seed: 3, players: people(2) })
        let envelope
        for (let tick = 1; tick <= 140; tick++) {
          envelope = harness.step({ tick, inputs: [{ slot: 0, pressed: [], pointer: null, ...mine }], players: people(2) })
        }
        const { balls, beads, riders } = envelope.state
        const { x, y } = (balls ?? beads ?? riders)[0]
        return [x, y]
      })
      assert.notDeepEqual(places[0], places[1])
    }
  })
}
