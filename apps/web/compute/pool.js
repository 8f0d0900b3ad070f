// The pool of a page that lends: `sdk/js/compute/pool.js` with the frame's document and the text before programs, which the build fills in.

import FRAME from 'frame-document'
import WORKER from 'compute-worker'

import { Pool } from '../../../sdk/js/compute/pool.js'

export { findCard } from '../../../sdk/js/compute/card.js'

/** Makes a pool whose frame is added to an element. */
export const makePool = (parent, tell, options) => new Pool({ frame: FRAME, worker: WORKER }, parent, tell, options)
