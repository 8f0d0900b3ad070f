// Squares each item: `seq 100 | meshwork compute map LINK square.js`.
function unit(n, params, input) {
  if (typeof input !== 'number') throw new TypeError('this item is no number')
  return input * input
}
