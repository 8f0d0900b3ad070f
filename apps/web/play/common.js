// The common part of both kinds of games on the page's side: their frames, the count of their messages, the kinds of their files.

/** Longest time until a frame has begun, and until a game is loaded, in ms. A busy phone takes seconds. */
export const LOADING_MAX = 10_000
/** Messages and bytes of a second. A flood stops WebKit's page for good, so the handler closes the port by itself. */
const MESSAGES_MAX = 240
const BYTES_MAX = 8 << 20

/** Kinds of pictures that a game can draw. */
export const PICTURES = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp' }

/** The kind of a file by its ending; undefined for one that is not among `kinds`. */
export const kindOf = (name, kinds) => kinds[name.split('.').at(-1).toLowerCase()]

/** Counts messages and bytes of one second. */
export class Guard {
  #begin = 0
  #messages = 0
  #bytes = 0

  /** Whether this message is one too many. */
  isFlood(data) {
    const now = performance.now()
    if (now - this.#begin >= 1000) [this.#begin, this.#messages, this.#bytes] = [now, 0, 0]
    this.#messages += 1
    this.#bytes += typeof data === 'string' ? data.length : 64
    return this.#messages > MESSAGES_MAX || this.#bytes > BYTES_MAX
  }
}

/** A sealed frame that fills its parent. */
export function makeFrame(label) {
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', 'allow-scripts')
  frame.setAttribute('referrerpolicy', 'no-referrer')
  frame.setAttribute('style', 'display:block;border:0;width:100%;height:100%')
  frame.title = label
  frame.dataset.testid = 'game-frame'
  return frame
}
