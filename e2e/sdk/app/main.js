// A program as somebody else would write it, which does what a test asks of it.

import { Endpoint, FetchError, Identity, JoinError, MeshworkError, WriteError, answer, create, join, open, rooms } from 'meshwork'

const KINDS = { FetchError, JoinError, MeshworkError, WriteError }
const heard = []
const painted = []
const changed = []
const deleted = []
const titles = []
const cast = []
const counted = []
const answers = []
const boardChanged = []
let notes = []
let room
let votes

async function hear() {
  for await (const { from, value, lane } of room.topic('moves')) {
    heard.push([from.name, value, lane])
  }
}

async function followTitle() {
  for await (const { key, after } of room.values().watchKey('title')) {
    titles.push([key, after?.value ?? null])
  }
}

async function followVotes() {
  for await (const { after } of votes.watchEach('vote')) {
    cast.push(after?.value ?? null)
  }
}

function enter(entered) {
  room = entered
  room.canvas().addEventListener('change', ({ detail }) => painted.push(...detail.cells))
  votes = room.table('votes')
  votes.addEventListener('change', ({ detail: { key, after } }) => changed.push([key, after?.value]))
  room.counter('likes').addEventListener('change', ({ detail: { by, value } }) => counted.push([by, value]))
  room.values().addEventListener('change', ({ detail: { key, after, author, time } }) => {
    changed.push([key, after?.value])
    if (!after) {
      deleted.push([key, author, typeof time])
    }
  })
  room.whiteboard().addEventListener('change', ({ detail: { id, shape } }) => {
    boardChanged.push([id, shape?.what ?? null, shape?.text ?? null])
  })
  room.chat().addEventListener('change', () => {
    notes = room.chat().newest().map(({ text }) => text)
  })
  const questions = room.topic('questions').causal()
  questions.addEventListener('message', ({ detail: { from, value } }) => answers.push([from.name, value]))
  hear()
  followTitle()
  followVotes()
  return room.link
}

/** Bytes of which no two groups are alike. */
function pattern(length) {
  return Uint8Array.from({ length }, (_, place) => (place / 977) & 255)
}

/** What is thrown: the classes that it is of, and what it says. */
async function failure(act) {
  try {
    await act()
    return null
  } catch (error) {
    const kinds = Object.keys(KINDS).filter((kind) => error instanceof KINDS[kind])
    return { ...error, kinds, message: error.message }
  }
}

