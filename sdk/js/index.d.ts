/// <reference lib="esnext.disposable" />
// Rooms in which browsers and programs meet, talk directly and share state, without a server in the middle.

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** Where a room is found and what lets one in: `https://HOST/APP/CODE#...`, or `meshwork:APP#...` without a server. */
export type Link = string
/** Whose endpoints are one: 43 characters, the public key of an identity. */
export type PeerId = string
/** One tab, or one run of a program: its peer, a dot, and 16 digits. */
export type EndpointId = string

/** What an endpoint is started with. */
export interface EndpointOptions {
  /**
   * What others see this page called. The first stored write in a room also writes it into the profile there, so it stays with what
   * the page wrote: all members keep it, and in an open room anybody reads it. Give a name that somebody typed, or none.
   */
  name?: string
  /** Who it is, whatever identity its `store` has: else the one of the store, or without a store a guest that nobody sees again. */
  identity?: Identity
  /**
   * The name under which this browser keeps its rooms and its identity, for all pages of one site: else nothing is kept. A page
   * that is loaded again is the same peer, so the maker of a room is still its owner. Tabs with one store are one peer with an
   * endpoint each. Of the rooms that a
   * member that stores has too, the 32 used last are kept. Of those that nobody else is known to have, 256 are kept, and
   * one more is kept once one of them is forgotten. Of several tabs one writes a room, and another takes over
   * when that one is closed.
   */
  store?: string
  /** A server at which its rooms are found, `http(s)://HOST`. */
  server?: string
  /** Further ones. */
  servers?: readonly string[]
  /** STUN and TURN servers of one's own, used before those that servers hand out: at most 8 addresses. */
  iceServers?: readonly RTCIceServer[]
  /** It stays in its rooms, and others count on it to have what they write there, for as long as the page is open. */
  stays?: boolean
  /** Others never learn its addresses: it links through relays alone, and through those only that may learn them. */
  hidesAddress?: boolean
  /** Hosts of relays that may learn its address. */
  trustedRelays?: readonly string[]
}

/** What a room that is to be made is like. It opens with an app of one's own, with a canvas, or with a game. */
export interface NewRoomOptions {
  /** The word of an app: 1 to 32 of `a` to `z`, `0` to `9` and `-`. `compute` is the room of jobs of the pages and the command line. */
  app?: string
  /** A canvas of so many columns and rows, 1 to 4,096 each. */
  canvas?: { readonly width: number; readonly height: number }
  /** A party of a game whose engine is a page, or a program of the library. */
  game?: PartyOptions
  /** A secret guards it, which its link carries: nobody enters by the code alone. */
  private?: boolean
  /** What people see it called: at most 64 bytes. */
  named?: string
  /** What the app is told of the room, for ever: at most 256 bytes, which nobody else reads. */
  parameters?: Uint8Array
}

/**
 * Makes a room of which this page's peer is the owner. Where servers are named it waits until one took the room in. Without a
 * server nobody else knows the room, until `addServer`. Its endpoint is its own, and ends when the room is left.
 *
 * Rejects with BindError, CreateError, LoadError or UnsupportedError; nothing is left of the room. CreateError has the code
 * `Server` once each named server refused the room or cannot be reached.
 */
export function create(options: EndpointOptions & NewRoomOptions): Promise<Room>

/**
 * Joins a room by its link, or by its code at `server`, and waits until a member let this page in: its content then comes
 * by itself. Its endpoint is its own, and ends when the room is left.
 *
 * Rejects with BindError, JoinError (after 30 s at the latest), LoadError or UnsupportedError; the room is left.
 */
export function join(link: Link, options?: EndpointOptions): Promise<Room>

/**
 * Answers an invitation into the room of this link: `answer` is to be carried back to whoever made it, and the room fills
 * once they took it, for which `room.joined()` waits. Its endpoint is its own, and ends when the room is left.
 *
 * Rejects with BindError, InviteError, LoadError or UnsupportedError; the room is left.
 */
export function answer(
  link: Link,
  invitation: string,
  options?: EndpointOptions,
): Promise<{ readonly answer: string; readonly room: Room }>

/**
 * Opens a room that this browser keeps under the name `store`, at once and alone if need be. Others are linked as they are
 * found.
 *
 * Rejects with JoinError, whose code is `NotStored` where nothing is kept of it; else as `join`.
 */
export function open(link: Link, options?: EndpointOptions): Promise<Room>

/** A room that this browser keeps. */
export interface KeptRoom {
  readonly id: string
  /** Where it was found last, with what lets one in; `null` where that was never known. */
  readonly link: Link | null
  /** The word of the app that it opened with; `null` of a room of another version, which this one cannot open. */
  readonly app: string | null
  /** What people saw it called last; empty where it has no name. */
  readonly name: string
}

/** The rooms that this browser keeps under the name `store`. Rejects with StoreError, BindError, LoadError or UnsupportedError. */
export function rooms(options: { readonly store: string }): Promise<KeptRoom[]>

/** This page among peers: its identity, its store, its servers and its links. */
export class Endpoint {
  private constructor()
  /** Starts one. That nobody can be reached is no error. Rejects with BindError, LoadError or UnsupportedError. */
  static bind(options?: EndpointOptions): Promise<Endpoint>
  readonly id: EndpointId
  readonly peer: PeerId
  /** As the function `create`. */
  create(options: NewRoomOptions): Promise<Room>
  /**
   * As the function `join`. A room that this endpoint is in already, since it made, opened or joined it, gives a further `Room` at
   * once, by whichever form of its link; an edit link lets the page write. The room is left once the last one of them has left.
   */
  join(link: Link): Promise<Room>
  /** As the function `answer`. */
  answer(link: Link, invitation: string): Promise<{ readonly answer: string; readonly room: Room }>
  /** As the function `open`. */
  open(link: Link): Promise<Room>
  /** The rooms that are kept in its store. Rejects with StoreError. */
  rooms(): Promise<KeptRoom[]>
  /**
   * Removes everything that this browser keeps of a room. Rejects with StoreError: `InUse` while a page is in it; it is kept
   * then.
   */
  forget(id: string): Promise<void>
  /** Says goodbye to everybody, and ends the endpoint with all of its rooms. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Who a program is among peers: a key pair. Whoever has it is this peer. */
export class Identity {
  private constructor()
  /** One that nobody has seen. */
  static generate(): Promise<Identity>
  /** The identity that a text was exported from. Rejects with IdentityError. */
  static import(text: string): Promise<Identity>
  readonly peer: PeerId
  /** A text that another program imports to be the same peer: whoever sees it is this peer. */
  export(): string
}

/** Something that happened in a room. */
export type RoomEvent =
  | { readonly type: 'opened' }
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'joined'; readonly member: Member }
  | { readonly type: 'left'; readonly member: Member; readonly reason: string | null }
  | { readonly type: 'link'; readonly member: Member; readonly state: LinkState; readonly reason: string | null }
  | { readonly type: 'presence'; readonly id: EndpointId }
  | { readonly type: 'ruleschanged' }
  | { readonly type: 'linkchanged' }
  /** A member that stays has taken in what has these numbers of all that this page wrote, and stored it or not. */
  | { readonly type: 'kept'; readonly id: EndpointId; readonly sequences: readonly number[]; readonly stored: boolean }
  /**
   * All that this page wrote, up to the one with this number, is stored by this browser; also told when all is that the room
   * has, with 0 where this page wrote nothing.
   */
  | { readonly type: 'saved'; readonly sequence: number }
  | { readonly type: 'instep'; readonly id: EndpointId }
  /**
   * The room has more than this page can hold: in tables and documents, what people wrote whom neither its owner nor an admission
   * names may be missing here, until the owner changes who may write.
   */
  | { readonly type: 'gaveup' }
  | { readonly type: 'storagefailed'; readonly reason: string }
  | { readonly type: 'storagerecovered' }
  | { readonly type: 'missed'; readonly count: number }
  | { readonly type: 'other' }

/** The events of a room by their types, what happened in `detail`. */
export type RoomEvents = { [E in RoomEvent as E['type']]: CustomEvent<E> } & {
  /** Others are here, or linked otherwise: all of them in `detail`. */
  members: CustomEvent<readonly Member[]>
  /** The room was left, or its endpoint has closed: nothing else happens in it. */
  closed: CustomEvent<null>
}

/** An `EventTarget` whose events have types. */
export interface TypedTarget<Events> extends EventTarget {
  addEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: (event: Events[Type]) => unknown,
    options?: AddEventListenerOptions | boolean,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void
  removeEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: (event: Events[Type]) => unknown,
    options?: EventListenerOptions | boolean,
  ): void
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: EventListenerOptions | boolean,
  ): void
}

