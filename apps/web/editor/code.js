// The editor of a game's text: numbered lines, JavaScript in colours, and an error at its line.

import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { bracketMatching, HighlightStyle, indentUnit, StreamLanguage, syntaxHighlighting } from '@codemirror/language'
import { EditorState, StateEffect, StateField } from '@codemirror/state'
import { Decoration, drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, WidgetType } from '@codemirror/view'
import { tags } from '@lezer/highlight'

const KEYWORDS = new Set(
  ('async await break case catch class const continue default delete do else export extends finally for function get if import in ' +
    'instanceof let new of return set static switch this throw try typeof var void while yield').split(' '),
)
const ATOMS = new Set(['true', 'false', 'null', 'undefined', 'NaN', 'Infinity'])

/** Reads to the end of a text that begins with `quote`; false if the line ends before. */
function closes(stream, quote) {
  for (let next = stream.next(); next; next = stream.next()) {
    if (next === '\\') stream.next()
    else if (next === quote) return true
  }
  return false
}

/** JavaScript as far as its colours need it. JSON is a part of it. */
const javascript = StreamLanguage.define({
  name: 'javascript',
  startState: () => ({ inside: '', value: false }),
  token(stream, state) {
    if (state.inside === '/*') {
      if (stream.skipTo('*/')) {
        stream.match('*/')
        state.inside = ''
      } else stream.skipToEnd()
      return 'comment'
    }
    if (state.inside === '`') {
      if (closes(stream, '`')) state.inside = ''
      return 'string'
    }
    if (stream.eatSpace()) return null
    if (stream.match('//')) {
      stream.skipToEnd()
      return 'comment'
    }
    if (stream.match('/*')) {
      state.inside = '/*'
      return 'comment'
    }
    const before = state.value
    state.value = false
    if (stream.match(/^(0[xob][\da-f_]+|(\d[\d_]*)?\.?\d[\d_]*(e[+-]?\d+)?)n?/i)) {
      state.value = true
      return 'number'
    }
    const next = stream.next()
    if (next === '"' || next === "'") {
      closes(stream, next)
      state.value = true
      return 'string'
    }
    if (next === '`') {
      if (!closes(stream, '`')) state.inside = '`'
      state.value = true
      return 'string'
    }
    if (next === '/' && !before && stream.match(/^(\\.|\[(\\.|[^\]])*\]|[^/\\[])+\/[a-z]*/)) {
      state.value = true
      return 'regexp'
    }
    if (/[\w$\u00a1-\uffff]/.test(next)) {
      stream.eatWhile(/[\w$\u00a1-\uffff]/)
      const word = stream.current()
      if (KEYWORDS.has(word)) return 'keyword'
      state.value = true
      if (ATOMS.has(word)) return 'atom'
      return stream.match(/^\s*\(/, false) ? 'function' : 'variableName'
    }
    state.value = next === ')' || next === ']'
    return null
  },
  languageData: { commentTokens: { line: '//', block: { open: '/*', close: '*/' } } },
  tokenTable: { function: tags.function(tags.variableName) },
  indent(state, textAfter, context) {
    const line = context.lineAt(context.pos, -1)
    const indent = /^\s*/.exec(line.text)[0].length
    const opens = /[{([]\s*$/.test(line.text) ? context.unit : 0
    return Math.max(0, indent + opens - (/^\s*[})\]]/.test(textAfter) ? context.unit : 0))
  },
})

const colours = HighlightStyle.define([
  { tag: tags.keyword, class: 'code-keyword' },
  { tag: [tags.string, tags.regexp], class: 'code-string' },
  { tag: [tags.number, tags.atom], class: 'code-number' },
  { tag: tags.comment, class: 'code-comment' },
  { tag: tags.function(tags.variableName), class: 'code-function' },
])

const setFault = StateEffect.define()

class Fault extends WidgetType {
  constructor(message, where) {
    super()
    this.message = message
    this.where = where
  }

  eq(other) {
    return other.message === this.message && other.where === this.where
  }

  toDOM() {
    const line = Object.assign(document.createElement('div'), { className: 'code-fault' })
    line.dataset.testid = 'code-fault'
    const message = Object.assign(document.createElement('strong'), { textContent: this.message })
    line.append(message, ` ${this.where}`)
    return line
  }
}

/** The error that stands at its line, until the text changes there. */
const faults = StateField.define({
  create: () => Decoration.none,
  update(shown, { changes, effects, state }) {
    let now = shown.map(changes)
    for (const effect of effects) {
      if (!effect.is(setFault)) continue
      const { value } = effect
      if (!value || value.line < 1 || value.line > state.doc.lines) {
        now = Decoration.none
        continue
      }
      const { from, to } = state.doc.line(value.line)
      const below = Decoration.widget({ widget: new Fault(value.message, value.where), side: 1, block: true })
      now = Decoration.set([Decoration.line({ class: 'code-fault-line' }).range(from), below.range(to)])
    }
    return now
  },
  provide: (field) => EditorView.decorations.from(field),
})

/** Makes an editor in an element. `on` is called with the text when somebody changes it. */
export function code(parent, label, on) {
  return new Code(parent, label, on)
}

class Code {
  #view
  #isSetting = false

  constructor(parent, label, on) {
    const changed = EditorView.updateListener.of((update) => {
      if (update.docChanged && !this.#isSetting) on(update.state.doc.toString())
    })
    const state = EditorState.create({
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        bracketMatching(),
        indentUnit.of('  '),
        javascript,
        syntaxHighlighting(colours),
        faults,
        changed,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label, 'data-testid': 'code' }),
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
      ],
    })
    this.#view = new EditorView({ parent, state })
  }

  /** Shows another text. */
  setText(text) {
    this.#isSetting = true
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text }, effects: setFault.of(null) })
    this.#isSetting = false
  }

  /** Shows an error at a line; none at line 0. */
  setFault(line, message, where) {
    this.#view.dispatch({ effects: setFault.of(line > 0 ? { line, message, where } : null) })
  }

  end() {
    this.#view.destroy()
  }
}
