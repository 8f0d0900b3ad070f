// Physics of the package in Node: bodies, what is refused, snapshots, and the world by which devices are compared.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { PhysicsEngine, PhysicsError } from 'meshwork/physics'

const wasm = await readFile('node_modules/meshwork/physics.wasm')
const engine = new PhysicsEngine({ wasm })
const refuses = (words, call) =>
  assert.throws(call, (error) => error instanceof PhysicsError && words.test(error.message))

refuses(/await initialize\(\) first/, () => engine.step())
await engine.initialize()
assert.deepEqual(engine.gravity, { x: 0, y: -9.81, z: 0 })

const floor = engine.addBody({ type: 'fixed', shape: { type: 'box', halfSize: [10, 0.5, 10] } })
const ball = engine.addBody({ shape: { type: 'ball', radius: 0.5 }, position: { x: 0, y: 2, z: 0 } })
const collisions = []
const end = engine.onStep((report) => collisions.push(...report.collisions))
for (let step = 0; step < 120; step += 1) engine.step()
end()
assert.deepEqual(collisions, [{ bodies: [floor, ball], started: true }])
const { type, position } = engine.getBodyState(ball)
assert.ok(type === 'dynamic' && position.y > 0.95 && position.y < 1.05)
assert.equal(engine.castRay([0, 5, 0], [0, -1, 0]).body, ball)
assert.deepEqual(engine.bodiesAt([0, 0, 0]), [floor])
assert.deepEqual(engine.overlaps({ type: 'ball', radius: 0.6 }, [0, 2, 0]), [ball])

refuses(/mass is NaN/, () => engine.addBody({ mass: NaN }))
refuses(/a number is 1e\+?300|a number is 1000000/, () => engine.addBody({ mass: 1e300 }))
refuses(/mass is 2000000: it must be 0.001/, () => engine.addBody({ mass: 2e6 }))
refuses(/no body 77/, () => engine.getBodyState(77))
refuses(/there is no body x/, () => engine.removeBody('x'))
refuses(/one of ball, box/, () => engine.addBody({ shape: { type: 'cow' } }))

const [snapshot, digest] = [engine.snapshot(), engine.digest()]
const changed = Uint8Array.from(snapshot, (byte, at) => (at === 40 ? byte ^ 1 : byte))
refuses(/digest/, () => engine.restore(changed))
engine.applyImpulse(ball, [0, 5, 0])
engine.step()
assert.notEqual(engine.digest(), digest)
engine.restore(snapshot)
assert.equal(engine.digest(), digest)
assert.deepEqual(engine.getAllBodies().map(({ id }) => id), [floor, ball])
engine.removeBody(ball)
assert.equal(engine.getAllBodies().length, 1)
engine.reset()
assert.equal(engine.getAllBodies().length, 0)

const joint = engine.addJoint({ type: 'rope', bodies: [engine.addBody({ type: 'fixed' }), engine.addBody()], length: 2 })
engine.removeJoint(joint)

engine.start()
await new Promise((resolve) => engine.onStep(() => engine.steps > 2 && resolve()))
engine.stop()

engine.demo(1)
for (let step = 0; step < 10_000; step += 1) engine.step()
console.log(engine.digest())
engine.destroy()
