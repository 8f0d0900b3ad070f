// Shaders on the graphics card. A shader sees its bindings alone: no network, no storage, no page. So it runs in a worker of the page
// itself, since workers of the sealed frame have no WebGPU. The worker has no other text than `work` below; a shader's text goes to
// `createShaderModule` alone.

import { LOADING_MAX } from '../frame/sandbox.js'

/** Most bytes of a shader's text. */
const TEXT_MAX = 256 << 10
/** Bytes of the numbers before the parameters. */
const HEAD_BYTES = 16

/** Words for a card that does not answer any more. */
const HANGS = 'the graphics card does not answer: end the browser and start it again'

/**
 * Asks for this device's card: `{ name }`, or `{ problem }`, which is 'insecure' (WebGPU needs https or localhost), 'missing' (the
 * browser has no WebGPU) or 'none' (the browser gives no adapter).
 */
export async function findCard() {
  if (!isSecureContext) return { problem: 'insecure' }
  if (!navigator.gpu) return { problem: 'missing' }
  try {
    const adapter = await navigator.gpu.requestAdapter()
    const { description, vendor, architecture } = adapter?.info ?? {}
    return adapter ? { name: description || [vendor, architecture].filter(Boolean).join(' ') || 'WebGPU' } : { problem: 'none' }
  } catch {
    return { problem: 'none' }
  }
}

/** The part of a job that the worker reads. Throws words if no card can run it. */
export function shaderOf({ code, params, units, shape, shader, input, hasItems, limits }) {
  if (code.length > TEXT_MAX) throw new Error(`a shader of ${code.length} bytes exceeds the limit of ${TEXT_MAX}`)
  if (shape === 'json') throw new Error('a shader gives bytes or numbers, no JSON')
  const text = new TextDecoder('utf-8', { fatal: true }).decode(code)
  return { text, numbers: numbersOf(params), units, ...shader, input: hasItems ? null : input, memory: limits.memory_mib << 20 }
}

const readJson = (text) => {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return text
  }
}

/** The numbers behind the head of the uniform: a list in its order, or an object's by the bytes of their names. */
function numbersOf(params) {
  const value = readJson(params)
  const encoder = new TextEncoder()
  const key = ([name]) => Array.from(encoder.encode(name), (byte) => byte.toString(16).padStart(2, '0')).join('')
  const sorted = (object) => Object.entries(object).sort((one, other) => (key(one) < key(other) ? -1 : 1)).map(([, number]) => number)
  const numbers = value === null ? [] : Array.isArray(value) ? value : typeof value === 'object' ? sorted(value) : [undefined]
  if (!numbers.every(Number.isFinite)) throw new Error('parameters of a shader are null, a list of numbers, or an object of numbers')
  return new Float32Array(numbers)
}

/** A result in the form that the manifest states: all NaNs are one. Null if it has another length. */
export function formed(bytes, shape, most) {
  const wanted = { f32: 4, f64: 8, u32: 4 }[shape] ?? bytes.length
  if (bytes.length > most || bytes.length !== wanted) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (shape === 'f32' && Number.isNaN(view.getFloat32(0, true))) view.setUint32(0, 0x7fc00000, true)
  if (shape === 'f64' && Number.isNaN(view.getFloat64(0, true))) view.setBigUint64(0, 0x7ff8000000000000n, true)
  return bytes
}

/**
 * A shader in a worker of its own, with a device of its own. It takes tasks as a worker of the frame does. Calls of `on`:
 * `message(data)`, `lost(words)` when the device is lost, and `gone(words)` when the card gives no device, or none that works.
 */
export class Shader {
  #worker
  #timer

  constructor(shader, on) {
    const url = URL.createObjectURL(new Blob([`(${work})(${HEAD_BYTES})`], { type: 'text/javascript' }))
    this.#worker = new Worker(url)
    this.#worker.onmessage = ({ data }) => {
      if (data === 'ready') this.#isReady(url)
      if (typeof data?.lost === 'string') on.lost(data.lost)
      else if (typeof data?.gone === 'string') on.gone(data.gone)
      else on.message(data)
    }
    this.#worker.onerror = () => on.gone('the page cannot start the worker of the graphics card: its policy needs worker-src blob:')
    // A card that hangs answers not even the trial before `ready`.
    this.#timer = setTimeout(() => on.gone(HANGS), LOADING_MAX)
    this.#worker.postMessage({ shader })
  }

  send(data) {
    this.#worker.postMessage(data)
  }

  /** Ends the worker, and its device with it. */
  end() {
    clearTimeout(this.#timer)
    this.#worker.onmessage = this.#worker.onerror = null
    // The worker destroys its device first, if it is not busy.
    this.#worker.postMessage({ end: true })
    const worker = this.#worker
    setTimeout(() => worker.terminate(), 100)
  }

  #isReady(url) {
    clearTimeout(this.#timer)
    URL.revokeObjectURL(url)
  }
}

