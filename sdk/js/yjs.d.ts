// Documents of a room behind a Y.Doc.

import type { Awareness } from 'y-protocols/awareness'
import type { Doc } from 'yjs'

import type { Room, TypedTarget } from './index.js'

/**
 * Keeps a Y.Doc and a document of a room in step, for any program that is written for Yjs. It gives the Y.Doc its clientID and
 * switches off its collection of what was deleted, so it is made before the first edit. What is typed goes out at once, and what
 * follows within 50 ms together; what the room refuses is kept and tried again.
 */
export interface MeshworkProvider
  extends TypedTarget<{
    /** Something could not be said; it is tried again. */
    error: CustomEvent<Error>
    /** The document is not only added to, as after a ban: this update makes it, for a new Y.Doc. */
    anew: CustomEvent<Uint8Array>
  }> {
  readonly doc: Doc
  /** What each member says of its cursor and name, as editors for Yjs have it. It ends with the member. */
  readonly awareness: Awareness
  /** Waits until what was edited is said, or could not be. */
  flushed(): Promise<void>
  /** Says what was edited, and lets go of the Y.Doc. */
  destroy(): Promise<void>
}
export const MeshworkProvider: {
  readonly prototype: MeshworkProvider
  /** One for each document of a room and page. Throws where the page has one, or the Y.Doc was edited before. */
  new (room: Room, doc: Doc, options?: { name?: string; awareness?: Awareness }): MeshworkProvider
}
