// What the samples of the package's README take for granted. Each of them becomes a module beside this file.

import type { Member, Room } from 'meshwork'

declare global {
  const link: string
  const room: Room
  const member: Member
  const file: File
  const image: HTMLImageElement
  const images: AsyncIterable<Blob>
  const x: number
  const y: number
  function draw(...what: readonly unknown[]): void
  function show(...what: readonly unknown[]): void
}
