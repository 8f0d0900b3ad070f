// The editor of documents: what the page's program loads when a document is first looked at.

import { defaultKeymap } from '@codemirror/commands'
import { Compartment, EditorState } from '@codemirror/state'
import { EditorView, drawSelection, keymap, placeholder } from '@codemirror/view'
import { yUndoManagerKeymap } from 'y-codemirror.next'
import * as Y from 'yjs'

import { MeshworkProvider } from '../../../sdk/js/yjs.js'
import { authors, renamed } from './authors.js'
import { bound } from './binding.js'
import { carets, redraw } from './carets.js'
import { direction } from './direction.js'
import { Images } from './images.js'
import { Lines } from './lines.js'
import { markdown } from './markdown.js'
import { preview } from './preview.js'
import { Room } from './room.js'
import { rows } from './versions.js'

export { code } from './code.js'
export { draft } from './drafts.js'

/** The name of the text in a document, as programs call it. */
const TEXT = 'text'
const EMPTY = 'Write, or drop a file.'
/** For how many times as long as it takes to read a text the page does something else before that is read again. */
const READING_SHARE = 4

/** Starts the editor. `ask` is how the program is asked and told: a word, and what belongs to it. */
export function start(ask) {
  return new Desk(ask)
}

/** All documents that were looked at. They are kept as long as the page is there, with what one can undo. */
class Desk {
  #ask
  #room
  #open = new Map()
  #shown
  #parent
  #people = new Map()
  /** Words that nobody else has, of documents that were opened anew. */
  #lost = new Map()
  #isShut = false
  #areAuthorsShown = false
  #isRead = false
  #reading
  #readingMs = 0
  #images
  #page = Object.assign(document.createElement('article'), { className: 'document-page', tabIndex: 0 })