/** People who met. It is left by `leave`, or when the page is closed. What is read of it is what is now. */
export interface Room extends TypedTarget<RoomEvents> {
  /**
   * Where others find it, with what lets them in where it is private: whoever has the link is in. Without a code it begins
   * with `meshwork:`, and leads to the room by its servers, or where it names none by an invitation alone.
   */
  readonly link: Link
  /** Its six characters, by which it is found at its servers; `undefined` where no server knows it. */
  readonly code: string | undefined
  readonly id: string | undefined
  /** What people see it called; empty where it has no name. Throws ClosedError. */
  readonly name: string
  /** Who made it. Throws ClosedError. */
  readonly owner: PeerId | undefined
  /** Which endpoint this page is in it. */
  readonly me: EndpointId
  readonly isLeft: boolean
  /** Who else is here: the same array until somebody comes, goes or is linked otherwise. */
  readonly members: readonly Member[]
  /** A member by its endpoint, here or not: one object for each. */
  member(id: EndpointId): Member
  /** One kind of message of the app that the room opened with, as JSON; the same object for each name. Throws WriteError. */
  topic<T = Json>(name: string): Topic<T>
  /** The same in bytes. */
  topicBytes(name: string): Topic<Uint8Array>
  /** Keys and values of the app that the room opened with; the same object for each name. Throws WriteError. */
  table<T = Json>(name: string): Table<T>
  /** A counter of the app that the room opened with: a number that everybody raises at once. */
  counter(name: string): Counter
  /** Where the counters of the app that the room opened with stand, by name. Throws ClosedError. */
  counters(prefix?: string): Map<string, number>
  /** The values of the app that the room opened with. */
  values<T = Json>(): Values<T>
  /** A document of the app that the room opened with: the same object for each name. */
  document(name: string): Document
  /** Names of the documents that have something in them, or a title. Throws ClosedError. */
  documents(): string[]
  /** The whiteboard of the app that the room opened with: the same object each time. */
  whiteboard(): Whiteboard
  /**
   * The jobs of the app that the room opened with: the same object each time. From the first call on this page takes part, and lends
   * nothing until `lend`. The app then has no other use of its presence, nor of the topics `report` and `grant`.
   */
  compute(): Compute
  /** The blobs of the app that the room opened with. */
  blobs(): Blobs
  /** What each member says of itself now, in the app that the room opened with. */
  presence<T = Json>(): Presence<T>
  /** The canvas of a room that opened with one. */
  canvas(): Canvas
  /** The posts of people. Every room has them: the same object each time. */
  chat(): Chat
  /** The game of a room that opened with one, or whose owner turned one on: the same object each time. */
  game(): Game
  /** The conversation, which every room has, as an app: its topics, tables, presence and blobs. */
  conversation(): App
  /** Its rules: to read by everybody, to change by its owner. */
  rules(): Rules
  /** What another of its apps has. Throws AppIsOffError. */
  app(word: string): App
  /**
   * Turns an app on, by its word or as a new room would open with it, if it is not: the owner's to do. Rejects with RuleError;
   * the app is off.
   */
  turnOn(app: string | Pick<NewRoomOptions, 'app' | 'canvas' | 'game' | 'parameters'>): Promise<App>
  /** Waits until a server took the room in, which gives it a code. Rejects with JoinError. */
  registered(): Promise<void>
  /**
   * Registers the room with one more server: `registered` waits until a server took it in. Rejects with RuleError for what is
   * no address of a server.
   */
  addServer(url: string): Promise<void>
  /**
   * What a peer calls itself, such as the author of an entry: now, or when it was here last. `undefined` for one that was
   * never here while this page was, or says no name. Throws ClosedError.
   */
  nameOf(peer: Member | PeerId): string | undefined
  /**
   * Makes an invitation, which one person answers who has the link: without any server. It waits for the answer for ten
   * minutes, or until a newer one is made. Rejects with InviteError.
   */
  invite(): Promise<string>
  /** Takes the answer to an invitation, and waits until whoever gave it is linked. Rejects with InviteError. */
  accept(answer: string): Promise<Member>
  /** Waits until a member let this page in. Rejects with JoinError. */
  joined(): Promise<void>
  /**
   * Waits until members that stay have taken in all that this page wrote. Rejects with KeptError, `NobodyStays` after 10 s;
   * what was written goes on being offered to whoever comes.
   */
  kept(): Promise<void>
  /**
   * Waits until every member that is linked has what this page has. While the room is empty, it waits for members that are being
   * linked, too, as long as a join may take. Rejects with ClosedError.
   */
  inStep(): Promise<void>
  /** What happens from now on. Of more than 1,024 that wait the oldest are dropped, and `missed` says how many. */
  events(): AsyncIterableIterator<RoomEvent>
  /** Waits until everything is shown that this browser keeps of the room. Rejects with ClosedError. */
  restored(): Promise<void>
  /** Leaves the room. What this browser keeps of it stays. */
  leave(): Promise<void>
  /**
   * Leaves the room and removes everything that this browser keeps of it. Rejects with StoreError: `InUse` while another tab
   * is in it; it is left, and kept.
   */
  forget(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
export const Room: { readonly prototype: Room }

export type LinkState = 'connecting' | 'direct' | 'relayed' | 'stale' | 'gone'

/** Somebody else in a room, as it is now. */
export interface Member {
  /** Which endpoint: a tab, or a run of a program. */
  readonly id: EndpointId
  /** Whose endpoint: what it writes is written by this peer. */
  readonly peer: PeerId
  /** What they call themselves; empty where they do not say. */
  readonly name: string
  /** Whether it is another tab or program of one's own. */
  readonly isOwn: boolean
  /** The state of the link; `gone` of somebody in a large room with whom others pass on what is said. */
  readonly link: LinkState
  /** For how many milliseconds it is in this state. */
  readonly linkSince: number | undefined
  /** In words: why it is in this state, where there is something to say. */
  readonly reason: string | undefined
  /** Smoothed round-trip time in milliseconds, once measured. */
  readonly rtt: number | undefined
  /** Bytes over the link. */
  readonly traffic: { readonly sent: number; readonly received: number }
  /** Whether it says that it stays in the room, and keeps what is written there. */
  readonly stays: boolean
  /** Whether it had what this page has when both were last compared. */
  readonly isInStep: boolean
}
export const Member: { readonly prototype: Member }

/** The part of a room that one app has. */
export interface App {
  topic<T = Json>(name: string): Topic<T>
  topicBytes(name: string): Topic<Uint8Array>
  table<T = Json>(name: string): Table<T>
  counter(name: string): Counter
  counters(prefix?: string): Map<string, number>
  values<T = Json>(): Values<T>
  document(name: string): Document
  documents(): string[]
  whiteboard(): Whiteboard
  /**
   * Holds what people save as versions of documents and put as pictures into documents and on the whiteboard, for as long as this
   * page is open and they are not deleted, and says so: what a page does that `stays`. Of each author it holds 100 of each kind,
   * and 64 MiB. Resolves once `signal` ends it, after which what is held stays held; rejects with VersionError, as when the room
   * was left.
   */
  keepBlobs(options?: { signal?: AbortSignal }): Promise<void>
  compute(): Compute
  blobs(): Blobs
  presence<T = Json>(): Presence<T>
}
export const App: { readonly prototype: App }

/** Somebody raised a counter, or lowered it. */
export interface CounterChange {
  /** Which counter. */
  readonly name: string
  /** By how much; what one page added in quick succession may be one change. */
  readonly by: number
  readonly author: PeerId
  /** When, in milliseconds since 1970; `null` where what somebody had counted counts no more, as after a ban. */
  readonly time: number | null
  /** Where the counter stands now. */
  readonly value: number
  /** How many times something changed in the app's table, so far, that this reader was too slow to hear. */
  readonly missed: number
}

/**
 * A number that everybody raises at once, and that loses no step: whoever was offline, reloaded or killed meanwhile, what
 * somebody else heard of is counted, once.
 */
export interface Counter extends TypedTarget<{ change: CustomEvent<CounterChange> }> {
  /** Raises it by a whole number, 1 where none is given, or lowers it. Rejects with WriteError; it stands where it stood. */
  add(by?: number): Promise<void>
  /** Where it stands. Beyond 2 ** 53 the nearest number that there is. Throws ClosedError. */
  readonly value: number
  /** Who holds what this page added last. Throws ClosedError. */
  readonly holders: Holders
  /** Who raises it from now on. */
  watch(): AsyncIterableIterator<CounterChange>
}
export const Counter: { readonly prototype: Counter }

/**
 * Who holds what this page wrote last in one place: `saved`, `kept` and `instep` of the room tell that it may be more now. Where
 * it wrote nothing since it opened the room, who has all that is here, and whether this browser stores all of it.
 */
export interface Holders {
  /** Whether this browser stores it. */
  readonly saved: boolean
  /** The members that stay and hold it, with those that have left meanwhile. */
  readonly members: readonly EndpointId[]
}

/**
 * Values by name: of what two write under one the later one holds, and the last 20 writes of each are kept with who wrote
 * them, and when.
 */
export interface Values<T = Json> extends TypedTarget<{ change: CustomEvent<Change<T>> }> {
  /** Gives a key of at most 62 bytes a value of at most 32 KiB. Rejects with WriteError; nothing was written. */
  set(key: string, value: T): Promise<void>
  /** Deletes a key, until somebody gives it a value; its history stays. Rejects with WriteError; it is as it was. */
  delete(key: string): Promise<void>
  /** What a key has. Throws ClosedError. */
  get(key: string): Entry<T> | undefined
  /** What all keys have that begin with `prefix`, by key. Throws ClosedError. */
  entries(prefix?: string): Entry<T>[]
  /** The last 20 writes of a key, the latest first; one that deleted it has no bytes. Throws ClosedError. */
  history(key: string): Entry<T>[]
  /** Who holds what this page wrote last at a key. Throws ClosedError. */
  holders(key: string): Holders
  /** What changes from now on at keys that begin with `prefix`: each write once. */
  watch(prefix?: string): AsyncIterableIterator<Change<T>>
  /** What changes from now on at one key. */
  watchKey(key: string): AsyncIterableIterator<Change<T>>
}
export const Values: { readonly prototype: Values }

/** A document reads different now. */
export interface DocumentChange {
  /** Who said it; `undefined` for something that had come before and waited for this. */
  readonly author: PeerId | undefined
  /** An update of Yjs; `undefined` where the document is not only added to, as after a ban: `whole` says what it is. */
  readonly update: Uint8Array | undefined
  /** How many times something changed in the app's documents, so far, that this reader was too slow to hear. */
  readonly missed: number
}

/**
 * A text, map or list that several people edit at once, in the format of Yjs: MeshworkProvider of `meshwork/yjs` puts it
 * behind a Y.Doc.
 */
export interface Document extends TypedTarget<{ change: CustomEvent<DocumentChange> }> {
  readonly name: string
  /**
   * The number under which this page writes in the document as it is now: the `clientID` of a Y.Doc that is opened. Ask again
   * whenever it is opened anew: where something that this page wrote is not there any more, it is another number.
   */
  readonly client: number
  /** An update that makes the document what it is, for an empty one. Throws ClosedError. */
  readonly whole: Uint8Array
  /**
   * The same in updates to be applied one after the other, the first one at once: none needs what is in a later one, so a page
   * may draw and be typed in between them. None where nobody wrote. Throws ClosedError.
   */
  readonly slices: readonly Uint8Array[]
  /**
   * Says what this page did to it. Rejects with WriteError; nothing was said. At most 8 MiB in all documents of an app. With the codes
   * `TooLarge`, `Full`, `ShareExceeded` and `Invalid` the same is refused however often it is tried.
   */
  say(update: Uint8Array): Promise<void>
  /**
   * An update with places alone, to be said in place of one that is refused for good: others see nothing of it, and what this page
   * writes behind or within it travels. Throws WriteError for what is no update.
   */
  emptied(update: Uint8Array): Uint8Array
  /** Under which number a member writes while all that it wrote is there: what it says under another's is not that member's. */
  clientOf(member: EndpointId): number | undefined
  /**
   * Puts something into it that stands there once, whoever seeds it: an update whose items have the client 0. Rejects with
   * WriteError; the document is as it was.
   */
  seed(update: Uint8Array): Promise<void>
  /** Who wrote an item: the peer that signed it. Throws ClosedError. */
  authorOf(item: { client: number; clock: number }): PeerId | undefined
  /** Who holds what this page wrote in it last. Throws ClosedError. */
  readonly holders: Holders
  /** Its title; `undefined` where it has none, and goes by its name. Throws ClosedError. */
  readonly title: string | undefined
  /**
   * Gives it a title of at most 256 bytes, which everybody may change; its name stays what programs open it by. Rejects with
   * WriteError; the title is as it was.
   */
  rename(title: string): Promise<void>
  /**
   * Deletes all that is in it now, by whomever, and its title: `documents` has it no more until somebody writes in it, as somebody
   * may have done meanwhile. Rejects with WriteError; some of it may be deleted then.
   */
  delete(): Promise<void>
  /**
   * Erases what a peer wrote in it up to now, in all its sessions: nobody is shown it any more. What others wrote between its
   * letters stays. The owner's to do, or a moderator's. Resolves to false where there was nothing. Rejects with RuleError; of a peer
   * with more than fifty sessions some may be erased.
   */
  eraseBy(peer: string): Promise<boolean>
  /**
   * Puts an image with the document: a file's bytes, at most 8 MiB, held here and by members that keep blobs until somebody
   * deletes the document. Where the text says `![NAME](blob:ID)`, with the `id` of what is returned, pages show it. Rejects with
   * ImageError; the document does not have it.
   */
  putImage(data: Blob | ArrayBuffer | ArrayBufferView): Promise<HeldBlob>
  /** The images that people put with the document, which the app's `blobs()` fetch. Throws ClosedError. */
  images(): BlobId[]
  /**
   * Saves what it is now under a label of 1 to 64 bytes, in place of a version that this peer has under it; what a
   * MeshworkProvider has not said yet is not in it (its own `saveVersion` says it first). `kept` of the version says when this page
   * may be closed. Rejects with VersionError; no version was saved.
   */
  saveVersion(label: string): Promise<Version>
  /** The versions that people saved, the latest first. Throws ClosedError. */
  versions(): Version[]
  /** What changes from now on, by whomever. */
  watch(): AsyncIterableIterator<DocumentChange>
}
export const Document: { readonly prototype: Document }

/**
 * A document as somebody saved it. What it says lies with who saved it and with members that keep versions. `compare` and
 * MeshworkProvider of `meshwork/yjs` compare and restore it.
 */
export interface Version {
  readonly document: Document
  readonly label: string
  /** Who saved it. */
  readonly author: PeerId
  /** When, by the room's time: milliseconds since 1970. */
  readonly time: number
  /** How many bytes it has, as its author says. */
  readonly size: number
  /** How many others that stay said that they hold it, when this was asked for. */
  readonly holders: number
  /** An update of Yjs that makes the document what it was, for an empty Y.Doc. Rejects with VersionError. */
  whole(): Promise<Uint8Array>
  /**
   * Waits until another member that stays holds it, so that this page may be closed. Rejects with KeptError, `NobodyStays`
   * after 10 s.
   */
  kept(): Promise<void>
  /** Deletes it: who saved it may. Rejects with VersionError; it is as it was. */
  delete(): Promise<void>
}
export const Version: { readonly prototype: Version }

/** A shape of a whiteboard: 16 hexadecimal digits, drawn at random. */
export type ShapeId = string
/** What a shape lies over: of two, as texts, the greater lies over the other; of equal ones that of the greater id. */
export type ShapeOrder = string
/**
 * What a shape is. A `line` and an `arrow` go from x and y to the corner across; a `diamond` has its corners in the middle of
 * the edges. A later version may know others: each is a box to this one, and stays as it is.
 */
export type ShapeKind =
  | 'pen'
  | 'line'
  | 'arrow'
  | 'rectangle'
  | 'ellipse'
  | 'diamond'
  | 'text'
  | 'note'
  | 'image'
  | (string & {})

/**
 * A shape of a whiteboard. Lengths are in pixels of a page that is not zoomed, x to the right and y downwards: each is rounded
 * to 1/8, and at most 2 ** 21 from 0.
 */
export interface Shape {
  readonly what: ShapeKind
  readonly x: number
  readonly y: number
  /** Below 0 it turns a line or an arrow and mirrors a stroke; what else is drawn so stands upright. */
  readonly width: number
  /** As the width. */
  readonly height: number
  /** 0 to 7: ink, blue, teal, green, violet, plum, rose, brick. */
  readonly color: number
  /** How thick its lines and how large its letters are: 0 to 2, small to large. */
  readonly size: number
  /** Whether its area has a tint of the color. */
  readonly isFilled: boolean
  readonly order: ShapeOrder
  /** What is written in it: at most 8 KiB. */
  readonly text: string
  /** Of a `pen`: 1 to 20,480 points where they stand. Where they are given anew, x, y, width and height are those around them. */
  readonly points?: readonly (readonly [x: number, y: number])[]
  /** Of a `pen` that tells: how hard it was pressed at each point, a whole number from 0 to 255. They are given with the points. */
  readonly pressures?: readonly number[]
  /** Of an `image`: which blob of the app has it, and how many bytes that has, at most 8 MiB. A HeldBlob will do. */
  readonly picture?: Pick<HeldBlob, 'id' | 'size'>
}

/** A shape reads different now. */
export interface ShapeChange {
  readonly id: ShapeId
  /** What it is now; `undefined` where it is gone. */
  readonly shape: Shape | undefined
  /** How many times something changed, so far, that this reader was too slow to hear: the whiteboard has what is there now. */
  readonly missed: number
}

/**
 * Shapes that several people draw at once. Where one stands, how it looks, what it lies over and what is written in it are kept
 * apart: of two who change the same of one shape the later one holds, and otherwise both. What others draw is what they like: check
 * it.
 */
export interface Whiteboard extends TypedTarget<{ change: CustomEvent<ShapeChange> }> {
  /** All shapes, the one below all others first. Throws ClosedError. */
  shapes(): Map<ShapeId, Shape>
  /** One shape; `undefined` where it is gone. Throws ClosedError. */
  get(id: ShapeId): Shape | undefined
  /**
   * Draws a shape: a step that can be taken back. What is left out is 0, empty or not filled, and it lies on top. A picture is offered to the app's `blobs()` first.
   * Rejects with WriteError; nothing was drawn. Its code is `TooLarge` for a text or a picture above its limit, and `Invalid` for
   * what else is no shape or out of its range.
   */
  draw(shape: Pick<Shape, 'what'> & Partial<Shape>): Promise<ShapeId>
  /** An order over all shapes. Throws ClosedError. */
  readonly top: ShapeOrder
  /** An order between two, of which `undefined` is the end: `between(undefined, lowest)` is below all. Throws WriteError. */
  between(below: ShapeOrder | undefined, above: ShapeOrder | undefined): ShapeOrder
  /** Changes of a shape what is given: the rest stays whoever else changes it. Resolves to whether it is there. Rejects as `draw`. */
  change(id: ShapeId, shape: Partial<Shape>): Promise<boolean>
  /** Takes a shape away; one that is gone stays so. Rejects with WriteError; it is as it was. */
  erase(id: ShapeId): Promise<void>
  /**
   * The same whiteboard, all writes through which are one step: of a drag that changes a shape many times, or of several shapes that
   * are erased together. Each is written by itself, and stays where a later one fails. Once the step was taken back, or something
   * else was written, the next write begins another one.
   */
  oneStep(): Whiteboard
  /**
   * Takes back the last step that this page made here: what it wrote of each shape reads again as before, where nobody has changed
   * that since. Steps of which nothing is left are passed over. Resolves to whether there was one. Others see it as writing, and it
   * counts under the room's rules like all writing: of a step that is larger than they ever allow at once a part is taken back, and
   * the next call goes on. The last 200 steps are remembered, which take at most 8 MiB, or the last one alone, until the room is
   * left. Rejects with WriteError; nothing was written, and the step can still be taken back.
   */
  undo(): Promise<boolean>
  /** Does the last step again that was taken back, unless something was written since. Resolves to whether there was one. Rejects as `undo`. */
  redo(): Promise<boolean>
  /** How many steps can be taken back, and how many done again. Those are among them of which others may have left nothing. */
  readonly steps: { readonly undo: number; readonly redo: number }
  /** Which shapes change from now on. What changed several times meanwhile may be told less often. */
  watch(): AsyncIterableIterator<ShapeChange>
}
export const Whiteboard: { readonly prototype: Whiteboard }

/** Something that a member said. */
export interface Heard<T> {
  readonly from: Member
  /** What was said. Others say what they like: check it. */
  readonly value: T
  readonly lane: 'say' | 'direct' | 'datagram'
  /** How many before it are not heard here: they never came, were no value of this kind, or this listener was too slow. */
  readonly missed: number
}

/**
 * One kind of message. Whoever goes through it, or listens to `message`, hears what others say from then on; the first one
 * also what came while nobody listened. What this page says it does not hear.
 */
export interface Topic<T> extends TypedTarget<{ message: CustomEvent<Heard<T>> }>, AsyncIterable<Heard<T>> {
  /**
   * Says something to everybody: once, signed, and after what this page said before. Who joins within half a minute hears it
   * as well, so an answer names what it answers. Waits while the neighbours have no room for it. Rejects with SayError;
   * nobody hears it. At most 16 KiB.
   */
  say(value: T): Promise<void>
  /**
   * Says something to one member alone: once, and after what was said to it so before. Waits until its program took it.
   * Rejects with DirectError, which says what is known of it.
   */
  direct(member: Member | EndpointId, value: T): Promise<void>
  /** Says something to everybody that may be lost: of what does not go out in time the newest alone does. Throws DatagramError. */
  datagram(value: T): void
  /** The same to one member that is linked. Throws DatagramError. */
  datagramTo(member: Member | EndpointId, value: T): void
  /**
   * The same in causal order: nobody hears an answer before what it answers. Whoever takes part has to do so. The same
   * object each time.
   */
  causal(): Causal<T>
}
export const Topic: { readonly prototype: Topic<unknown> }

/**
 * A topic on which what one says comes after all that this one had heard. A message waits at most two seconds for what its author
 * had heard and this page has not. It is heard from the moment on at which `causal` was called, each message once: by
 * who listens to `message` or by who goes through it.
 */
export interface Causal<T> extends TypedTarget<{ message: CustomEvent<Heard<T>> }>, AsyncIterable<Heard<T>> {
  /** Says something after all that was heard here, as `say` of a topic does. Rejects with SayError; nobody hears it. */
  say(value: T): Promise<void>
}
export const Causal: { readonly prototype: Causal<unknown> }

/** A value that a table has. */
export interface Entry<T = Json> {
  /** The key; of a field that of its row. */
  readonly key: string
  /**
   * The value; `undefined` where it is no JSON, and, with no `bytes`, where the key was deleted. Others write what they like:
   * check it.
   */
  readonly value: T | undefined
  /** The value as it was written. */
  readonly bytes: Uint8Array
  /** Who wrote it. */
  readonly author: PeerId
  /** When it was written, by the room's time: milliseconds since 1970. */
  readonly time: number
}
export const Entry: { readonly prototype: Entry<unknown> }

/** A key that reads different now. */
export interface Change<T> {
  readonly key: string
  /** Which field of the row; empty for the value of the key itself. */
  readonly field: string
  readonly before: Entry<T> | undefined
  readonly after: Entry<T> | undefined
  /** Who wrote what stands there now, or removed what stood there; `null` where that counts no more, as after a ban. */
  readonly author: PeerId | null
  /** When, by the room's time: milliseconds since 1970; `null` as for the author. */
  readonly time: number | null
  /** How many times something changed, so far, that this reader was too slow to hear. */
  readonly missed: number
}

/**
 * Keys and values that the room keeps, each with its author. Of what two write at one key the later one holds. What is
 * written while nobody is linked travels later. Name and key have at most 63 bytes together.
 */
export interface Table<T = Json> extends TypedTarget<{ change: CustomEvent<Change<T>> }> {
  /** The keys of this table that this page's peer alone writes. They never collide with those of others. */
  readonly mine: Table<T>
  /** The keys of this table that the owner and moderators alone write. */
  readonly moderated: Table<T>
  /** The keys of this table that a peer alone writes: to be read. */
  of(peer: Member | PeerId): Table<T>
  /** One row: fields that change alone. */
  row(key: string): Row<T>
  /** Gives a key a value. Rejects with WriteError; nothing was written. */
  set(key: string, value: T): Promise<void>
  /** Gives a key bytes as its value. Rejects with WriteError; nothing was written. */
  setBytes(key: string, bytes: Uint8Array): Promise<void>
  /** Removes a key. Rejects with WriteError; nothing was removed. */
  remove(key: string): Promise<void>
  /** What a key has. Throws ClosedError. */
  get(key: string): Entry<T> | undefined
  /** What all keys have that begin with `prefix`, by key; fields of rows are not among them. Throws ClosedError. */
  entries(prefix?: string): Entry<T>[]
  /**
   * What each peer has at the keys of its own that begin with `prefix`, by key and author, whether it is here or not: the `mine` of
   * everybody. Throws ClosedError.
   */
  entriesOfEach(prefix?: string): Entry<T>[]
  /** All rows whose keys begin with `prefix`, by key. Throws ClosedError. */
  rows(prefix?: string): Row<T>[]
  /** What changes from now on at keys that begin with `prefix`, fields of rows included. */
  watch(prefix?: string): AsyncIterableIterator<Change<T>>
  /** What changes from now on at one key, fields of its row included. */
  watchKey(key: string): AsyncIterableIterator<Change<T>>
  /** What changes from now on at keys of each peer's own that begin with `prefix`, fields of rows included. */
  watchEach(prefix?: string): AsyncIterableIterator<Change<T>>
}
export const Table: { readonly prototype: Table<unknown> }

/** One row of a table. */
export interface Row<T = Json> {
  /** Its key. */
  readonly key: string
  /** What all fields have, by name. Throws ClosedError. */
  fields(): Map<string, Entry<T>>
  /** Gives a field a value. Rejects with WriteError; nothing was written. */
  set(field: string, value: T): Promise<void>
  /** Removes a field. Rejects with WriteError; nothing was removed. */
  remove(field: string): Promise<void>
  /** What a field has. Throws ClosedError. */
  get(field: string): Entry<T> | undefined
}
export const Row: { readonly prototype: Row<unknown> }

/** What each member says of itself now: a cursor, a status, whose turn it is. It is gone with the member. */
export interface Presence<T = Json> {
  /** Says of this page from now on; at most 20 times a second the newest is said. At most 1 KiB. Throws PresenceError. */
  set(value: T): void
  /** Says nothing of this page any more. Throws PresenceError. */
  clear(): void
  /** What a member says of itself; `undefined` where it says nothing. Others say what they like: check it. */
  of(member: Member | EndpointId): T | undefined
}
export const Presence: { readonly prototype: Presence<unknown> }

/** The hash of a blob's bytes, as `b3sum` prints it. */
export type BlobId = string

/** How far a fetch is. */
export interface FetchProgress {
  /** Bytes that are here. */
  readonly held: number
  /** Bytes of the blob, once a member said so and proved it. */
  readonly size: number | undefined
  /** Members that hold it. */
  readonly holders: number
}

/**
 * Bytes that are too long for a message. Whoever offers or fetches a blob holds it from then on, in the page's own files
 * where the endpoint has a `store` and else in memory, and hands it to members that ask for it, until it is freed.
 */
export interface Blobs {
  /** Holds bytes as a blob from now on. Rejects with BlobError. */
  offer(data: Blob | ArrayBuffer | ArrayBufferView): Promise<HeldBlob>
  /**
   * Fetches a blob from whoever holds it, and checks all that comes; at most 64 MiB unless `atMost` says how many bytes.
   * Aborted or failed it leaves what came, for another fetch. Rejects with FetchError, or the signal's reason.
   */
  fetch(
    id: BlobId,
    options?: { atMost?: number; onProgress?: (progress: FetchProgress) => void; signal?: AbortSignal },
  ): Promise<HeldBlob>
  /** A blob that is held here whole. Rejects with BlobError. */
  get(id: BlobId): Promise<HeldBlob | undefined>
  /** All that are. Rejects with BlobError. */
  list(): Promise<HeldBlob[]>
  /** Holds a blob no longer; others keep theirs. Rejects with BlobError. */
  free(id: BlobId): Promise<void>
}
export const Blobs: { readonly prototype: Blobs }

/** A blob that is held here. */
export interface HeldBlob {
  readonly id: BlobId
  readonly size: number
  /** All of it, for an image's or a link's `URL.createObjectURL`. Rejects with BlobError. */
  blob(type?: string): Promise<Blob>
  /** All of its bytes. Rejects with BlobError. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>
  /** Its bytes part by part, for who does not want all of them in memory. Rejects with BlobError. */
  parts(): AsyncIterable<Uint8Array<ArrayBuffer>>
}
export const HeldBlob: { readonly prototype: HeldBlob }

/** `#rrggbb`, or red, green and blue from 0 to 255. */
export type Color = string | readonly [red: number, green: number, blue: number]

/** Cells that look different; the color is `null` where nothing shows any more. */
export interface CanvasChange {
  readonly cells: readonly { readonly x: number; readonly y: number; readonly color: string | null }[]
  /** How many times cells changed, so far, that this reader was too slow to hear: the image has them. */
  readonly missed: number
}

/** A cell that is to be painted. */
export interface CanvasCell {
  readonly x: number
  readonly y: number
  readonly color: Color
}

/** Something that this page wrote in a room. It need not be held. */
export interface Receipt {
  /** Its numbers, from the first to the last, among all that this page wrote in the room: the events `kept` and `saved` name them. */
  readonly first: number
  readonly last: number
  /**
   * Waits until members that stay have taken it in: `kept` of the room does so for all that was written. Rejects with KeptError,
   * `NobodyStays` after 10 s; it goes on being offered to whoever comes.
   */
  kept(): Promise<void>
}
export const Receipt: { readonly prototype: Receipt }

/** What was painted when a step was taken back, or done again. */
export interface Repainted {
  /** Cells that show again what they showed before the step, or with it. */
  readonly painted: number
  /** Cells of the step that others have painted over: they stay. */
  readonly theirs: number
  /** Cells of a step that is larger than the room ever allows at once: the next call goes on with them. */
  readonly left: number
}

/** Cells that anybody paints, of which the one painted last shows. */
export interface Canvas extends TypedTarget<{ change: CustomEvent<CanvasChange> }> {
  /** Columns and rows; `undefined` where the room has no canvas. Throws ClosedError. */
  readonly size: { readonly width: number; readonly height: number } | undefined
  /** The color of a cell as `#rrggbb`; `undefined` where nobody painted, or outside. Throws ClosedError. */
  get(x: number, y: number): string | undefined
  /** All of it as it looks now, for `putImageData`. Throws ClosedError. */
  image(): ImageData | undefined
  /** Paints cells, all or none: a step that can be taken back. Rejects with WriteError; nothing was painted. */
  paint(cells: readonly CanvasCell[]): Promise<Receipt>
  /**
   * Paints cells as `paint` does, and as a part of what was painted last, as a stroke goes on under a pointer: both are one
   * step. Where the last step was taken back they are one of their own.
   */
  paintOn(cells: readonly CanvasCell[]): Promise<Receipt>
  /** Paints a rectangle in one color, as `paint` does. */
  fill(area: { x: number; y: number; width: number; height: number; color: Color }): Promise<Receipt>
  /**
   * Takes back the last step that this page painted: its cells show again what they showed before, where nobody has painted
   * over them. `undefined` where there is none. Others see it as painting, and it counts under the room's rules like all
   * painting. The last 100 steps are remembered, of at most 524,288 cells together, which take 24 bytes a cell, until the
   * room is left. Rejects with WriteError; nothing was painted, and the step can still be taken back.
   */
  undo(): Promise<Repainted | undefined>
  /** Does the last step again that was taken back, unless something was painted since. Rejects as `undo`. */
  redo(): Promise<Repainted | undefined>
  /**
   * Erases what was painted up to now, by the peer `author` or by everybody, in a region or on the whole canvas. The owner's to do,
   * or a moderator's. Rejects with RuleError; nothing is erased.
   */
  erase(what?: { author?: string; region?: { x: number; y: number; width: number; height: number } }): Promise<void>
  /** How many steps can be taken back, and how many done again. */
  readonly steps: { readonly undo: number; readonly redo: number }
  /** The cells that look different from now on. */
  watch(): AsyncIterableIterator<CanvasChange>
}
export const Canvas: { readonly prototype: Canvas }

/** A file of a post. Its bytes are a blob of the conversation. */
export interface PostFile {
  readonly blob: BlobId
  readonly size: number
  /** At most 255 bytes. */
  readonly name: string
  /** Its media type, at most 64 bytes; may be empty. */
  readonly type?: string
  /** Pixels of a picture; otherwise 0. */
  readonly width?: number
  readonly height?: number
}

/** A post that shows. Posts stand in the order of the time at which they were first written. */
export interface Post {
  readonly id: string
  readonly author: PeerId
  /** When it was first written, by the room's time: milliseconds since 1970. */
  readonly time: number
  /** Its text, fit to be shown. It may be Markdown, and is never HTML. */
  readonly text: string
  /** The id of the post that it answers. */
  readonly re?: string
  /** The author of the answered post: two people may have posts of one id. */
  readonly reAuthor?: PeerId
  readonly files: readonly PostFile[]
  readonly reactions: readonly { readonly emoji: string; readonly by: readonly PeerId[] }[]
  readonly isEdited: boolean
  /** Whether a newer version wrote it, and this one cannot read all of it. */
  readonly isNewer: boolean
  /** How many of the posts that its author had seen last are not here. */
  readonly missing: number
  /** Whether there are more reactions than are read of one post, or more posts of its id. */
  readonly hasMore: boolean
}

/** What a party is like. It stays so for as long as the room does. */
export interface PartyOptions {
  /** 1 to 64 characters. */
  title: string
  /** At most 500 characters. */
  description?: string
  /** The least and the most players, 1 to 6: [2, 6] if it is left out. */
  players?: readonly [least: number, most: number]
  /**
   * How players draw: `predict` (if it is left out) runs the rules ahead of the host with the player's own inputs, `interpolate` shows
   * the recent past between two states of the host.
   */
  draw?: 'predict' | 'interpolate'
  /** Whether people may join while a match runs: true if it is left out. */
  late?: boolean
  /** What happens when the host is gone: the next player takes over, or all wait for 30 s. `migrate` if it is left out. */
  hostLoss?: 'migrate' | 'wait'
}

/** A player as games see it. */
export interface GamePlayer {
  /** The seat, 0 to 5. */
  readonly slot: number
  readonly name: string
  /** `#rrggbb`. */
  readonly colour: string
  /** Whether the player is not reached now. */
  readonly away: boolean
  /** Whether a program plays. */
  readonly bot: boolean
}

/** The input of a player in a tick. */
export interface GameInput {
  /** Whether a key is down, by its name: `left`, `space`, `a`, `7`, `pad-a`, `mouse` and the like. */
  held(name: string): boolean
  /** Whether it went down since the last tick. */
  pressed(name: string): boolean
  /** From -1 to 1 each, right and down positive; the arrow keys where the stick rests. */
  readonly stick: { readonly x: number; readonly y: number }
  readonly second: { readonly x: number; readonly y: number }
  /** In the measures of `view`. */
  readonly pointer: { readonly x: number; readonly y: number } | null
}

/** What a tick has beside state and inputs. */
export interface GameTurn {
  /** The first is 1. */
  readonly tick: number
  readonly players: readonly GamePlayer[]
  /** Slots of players who sat down, and who left, since the last tick. */
  readonly joined: readonly number[]
  readonly left: readonly number[]
  /** A number from 0 to below 1: the next host draws the same ones. */
  random(): number
  /** Has everybody hear a sound of this name once, as the event `sound`: at most 16 a tick. */
  sound(name: string): void
  /** Ends the match after this tick, with a result of at most 512 bytes of JSON for everybody. */
  end(result?: unknown): void
}

/**
 * The rules of a game. The host runs them 60 times a second, and the next host goes on from the same state, so they keep nothing
 * beside it. A state is what JSON can say, at most 48 KiB in its encoded form, without NaN.
 */
export interface GameRules<State> {
  /** Makes the state of a new match. */
  setup(given: { readonly players: readonly GamePlayer[]; random(): number }): State
  /** Changes the state by a tick, in place or by returning the next one. `inputs` has all six slots. */
  update(state: State, inputs: readonly GameInput[], turn: GameTurn): State | void
}

/** How a page plays. */
export interface PlayOptions {
  /** What others see the player called: at most 48 bytes. */
  name?: string
  /** Width and height in which pointers are told: [960, 540] if it is left out. */
  view?: readonly [width: number, height: number]
  /** It is shown as a program without a person, and never hosts. */
  bot?: boolean
}

/** The game of a room. */
export interface Game {
  /** The settings of the party. Throws EnterError. */
  readonly party: Required<Pick<PartyOptions, 'players' | 'draw' | 'late' | 'hostLoss'>> & { readonly author: PeerId }
  /**
   * Enters the party, and takes a seat if there is a free one: else the event `refused` says why. With rules the page hosts when it
   * is its turn, without it only plays and draws the host's states. Rejects with EnterError.
   */
  play<State = Json>(rules?: GameRules<State>, options?: PlayOptions): Promise<Player<State>>
  /** Enters the party without a seat. Rejects with EnterError. */
  watch<State = Json>(): Promise<Player<State>>
}
export const Game: { readonly prototype: Game }

/** The place of a player. */
export interface GameSeat {
  readonly slot: number
  readonly id: EndpointId
  readonly peer: PeerId
  readonly name: string
  readonly color: string
  readonly isReady: boolean
  /** Whether the player is not reached now. The seat is kept for a minute. */
  readonly isAway: boolean
  readonly isBot: boolean
  /** Matches that this player won in this party. */
  readonly wins: number
}

/** Who plays, and how far they are. */
export interface GameLobby {
  readonly phase: 'gathering' | 'starting' | 'playing' | 'ended'
  /** Whether the match waits for players to come back. */
  readonly waits: boolean
  /** The number of the match, from 1. */
  readonly round: number
  /** The slot of the host; `undefined` while there is none. */
  readonly host: number | undefined
  readonly seats: readonly GameSeat[]
  /** How the last match ended. */
  readonly ending: { readonly reason: 'over'; readonly result: Json } | { readonly reason: 'failed'; readonly message: string } | undefined
}

/** How well the game runs. Times in milliseconds. */
export interface GamePace {
  /** To the host; `undefined` at the host. */
  readonly ping: number | undefined
  /** States that were lost, of a hundred. */
  readonly loss: number
  readonly jitter: number
  /** Ticks of the host, and states from it, in the last second. */
  readonly rate: number
  readonly states: number
  /** Bytes of the last state. */
  readonly bytes: number
  /** Why the game stutters; `undefined` if it does not. */
  readonly why: 'silent' | 'loss' | 'jitter' | 'ping' | 'host' | 'size' | undefined
}

/** A state to draw. */
export interface GamePicture<State> {
  /** Other rules may have made it: check it as any input, unless this page hosts. Change nothing of it. */
  readonly state: State
  readonly tick: number
  readonly players: readonly GamePlayer[]
  /** The own slot; `undefined` for a watcher. */
  readonly me: number | undefined
}

/** The events of a party, what happened in `detail`. */
export interface PlayerEvents {
  /** Seats, host or phase are other ones. */
  lobby: CustomEvent<object>
  /** This page has a seat. */
  entered: CustomEvent<{ readonly slot: number }>
  /** This page has no seat any more, or gets none. */
  refused: CustomEvent<{ readonly reason: 'full' | 'kicked' | 'started' | 'elsewhere' | 'version'; readonly ours?: number; readonly theirs?: number }>
  /** Nothing comes from the host: the next one is looked for. */
  hostsilent: CustomEvent<object>
  /** Others reach the host, and this page does not. */
  cutoff: CustomEvent<{ readonly slot: number }>
  /** Another player is host, and took back so many ticks. */
  host: CustomEvent<{ readonly slot: number; readonly lost: number }>
  hostback: CustomEvent<object>
  paused: CustomEvent<{ readonly waitsFor: 'host' | 'others' }>
  resumed: CustomEvent<object>
  /** A match began. */
  began: CustomEvent<object>
  /** A match is over, or with `left` the party is for this page. `failed` has the words of the error that ended it. */
  ended: CustomEvent<
    | { readonly reason: 'over'; readonly result: Json }
    | { readonly reason: 'failed'; readonly message: string }
    | { readonly reason: 'hostgone' | 'left' }
  >
  /** The larger side of a split goes on: so many ticks that were played here apart from it are gone. */
  apart: CustomEvent<{ readonly lost: number }>
  /** Rules of this page failed: `error` is what they threw. At the host that ends the match. */
  fault: CustomEvent<{ readonly message: string; readonly where: string; readonly error: unknown }>
  /** A sound is to be heard now, by its name. */
  sound: CustomEvent<string>
  /** The party was left, or the room. Nothing else happens. */
  closed: CustomEvent<null>
}

/**
 * Somebody in a party. A page that is loaded again by the same identity within a minute has its seat again. While a page is hidden it
 * hosts on by the clock of a worker, and hands over after two seconds if somebody else can host. What acts throws ActError.
 */
export interface Player<State = Json> extends TypedTarget<PlayerEvents> {
  readonly lobby: GameLobby
  /** The own seat; `undefined` while there is none. */
  readonly slot: number | undefined
  readonly isHost: boolean
  /** Whether the party was left. */
  readonly isOver: boolean
  readonly pace: GamePace
  /**
   * Keys, sticks and pointer are held like this from now on, until the next call: at any time and rate. Throws TypeError for a name that
   * no key has.
   */
  hold(input?: {
    keys?: Iterable<string>
    stick?: { readonly x: number; readonly y: number }
    second?: { readonly x: number; readonly y: number }
    pointer?: { readonly x: number; readonly y: number } | null
  }): void
  /** What to draw at a time, by the clock of `performance.now()`; the last state after a match, and `undefined` before the first one. */
  picture(now?: number): GamePicture<State> | undefined
  /** Takes a seat. */
  sit(): void
  /** Gives up the seat and watches. */
  watch(): void
  ready(isReady?: boolean): void
  /** Begins the match three seconds later, once all are ready: the host. */
  start(): void
  /** Removes the player of a slot: the host. */
  kick(slot: number): void
  /** Goes back to the lobby after a match: the host. */
  again(): void
  /** Gives the task of the host to the next in rank. */
  handOver(): void
  setName(name: string): void
  /** `#rrggbb`, unless another seat has it. */
  setColor(color: string): void
  leave(): void
  [Symbol.dispose](): void
}
export const Player: { readonly prototype: Player<unknown> }

/** A change of a conversation. */
export interface ChatChange {
  readonly kind: 'posted' | 'edited' | 'reacted' | 'removed'
  /** The id of the post. */
  readonly id: string
  /** Its author. */
  readonly author: PeerId
  /** The post as it is now, unless it was removed. */
  readonly post?: Post
  /** How many changes so far this page was too slow to receive. */
  readonly missed: number
}

/** The posts of people in a room, kept with it. Every room has them. */
export interface Chat extends TypedTarget<{ change: CustomEvent<ChatChange> }> {
  /** Writes a post of at most 12,000 bytes and ten files, and returns its id. Rejects with WriteError; nothing was written. */
  post(text: string, options?: { re?: string; files?: readonly PostFile[] }): Promise<string>
  /** The newest posts, or those before the post with the id `before`, the earliest first; 50 if `most` is left out. Throws ClosedError. */
  newest(options?: { before?: string; most?: number }): Post[]
  /** The posts after the post with this id, the earliest first. Throws ClosedError. */
  after(id: string, most?: number): Post[]
  /** Posts around a time in milliseconds since 1970, the earliest first. Throws ClosedError. */
  around(time: number, most?: number): Post[]
  /** A post; undefined if none of this id shows. Throws ClosedError. */
  get(id: string): Post | undefined
  /** Posts that have all of these words or parts of words, the newest first. Throws ClosedError. */
  search(words: string, most?: number): Post[]
  /** Gives a post of one's own another text. Rejects with WriteError; it stays as it was. */
  edit(id: string, text: string): Promise<void>
  /** Removes a post of one's own. Rejects with WriteError; it stays. */
  remove(id: string): Promise<void>
  /** Gives a post these emoji in place of one's earlier ones; none takes them back. Rejects with WriteError. */
  react(id: string, ...emoji: readonly string[]): Promise<void>
  /** Hides a post from everybody, as the owner or a moderator. Rejects with WriteError; it shows. */
  hide(id: string): Promise<void>
  /** Shows a hidden post again. Rejects with WriteError; it is hidden. */
  show(id: string): Promise<void>
  /** The blobs in which files of posts lie. */
  blobs(): Blobs
  /** The changes from now on. */
  watch(): AsyncIterableIterator<ChatChange>
}
export const Chat: { readonly prototype: Chat }

/** The form of a unit's result: JSON, a `Uint8Array`, a text, or a number. */
export type ResultForm = 'json' | 'bytes' | 'text' | 'f32' | 'f64' | 'u32'
/** How results become the outcome, in the order of units. `program` is the function `reduce` of the program itself. */
export type Reduction = 'concat' | 'list' | 'sum' | 'min' | 'max' | 'program'

/** A program in JavaScript. It returns JSON, or bytes, a text or a number if `result` says so. */
export type UnitFunction = (n: number, params: any, input: any) => unknown

/** A program: code that travels to lenders, or the name of a program that they offer. */
export interface ProgramOptions {
  /** A title of 1 to 64 bytes; else the name of the function, or of the offered program. */
  name?: string
  /** A description for people, of at most 512 bytes. */
  about?: string
  /**
   * A function, a script in JavaScript that declares `function unit(n, params, input)`, or a WebAssembly module as bytes. A `URL` is
   * fetched, and is a module or a script. At most 8 MiB.
   *
   * The text of a function is all that is sent: variables around it are not there. A unit that names one fails with `ReferenceError`
   * and its name. Give values in `params`, and functions in `uses`. Tools that rewrite code may put calls of their own helpers into it;
   * a script as text stays as it is.
   */
  code?: UnitFunction | string | URL | BufferSource | Blob
  /** Functions with names that the function calls. */
  uses?: Iterable<(...given: any[]) => unknown>
  /** In place of `code`: a program that lenders offer under this name. No code travels, and they read the data. */
  offered?: string
  /** JSON of at most 16 KiB. */
  params?: unknown
  /** The form of results: else `json`, for modules `bytes`, and `f64` if JavaScript has a `sum`, `min` or `max`. */
  result?: ResultForm
  /** Results of `f32`, `f64` and `json` that differ by no more are equal: 1e-9 relative for JavaScript, else 0. */
  tolerance?: { readonly absolute?: number; readonly relative?: number }
  /**
   * Limits of a unit: memory in MiB (256, at most 1,024), time in ms (10,000, at most a minute; offered: 600,000, at most an hour), and
   * bytes of a result (1 MiB).
   */
  limits?: { readonly memoryMib?: number; readonly unitMs?: number; readonly result?: number }
  /** How results of peers that are not trusted are checked: not at all, by drawn units, which is the default, or each. */
  check?: 'none' | 'sample' | 'all'
  /** People who confirm results and keep the books beside this one, at most 63: name only those that you would let end the job. */
  trusted?: readonly (Member | PeerId)[]
}

/** A job: a program over units, or over a list of items. */
export interface NewJob extends ProgramOptions {
  /** The number of units, from 1 to 1,000,000; left out with `items`. */
  units?: number
  /** One input for all units, of at most 64 MiB: a text or bytes, which programs read as a `Uint8Array`. */
  input?: string | BufferSource | Blob
  /** An item for each unit, at most 64 MiB together: JSON, or bytes. */
  items?: Iterable<unknown>
  /** `list` for JSON, texts and items, else `concat`. A function gets the list of all results and the parameters, and runs once. */
  reduce?: Reduction | ((results: any, params: any) => unknown)
  /** How pages show the results. */
  view?: 'file' | 'numbers' | 'table'
  /** Results are RGBA tiles of a picture: tiles in a row, and pixels of each. */
  tiles?: Tiles
}
export interface Tiles {
  readonly columns: number
  readonly width: number
  readonly height: number
}

/** How to run a program over items. */
export interface MapOptions extends ProgramOptions {
  /** Whether results come in the order of the items, which is the default. */
  ordered?: boolean
  /** Whether an item at which the program fails gives `null`, and the others go on. Else its error ends all. */
  skip?: boolean
  /** Gets the error of each item that is skipped, and of each wrong result that was handed out, with the right one in `value`. */
  onError?: (error: ItemError) => void
  /** Ends all: the jobs are cancelled. */
  signal?: AbortSignal
}

/** The second argument of a function of this page, beside the item. */
export interface OfferedUnit {
  readonly unit: number
  readonly units: number
  readonly params: Json
  readonly submitter: PeerId
  /** Aborted when the unit is wanted no more, or its time is over. */
  readonly signal: AbortSignal
}

/**
 * A program of this page's own. It gets the item, the whole input as a `Uint8Array`, or `undefined`, and returns the result or a promise of
 * it. An error that it throws fails the item. Items are those of other people: check them as any input.
 */
export type OfferFunction = (item: any, given: OfferedUnit) => unknown

/** The terms on which this page runs programs of others. */
export interface LendOptions {
  /** Units at once, from 1 to 128; else half of the cores. */
  cores?: number
  /** The per cent of its time in which each works, from 1 to 100; functions of `offer` know their own pace. */
  share?: number
  /** The people whose programs run: this person alone, which is the default, everybody in the room, or these and this person. */
  trust?: 'mine' | 'everybody' | readonly (Member | PeerId)[]
  /** Functions of this page under names, at most 8: they run in the page itself, and in no sandbox. */
  offer?: { readonly [name: string]: OfferFunction }
  /** Run functions of `offer` alone, and no code of others. */
  onlyOffers?: boolean
  /** The element that has the hidden frame; else the body. */
  parent?: Element
  /** Stops lending. */
  signal?: AbortSignal
}

/** The reason that a job does not go on; `message` says it in words, and what to do. */
export type Standstill = { readonly message: string } & (
  | { readonly kind: 'paused' | 'nobodyLends' | 'nobodyRuns' | 'noCard' | 'takingOver' | 'bookRefused' | 'other' }
  | { readonly kind: 'nobodyOffers'; readonly offered: string }
  | { readonly kind: 'nobodyTrusted' | 'outcomeAway'; readonly peer: PeerId }
  | { readonly kind: 'nobodyChecks'; readonly results: number }
  | { readonly kind: 'unitFails'; readonly unit: number; readonly failure: UnitFailure; readonly words: string }
  | { readonly kind: 'nobodyReduces'; readonly peer: PeerId; readonly steward: EndpointId }
  | { readonly kind: 'slow'; readonly unit: number; readonly lender: EndpointId }
)
/** It ended itself, exceeded its time or memory, returned another form than stated, or cannot be loaded. */
export type UnitFailure = 'trapped' | 'time' | 'memory' | 'result' | 'load'
/** Why a job failed. With `differs` devices return different results, with `tooMuch` all results together are too long. */
export type FailureReason = UnitFailure | 'differs' | 'tooMuch'
export type JobState = 'running' | 'paused' | 'done' | 'failed' | 'cancelled'

/** The unit that ended a job, the reason, and the last words of the program; `message` says all of it. */
export interface UnitFailed {
  readonly unit: number
  readonly reason: FailureReason
  readonly words?: string
  readonly message: string
}

/** A job as this page sees it now. */
export interface JobProgress {
  readonly name: string
  readonly about: string
  readonly kind: 'wasm' | 'js' | 'wgsl' | 'offered'
  readonly params: Json
  readonly result: ResultForm
  readonly reduce: Reduction
  readonly tiles: Tiles | undefined
  readonly submitter: PeerId
  readonly state: JobState
  /** With the state `failed`. */
  readonly failure: UnitFailed | undefined
  /** All units, those that are accepted, and those that a trusted peer repeated. */
  readonly units: number
  readonly accepted: number
  readonly checked: number
  /** Units that were accepted in a second, over the last 30 s. */
  readonly perSecond: number
  /** Milliseconds until all units are accepted, at this speed. */
  readonly left: number | undefined
  /** Endpoints that lend here, of any program. */
  readonly lenders: number
  /** The endpoint that keeps the books. */
  readonly steward: EndpointId | undefined
  /** Accepted units by peer. */
  readonly credit: { readonly [peer: PeerId]: number }
  /** Peers that returned wrong results. */
  readonly caught: readonly PeerId[]
  readonly standstill: Standstill | undefined
}

/** A result of a unit. With `isLost` it counts no more, as its lender was caught, and another one comes. */
export interface UnitResult<Value> {
  readonly unit: number
  /** `undefined` if it is lost, or has another form than the job states. */
  readonly value: Value | undefined
  readonly isLost: boolean
}

/**
 * A job in a room. `for await` over it gives its progress: now, and each time that it changes, until it has ended. All that writes
 * rejects with WriteError; the job is as it was.
 */
export interface Job<Value = unknown, Outcome = unknown>
  extends TypedTarget<{ change: CustomEvent<JobProgress> }>, AsyncIterable<JobProgress> {
  readonly id: string
  readonly name: string
  readonly state: JobState | 'erased'
  /** `undefined` once it was erased. */
  readonly progress: JobProgress | undefined
  watch(): AsyncIterableIterator<JobProgress>
  /** Results as they are accepted, those that are here first, until the job has ended. */
  results(): AsyncIterableIterator<UnitResult<Value>>
  /**
   * Waits until the job is done, and fetches its outcome. A list is an array, and of numbers a typed array; numbers one behind the other
   * are a typed array too, bytes a `Uint8Array`, texts and JSON one text. A sum, least or greatest is a number. Of the program's own
   * reduction it is bytes if results are bytes, else JSON, or a text that is no JSON. Rejects with JobError, or the reason of `signal`.
   */
  outcome(options?: { signal?: AbortSignal }): Promise<Outcome>
  /** Pauses it, as its submitter or a moderator. */
  pause(): Promise<void>
  /** Lets it run again: both must. */
  resume(): Promise<void>
  /** Cancels it for good, as its submitter or a moderator. */
  cancel(): Promise<void>
  /** Removes it with all that belongs to it, as its submitter. */
  erase(): Promise<void>
}
export const Job: { readonly prototype: Job }

/** A device that takes part. */
export interface Device {
  readonly id: EndpointId
  readonly peer: PeerId
  /** Units that it runs at once; 0 if it lends nothing. */
  readonly cores: number
  /** Languages that run there. */
  readonly programs: readonly ('wasm' | 'js')[]
  /** Names of offered programs. */
  readonly offers: readonly string[]
  /** Units that run now. */
  readonly runs: number
  /** Its graphics card, for people; empty if it names none. */
  readonly card: string
  readonly isPaused: boolean
}

/** Units that run on this device: of which job, and for whom. */
export interface RunningUnits {
  readonly job: Job | undefined
  readonly name: string
  readonly submitter: PeerId | undefined
  /** The unit that runs, and the end of its span. */
  readonly unit: number
  readonly end: number
}

/** This page runs programs of others until `stop`: then all that runs ends at once, and the units go to other devices. */
export interface Lending
  extends TypedTarget<{
    /** Something else runs: all of it in `detail`. */
    change: CustomEvent<readonly RunningUnits[]>
    /** It was stopped, or the room was left; with LendError in `detail` the browser runs no programs of others here. */
    stopped: CustomEvent<LendError | null>
  }> {
  readonly running: readonly RunningUnits[]
  /** Units at once; may be set. Throws ArgumentError. */
  cores: number
  readonly isPaused: boolean
  readonly isStopped: boolean
  readonly error: LendError | undefined
  /** Ends the runs, and begins none, as on battery. */
  pause(): void
  resume(): void
  stop(): void
  [Symbol.dispose](): void
}
export const Lending: { readonly prototype: Lending }

/** Jobs that all devices of a room work on: a program over units or items. `change` says that a job or a device is another one. */
export interface Compute extends TypedTarget<{ change: CustomEvent<null> }> {
  /** Submits a job. Rejects with ArgumentError or SubmitError; nothing was written. */
  submit<Value = unknown, Outcome = unknown>(job: NewJob): Promise<Job<Value, Outcome>>
  /**
   * Runs a program over items as they come, and gives the results in the order of the items. Items are JSON, or bytes, of at most 4 MiB
   * each; they are read as results are. A loop that ends early cancels the rest. Throws ArgumentError, and ItemError, SubmitError or
   * JobError, after which nothing comes.
   */
  map<Result = unknown>(
    items: Iterable<unknown> | AsyncIterable<unknown>,
    options: MapOptions & { skip: true },
  ): AsyncIterableIterator<Result | null>
  map<Result = unknown>(items: Iterable<unknown> | AsyncIterable<unknown>, options: MapOptions): AsyncIterableIterator<Result>
  /**
   * Runs programs of others in this page from now on: code in a sandboxed frame, whose script is loaded by this call, and functions of
   * `offer` in the page. Nothing else makes a page lend. A further call takes the place of the one before. A policy of the page must
   * name `SOURCE` of `meshwork/compute-pool`. No browser limits the memory of JavaScript, so let people agree before scripts of
   * everybody run. Rejects with ArgumentError.
   */
  lend(options?: LendOptions): Promise<Lending>
  /** All jobs that are known here, one object for each. */
  jobs(): Job[]
  /** The job with this id. */
  job<Value = unknown, Outcome = unknown>(id: string): Job<Value, Outcome> | undefined
  /** The devices that take part, this one too. */
  devices(): Device[]
  /** One for each change of a job or device; changes in between count as one. */
  watch(): AsyncIterableIterator<null>
}
export const Compute: { readonly prototype: Compute }

/** The rules of a room, which its owner changes. All that change something reject with RuleError; the rules are as they were. */
export interface Rules {
  setName(name: string): Promise<void>
  /** In an app nobody but the owner and moderators may write more than `cost` in so many milliseconds. */
  limit(app: App, cost: number, windowMs: number): Promise<void>
  liftLimit(app: App): Promise<void>
  /** From now on these peers alone write, besides the owner and moderators. */
  setWriters(peers: readonly PeerId[]): Promise<void>
  letEverybodyWrite(): Promise<void>
  setModerators(peers: readonly PeerId[]): Promise<void>
  readonly moderators: readonly PeerId[]
  /** What a peer writes from now on counts for nobody. The owner's to do, or a moderator's. */
  ban(peer: PeerId): Promise<void>
  unban(peer: PeerId): Promise<void>
  readonly banned: readonly PeerId[]
  /** The link without what lets one write. */
  readonly viewLink: Link
  /** From now on only whoever has the link that is returned writes, besides the owner and moderators. */
  newEditLink(): Promise<Link>
  /** Gives the room a new secret: whoever has an earlier link is let in no more, but those listed. */
  newLink(keep?: readonly PeerId[]): Promise<Link>
}
export const Rules: { readonly prototype: Rules }

/** What all errors of this package are: `code` says what went wrong. */
export class MeshworkError<Code extends string = string> extends Error {
  readonly code: Code
}
/** What this package needs is missing where it runs: `missing` names it. Nothing was started. */
export class UnsupportedError extends MeshworkError<'Unsupported'> {
  readonly missing: readonly string[]
}
/** The wasm module was not loaded from `url`; `cause` says why. The next call tries again. */
export class LoadError extends MeshworkError<'Load'> {
  readonly url: string
}
/** An argument is wrong: `argument` names it, and `value` is what it was. Nothing was done. */
export class ArgumentError extends MeshworkError<'Argument'> {
  readonly argument: string
  readonly value: unknown
}
/** A job was not submitted. With `NoPool` its program reduces its results itself, and this page has no pool. */
export class SubmitError extends MeshworkError<'Format' | 'TooMany' | 'NoPool' | 'Freed' | 'Store' | WriteCode> {
  /** With `TooMany`: open jobs of this peer, which is the limit. */
  readonly open?: number
  /** With `NotAllowed`: who may. */
  readonly rule?: string
  /** With `TooFast`: in how many milliseconds it may be tried again. */
  readonly wait?: number
  /** With `TooLarge`. */
  readonly size?: number
  readonly max?: number
}
/** A job has no outcome. With `Failed` a `unit` ended it, for a `reason` and with the last `words` of the program. */
export class JobError extends MeshworkError<'Failed' | 'Cancelled' | 'Erased' | 'Packet' | FetchError['code']> {
  readonly unit?: number
  readonly reason?: FailureReason
  readonly words?: string
  /** With `TooLarge` or `tooMuch`, in bytes. */
  readonly size?: number
  readonly max?: number
}
/**
 * The item at `index`, from 0, has no result, or another one than was handed out. With `Failed` the program fails at it. With `Corrected`
 * a lender that was caught had returned the result that was handed out, and `value` is the right one. With `TooLarge` it has `size` bytes.
 */
export class ItemError extends MeshworkError<'Failed' | 'Corrected' | 'TooLarge'> {
  readonly index: number
  readonly reason?: FailureReason
  readonly words?: string
  readonly value?: unknown
  readonly size?: number
}
/** The page's policy, or its browser, allows no sandboxed frame, so nothing runs here. */
export class LendError extends MeshworkError<'NoFrame'> {}
/** The party does not allow it now. Nothing happened. */
export class ActError extends MeshworkError<
  'NotHost' | 'NotSeated' | 'TooFew' | 'NotReady' | 'NoSuchSeat' | 'Phase' | 'NobodyElse' | 'Over'
> {
  /** With `TooFew`: players that are here, and that the game needs. */
  readonly have?: number
  readonly least?: number
  /** With `NotReady`. */
  readonly slots?: readonly number[]
  /** With `NoSuchSeat`. */
  readonly slot?: number
}
/** The app is not on in this room: the owner turns it on. */
export class AppIsOffError extends MeshworkError<'AppIsOff'> {
  readonly app: string
}
/** The endpoint did not start. Nothing is left of it. */
export class BindError extends MeshworkError<'Store' | 'Randomness' | 'Text' | 'Server' | 'IceServer' | 'System'> {
  /** With `Server`: what is no address of one. */
  readonly url?: string
}
/** `size` and `max`, in bytes, say how long it is and may be where the code is `TooLarge`. */
export class BlobError extends MeshworkError<'TooLarge' | 'Freed' | 'Store' | 'NotOpen' | 'Closed'> {
  readonly size?: number
  readonly max?: number
}

/** As BlobError. What came of the blob stays here, for another fetch. */
/** The party was not entered: the room has none, or one of a later version. */
export class EnterError extends MeshworkError<'NoParty' | 'Closed'> {}
export class FetchError extends MeshworkError<
  'NobodyHolds' | 'TooLarge' | 'TooMany' | 'Freed' | 'Store' | 'NotOpen' | 'Closed'
> {
  readonly size?: number
  readonly max?: number
}

/** The room was left, or its endpoint has closed. Nothing more can be done there. */
export class ClosedError extends MeshworkError<'Closed'> {}
/** Who was tried, and why that failed. */
export interface Tried {
  readonly who: string
  readonly why: string
}
/** There is no new room. Nothing is left of it. */
export class CreateError extends MeshworkError<
  'App' | 'Parameters' | 'Server' | 'Refused' | 'TooManyRooms' | 'NotAllowed' | 'Invalid' | 'NotOpen' | 'Closed'
> {
  /** With `Server`. */
  readonly tried?: readonly Tried[]
  /** With `TooManyRooms`. */
  readonly max?: number
}
/** The room was not joined. Nothing is left of it, and what is kept of it is as it was. */
export class JoinError extends MeshworkError<
  | 'Link'
  | 'NoServer'
  | 'WrongSecret'
  | 'Full'
  | 'Incompatible'
  | 'Refused'
  | 'Unknown'
  | 'NobodyReached'
  | 'NotStored'
  | 'Store'
  | 'TooManyRooms'
  | 'Closed'
> {
  /** With `NobodyReached`. */
  readonly tried?: readonly Tried[]
  /** With `Unknown`: the servers that know no such room. */
  readonly servers?: readonly string[]
  /** With `TooManyRooms`. */
  readonly max?: number
}
/** Two people are not linked by texts. The room is as it was; where an invitation was to be answered it is left. */
export class InviteError extends MeshworkError<
  | 'NotWhole'
  | 'OtherRoom'
  | 'Expired'
  | 'Own'
  | 'Linked'
  | 'Unusable'
  | 'Replaced'
  | 'NoLink'
  | 'Busy'
  | JoinError['code']
> {
  /** With `NobodyReached`. */
  readonly tried?: readonly Tried[]
}
export type WriteCode =
  | 'NotAllowed'
  | 'TooFast'
  | 'TooLarge'
  | 'Full'
  | 'ShareExceeded'
  | 'AppIsOff'
  | 'NotWriter'
  | 'Banned'
  | 'Invalid'
  | 'NotOpen'
  | 'Closed'
/** Something was not written. Nothing of it was. With `NotWriter` the owner named who writes, and this peer is not among them. */
export class WriteError extends MeshworkError<WriteCode> {
  /** With `NotAllowed`: who may. */
  readonly rule?: string
  /** With `TooFast`: what the room allows now, and what in each window of so many milliseconds. */
  readonly left?: number
  readonly cost?: number
  readonly window?: number
  /** With `TooFast`: milliseconds until the next window begins. */
  readonly wait?: number
  /** With `TooLarge` and `ShareExceeded`: bytes of what was to be written, and bytes that are allowed. */
  readonly size?: number
  readonly max?: number
  /** With `ShareExceeded`: bytes that this peer has in the documents of the app. */
  readonly used?: number
  /** With `Full`: what this peer has. */
  readonly entries?: number
  readonly bytes?: number
}
/** Something was not said to everybody. Nobody hears it. */
export class SayError extends MeshworkError<WriteCode | 'Value'> {
  readonly rule?: string
  readonly wait?: number
  readonly size?: number
  readonly max?: number
}
/** A message to one member is not known to have been heard: with `NotSent` it may be sent again. */
export class DirectError extends MeshworkError<'TooLarge' | 'NotSent' | 'Unknown' | 'Value' | 'Closed'> {
  readonly size?: number
  readonly max?: number
}
/** A datagram was not sent. */
export class DatagramError extends MeshworkError<'TooLarge' | 'NotLinked' | 'NotOpen' | 'Value' | 'Closed'> {
  readonly size?: number
}
/** Nothing else is said of this page now. What was said before stands. */
export class PresenceError extends MeshworkError<'TooLarge' | 'NotOpen' | 'Value' | 'Closed'> {
  readonly size?: number
  readonly max?: number
}
/** It is not known that somebody has what this page wrote. */
export class KeptError extends MeshworkError<'NobodyStays' | 'Closed'> {}
/** The room's rules are as they were. */
export class RuleError extends MeshworkError<
  'NotAllowed' | 'NotBanned' | 'AppIsOff' | 'Invalid' | 'NotOpen' | 'Closed'
> {
  /** With `NotAllowed`: who may. */
  readonly rule?: string
}
/** There is no identity: with `Text` what was imported is none, or was mistyped. */
export class IdentityError extends MeshworkError<'Randomness' | 'Text'> {}
/** What this browser keeps cannot be used. It is as it was. */
export class StoreError extends MeshworkError<'InUse' | 'Damaged' | 'Failed'> {}
/** An image was not put with a document, which is as it was. */
export class ImageError extends MeshworkError<'Freed' | 'Store' | WriteCode> {
  /** With `NotAllowed`: who may. */
  readonly rule?: string
  /** With `TooFast`: in how many milliseconds it may be tried again. */
  readonly wait?: number
  /** With `TooLarge`: how many bytes it has, and may have. */
  readonly size?: number
  readonly max?: number
}
/** A version was not saved, read or deleted. */
export class VersionError extends MeshworkError<
  'Label' | 'NotMine' | 'Damaged' | 'NobodyHolds' | 'TooMany' | 'Freed' | 'Store' | WriteCode
> {
  /** With `NotAllowed`: who may. */
  readonly rule?: string
  /** With `TooFast`: in how many milliseconds it may be tried again. */
  readonly wait?: number
  /** With `Label` and `TooLarge`: how many bytes it has, and may have. */
  readonly size?: number
  readonly max?: number
}

// Limits, by the names that they have in Rust.

/** Servers that one room is looked for on. */
export const SERVERS_MAX: number
/** STUN and TURN addresses of one's own. */
export const ICE_SERVERS_MAX: number
/** How long joining and making a room may take, in milliseconds. */
export const JOIN_MAX: number
/** How long an invitation waits for its answer, and an answer until it is taken, in milliseconds. */
export const INVITATION_MAX: number
/** How long `kept` waits for somebody who stays, in milliseconds. */
export const KEPT_MAX: number
/** Events that wait for who is slow to read them; further ones are told as missed. */
export const EVENTS_MAX: number
/** Longest name of a topic, in bytes. */
export const TOPIC_MAX: number
/** Messages of a topic that wait for who is slow to read them; further ones are told as missed. */
export const MESSAGES_MAX: number
/** Longest message that is said to all, in bytes. */
export const SAY_MAX: number
/** Longest message to one alone, in bytes. */
export const DIRECT_MAX: number
/** Longest datagram to one alone, in bytes. */
export const DATAGRAM_MAX: number
/** Longest datagram to all, in bytes. */
export const DATAGRAM_TO_ALL_MAX: number
/** Longest presence, in bytes. */
export const PRESENCE_MAX: number
/** Longest name of a table and key of an entry together, in bytes. */
export const KEY_MAX: number
/** Longest value of a table's entry, in bytes. */
export const VALUE_MAX: number
/** Longest name of a counter or a value, in bytes. */
export const NAME_MAX: number
/** Writes of one key of values that its history has. */
export const HISTORY_MAX: number
/** Longest name of a document, in bytes. */
export const DOCUMENT_NAME_MAX: number
/** Edits of one peer that stand in all documents of an app, in bytes. */
export const DOCUMENT_BYTES_MAX: number
/** Batches of one peer's edits that stand in all documents of an app. */
export const DOCUMENT_BATCHES_MAX: number
/** Longest label of a version, in bytes; the shortest has one. */
export const LABEL_MAX: number
/** Longest title of a document, in bytes. */
export const TITLE_MAX: number
/** Versions of one author that a keeper holds, in all documents of an app. */
export const VERSIONS_MAX: number
/** Longest version, in bytes. */
export const VERSION_MAX: number
/** Bytes of one author's versions that a keeper holds, in all documents of an app. */
export const VERSION_BYTES_MAX: number
/** Largest image of a document and picture of a whiteboard, in bytes. */
export const PICTURE_MAX: number
/** Longest text of a shape, in bytes. */
export const TEXT_MAX: number
/** Points of a piece of a stroke. */
export const POINTS_MAX: number
/** Pieces of a stroke: it has at most so many times `POINTS_MAX` points. */
export const PIECES_MAX: number
/** Colors that a shape may have. */
export const COLOURS: number
/** Longest blob, in bytes. */
export const BLOB_MAX: number
/** What of a blob is asked for, checked and stored at once, in bytes. */
export const BLOB_PART: number
/** Longest blob that is fetched where `atMost` says nothing else, in bytes. */
export const FETCH_MAX: number
/** Blobs that are fetched at the same time in one room. */
export const FETCHES_MAX: number
/** How long a fetch goes on while no member holds the blob, in milliseconds. */
export const HOLDER_WAIT: number
/** Bytes of blobs that an endpoint without a store keeps, in memory. */
export const MEMORY_MAX: number
/** Units of a job. */
export const UNITS_MAX: number
/** Longest code of a program, in bytes. */
export const CODE_MAX: number
/** Longest input of a job, or all of its items together, in bytes. */
export const INPUT_MAX: number
/** Longest result of a unit, in bytes. */
export const RESULT_MAX: number
/** Longest time that a unit may have, in milliseconds. */
export const UNIT_MS_MAX: number
/** The same for a program that lenders offer. */
export const OFFERED_MS_MAX: number
