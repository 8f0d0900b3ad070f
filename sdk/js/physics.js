// Rigid bodies that move alike on every device. A module of its own, which nobody loads until an engine is initialized.

import { LoadError, MeshworkError } from './errors.js'
import init, { RawWorld } from './physics-module.js'

/** A number, body or snapshot that a world refuses, or a call before `initialize()`. The world is as it was. */
export class PhysicsError extends MeshworkError {
  constructor(code, message, options) {
    super(message, { name: 'PhysicsError', code }, options)
  }
}

const KINDS = ['dynamic', 'fixed', 'moved']
const SHAPES = ['ball', 'box', 'capsule', 'cylinder']
const JOINTS = ['weld', 'ball', 'hinge', 'slider', 'rope', 'spring']
const BODY = { mass: 1, friction: 0.5, bounce: 0, linearDamping: 0, angularDamping: 0 }
const ORIGIN = [0, 0, 0]
const UPRIGHT = [0, 0, 0, 1]
/** Numbers of a motion, and the place of the first one in a body. */
const MOTION = 13
const MOVING = 12
/** Steps that `start()` makes up for at once after a pause. */
const AT_ONCE = 5

let loading

async function load(source) {
  const url = source ?? new URL('./physics.wasm', import.meta.url)
  try {
    await init({ module_or_path: url })
  } catch (error) {
    loading = undefined
    throw new LoadError(url instanceof URL ? url : 'the physics module', error)
  }
}

function refuse(code, message) {
  throw new PhysicsError(code, message)
}

/** The module throws a text: a code, a line break and a message. */
function attempt(call) {
  try {
    return call()
  } catch (error) {
    if (typeof error !== 'string') throw error
    const [code, ...words] = error.split('\n')
    return refuse(code, words.join('\n'))
  }
}

function finite(name, value) {
  return Number.isFinite(value) ? value : refuse('Range', `${name} is ${value}: it must be a finite number`)
}

/** Three or four numbers, of a list or of x, y, z and w. */
function list(name, value, parts) {
  const axes = ['x', 'y', 'z', 'w'].slice(0, parts)
  const numbers = Array.isArray(value) || ArrayBuffer.isView(value) ? [...value] : axes.map((axis) => value?.[axis])
  if (numbers.length !== parts) refuse('Range', `${name} has ${numbers.length} numbers: it must have ${parts}`)
  return numbers.map((number) => finite(name, number))
}

const vector = (name, value) => list(name, value, 3)
const named = ([x, y, z, w]) => (w === undefined ? { x, y, z } : { x, y, z, w })

function id(name, value) {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32 ? value : refuse('Unknown', `there is no ${name} ${value}`)
}

function place(names, name, what) {
  const found = names.indexOf(name)
  return found >= 0 ? found : refuse('Range', `${what} is ${name}: it must be one of ${names.join(', ')}`)
}

/** A shape as its kind and three sizes. */
function shapeOf({ type = 'ball', radius = 0.5, halfHeight = 0.5, halfSize = [0.5, 0.5, 0.5] } = {}) {
  const kind = place(SHAPES, type, 'the type of a shape')
  if (type === 'box') return [kind, ...vector('halfSize', halfSize)]
  const sizes = type === 'ball' ? [radius, 0, 0] : [halfHeight, radius, 0]
  return [kind, ...sizes.map((size) => finite('the size of a shape', size))]
}

function motionOf({ position = ORIGIN, rotation = UPRIGHT, velocity = ORIGIN, angularVelocity = ORIGIN }) {
  return [
    ...vector('position', position),
    ...list('rotation', rotation, 4),
    ...vector('velocity', velocity),
    ...vector('angularVelocity', angularVelocity),
  ]
}

function bodyOf(body) {
  const { type = 'dynamic', shape, isSensor = false, isFast = false } = body
  const numbers = Object.entries(BODY).map(([name, usual]) => finite(name, body[name] ?? usual))
  return [place(KINDS, type, 'the type of a body'), ...shapeOf(shape), ...numbers, +isSensor, +isFast, ...motionOf(body)]
}

function motion(numbers) {
  return {
    position: named(numbers.slice(0, 3)),
    rotation: named(numbers.slice(3, 7)),
    velocity: named(numbers.slice(7, 10)),
    angularVelocity: named(numbers.slice(10, MOTION)),
  }
}

function jointOf(joint) {
  const { type = 'ball', bodies, anchors = [ORIGIN, ORIGIN], axis = [1, 0, 0], collide = false } = joint
  const kind = place(JOINTS, type, 'the type of a joint')
  const usual = type === 'hinge' ? [-Math.PI, Math.PI] : [0, 0]
  const limits = type === 'rope' ? [joint.length, 0] : (joint.limits ?? usual)
  const three = type === 'spring' ? [joint.length ?? 0, joint.stiffness ?? 100, joint.damping ?? 1] : [...limits, 0]
  return [
    ...[0, 1].map((which) => id('body', bodies?.[which])),
    ...vector('an anchor', anchors[0]),
    ...vector('an anchor', anchors[1]),
    kind,
    ...vector('the axis', axis),
    ...three.map((number) => finite('a number of the joint', number)),
    +collide,
  ]
}

/** The lists of a step, each behind its length. */
function report(numbers) {
  let at = 0
  const next = (width, make) => {
    const length = numbers[at]
    const items = Array.from({ length }, (_, item) => make(numbers.subarray(at + 1 + item * width)))
    at += 1 + length * width
    return items
  }
  return {
    collisions: next(3, ([one, other, begins]) => ({ bodies: [one, other], started: begins === 1 })),
    removed: next(2, ([body, left]) => ({ body, reason: left === 1 ? 'left' : 'broken' })),
    slowed: next(1, ([body]) => body),
  }
}

