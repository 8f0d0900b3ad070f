// Runs programs of strangers in a sealed frame, for a page that lends.

/** The source of the frame's script, as the page's `script-src` names it if the page has a policy. */
export const SOURCE: string

/** A program and its job. `input` is the whole input, or the packet of all items. */
export interface PoolJob {
  readonly id: string
  readonly kind: 'wasm' | 'js' | 'wgsl'
  readonly code: Uint8Array
  /** How a shader is dispatched: workgroups, and bytes of its output. */
  readonly shader?: { readonly groups: readonly [number, number, number]; readonly output: number }
  readonly input: Uint8Array | null
  readonly hasItems: boolean
  /** JSON, as the program reads it. */
  readonly params: string
  readonly units: number
  readonly shape: 'bytes' | 'json' | 'f32' | 'f64' | 'u32'
  /** MiB of memory, milliseconds of a unit, bytes of a result. */
  readonly limits: { readonly memory_mib: number; readonly unit_ms: number; readonly result: number }
}

export interface PoolFailure {
  readonly kind: 'trapped' | 'time' | 'memory' | 'result' | 'load'
  readonly words: string
}

export interface PoolOrder {
  readonly load?: PoolJob
  readonly run?: { readonly run: number; readonly id: string; readonly first: number; readonly units: number }
  readonly end?: number
  readonly unload?: string
  /** A packet of the results of all units. */
  readonly reduce?: { readonly id: string; readonly packet: Uint8Array }
}

export interface PoolTold {
  readonly ran?: {
    readonly run: number
    readonly unit: number
    readonly bytes?: Uint8Array
    readonly failure?: PoolFailure
    readonly micros: number
  }
  readonly reduced?: { readonly id: string; readonly bytes?: Uint8Array; readonly failure?: PoolFailure }
  /** The browser runs no sealed frame; every run fails from here on. */
  readonly refused?: string
  /** The graphics card runs no shader any more. */
  readonly cardGone?: string
}

/** The graphics card of this device, or why there is none: an insecure address, a browser without WebGPU, or no adapter. */
export function findCard(): Promise<{ readonly name: string } | { readonly problem: 'insecure' | 'missing' | 'none' }>

export class FramePool {
  /** The frame is added to `parent`, which may be hidden. `tell` is never called before an order returns. */
  constructor(parent: Element, tell: (told: PoolTold) => void, options?: { share?: number })
  /** The per cent of its time in which a worker works, from 1 to 100. */
  share: number
  /** Whether modules of everybody may run here: not in WebKit, where nothing ends a module's loop. */
  readonly strangersModules: boolean
  /** Carries out an order, without waiting for its end. */
  order(order: PoolOrder): void
  /** Ends everything, and removes the frame. */
  end(): void
}
