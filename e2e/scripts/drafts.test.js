// The drafts of games: which tab has which, over a store and locks that the test sees.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Draft } from '../../apps/web/editor/drafts.js'

/** What all tabs of a browser share. */
class Profile {
  heads = new Map()
  files = new Map()
  held = new Set()

  store() {
    const { heads, files } = this
    const of = (id) => files.get(id) ?? new Map()
    return {
      heads: async () => [...heads.values()],
      files: async (id) => [...of(id)],
      async write(head, changed, removed) {
        heads.set(head.id, head)
        const own = new Map([...of(head.id), ...changed])
        removed.forEach((path) => own.delete(path))
        files.set(head.id, own)
      },
      async remove(id) {
        heads.delete(id)
        files.delete(id)
      },
    }
  }
}

/** A tab, which holds its locks until it is closed. */
class Tab {
  #values
  #own = new Set()

  constructor(profile, values = new Map()) {
    this.profile = profile
    this.#values = values
  }

  getItem = (name) => this.#values.get(name) ?? null
  setItem = (name, value) => this.#values.set(name, value)

  async open(hasLocks = true) {
    const { held } = this.profile
    const request = async (name, { ifAvailable }, act) => {
      assert.ok(ifAvailable)
      if (held.has(name)) return act(null)
      held.add(name)
      this.#own.add(name)
      return act({ name })
    }
    const draft = new Draft(this.profile.store(), hasLocks ? { request } : undefined, this)
    await draft.open()
    return draft
  }

  close() {
    this.#own.forEach((name) => this.profile.held.delete(name))
    return new Tab(this.profile)
  }

  reload() {
    this.close()
    return new Tab(this.profile, this.#values)
  }

  duplicate() {
    return new Tab(this.profile, new Map(this.#values))
  }
}

const texts = (draft) => Object.fromEntries(draft.files)

test('a tab keeps its draft, and another one begins its own', async () => {
  const profile = new Profile()
  const [first, second] = [new Tab(profile), new Tab(profile)]
  const one = await first.open()
  assert.deepEqual(one.files, [])
  await one.keep('ABC123', [['game.js', 'one'], ['a.png', 'picture']], [])
  const two = await second.open()
  assert.notEqual(two.id, one.id)
  assert.deepEqual([two.files, two.code], [[], null], 'it publishes no version of the other game')
  await two.keep(null, [['game.js', 'two']], [])
  await one.keep('ABC123', [['game.js', 'one again']], ['a.png'])
  const again = await first.reload().open()
  assert.deepEqual([again.id, again.code, texts(again)], [one.id, 'ABC123', { 'game.js': 'one again' }])
  assert.deepEqual(texts(await second.reload().open()), { 'game.js': 'two' })
})

test('a new tab goes on with the newest draft that nobody has', async () => {
  const profile = new Profile()
  const tabs = [new Tab(profile), new Tab(profile), new Tab(profile)]
  for (const [at, tab] of tabs.entries()) await (await tab.open()).keep(null, [['game.js', `${at}`]], [])
  for (const [at, head] of [...profile.heads.values()].entries()) head.at = at
  tabs[0].close()
  tabs[1].close()
  assert.deepEqual(texts(await new Tab(profile).open()), { 'game.js': '1' })
  assert.deepEqual(texts(await new Tab(profile).open()), { 'game.js': '0' })
  assert.deepEqual(texts(await new Tab(profile).open()), {})
})

test('a copy of a tab has a copy of its files', async () => {
  for (const hasLocks of [true, false]) {
    const profile = new Profile()
    const first = new Tab(profile)
    const one = await first.open(hasLocks)
    await one.keep('ABC123', [['game.js', 'one']], [])
    const copy = hasLocks ? first.duplicate() : new Tab(profile)
    const two = await copy.open(hasLocks)
    assert.notEqual(two.id, one.id)
    assert.deepEqual([two.code, texts(two)], [null, { 'game.js': 'one' }])
    await two.keep(null, [['game.js', 'two']], [])
    assert.deepEqual(texts(await first.reload().open(hasLocks)), { 'game.js': 'one' })
    assert.deepEqual(texts(await copy.reload().open(hasLocks)), { 'game.js': 'two' })
  }
})

test('a game that is begun anew deletes its own draft alone', async () => {
  const profile = new Profile()
  const [one, two] = [await new Tab(profile).open(), await new Tab(profile).open()]
  for (const draft of [one, two]) await draft.keep('ABC123', [['game.js', 'x']], [])
  await one.forget()
  assert.deepEqual([...profile.heads.keys()], [two.id])
  assert.equal(one.code, null)
})