globalThis.page = {
  create: async (server, name) => enter(await create({ canvas: { width: 40, height: 30 }, private: true, server, name, store: 'app' })),
  join: async (link, name) => enter(await join(link, { name, store: 'app' })),
  createKept: async (server) => enter(await create({ app: 'votes', private: true, named: 'Kitchen', server, store: 'kitchen' })),
  open: async (link, store = 'kitchen') => {
    enter(await open(link, { store }))
    await room.restored()
  },
  createAlone: async () => enter(await create({ app: 'votes', private: true })),
  invite: () => room.invite(),
  answer: async (link, invitation) => {
    const answered = await answer(link, invitation, { name: 'Bo' })
    enter(answered.room)
    return answered.answer
  },
  accept: async (answer) => (await room.accept(answer)).name,
  openUnkept: (link) => failure(() => open(link)),
  rooms: async () => (await rooms({ store: 'kitchen' })).map(({ link, app, name }) => [link, app, name]),
  forget: () => failure(() => room.forget()),
  members: () => room.members.map(({ name, link }) => [name, link]).sort(),
  paint: async (cells) => {
    const { first, last } = await room.canvas().paint(cells)
    return [first, last]
  },
  paintOn: async (cells) => (await room.canvas().paintOn(cells)).first,
  paintKept: async (cells) => {
    const receipt = await room.canvas().paint(cells)
    const told = new Promise((resolve) => {
      room.addEventListener('kept', ({ detail }) => detail.sequences.includes(receipt.last) && resolve(detail.id))
    })
    await receipt.kept()
    return told
  },
  step: async (way) => (await room.canvas()[way]()) ?? null,
  steps: () => room.canvas().steps,
  erase: (what) => room.canvas().erase(what).then(() => null, ({ name }) => name),
  cell: (x, y) => room.canvas().get(x, y) ?? null,
  pixel: (x, y) => Array.from(room.canvas().image().data.slice((y * 40 + x) * 4, (y * 40 + x) * 4 + 4)),
  painted: () => painted,
  say: (value) => room.topic('moves').say(value),
  datagram: (value) => room.topic('moves').datagram(value),
  direct: (name, value) => {
    const member = room.members.find((one) => one.name === name)
    return room.topic('moves').direct(member, value)
  },
  heard: () => heard,
  ask: (value) => room.topic('questions').causal().say(value),
  answers: () => answers,
  vote: async (value) => {
    await votes.mine.set('vote', value)
    await votes.set('headline', { asks: value })
    await votes.row('ferry').set('seats', 40)
  },
  votes: () => room.members.map((member) => votes.of(member).get('vote')?.value ?? null).sort(),
  allVotes: () => votes.entriesOfEach('vote').map(({ value }) => value).sort(),
  cast: () => cast,
  headline: () => votes.get('headline')?.value ?? null,
  seats: () => votes.row('ferry').get('seats')?.value ?? null,
  keys: () => votes.entries().map(({ key }) => key),
  changed: () => changed,
  deleted: () => deleted,
  titles: () => titles,
  me: () => room.me.split('.')[0],
  count: (by) => room.counter('likes').add(by),
  likes: () => [room.counter('likes').value, [...room.counters()]],
  counted: () => counted,
  countHalf: () => failure(() => room.counter('likes').add(0.5)),
  keep: (key, value) => room.values().set(key, value),
  heldBy: (key) => [room.counter('likes').holders, room.values().holders(key)],
  drop: (key) => room.values().delete(key),
  kept: (key) => [room.values().get(key)?.value ?? null, room.values().history(key).map(({ value }) => value ?? null)],
  keptKeys: () => room.values().entries().map(({ key }) => key),
  present: (value) => room.presence().set(value),
  presences: () => room.members.map((member) => room.presence().of(member) ?? null).sort(),
  offer: async (length) => (await room.blobs().offer(pattern(length))).id,
  fetch: async (id) => {
    const steps = []
    const held = await room.blobs().fetch(id, { onProgress: ({ held }) => steps.push(held) })
    const bytes = await held.bytes()
    const isSame = pattern(held.size).every((byte, place) => byte === bytes[place])
    return [held.size, isSame, steps.every((step, place) => place === 0 || step >= steps[place - 1])]
  },
  held: async () => (await room.blobs().list()).map(({ id }) => id),
  files: async () => {
    const files = await navigator.storage.getDirectory()
    return Array.fromAsync(files.keys())
  },
  fetchTooMuch: (id) => failure(() => room.blobs().fetch(id, { atMost: 10 })),
  board: () => [...room.whiteboard().shapes().values()].map(({ what }) => what),
  boardChanged: () => boardChanged,
  shape: (id) => room.whiteboard().get(id) ?? null,
  placed: (id) => room.whiteboard().get(id).points,
  drawShape: (shape) => room.whiteboard().draw(shape),
  drawPicture: async (length) => {
    const picture = await room.blobs().offer(pattern(length))
    const id = await room.whiteboard().draw({ what: 'image', width: 30, height: 20, picture })
    return room.whiteboard().get(id).picture
  },
  drawRefused: (shape) => failure(() => room.whiteboard().draw(shape.width === 'NaN' ? { ...shape, width: NaN } : shape)),
  changeShape: (id, shape) => room.whiteboard().change(id, shape),
  goOn: async (id, further) => {
    const board = room.whiteboard()
    const { points, pressures } = board.get(id)
    await board.change(id, { points: [...points, ...further], pressures: [...pressures, ...further.map(() => 9)] })
    const now = board.get(id)
    return [[now.x, now.y, now.width, now.height], now.pressures.length]
  },
  sendBelow: (id) => {
    const board = room.whiteboard()
    const [{ order }] = board.shapes().values()
    return board.change(id, { order: board.between(undefined, order) })
  },
  eraseShape: (id) => room.whiteboard().erase(id),
  dragShape: async (id, xs) => {
    const drag = room.whiteboard().oneStep()
    for (const x of xs) {
      await drag.change(id, { x })
    }
  },
  look: (id) => {
    const { x, color } = room.whiteboard().get(id)
    return [x, color]
  },
  boardStep: (way) => room.whiteboard()[way](),
  boardSteps: () => room.whiteboard().steps,
  shapeOfNonsense: async () => {
    try {
      return room.whiteboard().get('nonsense')
    } catch (error) {
      return error.name
    }
  },
  note: (text) => room.chat().post(text),
  notes: () => notes,
  isLeft: () => room.isLeft,
  leave: () => room.leave(),
  joinNonsense: () => failure(() => join('no link')),
  answerNonsense: () => failure(() => answer(room.link, 'nonsense')),
  writeTooMuch: () => failure(() => votes.set('k'.repeat(100), 1)),
  writeAnyway: () => failure(() => votes.set('key', 1)),
  importNonsense: () => failure(() => Identity.import('nonsense')),
  writeNothing: () => failure(() => votes.set('key', undefined)),
  identity: async () => {
    const identity = await Identity.generate()
    const same = await Identity.import(identity.export())
    const endpoint = await Endpoint.bind({ identity: same })
    const { peer } = endpoint
    await endpoint.close()
    return [identity.peer === same.peer, peer === same.peer]
  },
}
