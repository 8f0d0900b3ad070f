// Runs a game in its worker, behind the prelude and before the game's text, in one script: the port to the page, the clock of the
// host, drawing, sounds. `sdk/js/harness.js` has the game itself.
//
// The port carries texts and numbers. From the page: JSON (a message to the game), a number from 0 up (answer it), one below 0
// (so many ticks are handled), `hidden 0` or `hidden 1`, `me SLOT` or `me`. To the page: JSON (a message of the game), a number from
// 0 up (an answer), -1 (a sixtieth of a second is over), `ready`, `sounds [NAME, ...]`, `slow FRAMES`.
//
// No text of the game has run when this runs, but its functions are hoisted, so globals may be the game's. Objects that lead out
// of the worker, above all the port, go to no method that the game can replace.
/* global workerScope */

import { Failure, Harness, Screen, TICK_MS } from '../../../sdk/js/harness.js'

const { getPrototypeOf, defineProperty, prototype: plain } = {}.constructor
const { stringify, parse } = JSON
const { max } = Math
const { setTimeout: later, requestAnimationFrame: nextFrame, createImageBitmap, Blob, OffscreenCanvas, performance } = workerScope
const { toString } = later

/** A host that is more ticks behind skips them. */
const BEHIND_MAX = 5
/** Ticks that a busy page has not handled. More would fill its queue, and count as a flood when it goes on. */
const UNHANDLED_MAX = 16
/** Below so many frames a second for so many seconds, the game is too slow. */
const SLOW_FRAMES = 10
const SLOW_SECONDS = 10

/** Names of the browser that the game's own functions hide, by which it cannot run. */
const hidden = ['setTimeout', 'requestAnimationFrame', 'createImageBitmap', 'Blob', 'TypeError'].find((name) => {
  const value = workerScope[name]
  return typeof value === 'function' && !toString.call(value).includes('[native code]')
}) ?? ['JSON', 'Math', 'performance'].find((name) => typeof workerScope[name] === 'function')

/** Contexts other than the one that draws stay out of reach: a shader can stall the card for every page. */
const { getContext } = OffscreenCanvas?.prototype ?? {}
delete OffscreenCanvas?.prototype?.getContext

const now = () => performance.now()

function begin(port, { canvas, view, lines, images }) {
  harness.view = view
  const bitmaps = { __proto__: null }
  let [me, isHidden, isOver] = [null, false, false]
  let [due, unhandled, clock] = [0, 0, 0]
  let [frames, second, slow, isPainting] = [0, 0, 0, false]

  const say = (what) => port.postMessage(what)
  const sound = (names) => names?.length && say(`sounds ${stringify(names)}`)
  const screen = new Screen(harness, sound)

  const canvasOf = getPrototypeOf(canvas)
  const context = getContext ?? canvasOf.getContext
  defineProperty(canvas, 'getContext', { __proto__: null, value: context, configurable: true })
  const draw = canvas.getContext('2d')
  delete canvas.getContext
  delete canvasOf.getContext

  /** The line of the game's own text at which an error arose; null if it is unknown. */
  function lineOf(error) {
    try {
      const places = `${error.stack}`.match(/blob:[^\s)]*:\d+:\d+/g) ?? []
      const found = places.map((place) => place.split(':').at(-2) - lines).find((line) => line > 0)
      return found ?? null
    } catch {
      return null
    }
  }

  function fail(error) {
    if (isOver) return
    isOver = true
    screen.stop()
    const failure = error instanceof Failure ? error : new Failure('update', `${error}`, error)
    const { message, where } = failure
    say(stringify({ is: 'failed', message: `${message}`, line: lineOf(failure.error), where, fatal: true }))
  }

  const attempt = (act) => {
    try {
      act()
    } catch (error) {
      fail(error)
    }
  }

  /** The host's clock: it goes on in a tab behind another, in which the page's own timers do not. */
  function startClock() {
    const mine = ++clock
    due = now() + TICK_MS
    unhandled = 0
    const beat = () => {
      if (screen.role !== 'host' || clock !== mine) return
      const at = now()
      if (unhandled < UNHANDLED_MAX) {
        unhandled += 1
        say(-1)
      }
      due += TICK_MS
      if (at - due > BEHIND_MAX * TICK_MS) due = at
      later(beat, max(0, due - at))
    }
    later(beat, TICK_MS)
  }

  function stepped(envelope) {
    say(stringify({ is: 'stepped', tick: harness.tick, envelope }))
    sound(envelope.sounds)
  }

  const handlers = {
    __proto__: null,
    setup(message) {
      screen.host()
      stepped(harness.setup(message))
      startClock()
    },
    step(message) {
      stepped(harness.step(message))
    },
    restore(message) {
      screen.host()
      harness.restore(message)
      startClock()
    },
    show(message) {
      screen.show(message, now())
    },
    stop() {
      screen.stop()
    },
  }

  function paint() {
    if (isHidden || isOver) {
      isPainting = false
      return
    }
    if (screen.role !== 'idle') attempt(drawPicture)
    measure()
    nextFrame(paint)
  }

  function drawPicture() {
    const [state, given] = screen.at(now())
    draw.setTransform(1, 0, 0, 1, 0, 0)
    draw.globalAlpha = 1
    draw.clearRect(0, 0, view[0], view[1])
    harness.render(draw, state, { me, image: (name) => bitmaps[name] ?? null, ...given })
  }

  /** Counts frames, and reports a game that is too slow to play. */
  function measure() {
    const at = now()
    frames += 1
    const took = at - second
    if (took < 1000) return
    // A pause of seconds is a tab behind another.
    slow = screen.role !== 'idle' && took < 3000 && frames < SLOW_FRAMES ? slow + 1 : 0
    if (slow === SLOW_SECONDS) {
      slow = 0
      say(`slow ${frames}`)
    }
    frames = 0
    second = at
  }

  function startPainting() {
    if (isPainting) return
    isPainting = true
    second = now()
    frames = 0
    nextFrame(paint)
  }

  port.onmessage = ({ data }) => {
    if (typeof data === 'number') {
      if (data >= 0) say(data)
      else unhandled += data
    } else if (data[0] === '{') {
      if (isOver) return
      attempt(() => {
        const message = parse(data)
        if (message.me !== undefined) me = message.me
        handlers[message.do]?.(message)
      })
    } else {
      const [what, value] = data.split(' ')
      if (what === 'me') me = value === undefined ? null : +value
      if (what !== 'hidden') return
      isHidden = value === '1'
      if (!isHidden) startPainting()
    }
  }

  async function open() {
    for (const [name, type, bytes] of images) {
      try {
        bitmaps[name] = await createImageBitmap(new Blob([bytes], { type }))
      } catch {
        // `image` gives null for a picture that no browser can read.
      }
    }
    say('ready')
    startPainting()
    if (hidden) fail(new Failure('load', `the script has a function called ${hidden}, which hides the browser's`))
    else attempt(() => harness.checkLoaded())
  }

  open()
}

const harness = new Harness()
defineProperty(workerScope, 'meshwork', { __proto__: null, value: harness.api, writable: true, configurable: true })
let isBegun = false

// The first listener, added before the game runs: no other sees the message with the port. It captures, since Firefox calls all
// capturing listeners of a target before the others.
let place = workerScope
while (getPrototypeOf(place) !== plain) place = getPrototypeOf(place)
place.addEventListener.call(
  workerScope,
  'message',
  (event) => {
    event.stopImmediatePropagation()
    if (isBegun || !event.isTrusted) return
    isBegun = true
    begin(event.ports[0], event.data)
  },
  true,
)
