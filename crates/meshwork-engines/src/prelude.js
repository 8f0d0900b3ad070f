// Runs in each realm before the program: bars code from text, and seeds Math.random.
(seed) => {
  function barred() { throw new EvalError('code from text is barred: write it into the program') }
  const kinds = [function () {}, async function () {}, function* () {}, async function* () {}]
  for (const prototype of kinds.map(Object.getPrototypeOf)) {
    Object.defineProperty(prototype, 'constructor', { value: barred, writable: false, configurable: false })
  }
  barred.prototype = kinds[0].__proto__
  globalThis.Function = barred
  for (const name of ['eval', 'Atomics', 'SharedArrayBuffer']) delete globalThis[name]
  const { imul } = Math
  let state = seed
  Math.random = () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}
