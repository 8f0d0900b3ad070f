// The first statement of each program's worker: it deletes every global that is not on its list. The policy alone does not seal a
// worker: EventSource and FontFace of Firefox fetch any address in spite of it.
//
// The build replaces GAME: games keep clocks, timers and pictures. Programs of Compute keep what every engine has alike.
//
// Functions of the program are hoisted above this text, so a program could replace any global that stands here. It therefore uses
// the worker's own scope, which the build hands in as `workerScope`, literals and their properties, and no global name.
/* global workerScope, GAME */
{
  const kept = ['Object', 'Function', 'Array', 'Number', 'parseFloat', 'parseInt', 'Infinity', 'NaN', 'undefined', 'Boolean', 'String', 'Symbol',
    'Promise', 'RegExp', 'Error', 'AggregateError', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError', 'JSON', 'Math',
    'ArrayBuffer', 'Uint8Array', 'Int8Array', 'Uint16Array', 'Int16Array', 'Uint32Array', 'Int32Array', 'Float16Array', 'Float32Array', 'Float64Array',
    'Uint8ClampedArray', 'BigUint64Array', 'BigInt64Array', 'DataView', 'Map', 'BigInt', 'Set', 'Iterator', 'WeakMap', 'WeakSet', 'Proxy', 'Reflect',
    'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'isFinite', 'isNaN', 'globalThis', 'self', 'constructor',
    'WebAssembly', 'TextEncoder', 'TextDecoder', 'addEventListener']
  const ofGames = ['Date', 'Intl', 'WeakRef', 'performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'queueMicrotask',
    'requestAnimationFrame', 'cancelAnimationFrame', 'structuredClone', 'atob', 'btoa', 'console', 'OffscreenCanvas', 'ImageData', 'ImageBitmap',
    'createImageBitmap', 'Path2D', 'DOMMatrix', 'DOMPoint', 'DOMRect', 'Blob', 'onmessage', 'onerror', 'onmessageerror', 'removeEventListener',
    'dispatchEvent']
  if (GAME) kept.push(...ofGames)
  const { getOwnPropertyNames, getPrototypeOf, prototype } = {}.constructor
  for (let place = workerScope; place && place !== prototype; place = getPrototypeOf(place)) {
    const names = getOwnPropertyNames(place)
    for (let i = 0; i < names.length; i++) if (!kept.includes(names[i])) delete place[names[i]]
  }
}
