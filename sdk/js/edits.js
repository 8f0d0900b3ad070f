// What turns one text or list into another: the fewest insertions and deletions (Myers, "An O(ND) difference algorithm", 1986).

/** Letters up to which a change is looked for letter by letter; where more differ, word by word. */
const LETTERS_MAX = 4096
/** Insertions and deletions up to which the fewest are looked for: beyond, all that lies between is another. */
const STEPS_MAX = 1024
const WORDS = /[\p{L}\p{N}]+|[^\p{L}\p{N}]/gu

/** The edits of a text, from its beginning: at which place how many units of UTF-16 go, and what takes their place. */
export function edits(old, now) {
  const [letters, fresh] = [[...old], [...now]]
  const [start, end, freshEnd] = differing(letters, fresh)
  let parts = [letters.slice(start, end), fresh.slice(start, freshEnd)]
  if (Math.max(...parts.map(({ length }) => length)) > LETTERS_MAX) {
    parts = parts.map((part) => part.join('').match(WORDS) ?? [])
  }
  let place = letters.slice(0, start).join('').length
  const places = [place, ...parts[0].map((part) => (place += part.length))]
  return changes(...parts).map(([from, to, freshFrom, freshTo]) => {
    return [places[from], places[to] - places[from], parts[1].slice(freshFrom, freshTo).join('')]
  })
}

/** The changes of a list of texts, from its beginning: which places of the old one become which of the new one. */
export function changes(old, now) {
  const [start, end, freshEnd] = differing(old, now)
  const found = shortest(old.slice(start, end), now.slice(start, freshEnd))
  return found.map((change) => change.map((place) => place + start))
}

/** Where two lists begin to differ, and where what differs ends in each. */
function differing(old, now) {
  let start = 0
  let [end, freshEnd] = [old.length, now.length]
  while (start < end && start < freshEnd && old[start] === now[start]) {
    start += 1
  }
  while (end > start && freshEnd > start && old[end - 1] === now[freshEnd - 1]) {
    end -= 1
    freshEnd -= 1
  }
  return [start, end, freshEnd]
}

function shortest(old, now) {
  const [length, fresh] = [old.length, now.length]
  if (length === 0 || fresh === 0) {
    return length + fresh > 0 ? [[0, length, 0, fresh]] : []
  }
  // How far in the old list one comes on each diagonal (the place there less the place in the new one).
  const reached = new Int32Array(2 * STEPS_MAX + 3)
  const middle = STEPS_MAX + 1
  const before = []
  for (let steps = 0; steps <= STEPS_MAX; steps += 1) {
    before.push(reached.slice(middle - steps - 1, middle + steps + 2))
    for (let diagonal = -steps; diagonal <= steps; diagonal += 2) {
      let [place] = comeFrom(reached, middle, steps, diagonal)
      while (place < length && place - diagonal < fresh && old[place] === now[place - diagonal]) {
        place += 1
      }
      reached[middle + diagonal] = place
      if (place >= length && place - diagonal >= fresh) {
        return walkBack(before, length, fresh)
      }
    }
  }
  return [[0, length, 0, fresh]]
}

/** Where a step leads on a diagonal, and from which one it comes. */
function comeFrom(reached, middle, steps, diagonal) {
  const [less, more] = [reached[middle + diagonal - 1], reached[middle + diagonal + 1]]
  const isInsertion = diagonal === -steps || (diagonal !== steps && less < more)
  return isInsertion ? [more, diagonal + 1] : [less + 1, diagonal - 1]
}

function walkBack(before, length, fresh) {
  const found = []
  let [place, freshPlace] = [length, fresh]
  for (let steps = before.length - 1; steps > 0; steps -= 1) {
    const reached = before[steps]
    const [after, diagonal] = comeFrom(reached, steps + 1, steps, place - freshPlace)
    const freshAfter = after - (place - freshPlace)
    const from = reached[steps + 1 + diagonal]
    const last = found[0]
    if (last?.[0] === after && last[2] === freshAfter) {
      ;[last[0], last[2]] = [from, from - diagonal]
    } else {
      found.unshift([from, after, from - diagonal, freshAfter])
    }
    ;[place, freshPlace] = [from, from - diagonal]
  }
  return found
}