/** A world of rigid bodies. */
export class PhysicsEngine {
  #world
  #config
  #timer
  #listeners = new Set()

  constructor({ gravity = [0, -9.81, 0], timeStep = 1 / 60, substeps = 1, flat = false, wasm } = {}) {
    this.#config = { gravity: vector('gravity', gravity), timeStep, substeps, flat, wasm }
  }

  /** Loads the module, once for all engines, and makes an empty world. */
  async initialize() {
    loading ??= load(this.#config.wasm)
    await loading
    if (this.#world === undefined) this.reset()
    return this
  }

  get #ready() {
    return this.#world ?? refuse('NotInitialized', 'the engine is not initialized: await initialize() first')
  }

  get gravity() {
    return named(this.#config.gravity)
  }

  set gravity(gravity) {
    const numbers = vector('gravity', gravity)
    if (this.#world !== undefined) attempt(() => this.#world.setGravity(Float64Array.from(numbers)))
    this.#config.gravity = numbers
  }

  get timeStep() {
    return this.#config.timeStep
  }

  get substeps() {
    return this.#config.substeps
  }

  /** Steps since the world began. */
  get steps() {
    return this.#ready.steps()
  }

  addBody(body = {}) {
    const numbers = Float64Array.from(bodyOf(body))
    return attempt(() => this.#ready.addBody(numbers))
  }

  removeBody(body) {
    attempt(() => this.#ready.removeBody(id('body', body)))
  }

  /** Moves a body, or changes its velocity: the rest stays. */
  setBodyState(body, state) {
    const numbers = Float64Array.from(motionOf({ ...this.getBodyState(body), ...state }))
    attempt(() => this.#ready.place(body, numbers))
  }

  applyImpulse(body, impulse, point) {
    const numbers = Float64Array.from(vector('impulse', impulse))
    const at = Float64Array.from(point === undefined ? [] : vector('point', point))
    attempt(() => this.#ready.push(id('body', body), numbers, at))
  }

  getBodyState(body) {
    const numbers = [...attempt(() => this.#ready.body(id('body', body)))]
    return {
      id: body,
      type: KINDS[numbers[0]],
      ...motion(numbers.slice(MOVING)),
      mass: numbers[5],
      isSleeping: numbers[MOVING + MOTION] === 1,
    }
  }

  getAllBodies() {
    const [ids, motions] = [this.#ready.ids(), this.#ready.motions()]
    const one = (body, at) => ({ id: body, ...motion([...motions.subarray(at * MOTION, (at + 1) * MOTION)]) })
    return Array.from(ids, one)
  }

  addJoint(joint) {
    const numbers = Float64Array.from(jointOf(joint))
    return attempt(() => this.#ready.addJoint(numbers))
  }

  removeJoint(joint) {
    attempt(() => this.#ready.removeJoint(id('joint', joint)))
  }

  /** Computes one step, and returns what happened in it. */
  step() {
    const happened = report(this.#ready.step())
    this.#listeners.forEach((listener) => listener(happened))
    return happened
  }

  /** Calls back after each step. Returns a function that ends it. */
  onStep(listener) {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Steps by itself, in real time, until `stop()`. */
  start() {
    const world = this.#ready
    if (this.#timer !== undefined) return
    const millis = this.#config.timeStep * 1000
    let due = performance.now() + millis
    this.#timer = setInterval(() => {
      for (let steps = 0; performance.now() >= due && steps < AT_ONCE && this.#world === world; steps += 1) {
        this.step()
        due += millis
      }
      due = Math.max(due, performance.now())
    }, millis / 2)
  }

  stop() {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Stops, and begins an empty world. */
  reset() {
    this.stop()
    const { gravity, timeStep, substeps, flat } = this.#config
    const made = attempt(() => new RawWorld(Float64Array.from(gravity), timeStep, substeps, flat))
    this.#world?.free()
    this.#world = made
  }

  /** The first body on a ray, or `null`. */
  castRay(from, direction, length = 1000) {
    const [begin, to] = [Float64Array.from(vector('from', from)), Float64Array.from(vector('direction', direction))]
    const hit = attempt(() => this.#ready.ray(begin, to, finite('length', length)))
    return hit.length === 0 ? null : { body: hit[0], distance: hit[1], normal: named([...hit.slice(2)]) }
  }

  bodiesAt(point) {
    const numbers = Float64Array.from(vector('point', point))
    return [...attempt(() => this.#ready.at(numbers))]
  }

  overlaps(shape, position = ORIGIN, rotation = UPRIGHT) {
    const [form, at] = [Float64Array.from(shapeOf(shape)), Float64Array.from(vector('position', position))]
    const turn = Float64Array.from(list('rotation', rotation, 4))
    return [...attempt(() => this.#ready.overlaps(form, at, turn))]
  }

  snapshot() {
    return this.#ready.snapshot()
  }

  restore(snapshot) {
    if (!(snapshot instanceof Uint8Array)) refuse('Range', 'a snapshot is a Uint8Array')
    attempt(() => this.#ready.restore(snapshot))
  }

  /** The digest of the world, as hex: engines with equal digests have equal snapshots. */
  digest() {
    return Array.from(this.#ready.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }

  /** Makes this the world by which devices are compared: 200 bodies, drawn from a seed. */
  demo(seed = 1) {
    const made = attempt(() => RawWorld.demo(seed))
    this.stop()
    this.#world?.free()
    this.#world = made
  }

  /** Stops, and gives back the memory. */
  destroy() {
    this.stop()
    this.#listeners.clear()
    this.#world?.free()
    this.#world = undefined
  }
}
