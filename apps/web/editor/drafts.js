// The games that are written in this browser: each tab has a draft of its own, which no other tab changes.
//
// A tab holds the browser's lock of its draft. A tab that is loaded again keeps its draft; a new one goes on with the newest draft that no
// other tab has; a copy of a tab begins with a copy of the files, as another game. Pages over plain http have no locks: there each new tab
// begins with a copy of the newest draft.

const DATABASE = 'meshwork-play-drafts'
const [HEADS, FILES] = ['heads', 'files']
/** Under this name a tab remembers its draft. */
const TAB = 'meshwork-play-draft'

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

/** Drafts in IndexedDB: a head { id, code, at } of each, and its files by id and path. */
class Database {
  static async open() {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => {
      request.result.createObjectStore(HEADS, { keyPath: 'id' })
      request.result.createObjectStore(FILES)
    }
    return new Database(await done(request))
  }

  #base

  constructor(base) {
    this.#base = base
    // The profile is cleared.
    base.onversionchange = () => base.close()
  }

  heads() {
    return done(this.#base.transaction(HEADS).objectStore(HEADS).getAll())
  }

  async files(id) {
    const files = this.#base.transaction(FILES).objectStore(FILES)
    const range = IDBKeyRange.bound([id], [id, []])
    const [keys, values] = await Promise.all([done(files.getAllKeys(range)), done(files.getAll(range))])
    return keys.map(([, path], at) => [path, values[at]])
  }

  /** Writes all or nothing. */
  write(head, changed, removed) {
    const transaction = this.#base.transaction([HEADS, FILES], 'readwrite')
    const files = transaction.objectStore(FILES)
    transaction.objectStore(HEADS).put(head)
    for (const [path, bytes] of changed) files.put(bytes, [head.id, path])
    for (const path of removed) files.delete([head.id, path])
    return completion(transaction)
  }

  remove(id) {
    const transaction = this.#base.transaction([HEADS, FILES], 'readwrite')
    transaction.objectStore(HEADS).delete(id)
    transaction.objectStore(FILES).delete(IDBKeyRange.bound([id], [id, []]))
    return completion(transaction)
  }
}

function completion(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error('the browser did not store it'))
  })
}

/** Holds a lock as long as the tab lives; false if another tab has it. */
const holds = (locks, id) =>
  new Promise((resolve, reject) => {
    const held = (lock) => {
      resolve(lock !== null)
      return lock && new Promise(() => {})
    }
    locks.request(`${DATABASE} ${id}`, { ifAvailable: true }, held).catch(reject)
  })

/** The draft of a tab. */
export class Draft {
  #store
  #locks
  #tab
  #last = Promise.resolve()
  /** Its name, the code under which it is published, and its files as they are stored: pairs of a path and bytes. */
  id
  code = null
  files = []

  constructor(store, locks, tab) {
    this.#store = store
    this.#locks = locks
    this.#tab = tab
  }

  /** Chooses a draft, and reads it. */
  async open() {
    const heads = (await this.#store.heads()).sort((one, other) => other.at - one.at)
    const own = heads.find(({ id }) => id === this.#tab.getItem(TAB))
    if (this.#locks) {
      for (const head of own ? [own, ...heads] : heads) {
        if (await holds(this.#locks, head.id)) return this.#take(head)
        // Another tab is a copy of this one, or this one of it.
        if (head === own) return this.#begin(own)
      }
      return this.#begin(null)
    }
    return own ? this.#take(own) : this.#begin(heads[0] ?? null)
  }

  async #take({ id, code }) {
    this.id = id
    this.code = code
    this.files = await this.#store.files(id)
    this.#tab.setItem(TAB, id)
  }

  /** A further draft; with the files of another one as what changed. */
  async #begin(of) {
    this.files = of ? await this.#store.files(of.id) : []
    await this.#name()
    if (this.files.length > 0) await this.keep(null, this.files, [])
  }

  async #name() {
    this.id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`
    this.code = null
    if (this.#locks) await holds(this.#locks, this.id)
    this.#tab.setItem(TAB, this.id)
  }

  /** Stores files that changed, the paths of removed ones, and the code. Rejects with the browser's words, and nothing is stored. */
  keep(code, changed, removed) {
    return this.#inTurn(async () => {
      await this.#store.write({ id: this.id, code, at: Date.now() }, changed, removed)
      this.code = code
    })
  }

  /** Deletes the draft, and begins another one. */
  forget() {
    return this.#inTurn(async () => {
      await this.#store.remove(this.id)
      this.files = []
      await this.#name()
    })
  }

  #inTurn(act) {
    const acted = this.#last.then(act)
    this.#last = acted.catch(() => {})
    return acted
  }
}

/** Opens the draft of this tab. */
export async function draft() {
  const opened = new Draft(await Database.open(), navigator.locks, sessionStorage)
  await opened.open()
  return opened
}
