// A room of y-websocket: its server has the document and hands it to whoever comes.

import { WebsocketProvider } from 'y-websocket'

async function enter(doc, address) {
  const provider = new WebsocketProvider(address, 'race', doc, { disableBc: true })
  await new Promise((done) => provider.once('sync', done))
  return provider
}

export async function create(doc, address, typing) {
  for (const edit of typing) {
    doc.transact(edit)
  }
  return { address, entered: await enter(doc, address) }
}

export async function join(doc, address) {
  return enter(doc, address)
}
