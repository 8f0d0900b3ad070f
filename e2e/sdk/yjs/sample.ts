// What a program in TypeScript says of documents.

import { join } from 'meshwork'
import { MeshworkProvider } from 'meshwork/yjs'
import * as Y from 'yjs'

const room = await join('https://meet.example.org/sync/K4MPQ7')
const doc = new Y.Doc()
const provider = new MeshworkProvider(room, doc, { name: 'notes' })
provider.addEventListener('anew', ({ detail }) => Y.applyUpdate(new Y.Doc(), detail))
provider.addEventListener('error', ({ detail }) => console.warn(detail.message))
const names: unknown[] = [...provider.awareness.getStates().values()].map((state) => state['user'])
const documents: string[] = room.documents()
for await (const { author, update } of room.document('notes').watch()) {
  console.log(author, update?.length, names, documents)
  break
}
await provider.destroy()
