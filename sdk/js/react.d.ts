// Hooks: what a room has, as a component's state.

import type {
  Compute,
  EndpointOptions,
  Entry,
  Job,
  JobProgress,
  Json,
  Link,
  MeshworkError,
  Member,
  Room,
  Shape,
  ShapeId,
  Table,
  Whiteboard,
} from './index.js'

/**
 * Joins the room of a link, and leaves it with the component or for another link; no room while it is joined, or without
 * a link. The options are those of the first time.
 */
export function useRoom(
  link: Link | undefined,
  options?: EndpointOptions,
): { readonly room: Room | undefined; readonly error: MeshworkError | undefined }

/** Who else is here; nobody without a room. */
export function useMembers(room: Room | undefined): readonly Member[]

/** What a table has, by key; nothing without a table: `useTable(room?.table('votes'))`. */
export function useTable<T = Json>(table: Table<T> | undefined): readonly Entry<T>[]

/** The shapes of a whiteboard, the one below all others first; none without a whiteboard: `useWhiteboard(room?.whiteboard())`. */
export function useWhiteboard(board: Whiteboard | undefined): ReadonlyMap<ShapeId, Shape>

/** What the members say of themselves who say something. Others say what they like: check it. */
export function usePresence<T = Json>(room: Room | undefined): readonly { readonly member: Member; readonly value: T }[]

/** The jobs of a room, each with its progress; none without a room: `useJobs(room?.compute())`. */
export function useJobs(compute: Compute | undefined): readonly { readonly job: Job; readonly progress: JobProgress | undefined }[]
