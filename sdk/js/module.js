// The wasm module, loaded once, when it is first needed.

import * as errors from './errors.js'
import init, { RawEndpoint } from './wasm.js'

/** What the module cannot do without. */
const NEEDED = ['WebAssembly', 'window', 'RTCPeerConnection', 'WebSocket', 'crypto']

/** Where the objects of this package keep the module's. */
export const RAW = Symbol('raw')

let loading

/** The error that the module tells of. */
function errorOf(told) {
  const { class: name, message, ...fields } = JSON.parse(told)
  return new errors[name](message, { name, ...fields })
}

async function load() {
  // Bundlers copy the file and put its address here.
  const url = new URL('./meshwork.wasm', import.meta.url)
  try {
    await init({ module_or_path: url })
  } catch (error) {
    loading = undefined
    throw new errors.LoadError(url, error)
  }
  RawEndpoint.errorsBy(errorOf)
  return RawEndpoint
}

/** The module's endpoints, once it is loaded. */
export async function loaded() {
  const missing = NEEDED.filter((name) => globalThis[name] === undefined)
  if (missing.length > 0) {
    throw new errors.UnsupportedError(missing)
  }
  loading ??= load()
  return loading
}
