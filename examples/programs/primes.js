// Counts the primes from n * step to (n + 1) * step. The parameter `step` is 10,000 if it is missing. The result is a number, U32.
function unit(n, params) {
  const step = params?.step ?? 10000
  const from = n * step
  const isComposite = new Uint8Array(step)
  for (let factor = 2; factor * factor < from + step; factor += 1) {
    const first = Math.max(factor * factor, Math.ceil(from / factor) * factor)
    for (let number = first; number < from + step; number += factor) isComposite[number - from] = 1
  }
  let primes = 0
  for (let number = Math.max(from, 2); number < from + step; number += 1) primes += 1 - isComposite[number - from]
  return primes
}
