// One state of awareness, as y-protocols writes it: how many states, and of each a number, a clock and JSON.

/** Digits of a number in groups of seven bits: JavaScript counts up to 53 bits. */
const GROUPS_MAX = 8

/** Reads an update that says one state; `undefined` for anything else. */
export function readState(update) {
  let at = 0
  const number = () => {
    let [sum, weight] = [0, 1]
    for (let group = 0; group < GROUPS_MAX; group += 1, weight *= 128) {
      const byte = update[at]
      at += 1
      if (byte === undefined) {
        return undefined
      }
      sum += (byte & 127) * weight
      if (byte < 128) {
        return Number.isSafeInteger(sum) ? sum : undefined
      }
    }
    return undefined
  }
  if (number() !== 1) {
    return undefined
  }
  const [client, clock, length] = [number(), number(), number()]
  if (client === undefined || clock === undefined || length !== update.length - at) {
    return undefined
  }
  const state = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(update.subarray(at)))
  return typeof state === 'object' && !Array.isArray(state) ? { client, clock, state } : undefined
}

/** The update that says a state, which may be `null`. */
export function writeState({ client, clock, state }) {
  const json = new TextEncoder().encode(JSON.stringify(state))
  const bytes = []
  for (let number of [1, client, clock, json.length]) {
    while (number >= 128) {
      bytes.push((number % 128) + 128)
      number = Math.floor(number / 128)
    }
    bytes.push(number)
  }
  return Uint8Array.from([...bytes, ...json])
}
