// Rigid bodies that move alike on every device: `meshwork/physics`.

export type Vector = { readonly x: number; readonly y: number; readonly z: number }
export type Rotation = Vector & { readonly w: number }
export type VectorLike = Vector | readonly [number, number, number]
/** A unit quaternion. */
export type RotationLike = Rotation | readonly [number, number, number, number]

/** Lengths in metres: half sizes and radii of 0.01 to 1,000. */
export type Shape =
  | { readonly type?: 'ball'; readonly radius?: number }
  | { readonly type: 'box'; readonly halfSize?: VectorLike }
  | { readonly type: 'capsule' | 'cylinder'; readonly halfHeight?: number; readonly radius?: number }

export interface Motion {
  /** Metres: at most 8,192 from 0 along each axis. */
  readonly position: Vector
  readonly rotation: Rotation
  /** Metres per second: at most 400 along each axis. */
  readonly velocity: Vector
  /** Radians per second: at most 200 about each axis. */
  readonly angularVelocity: Vector
}

export interface MotionLike {
  readonly position?: VectorLike
  readonly rotation?: RotationLike
  readonly velocity?: VectorLike
  readonly angularVelocity?: VectorLike
}

export interface Body extends MotionLike {
  /** Dynamic bodies fall and bounce. Fixed ones stay. Moved ones follow their velocity, and nothing stops them. */
  readonly type?: 'dynamic' | 'fixed' | 'moved'
  readonly shape?: Shape
  /** Kilogrammes: 0.001 to 1,000,000. */
  readonly mass?: number
  /** 0 to 10. */
  readonly friction?: number
  /** 0 to 1. */
  readonly bounce?: number
  /** 0 to 100 a second. */
  readonly linearDamping?: number
  /** 0 to 100 a second. */
  readonly angularDamping?: number
  /** It reports collisions and stops nothing. */
  readonly isSensor?: boolean
  /** It passes through nothing, however fast it is. */
  readonly isFast?: boolean
}

export interface BodyState extends Motion {
  readonly id: number
  readonly type: 'dynamic' | 'fixed' | 'moved'
  readonly mass: number
  readonly isSleeping: boolean
}

export interface Joint {
  readonly type?: 'weld' | 'ball' | 'hinge' | 'slider' | 'rope' | 'spring'
  readonly bodies: readonly [number, number]
  /** The point of each body that is held, from its middle, in its own axes. */
  readonly anchors?: readonly [VectorLike, VectorLike]
  /** A unit vector in the bodies' own axes, for hinges and sliders. */
  readonly axis?: VectorLike
  /** Radians of a hinge, metres of a slider. */
  readonly limits?: readonly [number, number]
  /** Metres of a rope or spring. */
  readonly length?: number
  readonly stiffness?: number
  readonly damping?: number
  /** The two bodies touch each other as well. */
  readonly collide?: boolean
}

export interface StepReport {
  readonly collisions: readonly { readonly bodies: readonly [number, number]; readonly started: boolean }[]
  /** Bodies that left the world's space, or whose motion could not be computed. */
  readonly removed: readonly { readonly body: number; readonly reason: 'left' | 'broken' }[]
  /** Bodies that were too fast, and were slowed. */
  readonly slowed: readonly number[]
}

export interface RayHit {
  readonly body: number
  readonly distance: number
  readonly normal: Vector
}

export interface PhysicsConfig {
  /** Metres per second squared. `(0, -9.81, 0)` unless given. */
  readonly gravity?: VectorLike
  /** Seconds: 0.001 to 0.1, a sixtieth unless given. */
  readonly timeStep?: number
  /** 1 to 16. */
  readonly substeps?: number
  /** All bodies stay in the plane of x and y. */
  readonly flat?: boolean
  /** The module's bytes, response or address, if the package's own file cannot be fetched. Node needs the bytes. */
  readonly wasm?: BufferSource | Response | URL | string
}

/** A refused number, body, joint or snapshot. The world is as it was. */
export class PhysicsError extends Error {
  readonly name: 'PhysicsError'
  readonly code: 'NotInitialized' | 'Range' | 'Refused' | 'Unfit' | 'Unknown'
}

/** A world of rigid bodies. Equal calls in equal order give equal worlds on every device. */
export class PhysicsEngine {
  constructor(config?: PhysicsConfig)
  /** Loads the module, once for all engines, and makes an empty world. */
  initialize(): Promise<this>
  get gravity(): Vector
  set gravity(gravity: VectorLike)
  get timeStep(): number
  get substeps(): number
  get steps(): number
  /** Returns the body's id. At most 10,000 bodies. */
  addBody(body?: Body): number
  removeBody(body: number): void
  setBodyState(body: number, state: MotionLike): void
  /** Newton seconds, at a point of the world or at the body's middle. */
  applyImpulse(body: number, impulse: VectorLike, point?: VectorLike): void
  getBodyState(body: number): BodyState
  getAllBodies(): (Motion & { readonly id: number })[]
  addJoint(joint: Joint): number
  removeJoint(joint: number): void
  step(): StepReport
  /** Calls back after each step. Returns a function that ends it. */
  onStep(listener: (report: StepReport) => void): () => void
  /** Steps by itself, in real time, until `stop()`. */
  start(): void
  stop(): void
  reset(): void
  castRay(from: VectorLike, direction: VectorLike, length?: number): RayHit | null
  bodiesAt(point: VectorLike): number[]
  overlaps(shape: Shape, position?: VectorLike, rotation?: RotationLike): number[]
  /** The world as bytes, with a version and a digest. A restored world goes its own way, the same for all who restore it. */
  snapshot(): Uint8Array
  /** A changed or hostile snapshot is an error. */
  restore(snapshot: Uint8Array): void
  digest(): string
  /** Makes this the world by which devices are compared. */
  demo(seed?: number): void
  destroy(): void
}
