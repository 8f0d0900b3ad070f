// What a program in TypeScript says of documents.

import { ImageError, join, type Version, VersionError } from 'meshwork'
import { compare, MeshworkProvider } from 'meshwork/yjs'
import * as Y from 'yjs'

const room = await join('https://meet.example.org/sync/K4MPQ7')
const doc = new Y.Doc()
const provider = new MeshworkProvider(room, doc, { name: 'notes' })
await provider.seed((empty) => empty.getText('text').insert(0, 'Agenda'))
provider.addEventListener('anew', ({ detail }) => Y.applyUpdate(new Y.Doc(), detail))
provider.addEventListener('error', ({ detail }) => console.warn(detail.message))
const names: unknown[] = [...provider.awareness.getStates().values()].map((state) => state['user'])
const documents: string[] = room.documents()
for await (const { author, update } of room.document('notes').watch()) {
  console.log(author, update?.length, names, documents)
  break
}
const saved: Version = await provider.saveVersion('draft')
await saved.kept()
for (const { kind, text, author } of await compare(saved, room.document('notes'), { type: 'content' })) {
  // @ts-expect-error: there is no such kind.
  console.log(kind === 'moved', text.length, author?.length)
}
const [first] = room.document('notes').versions()
try {
  if (first) {
    await provider.restore(first)
    Y.applyUpdate(new Y.Doc(), await first.whole())
    await first.delete()
  }
} catch (error) {
  console.log(error instanceof VersionError && error.code === 'NotMine')
}
await room.document('notes').rename('Minutes')
try {
  const { id } = await room.document('notes').putImage(new Uint8Array(3))
  console.log(room.document('notes').images().includes(id))
} catch (error) {
  console.log(error instanceof ImageError && error.code === 'TooLarge' && error.max)
}
console.log(room.document('notes').title?.length, first?.label, first?.time, first?.holders)
await provider.destroy()
