// People who met, and what they decide.

import { App, peerOf } from './app.js'
import { ClosedError } from './errors.js'
import { Chat } from './chat.js'
import { iterate } from './events.js'
import { Game } from './game.js'
import { RAW } from './module.js'
import { Canvas } from './place.js'

/** After these others are here, or linked otherwise. */
const ABOUT_MEMBERS = new Set(['opened', 'joined', 'left', 'link', 'missed'])

export class Room extends EventTarget {
  #raw
  #leave
  #isLeft = false
  #app
  #canvas
  #chat
  #game
  #known = new Map()
  #members

  /** `leave` ends what was started for this room alone. */
  constructor(raw, me, leave) {
    super()
    this.#raw = raw
    this.#leave = leave
    this.me = me
    this.#app = new App(raw.app(raw.openedWith()), this)
    this.#dispatch(this.events())
  }

  get link() {
    return this.#raw.link()
  }

  get code() {
    return this.#raw.code()
  }

  get id() {
    return this.#raw.id()
  }

  get name() {
    return this.#raw.name()
  }

  get owner() {
    return this.#raw.owner()
  }

  get isLeft() {
    return this.#isLeft
  }

  get members() {
    this.#members ??= this.#readMembers()
    return this.#members
  }

  member(id) {
    if (!this.#known.has(id)) {
      this.#known.set(id, new Member(this.#raw, id))
    }
    return this.#known.get(id)
  }

  topic(name) {
    return this.#app.topic(name)
  }

  topicBytes(name) {
    return this.#app.topicBytes(name)
  }

  table(name) {
    return this.#app.table(name)
  }

  counter(name) {
    return this.#app.counter(name)
  }

  counters(prefix) {
    return this.#app.counters(prefix)
  }

  document(name) {
    return this.#app.document(name)
  }

  documents() {
    return this.#app.documents()
  }

  values() {
    return this.#app.values()
  }

  whiteboard() {
    return this.#app.whiteboard()
  }

  compute() {
    return this.#app.compute()
  }

  blobs() {
    return this.#app.blobs()
  }

  presence() {
    return this.#app.presence()
  }

  canvas() {
    this.#canvas ??= new Canvas(this.#raw)
    return this.#canvas
  }

  chat() {
    this.#chat ??= new Chat(this.#raw.chat(), () => this.conversation().blobs())
    return this.#chat
  }

  game() {
    this.#game ??= new Game(this.#raw.game())
    return this.#game
  }

  conversation() {
    return new App(this.#raw.conversation(), this)
  }

  rules() {
    return new Rules(this.#raw.rules())
  }

  app(word) {
    return new App(this.#raw.app(word), this)
  }

  async turnOn(app) {
    const options = typeof app === 'string' ? { app } : app
    return new App(await this.#raw.turnOn(newRoom(options)), this)
  }

  async addServer(url) {
    await this.#raw.addServer(url)
  }

  nameOf(peer) {
    return this.#raw.nameOf(peerOf(peer))
  }

  async registered() {
    await this.#raw.registered()
  }

  async invite() {
    return this.#raw.invite()
  }

  async accept(answer) {
    return this.member(await this.#raw.accept(answer))
  }

  async joined() {
    await this.#raw.joined()
  }

  async kept() {
    await this.#raw.kept()
  }

  async inStep() {
    await this.#raw.inStep()
  }

  events() {
    return iterate(this.#raw.events(), (told) => {
      const { member, ...event } = JSON.parse(told)
      return member ? { ...event, member: this.member(member.id).told(member) } : event
    })
  }

  async restored() {
    await this.#raw.restored()
  }

  async leave() {
    this.#raw.leave()
    await this.#leave()
  }

  async forget() {
    try {
      await this.#raw.forget()
    } finally {
      await this.#leave()
    }
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    await this.leave()
  }

  #readMembers() {
    try {
      return JSON.parse(this.#raw.members()).map((member) => this.member(member.id).told(member))
    } catch (error) {
      if (error instanceof ClosedError) {
        return []
      }
      throw error
    }
  }

  async #dispatch(events) {
    for await (const detail of events) {
      const isAboutMembers = ABOUT_MEMBERS.has(detail.type)
      if (isAboutMembers) {
        this.#members = undefined
      }
      this.dispatchEvent(new CustomEvent(detail.type, { detail }))
      if (isAboutMembers) {
        this.dispatchEvent(new CustomEvent('members', { detail: this.members }))
      }
    }
    this.#isLeft = true
    this.#members = undefined
    this.dispatchEvent(new CustomEvent('closed'))
  }
}

export class Member {
  #raw
  #told = {}

  constructor(raw, id) {
    this.#raw = raw
    this.id = id
  }

  /** Notes what was told of it. */
  told(told) {
    this.#told = told
    return this
  }

  get peer() {
    return this.id.split('.')[0]
  }

  get name() {
    return this.#now().name ?? ''
  }

  get isOwn() {
    return this.#now().isOwn ?? false
  }

  get link() {
    return this.#now().link ?? 'gone'
  }

  get linkSince() {
    return this.#now().linkSince
  }

  get reason() {
    return this.#now().reason ?? undefined
  }

  get rtt() {
    return this.#now().rtt ?? undefined
  }

  get traffic() {
    const { sent = 0, received = 0 } = this.#now()
    return { sent, received }
  }

  get stays() {
    return this.#now().stays ?? false
  }

  get isInStep() {
    return this.#now().isInStep ?? false
  }

  /** What is known of it now, or was last. */
  #now() {
    const told = this.#raw.member(this.id)
    if (told !== undefined) {
      this.#told = JSON.parse(told)
    }
    return this.#told
  }
}

export class Rules {
  #raw

  constructor(raw) {
    this.#raw = raw
  }

  async setName(name) {
    await this.#raw.setName(name)
  }

  async limit(app, cost, windowMs) {
    await this.#raw.limit(app[RAW], cost, windowMs)
  }

  async liftLimit(app) {
    await this.#raw.limit(app[RAW], undefined, 0)
  }

  async setWriters(peers) {
    await this.#raw.setWriters(peers)
  }

  async letEverybodyWrite() {
    await this.#raw.setWriters(undefined)
  }

  async setModerators(peers) {
    await this.#raw.setModerators(peers)
  }

  get moderators() {
    return this.#raw.moderators()
  }

  async ban(peer) {
    await this.#raw.ban(peer)
  }

  async unban(peer) {
    await this.#raw.unban(peer)
  }

  get banned() {
    return this.#raw.banned()
  }

  get viewLink() {
    return this.#raw.viewLink()
  }

  async newEditLink() {
    return this.#raw.newEditLink()
  }

  async newLink(keep = []) {
    return this.#raw.newLink(keep)
  }
}

/** What a room opens with, or an app is turned on with, as the library reads it. */
export function newRoom({ app, canvas, game, private: isPrivate, named, parameters }) {
  const { width, height } = canvas ?? {}
  return JSON.stringify({
    app,
    width,
    height,
    game,
    private: isPrivate,
    name: named,
    parameters: parameters && Array.from(parameters),
  })
}
