// A text of Yjs as an editor has it: one line end, whatever it is written with, and one sign for what is no letter.
//
// Yjs counts the two letters of CR LF, an editor one line end. Most texts have none, and both count alike then.

import { Text } from '@codemirror/state'

/** What stands for a value among the letters, which has one place as well. */
const OBJECT = '\ufffc'

const unified = (words) => words.replace(/\r\n?/g, '\n')

/** What a text of Yjs has at each of its places. */
function lettersOf(text) {
  const parts = []
  for (let item = text._start; item; item = item.right) {
    if (!item.deleted && item.countable) {
      parts.push(item.content.str ?? OBJECT.repeat(item.length))
    }
  }
  return parts.join('')
}

export class Lines {
  /** The text as Yjs has it, in lines that end with LF; `undefined` while it has no CR. */
  #raw
  /** Where in that a CR stands that is one line end with the LF behind it. */
  #pairs

  constructor(text) {
    const raw = lettersOf(text)
    /** What the editor shows at first. */
    this.shown = unified(raw)
    this.#keep(raw.includes('\r') ? Text.of(raw.split('\n')) : undefined)
  }

  /** The place in Yjs of a place in the editor. */
  toRaw(at) {
    // The pair with this number is the editor's letter at its place less those before it.
    return at + this.#count((pair, number) => pair - number < at)
  }

  /** The place in the editor of a place in Yjs; within CR LF it is the one before. */
  toShown(at) {
    return at - this.#count((pair) => pair < at)
  }

  /** What others did in Yjs, as changes of what the editor shows, which was `doc`. */
  take(delta, doc) {
    const raw = this.#raw ?? doc
    const edits = editsOf(delta)
    if (!this.#raw && !edits.some(([, , words]) => words.includes('\r'))) {
      return edits.map(([from, to, insert]) => ({ from, to, insert }))
    }
    const changes = edits.map((edit) => this.#takeEdit(edit, raw))
    this.#keep(edits.reduceRight(replaced, raw))
    return changes
  }

  /** What was done in the editor, which showed `doc`, as edits of Yjs from the beginning: `[from, to, words]`, places before all of them. */
  give(changes) {
    const edits = []
    changes.iterChanges((from, to, _, __, inserted) => {
      edits.push([this.toRaw(from), this.toRaw(to), inserted.sliceString(0, inserted.length, '\n')])
    })
    if (this.#raw) {
      let raw = this.#raw
      // From the end, so that places before stay what they are.
      for (let number = edits.length - 1; number >= 0; number -= 1) {
        edits[number] = apart(edits[number], raw, edits[number - 1]?.[1] ?? 0)
        raw = replaced(raw, edits[number])
      }
      this.#keep(raw)
    }
    return edits
  }

  #takeEdit([from, to, words], raw) {
    // With what may be one line end with it, so that neither side is cut within one.
    const [isBehind, isBefore] = [from > 0 && letter(raw, from - 1) === '\r', letter(raw, to) === '\n']
    const [start, end] = [isBehind ? from - 1 : from, isBefore ? to + 1 : to]
    const old = unified(raw.sliceString(start, end, '\n'))
    const now = unified(`${isBehind ? '\r' : ''}${words}${isBefore ? '\n' : ''}`)
    // The same line end stays, and with it who has the caret there.
    const first = isBehind && old && now ? 1 : 0
    const last = isBefore && Math.min(old.length, now.length) > first ? 1 : 0
    const shown = this.toShown(start)
    return { from: shown + first, to: shown + old.length - last, insert: now.slice(first, now.length - last) }
  }

  #keep(raw) {
    this.#raw = raw
    this.#pairs = []
    let at = 0
    let line = raw && 1
    for (const text of raw?.iterLines() ?? []) {
      at += text.length
      if (text.endsWith('\r') && line < raw.lines) {
        this.#pairs.push(at - 1)
      }
      at += 1
      line += 1
    }
  }

  /** How many pairs from the first one on are so. */
  #count(isSo) {
    let [low, high] = [0, this.#pairs.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (isSo(this.#pairs[middle], middle)) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}

/** What a delta of Yjs does: `[from, to, words]` from the beginning, places before all of it. */
function editsOf(delta) {
  const edits = []
  let at = 0
  for (const { retain, insert, delete: gone = 0 } of delta) {
    if (retain) {
      at += retain
      continue
    }
    const words = insert === undefined || typeof insert === 'string' ? (insert ?? '') : OBJECT
    const last = edits.at(-1)
    if (last?.[1] === at) {
      last[1] += gone
      last[2] += words
    } else {
      edits.push([at, at + gone, words])
    }
    at += gone
  }
  return edits
}

/** An edit that makes no CR one line end with an LF which the editor shows as another one; it begins at `least` or behind. */
function apart([from, to, words], raw, least) {
  let [start, now] = [from, words]
  if ((words[0] ?? letter(raw, to)) === '\n') {
    for (; start > least && letter(raw, start - 1) === '\r'; start -= 1) {
      now = `\n${now}`
    }
  }
  return [start, to, now]
}

const letter = (text, at) => text.sliceString(at, at + 1, '\n')

const replaced = (text, [from, to, words]) => text.replace(from, to, Text.of(words.split('\n')))
