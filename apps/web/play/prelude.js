// The first statement of each game's worker: it deletes every global that is not on its list. The policy alone does not seal a
// worker: EventSource and FontFace of Firefox fetch any address in spite of it.
//
// Functions of the game are hoisted above this text, so a game could replace any global that stands here. It therefore uses
// `this`, literals and their properties, and no global name.
{
  const kept = ['Object', 'Function', 'Array', 'Number', 'parseFloat', 'parseInt', 'Infinity', 'NaN', 'undefined', 'Boolean', 'String', 'Symbol', 'Date',
    'Promise', 'RegExp', 'Error', 'AggregateError', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError', 'JSON', 'Math', 'Intl',
    'ArrayBuffer', 'Uint8Array', 'Int8Array', 'Uint16Array', 'Int16Array', 'Uint32Array', 'Int32Array', 'Float16Array', 'Float32Array', 'Float64Array',
    'Uint8ClampedArray', 'BigUint64Array', 'BigInt64Array', 'DataView', 'Map', 'BigInt', 'Set', 'Iterator', 'WeakMap', 'WeakSet', 'WeakRef', 'Proxy', 'Reflect',
    'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'isFinite', 'isNaN', 'globalThis', 'WebAssembly',
    'self', 'performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'queueMicrotask', 'requestAnimationFrame', 'cancelAnimationFrame',
    'structuredClone', 'TextEncoder', 'TextDecoder', 'atob', 'btoa', 'console', 'OffscreenCanvas', 'ImageData', 'ImageBitmap', 'createImageBitmap', 'Path2D',
    'DOMMatrix', 'DOMPoint', 'DOMRect', 'Blob', 'onmessage', 'onerror', 'onmessageerror', 'addEventListener', 'removeEventListener', 'dispatchEvent', 'constructor']
  const { getOwnPropertyNames, getPrototypeOf, prototype } = {}.constructor
  for (let place = this; place && place !== prototype; place = getPrototypeOf(place)) {
    const names = getOwnPropertyNames(place)
    for (let i = 0; i < names.length; i++) if (!kept.includes(names[i])) delete place[names[i]]
  }
}
