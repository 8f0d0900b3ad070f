// Images of documents, which are blobs of the room: shown as soon as they are here.

const NAMED = /^blob:([0-9a-f]{64})$/
const WORDS = { coming: 'This image is coming: ', away: 'Nobody here has this image: ' }

export class Images {
  #fetch
  #changed
  /** Of each that was asked for its address, or why there is none. */
  #known = new Map()

  /** `fetch` gets a blob by its id, or nothing; `changed` is called when an element is to be another. */
  constructor(fetch, changed) {
    this.#fetch = fetch
    this.#changed = changed
  }

  /** Asks again for what nobody had. */
  retry() {
    this.#known.forEach(({ words }, id) => words === WORDS.away && this.#known.delete(id))
  }

  /** What is shown for an address of an image, with words for it; nothing for an address elsewhere, which nothing is loaded from. */
  element(address, alt) {
    const [, id] = NAMED.exec(address) ?? []
    if (!id) {
      return undefined
    }
    if (!this.#known.has(id)) {
      this.#known.set(id, { words: WORDS.coming })
      this.#load(id)
    }
    const { src, words } = this.#known.get(id)
    return src
      ? Object.assign(document.createElement('img'), { src, alt })
      : Object.assign(document.createElement('span'), { className: 'no-image', textContent: words + (alt || 'without a name') })
  }

  async #load(id) {
    const blob = await this.#fetch(id)
    this.#known.set(id, blob ? { src: URL.createObjectURL(blob) } : { words: WORDS.away })
    this.#changed()
  }
}
