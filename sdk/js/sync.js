// Counters, values, documents and their versions.

import { HeldBlob, bytesOf } from './blobs.js'
import { changeOf, entryOf, textOf } from './entry.js'
import { Listened, iterate } from './events.js'

const holdersOf = ([saved, ...members]) => ({ saved, members })

export class Counter extends Listened {
  #raw

  constructor(raw) {
    super('change', () => this.watch())
    this.#raw = raw
  }

  async add(by = 1) {
    if (!Number.isSafeInteger(by)) {
      throw new TypeError(`a counter is raised by a whole number, and not by ${by}`)
    }
    await this.#raw.add(by)
  }

  get value() {
    return this.#raw.value()
  }

  get holders() {
    return holdersOf(this.#raw.holders())
  }

  watch() {
    return iterate(this.#raw.watch(), (told) => JSON.parse(told))
  }
}

export class Values extends Listened {
  #raw

  constructor(raw) {
    super('change', () => this.watch())
    this.#raw = raw
  }

  async set(key, value) {
    await this.#raw.set(key, textOf(value))
  }

  async delete(key) {
    await this.#raw.delete(key)
  }

  get(key) {
    return entryOf(this.#raw.get(key))
  }

  entries(prefix = '') {
    return this.#raw.entries(prefix).map(entryOf)
  }

  history(key) {
    return this.#raw.history(key).map(entryOf)
  }

  holders(key) {
    return holdersOf(this.#raw.holders(key))
  }

  watch(prefix = '') {
    return iterate(this.#raw.watch(prefix), changeOf)
  }

  watchKey(key) {
    return iterate(this.#raw.watchKey(key), changeOf)
  }
}

export class Document extends Listened {
  #raw

  constructor(raw, name) {
    super('change', () => this.watch())
    this.#raw = raw
    this.name = name
  }

  get client() {
    return this.#raw.client()
  }

  get whole() {
    return this.#raw.whole()
  }

  get slices() {
    return this.#raw.slices()
  }

  async say(update) {
    await this.#raw.say(update)
  }

  emptied(update) {
    return this.#raw.emptied(update)
  }

  clientOf(member) {
    return this.#raw.clientOf(member)
  }

  async seed(update) {
    await this.#raw.seed(update)
  }

  authorOf({ client, clock }) {
    return this.#raw.author_of(client, clock)
  }

  get holders() {
    return holdersOf(this.#raw.holders())
  }

  get title() {
    return this.#raw.title()
  }

  async rename(title) {
    await this.#raw.rename(title)
  }

  async delete() {
    await this.#raw.delete()
  }

  async eraseBy(peer) {
    return this.#raw.eraseBy(peer)
  }

  async putImage(data) {
    return new HeldBlob(await this.#raw.putImage(await bytesOf(data)))
  }

  images() {
    return this.#raw.images()
  }

  async saveVersion(label) {
    return new Version(await this.#raw.saveVersion(label), this)
  }

  versions() {
    return this.#raw.versions().map((raw) => new Version(raw, this))
  }

  watch() {
    return iterate(this.#raw.watch(), ([author, update, missed]) => ({ author, update, missed }))
  }
}

export class Version {
  #raw

  constructor(raw, document) {
    this.#raw = raw
    this.document = document
    Object.assign(this, JSON.parse(raw.told()))
  }

  async whole() {
    return this.#raw.whole()
  }

  async kept() {
    await this.#raw.kept()
  }

  async delete() {
    await this.#raw.delete()
  }
}
