// Rooms in which browsers and programs meet: the classes of this package, over one wasm module.

import { loaded } from './module.js'
import { newRoom, Room } from './room.js'

export { App, Causal, Presence, Row, Table, Topic } from './app.js'
export { Blobs, HeldBlob } from './blobs.js'
export { Chat } from './chat.js'
export { Compute, Job, Lending } from './compute.js'
export { Entry } from './entry.js'
export * from './errors.js'
export { Game, Player } from './game.js'
export * from './limits.js'
export { Canvas, Receipt } from './place.js'
export { Member, Room, Rules } from './room.js'
export { Counter, Document, Values, Version } from './sync.js'
export { Whiteboard } from './whiteboard.js'

/** Who a program is among peers. */
export class Identity {
  #text

  constructor(text, peer) {
    this.#text = text
    this.peer = peer
  }

  static async generate() {
    const module = await loaded()
    return Identity.import(module.newIdentity())
  }

  static async import(text) {
    const module = await loaded()
    return new Identity(text, module.peerOf(text))
  }

  export() {
    return this.#text
  }
}

/** Enters a room through an endpoint of its own, which ends when the room is left. */
let enterAlone

/** This page among peers. */
export class Endpoint {
  #raw

  static {
    enterAlone = async (options, enter) => {
      const endpoint = await Endpoint.bind(options)
      try {
        return new Room(await enter(endpoint.#raw), endpoint.id, () => endpoint.close())
      } catch (error) {
        await endpoint.close()
        throw error
      }
    }
  }

  constructor(raw) {
    this.#raw = raw
  }

  static async bind(given = {}) {
    const { name, identity, store, server, servers = [], iceServers = [], stays, hidesAddress, trustedRelays } = given
    const module = await loaded()
    const options = {
      name,
      identity: identity?.export(),
      store,
      servers: server === undefined ? servers : [server, ...servers],
      iceServers: iceServers.flatMap(({ urls, username = '', credential = '' }) => [urls].flat().map((url) => [url, username, credential])),
      stays,
      hidesAddress,
      trustedRelays,
    }
    return new Endpoint(await module.bind(JSON.stringify(options)))
  }

  get id() {
    return this.#raw.id()
  }

  get peer() {
    return this.#raw.peer()
  }

  async create(options) {
    return this.#room(this.#raw.create(newRoom(options)))
  }

  async join(link) {
    return this.#room(this.#raw.join(link))
  }

  async answer(link, invitation) {
    const [answer, raw] = await this.#raw.answer(link, invitation)
    return { answer, room: await this.#room(raw) }
  }

  async open(link) {
    return this.#room(this.#raw.open(link))
  }

  async rooms() {
    return JSON.parse(await this.#raw.rooms())
  }

  async forget(id) {
    await this.#raw.forget(id)
  }

  async close() {
    await this.#raw.close()
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    await this.close()
  }

  async #room(entering) {
    return new Room(await entering, this.id, () => {})
  }
}

export async function create(options) {
  return enterAlone(options, (raw) => raw.create(newRoom(options)))
}

export async function join(link, options) {
  return enterAlone(options, (raw) => raw.join(link))
}

export async function answer(link, invitation, options) {
  let answer
  const room = await enterAlone(options, async (raw) => {
    const [text, room] = await raw.answer(link, invitation)
    answer = text
    return room
  })
  return { answer, room }
}

export async function open(link, options) {
  return enterAlone(options, (raw) => raw.open(link))
}

export async function rooms(options) {
  const endpoint = await Endpoint.bind(options)
  try {
    return await endpoint.rooms()
  } finally {
    await endpoint.close()
  }
}
