// What happens, as async iterators and as events.

/**
 * Goes through what a reader of the module reads. `read` makes a value of each, or `undefined` of what is to be passed
 * over. Who stops listens no more.
 */
export function iterate(reader, read) {
  let isOver = false
  const end = () => {
    if (!isOver) {
      isOver = true
      reader.free()
    }
    return { done: true, value: undefined }
  }
  return {
    async next() {
      while (!isOver) {
        const told = await reader.next()
        if (isOver || told === undefined) {
          break
        }
        const value = read(told)
        if (value !== undefined) {
          return { done: false, value }
        }
      }
      return end()
    },
    async return() {
      return end()
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** Begins to listen when somebody adds a listener, and dispatches what it hears as events of one type. */
export class Listened extends EventTarget {
  #type
  #listen

  constructor(type, listen) {
    super()
    this.#type = type
    this.#listen = listen
  }

  addEventListener(type, ...rest) {
    super.addEventListener(type, ...rest)
    if (type === this.#type && this.#listen) {
      const heard = this.#listen()
      this.#listen = undefined
      this.#dispatch(heard)
    }
  }

  async #dispatch(heard) {
    for await (const detail of heard) {
      this.dispatchEvent(new CustomEvent(this.#type, { detail }))
    }
  }
}
