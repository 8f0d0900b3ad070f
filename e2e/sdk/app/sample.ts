// What the types of the npm package let pass, and what they do not.

import { create, Endpoint, Identity, join, JoinError, type ArgumentError, type GameRules, type ItemError, type OfferedUnit, type Member, type Receipt, type Room } from 'meshwork'
import { useJobs, useMembers, usePresence, useRoom, useTable, useWhiteboard } from 'meshwork/react'

interface Move {
  readonly x: number
  readonly y: number
}

export async function play(link: string): Promise<void> {
  await using room: Room = await join(link, { name: 'Mira' })
  const names: string[] = room.members.map((member: Member) => member.name)
  room.addEventListener('members', ({ detail }) => names.push(...detail.map((member) => member.name)))
  room.addEventListener('left', (event) => console.log(event.detail.reason?.length, event.detail.member.id))
  const moves = room.topic<Move>('moves')
  moves.datagram({ x: 1, y: 2 })
  // @ts-expect-error: it is no move.
  await moves.say({ x: 'left' })
  for await (const { from, value, missed } of moves) {
    console.log(from.rtt?.toFixed(), value.x + value.y + missed)
  }
  const questions = room.topic<string>('questions').causal()
  await questions.say('When?')
  // @ts-expect-error: it is no text.
  await questions.say(9)
  questions.addEventListener('message', ({ detail }) => console.log(detail.value.length, detail.from.name))
  await room.app('sync').keepBlobs({ signal: AbortSignal.timeout(1000) })
  const votes = room.table<number | { asks: string }>('votes')
  await votes.mine.set('ferry', 1)
  // @ts-expect-error: what a key has may be nothing.
  console.log(votes.get('headline').value)
  for await (const { key, after, author, time } of votes.watch('f')) {
    console.log(key, after?.value, author?.length, time?.toFixed())
  }
  const cast: (number | { asks: string } | undefined)[] = votes.entriesOfEach('ferry').map(({ value }) => value)
  for await (const { author } of votes.watchEach()) {
    console.log(author, cast.length)
  }
  const likes = room.counter('likes')
  await likes.add()
  for await (const { by, author, value } of likes.watch()) {
    console.log(by + value, author, room.counters().get('likes')?.toFixed())
  }
  const values = room.values<{ seats: number }>()
  await values.set('room/size', { seats: 40 })
  // @ts-expect-error: it is no number.
  await likes.add('one')
  values.addEventListener('change', ({ detail }) => console.log(detail.key, detail.after?.value?.seats))
  console.log(values.history('room/size').map(({ author, time }) => author + time))
  console.log(values.holders('room/size').saved, likes.holders.members.length)
  const board = room.whiteboard()
  const shape = await board.draw({ what: 'pen', points: [[1, 2], [3, 4]], pressures: [0, 255] })
  await board.draw({ what: 'image', width: 30, height: 20, picture: await room.blobs().offer(new Blob([])) })
  // @ts-expect-error: a shape is something.
  await board.draw({ x: 1 })
  const isThere: boolean = await board.change(shape, { x: 5, order: board.between(undefined, board.top) })
  // @ts-expect-error: it may be gone.
  console.log(board.get(shape).text, isThere)
  board.addEventListener('change', ({ detail }) => console.log(detail.id, detail.shape?.points?.length))
  await board.oneStep().erase(shape)
  // @ts-expect-error: it says whether there was a step.
  const undone: number = await board.undo()
  console.log(await board.redo(), undone, board.steps.undo.toFixed())
  for await (const { id, missed } of board.watch()) {
    console.log([...board.shapes().keys()].indexOf(id) + missed)
  }
  const canvas = room.canvas()
  canvas.addEventListener('change', ({ detail }) => console.log(detail.cells[0]?.color?.length))
  const receipt: Receipt = await canvas.paint([{ x: 3, y: 4, color: '#c81e1e' }, { x: 4, y: 4, color: [200, 30, 30] }])
  await receipt.kept()
  room.addEventListener('kept', ({ detail }) => console.log(detail.sequences.includes(receipt.last), detail.stored))
  await canvas.paintOn([{ x: 5, y: 4, color: '#c81e1e' }])
  // @ts-expect-error: there may be nothing to take back.
  console.log((await canvas.undo()).painted)
  console.log((await canvas.redo())?.theirs, canvas.steps.undo)
  for await (const event of room.events()) {
    if (event.type === 'link') {
      console.log(event.state === 'direct', event.member.traffic.sent)
    }
  }
}

