// A room of Meshwork, by the npm package.

import { create as createRoom, join as joinRoom, open as openRoom } from 'meshwork'
import { MeshworkProvider } from 'meshwork/yjs'

const NAME = 'notes'
const STORE = 'race'

function enter(room, doc) {
  const { awareness } = new MeshworkProvider(room, doc, { name: NAME })
  return { room, awareness }
}

/** What is typed is said edit by edit, without the provider's pauses: the room has as many batches as people make. */
export async function create(doc, server, typing) {
  const room = await createRoom({ app: 'sync', server })
  const document = room.document(NAME)
  doc.clientID = document.client
  let update
  const hear = (made) => { update = made }
  doc.on('update', hear)
  for (const edit of typing) {
    doc.transact(edit)
    while (update !== undefined) {
      try {
        await document.say(update)
        update = undefined
      } catch (error) {
        await new Promise((done) => setTimeout(done, error.wait ?? 100))
      }
    }
  }
  doc.off('update', hear)
  return { address: room.link, entered: enter(room, doc) }
}

export async function join(doc, link) {
  return enter(await joinRoom(link), doc)
}

export async function keep(doc, link, whole) {
  const room = await joinRoom(link, { store: STORE })
  enter(room, doc)
  await whole
  // What is stored is stored in order: once one's own write is, so is what came before.
  const events = room.events()
  await room.values().set('kept', true)
  while (!room.values().holders('kept').saved) {
    await events.next()
  }
  await room.leave()
}

export async function open(doc, link) {
  const room = await openRoom(link, { store: STORE })
  await room.restored()
  return enter(room, doc)
}