/** The whole text of the worker: it may use nothing from outside of itself. */
function work(headBytes) {
  const { gpu } = navigator
  const WORDS_MAX = 200
  let device, shader, pipeline, layout, output, read, uniform
  let input = null

  class Failure {
    constructor(kind, words) {
      this.failure = { kind, words: String(words).slice(0, WORDS_MAX) }
    }
  }

  const padded = (length) => Math.max(4, Math.ceil(length / 4) * 4)

  /** Runs steps, and throws what the device reports of them. */
  async function scoped(kind, steps) {
    device.pushErrorScope('out-of-memory')
    device.pushErrorScope('validation')
    let [value, thrown] = [undefined, null]
    try {
      value = await steps()
    } catch (error) {
      thrown = error
    }
    const [wrong, full] = [await device.popErrorScope(), await device.popErrorScope()]
    if (full) throw new Failure('memory', '')
    // The compiler's words have a line; those of the device repeat them.
    if (thrown instanceof Failure) throw thrown
    if (wrong) throw new Failure(kind, wrong.message)
    if (thrown) throw new Failure(kind, thrown.message)
    return value
  }

  function layoutOf() {
    const entry = (binding, type) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } })
    return device.createBindGroupLayout({ entries: [entry(0, 'read-only-storage'), entry(1, 'storage'), entry(2, 'uniform')] })
  }

  async function pipelineOf(text) {
    const module = device.createShaderModule({ code: text })
    const { messages } = await module.getCompilationInfo()
    const error = messages.find(({ type }) => type === 'error')
    if (error) throw new Failure('load', `line ${error.lineNum}: ${error.message}`)
    const compute = { module, entryPoint: 'main' }
    return device.createComputePipelineAsync({ layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute })
  }

  function bufferOf(bytes, usage) {
    const buffer = device.createBuffer({ size: padded(bytes.length), usage, mappedAtCreation: true })
    new Uint8Array(buffer.getMappedRange()).set(bytes)
    buffer.unmap()
    return buffer
  }

  async function dispatch(line, buffers, groups, length) {
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
    const encoder = device.createCommandEncoder()
    encoder.clearBuffer(buffers[1])
    const pass = encoder.beginComputePass()
    pass.setPipeline(line)
    pass.setBindGroup(0, device.createBindGroup({ layout, entries }))
    pass.dispatchWorkgroups(...groups)
    pass.end()
    encoder.copyBufferToBuffer(buffers[1], 0, read, 0, padded(length))
    device.queue.submit([encoder.finish()])
    await read.mapAsync(GPUMapMode.READ)
    const bytes = new Uint8Array(read.getMappedRange()).slice(0, length)
    read.unmap()
    return bytes
  }

  /** Buffers of the job, and its compiled text; once. */
  async function prepare() {
    if (pipeline) return
    await scoped('load', async () => {
      const size = padded(shader.output)
      const of = (usage) => device.createBuffer({ size, usage })
      output = of(GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST)
      read = of(GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST)
      const bytes = Math.ceil((headBytes + 4 * shader.numbers.length) / 16) * 16
      uniform = device.createBuffer({ size: bytes, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST })
      device.queue.writeBuffer(uniform, headBytes, shader.numbers)
      if (shader.input || !input) input = bufferOf(shader.input ?? new Uint8Array(0), GPUBufferUsage.STORAGE)
      pipeline = await pipelineOf(shader.text)
    })
  }

  async function runUnit(unit, item) {
    const bytes = item ?? shader.input ?? new Uint8Array(0)
    if (padded(bytes.length) + padded(shader.output) > shader.memory) throw new Failure('memory', '')
    await prepare()
    return scoped('trapped', async () => {
      if (item) {
        input?.destroy()
        input = bufferOf(item, GPUBufferUsage.STORAGE)
      }
      device.queue.writeBuffer(uniform, 0, new Uint32Array([unit, shader.units, bytes.length, 0]))
      return dispatch(pipeline, [input, output, uniform], shader.groups, shader.output)
    })
  }

  async function run({ first, count, items }) {
    const ran = []
    let failure = null
    for (let i = 0; i < count && !failure; i++) {
      try {
        ran[i] = await runUnit(first + i, items ? items[i] : null)
      } catch (error) {
        failure = error.failure ?? { kind: 'trapped', words: String(error).slice(0, WORDS_MAX) }
      }
    }
    // A lost device has its own message.
    if (device) postMessage({ ran, failure })
  }

  /** A card that hangs gives a device and answers nothing. */
  async function isAlive() {
    const text = '@group(0) @binding(1) var<storage, read_write> o: array<u32>; @compute @workgroup_size(1) fn main() { o[0] = 17u; }'
    const any = (usage) => device.createBuffer({ size: 16, usage })
    read = any(GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST)
    const written = any(GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST)
    const bytes = await dispatch(await pipelineOf(text), [any(GPUBufferUsage.STORAGE), written, any(GPUBufferUsage.UNIFORM)], [1, 1, 1], 4)
    return bytes[0] === 17
  }

  async function begin() {
    try {
      const adapter = await gpu?.requestAdapter()
      if (!adapter) return postMessage({ gone: 'the browser gives no graphics card' })
      // The limits and features that every device has, so that a shader runs everywhere or nowhere.
      device = await adapter.requestDevice()
      device.lost.then(({ reason, message }) => {
        if (!device) return
        device = null
        if (reason !== 'destroyed') postMessage({ lost: message })
      })
      layout = layoutOf()
      if (!await isAlive()) return postMessage({ gone: 'the graphics card computes wrong results' })
      postMessage('ready')
    } catch (error) {
      postMessage({ gone: `the graphics card cannot be used: ${error?.failure?.words ?? error.message}` })
    }
  }

  onmessage = ({ data }) => {
    if (data.shader) {
      shader = data.shader
      begin()
    } else if (data.end) {
      const before = device
      device = null
      before?.destroy()
      close()
    } else {
      run(data)
    }
  }
}