export async function race(link: string): Promise<void> {
  const room = await join(link)
  const rules: GameRules<Record<string, number>> = {
    setup: ({ players }) => Object.fromEntries(players.map(({ slot }) => [slot, 0])),
    update(steps, inputs, { players, end }) {
      for (const { slot } of players) {
        steps[slot] = (steps[slot] ?? 0) + (inputs[slot]?.pressed('space') ? 1 : 0)
      }
      end(0)
    },
  }
  using player = await room.game().play(rules, { name: 'Mira', view: [100, 100] })
  player.addEventListener('ended', ({ detail }) => console.log(detail.reason === 'over' ? detail.result : detail.reason))
  player.hold({ keys: ['space'], stick: { x: 0.5, y: 0 } })
  // @ts-expect-error: there may be nothing to draw.
  console.log(player.picture().state)
  console.log(player.picture()?.state['0']?.toFixed(), player.lobby.seats[0]?.color, room.game().party.players[1])
  // @ts-expect-error: a state is made by setup.
  await room.game().play({ update: () => 1 })
  await create({ game: { title: 'Race', players: [2, 4], hostLoss: 'wait' } })
}

export async function begin(): Promise<string> {
  const identity = await Identity.generate()
  await using endpoint = await Endpoint.bind({
    identity,
    server: 'https://meet.example.org',
    iceServers: [{ urls: ['turn:relay.example.org', 'turns:relay.example.org'], username: 'mira', credential: 'x' }],
  })
  const first = await endpoint.create({ app: 'votes', private: true, named: 'Kitchen' })
  const second = await create({ canvas: { width: 10, height: 10 }, server: 'https://meet.example.org' })
  await second.rules().limit(second.app('place'), 64, 10_000)
  return first.link
}

export function words(error: unknown): string {
  if (error instanceof JoinError) {
    // @ts-expect-error: there is no such code.
    const isOdd = error.code === 'Odd'
    return isOdd ? '' : (error.tried ?? []).map(({ who, why }) => `${who}: ${why}`).join()
  }
  return ''
}

export function counted(link: string): number {
  const { room, error } = useRoom(link, { name: 'Mira' })
  const votes = useTable(room?.table<number>('votes'))
  const shapes = useWhiteboard(room?.whiteboard())
  // @ts-expect-error: it is read alone.
  shapes.clear()
  const cursors = usePresence<Move>(room).map(({ member, value }) => member.name.length + value.x)
  return votes.reduce((sum, { value = 0 }) => sum + value, useMembers(room).length + shapes.size + cursors.length + (error ? 1 : 0))
}

/** Jobs: the arguments have types, and so do results. */
export async function share(room: Room, photos: AsyncIterable<Blob>): Promise<void> {
  const compute = room.compute()
  const isPrime = (n: number) => n > 1
  const job = await compute.submit<number, number>({
    name: 'Primes',
    units: 1000,
    code: (n: number, { step }: { step: number }) => Number(isPrime(n * step)),
    uses: [isPrime],
    params: { step: 10_000 },
    reduce: 'sum',
    limits: { unitMs: 1000 },
    trusted: room.members,
  })
  for await (const { accepted, units, left, standstill, failure } of job) {
    console.log(accepted / units, left?.toFixed(), failure?.unit, failure?.reason)
    if (standstill?.kind === 'nobodyOffers') console.log(standstill.offered.length)
    // @ts-expect-error: it is known only if nobody offers the program.
    console.log(standstill?.offered)
  }
  for await (const { unit, value, isLost } of job.results()) console.log(unit, value?.toFixed(), isLost)
  const outcome: number = await job.outcome({ signal: AbortSignal.timeout(1000) })
  await job.pause().then(() => job.resume()).then(() => job.cancel())
  if (job.state !== 'erased') await job.erase()
  await compute.submit({ code: new URL('mandelbrot.wasm', 'https://example.org'), units: 4, tiles: { columns: 2, width: 64, height: 64 } })
  await compute.submit({ code: new Uint8Array(), items: [1, 'two', new Uint8Array()], reduce: (all: unknown[]) => all.length })
  // @ts-expect-error: no such reduction.
  await compute.submit({ code: 'function unit() {}', units: 1, reduce: 'average' })
  const texts: (string | null)[] = []
  const onError = ({ index, reason }: ItemError) => console.log(index, reason)
  for await (const text of compute.map<string>(photos, { offered: 'caption', skip: true, onError })) texts.push(text)
  for await (const text of compute.map<string>(photos, { offered: 'caption' })) console.log(text.length, outcome)
  const offer = { echo: (item: unknown, { signal, params }: OfferedUnit) => [item, params, signal.aborted] }
  const lending = await compute.lend({ cores: 2, share: 50, trust: 'everybody', offer })
  lending.addEventListener('change', ({ detail }) => console.log(detail.map(({ name, submitter, unit }) => [name, submitter, unit])))
  lending.addEventListener('stopped', ({ detail }) => console.log(detail?.code))
  lending.cores = 1
  lending.stop()
  await compute.lend({ trust: [room.members[0]!], onlyOffers: true, offer, signal: AbortSignal.timeout(1000) })
  // @ts-expect-error: no such people.
  await compute.lend({ trust: 'friends' }).catch((error: ArgumentError) => console.log(error.argument, error.value))
  compute.addEventListener('change', () => console.log(compute.jobs().map(({ progress }) => progress?.perSecond)))
  console.log(compute.devices().map(({ peer, cores, offers }) => [peer, cores, ...offers]))
}
