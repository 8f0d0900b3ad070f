import { WORKER } from './compute/worker.js'
import { findCard } from './compute/card.js'
import { Pool } from './compute/pool.js'
import { DOCUMENT, SOURCE } from './frame/document.js'

export { SOURCE, findCard }

/** A pool with the package's own texts. */
export class FramePool extends Pool {
  constructor(parent, tell, options) {
    super({ frame: DOCUMENT, worker: WORKER }, parent, tell, options)
  }
}