  constructor(ask) {
    this.#ask = ask
    this.#room = new Room(ask)
    this.#images = new Images((id) => ask('image', [id]), () => this.#isRead && this.#shown && this.#read())
    addEventListener('pagehide', this.#flush)
  }

  /** Shows a document in an element, in place of what is shown. */
  show(name, parent) {
    this.hide()
    const sheet = this.#open.get(name) ?? this.#openSheet(name)
    this.#shown = sheet
    this.#parent = parent
    this.#lay()
    sheet.provider.awareness.setLocalState({ user: this.#user() })
    this.#tell(sheet)
  }

  /** Shows no document: others see no caret of one's own any more. */
  hide() {
    this.#shown?.provider.awareness.setLocalState(null)
    this.#parent?.replaceChildren()
    this.#shown = undefined
  }

  /** Lets go of all documents. */
  close() {
    this.hide()
    clearTimeout(this.#reading)
    removeEventListener('pagehide', this.#flush)
    for (const { provider, view } of this.#open.values()) {
      provider.destroy()
      view.destroy()
    }
    this.#open.clear()
  }

  /** A document is what it was and this update; without one it is another. */
  changed(name, update) {
    this.#room.changed(name, update)
  }

  /** Much may have been said that was not told. */
  catchUp() {
    this.#open.forEach((_, name) => this.changed(name, this.#ask('whole', [name])))
  }

  said(from, topic, bytes) {
    this.#room.said(from, topic, bytes)
  }

  /** Who is here: of each the endpoint, the number under which it writes, a name and the style of its bead. */
  setPeople(people) {
    this.#people = new Map(people.map(([, client, name, look]) => [client, { name, look }]))
    this.#room.setMembers(people.map(([id]) => id))
    this.#shown?.view.dispatch({ effects: [redraw.of(null), renamed.of(null)] })
  }

  /** Whether nobody can type here. */
  setShut(isShut) {
    this.#isShut = isShut
    for (const { view, writing } of this.#open.values()) {
      view.dispatch({ effects: writing.reconfigure(this.#writing()) })
    }
  }

  /** Whether it is shown who wrote what. */
  setAuthors(areShown) {
    this.#areAuthorsShown = areShown
    for (const sheet of this.#open.values()) {
      sheet.view.dispatch({ effects: sheet.bars.reconfigure(this.#bars(sheet)) })
    }
  }

  /** Whether a document is shown as its Markdown reads, at the place where it was. */
  setRead(isRead) {
    const { view, why } = this.#shown ?? {}
    const [from, to] = isRead ? [view?.scrollDOM, this.#page] : [this.#page, view?.scrollDOM]
    const share = view ? from.scrollTop / from.scrollHeight : 0
    this.#isRead = isRead
    if (view && !why) {
      this.#lay()
      requestAnimationFrame(() => to.scrollTo(0, share * to.scrollHeight))
    }
  }

  undo() {
    this.#shown?.undo.undo()
  }

  redo() {
    this.#shown?.undo.redo()
  }

  focus() {
    this.#shown?.view.focus()
  }

  /** What the document that is shown reads. */
  text() {
    return this.#shown?.text.toString() ?? ''
  }

  /** Puts on the clipboard what was written in a document and refused for good. Returns whether it is there. */
  async copyLeftOut(name) {
    const words = this.#leftOut(name)
    try {
      await navigator.clipboard.writeText(words)
      return true
    } catch {
      // Pages over plain http have no clipboard of their own.
      const field = Object.assign(document.createElement('textarea'), { value: words })
      document.body.append(field)
      field.select()
      const isCopied = document.execCommand('copy')
      field.remove()
      return isCopied
    }
  }

  /** Forgets what of that stands in the editor no more. */
  forgetLost(name) {
    this.#lost.delete(name)
  }

  /** Writes a text at the end of a document. It throws where that is not open. */
  append(name, words) {
    const { view } = this.#open.get(name)
    view.dispatch({ changes: { from: view.state.doc.length, insert: words } })
  }

  /** Writes a text at the caret of a document. */
  insert(name, words) {
    const { view } = this.#open.get(name) ?? {}
    view?.dispatch(view.state.replaceSelection(words), { scrollIntoView: true })
  }

  /** Waits until what was typed in the document that is shown is said, or one attempt at that failed. */
  async flushed() {
    await this.#shown?.provider.flushed()
  }

  /** What was changed in the document that is shown since it was what an update makes, as rows: also what is not said yet. */
  async compare(whole) {
    const { name, provider } = this.#shown
    await provider.flushed()
    return rows(whole, this.#room.document(name), TEXT)
  }

  /** Makes the document that is shown what an update makes, as an edit like any other. */
  async restore(whole) {
    await this.#shown.provider.restore({ whole: async () => whole })
  }

  /** What a document reads that an update makes. */
  textOf(whole) {
    const doc = new Y.Doc({ gc: false })
    Y.applyUpdate(doc, whole)
    return doc.getText(TEXT).toString()
  }

  /** What was written in a document and refused for good, so that nobody else has it. */
  #leftOut(name) {
    return [this.#lost.get(name), this.#open.get(name)?.provider.leftOut].filter(Boolean).join('\n')
  }

  #openSheet(name) {
    const doc = new Y.Doc({ gc: false })
    const provider = new MeshworkProvider(this.#room, doc, { name })
    const text = doc.getText(TEXT)
    const undo = new Y.UndoManager(text)
    const [writing, bars] = [new Compartment(), new Compartment()]
    const lines = new Lines(text)
    const sheet = { name, provider, text, lines, undo, writing, bars }
    sheet.view = new EditorView({
      state: EditorState.create({ doc: lines.shown, extensions: this.#extensions(sheet) }),
    })
    this.#open.set(name, sheet)
    for (const event of ['stack-item-added', 'stack-item-popped', 'stack-cleared']) {
      undo.on(event, () => this.#tell(sheet))
    }
    text.observe(() => {
      this.#tell(sheet)
      if (this.#isRead && sheet === this.#shown) {
        this.#readSoon()
      }
    })
    provider.addEventListener('error', ({ detail }) => this.#ask('failed', [detail.message]))
    provider.addEventListener('leftout', ({ detail }) => {
      if (detail || !this.#lost.has(name)) {
        this.#ask('leftout', [name, detail?.message])
      }
    })
    provider.addEventListener('anew', () => this.#reopen(sheet))
    provider.addEventListener('tangled', ({ detail }) => this.#giveUp(sheet, detail.message))
    return sheet
  }

  #extensions(sheet) {
    const { provider, text, lines, undo, writing, bars } = sheet
    const key = (key, word) => ({ key, run: () => this.#ask('pressed', [word]) ?? true, preventDefault: true })
    const refuse = () => {
      if (this.#isShut) {
        this.#ask('refused', [])
      }
      return this.#isShut
    }
    const isFile = ({ dataTransfer }) => dataTransfer?.files.length > 0
    return [
      writing.of(this.#writing()),
      bars.of(this.#bars(sheet)),
      keymap.of([key('Mod-s', 'save'), key('Alt-p', 'preview'), key('Alt-w', 'authors'), ...yUndoManagerKeymap]),
      keymap.of(defaultKeymap),
      bound(text, lines, undo, (error) => {
        this.#ask('failed', [error.message])
        // What is shown is made anew of what Yjs has, once the editor is done with what it is at.
        setTimeout(() => this.#open.get(sheet.name) === sheet && this.#reopen(sheet))
      }),
      carets(text, lines, provider.awareness, (client, { user }) => this.#personOf(client, user)),
      // Fingers have the system's own handles.
      matchMedia('(pointer: fine)').matches ? drawSelection() : [],
      markdown,
      direction,
      placeholder(EMPTY),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({
        'aria-label': 'Text of the document',
        'data-testid': 'document-editor',
        spellcheck: 'true',
        autocapitalize: 'sentences',
      }),
      EditorView.domEventHandlers({
        keydown: ({ key, ctrlKey, metaKey, altKey }) => {
          return !ctrlKey && !metaKey && !altKey && (key.length === 1 || key === 'Enter' || key === 'Backspace') && refuse()
        },
        beforeinput: refuse,
        // What a program copied as text and as a picture of it is text.
        paste: ({ clipboardData }) => {
          const files = clipboardData?.types.includes('text/plain') ? [] : [...(clipboardData?.files ?? [])]
          return refuse() || files.map((file) => this.#ask('file', [file])).length > 0
        },
        // The page takes files, wherever on it they are dropped; an image goes to where it was dropped.
        drop: (event, view) => {
          if (!isFile(event)) {
            return refuse()
          }
          const anchor = view.posAtCoords({ x: event.clientX, y: event.clientY })
          if (anchor !== null) {
            view.dispatch({ selection: { anchor } })
          }
          return true
        },
      }),
    ]
  }

  // What was typed in the last moment goes out before the page goes.
  #flush = () => this.#open.forEach(({ provider }) => provider.flushed())

  /** What the editors of others call one, and in which colour. */
  #user() {
    const [name, bead] = this.#ask('user', [])
    return { name, color: getComputedStyle(document.documentElement).getPropertyValue(`--bead-${bead}`).trim() }
  }

  #writing() {
    return [
      EditorState.readOnly.of(this.#isShut),
      EditorView.editorAttributes.of({ class: this.#isShut ? 'shut' : '' }),
    ]
  }

  /** Shows why a document cannot be, until it is another one. */
  #giveUp(sheet, why) {
    const textContent = `${why[0].toUpperCase()}${why.slice(1)}.`
    sheet.why = Object.assign(document.createElement('p'), { className: 'document-page', role: 'alert', textContent })
    if (sheet === this.#shown) {
      this.#lay()
    }
  }

  /** Puts what is shown in its place. */
  #lay() {
    const { view, why } = this.#shown
    if (why) {
      this.#parent.replaceChildren(why)
      return
    }
    if (this.#isRead) {
      this.#images.retry()
      this.#read()
    }
    this.#parent.replaceChildren(this.#isRead ? this.#page : view.dom)
    view.requestMeasure()
  }

  #read() {
    const begun = performance.now()
    preview(this.#shown.view.state.doc.toString(), this.#page, this.#images)
    this.#readingMs = performance.now() - begun
  }

  /** Reads the text that changes, as often as that leaves the page most of its time. */
  #readSoon() {
    this.#reading ??= setTimeout(() => {
      this.#reading = undefined
      if (this.#isRead && this.#shown) {
        this.#read()
      }
    }, READING_SHARE * this.#readingMs)
  }

  #bars({ name, text, lines }) {
    if (!this.#areAuthorsShown) {
      return []
    }
    const authorOf = ({ client, clock }) => this.#ask('author', [name, client, clock])
    const personOf = (author) => {
      const [name, look, shape] = this.#ask('person', [author])
      return { name, look, shape }
    }
    const timeOf = (items) => this.#ask('time', [name, items])
    return authors(text, lines, authorOf, personOf, timeOf)
  }

  #personOf(client, user) {
    const known = this.#people.get(client)
    return known ?? { name: this.#ask('named', [`${user?.name ?? ''}`]), look: '--bead:var(--edge)' }
  }

  /** Opens a document that is not only added to, as after a ban. */
  async #reopen(sheet) {
    const lost = this.#leftOut(sheet.name)
    if (lost) {
      this.#lost.set(sheet.name, lost)
    }
    this.#open.delete(sheet.name)
    await sheet.provider.destroy()
    sheet.view.destroy()
    if (this.#shown === sheet) {
      this.#shown = undefined
      this.show(sheet.name, this.#parent)
    }
  }

  #tell(sheet) {
    if (sheet === this.#shown) {
      const { undo } = sheet
      this.#ask('shown', [undo.undoStack.length > 0, undo.redoStack.length > 0])
    }
  }
}
