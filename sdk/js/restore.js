// Makes a Y.Doc what it was, with few changes: what is equal stays, and what others write meanwhile in it as well.
//
// A type of Yjs has values under keys, and a sequence beside them, of letters or of values. A type that was there already, under its
// key or as the very same item of a sequence, is made equal within; one that is missing is made empty, and filled likewise.

import * as Y from 'yjs'

import { changes, edits } from './edits.js'

// What stands for a value within a text while letters are compared.
const OBJECT = '\ufffc'

const isShared = (value) => value instanceof Y.AbstractType
const areAlike = (one, other) =>
  isShared(one) && one.constructor === other?.constructor && one.nodeName === other.nodeName
const areEqual = (one, other) => told(one) === told(other)

/** Makes `now` read as `then` does, within a transaction. Throws, having changed nothing, where documents lie within `then`. */
export function restore(now, then) {
  if (then.subdocs.size > 0) {
    throw new TypeError('a document that has documents within it is not restored')
  }
  for (const name of new Set([...now.share.keys(), ...then.share.keys()])) {
    const kind = kindOf(now.share.get(name)) ?? kindOf(then.share.get(name))
    if (kind) {
      equal(now.get(name, kind), then.get(name, kind))
    }
  }
}

/** As what a type with a name is read: what the page took it for, else what lies in it; nothing where nothing does. */
function kindOf(type) {
  if (!type || type.constructor !== Y.AbstractType) {
    return type?.constructor
  }
  let item = type._start
  while (item?.deleted) {
    item = item.right
  }
  if (!item) {
    return type._map.size > 0 ? Y.Map : undefined
  }
  if ([Y.ContentString, Y.ContentEmbed, Y.ContentFormat].some((content) => item.content instanceof content)) {
    return Y.Text
  }
  const isElement = item.content.type instanceof Y.XmlFragment || item.content.type instanceof Y.XmlText
  return isElement ? Y.XmlFragment : Y.Array
}

function equal(now, then) {
  restoreKeys(now, then)
  if (now instanceof Y.Text) {
    restoreLetters(now, then)
  } else if (now.toArray) {
    restoreValues(now, then)
  }
}

/** What lies under the keys of a type, or is said of an element. */
function keysOf(type) {
  const keys = type instanceof Y.Map ? type.entries() : Object.entries(type.getAttributes?.() ?? {})
  return new Map([...keys].sort(([one], [other]) => (one < other ? -1 : 1)))
}

function restoreKeys(now, then) {
  const [has, had] = [keysOf(now), keysOf(then)]
  const [set, remove] = now instanceof Y.Map ? ['set', 'delete'] : ['setAttribute', 'removeAttribute']
  for (const key of has.keys()) {
    if (!had.has(key)) {
      now[remove](key)
    }
  }
  for (const [key, value] of had) {
    if (areAlike(has.get(key), value)) {
      equal(has.get(key), value)
    } else if (!has.has(key) || !areEqual(has.get(key), value)) {
      put(value, (made) => now[set](key, made))
    }
  }
}

function restoreValues(now, then) {
  const [old, fresh] = [now.toArray(), then.toArray()]
  const [inOld, inFresh] = [old, fresh].map((values) => new Set(values.map(itemOf)))
  const keyOf = (value) => {
    const item = itemOf(value)
    return item && inOld.has(item) && inFresh.has(item) ? item : told(value)
  }
  const found = changes(old.map(keyOf), fresh.map(keyOf))
  let [place, freshPlace] = [0, 0]
  for (const [from, to, , freshTo] of [...found, [old.length, old.length, fresh.length, fresh.length]]) {
    for (; place < from; place += 1, freshPlace += 1) {
      if (isShared(old[place])) {
        equal(old[place], fresh[freshPlace])
      }
    }
    ;[place, freshPlace] = [to, freshTo]
  }
  // From the end, so that places before stay what they are.
  for (const [from, to, freshFrom, freshTo] of found.reverse()) {
    now.delete(from, to - from)
    fresh.slice(freshFrom, freshTo).forEach((value, at) => put(value, (made) => now.insert(from + at, [made])))
  }
}

function restoreLetters(now, then) {
  const plain = (type) => type.toDelta().map(({ insert }) => (typeof insert === 'string' ? insert : OBJECT)).join('')
  for (const [at, length, words] of edits(plain(now), plain(then)).reverse()) {
    now.delete(at, length)
    now.insert(at, words)
  }
  // The same letters stand in both, so what is left are marks, and values among the letters.
  const made = []
  const delta = marksOf(now.toDelta(), then.toDelta(), (insert) => {
    const like = isShared(insert) ? emptyOf(insert) : insert
    made.push([like, insert])
    return like
  })
  if (delta.some(({ retain, attributes }) => !retain || attributes)) {
    now.applyDelta(delta, { sanitize: false })
    made.filter(([, like]) => isShared(like)).forEach(([type, like]) => equal(type, like))
  }
}

/** What gives a text the marks and values of another one that has the same letters. */
function marksOf(old, fresh, copy) {
  const delta = []
  const parts = (text) => text.flatMap(({ insert, attributes = {} }) => {
    return typeof insert === 'string' ? [...insert].map((letter) => [letter, attributes]) : [[insert, attributes]]
  })
  const wanted = parts(fresh)
  parts(old).forEach(([value, from], place) => {
    const [like, to] = wanted[place]
    if (typeof value === typeof like && (typeof value === 'string' || areEqual(value, like))) {
      const gone = Object.keys(from).filter((mark) => !(mark in to)).map((mark) => [mark, null])
      const set = Object.entries(to).filter(([mark, value]) => !areEqual(from[mark], value))
      const attributes = gone.length + set.length > 0 ? Object.fromEntries([...gone, ...set]) : undefined
      const [length, last] = [typeof value === 'string' ? value.length : 1, delta.at(-1)]
      if (last?.retain && areEqual(last.attributes, attributes)) {
        last.retain += length
      } else {
        delta.push({ retain: length, attributes })
      }
    } else {
      delta.push({ delete: 1 }, { insert: copy(like), attributes: to })
    }
  })
  return delta
}

/** Which item a type is that lies in another one. */
function itemOf(value) {
  return isShared(value) ? `${value._item.id.client}/${value._item.id.clock}` : undefined
}

/** Puts a value somewhere: of a type an empty one of its kind, which is filled there. */
function put(value, place) {
  const made = isShared(value) ? emptyOf(value) : value
  place(made)
  if (isShared(value)) {
    equal(made, value)
  }
}

function emptyOf(type) {
  return new type.constructor(type.nodeName ?? type.hookName)
}

/** All that a value says, as a text that is the same for what is equal. */
function told(value) {
  const plain = (value) => {
    if (!isShared(value)) {
      return value
    }
    const parts = value instanceof Y.Text ? value.toDelta().map(({ insert, attributes }) => [plain(insert), attributes]) : value.toArray?.().map(plain)
    const keys = [...keysOf(value)].map(([key, value]) => [key, plain(value)])
    return { kind: value.nodeName ?? value.hookName ?? (value instanceof Y.Text), keys, parts }
  }
  return `:${JSON.stringify(plain(value), (_, value) => (typeof value === 'bigint' ? `${value}n` : value))}`
}
