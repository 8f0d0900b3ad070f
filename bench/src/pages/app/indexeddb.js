// What y-indexeddb keeps in the browser.

import { IndexeddbPersistence, storeState } from 'y-indexeddb'
import * as Y from 'yjs'

const NAME = 'race'

/** Keeps the document of the update that is at this address, folded into one. */
export async function keep(doc, address) {
  const kept = new Uint8Array(await (await fetch(address)).arrayBuffer())
  const persistence = new IndexeddbPersistence(NAME, doc)
  await persistence.whenSynced
  Y.applyUpdate(doc, kept)
  await storeState(persistence, true)
  await persistence.destroy()
}

export async function open(doc) {
  const persistence = new IndexeddbPersistence(NAME, doc)
  await persistence.whenSynced
  return {}
}
