// Documents of a room behind a Y.Doc.

import type { Awareness } from 'y-protocols/awareness'
import type { Doc } from 'yjs'

import type { Document, PeerId, Room, TypedTarget, Version } from './index.js'

/**
 * Keeps a Y.Doc and a document of a room in step, for any program that is written for Yjs. It gives the Y.Doc its clientID and
 * switches off its collection of what was deleted, so it is made before the first edit. What is typed goes out at once, and what
 * follows within 50 ms together; what the room refuses for now is kept and tried again. An edit that it refuses for good, since it is
 * too long for instance, stays in the Y.Doc alone, and all others go on.
 */
export interface MeshworkProvider
  extends TypedTarget<{
    /**
     * Something could not be said, which is tried again; or what others wrote could not be taken in, or the page threw at that: what
     * follows is heard all the same.
     */
    error: CustomEvent<Error>
    /**
     * Words were refused for good: the error says why, with the limit and the size. They stand in the Y.Doc, and nobody else has
     * them. `null` once none are left there, as after an undo.
     */
    leftout: CustomEvent<Error | null>
    /** The document is not only added to, as after a ban: this update makes it, for a new Y.Doc. At most once a second. */
    anew: CustomEvent<Uint8Array>
    /**
     * Placing what others wrote has taken 20 seconds: somebody wrote what no editor does, so that each letter passes over all
     * others. The Y.Doc is left as it is, and hears nothing more until the document is another one, as after a ban.
     */
    tangled: CustomEvent<Error>
  }> {
  readonly doc: Doc
  /**
   * What each member says of its cursor and name, as editors for Yjs have it: one state each, under the member's own number. It ends
   * with the member.
   */
  readonly awareness: Awareness
  /**
   * Resolves once the Y.Doc has all that the document had, but for what `error` tells. One of up to 2,000 items is there when the
   * provider is made; a longer one comes in steps, so that the page goes on meanwhile. It may be edited at once.
   */
  readonly opened: Promise<void>
  /** The words that were refused for good and stand in the Y.Doc, in the order in which they were typed. */
  readonly leftOut: string
  /** Waits until what was edited is said, or could not be. */
  flushed(): Promise<void>
  /**
   * Puts something into the document that stands there once, whoever seeds it, offline too: `write` edits an empty Y.Doc, and edits
   * it alike in all programs. Rejects with WriteError; the document is as it was. It has place in one message, of nearly 64 KiB.
   */
  seed(write: (doc: Doc) => void): Promise<void>
  /** Says what was edited, and saves the document under a label, as `saveVersion` of a document does. */
  saveVersion(label: string): Promise<Version>
  /**
   * Makes the document what it was: texts with their marks, maps, lists and elements by all names, and what lies in them. It is an
   * edit like any other, which leaves alone what is equal, and with it what others write there meanwhile. A name that the page has not
   * read from the Y.Doc yet is read as what lies in it. Rejects with VersionError, or with TypeError where documents lie
   * within it; the document is as it was.
   */
  restore(version: Version): Promise<void>
  /** Says what was edited, and lets go of the Y.Doc. */
  destroy(): Promise<void>
}
export const MeshworkProvider: {
  readonly prototype: MeshworkProvider
  /**
   * One for each document of a room and page. Throws where the page has one, or the Y.Doc was edited before; WriteError for a name
   * of more than 62 bytes, and ClosedError. Nothing is taken then.
   */
  new (room: Room, doc: Doc, options?: { name?: string; awareness?: Awareness }): MeshworkProvider
}

/** A piece of a text that is compared with a later one. */
export interface Piece {
  /** Which of the two has it: both, the earlier one alone, or the later one alone. */
  readonly kind: 'same' | 'removed' | 'added'
  readonly text: string
  /** Who wrote it, by the key that signed it; of what both say, who wrote it in the later one. */
  readonly author: PeerId | undefined
}
/**
 * What was changed in a text from a version to another one, or to a document as it is now: pieces, one behind the other. Without
 * those that were added they are the earlier text, without those that were removed the later one. `type` is the name of the text
 * in the Y.Doc, `text` where none is given. Rejects with VersionError or ClosedError.
 */
export function compare(
  before: Version | Document,
  after: Version | Document,
  options?: { type?: string },
): Promise<Piece[]>
