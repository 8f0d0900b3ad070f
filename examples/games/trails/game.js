// Trails: everybody draws a trail of light that ends whoever runs into it. A jump leaves a gap and passes over trails.
//
// The state grows with each trail, and a packet carries what was added. A trail is a flat list of whole numbers, x and y in turn, with
// null where it has a gap.

const TURN = 2 * Math.PI
const [WIDTH, HEIGHT, MARGIN] = [960, 540, 20]
const SPEED = 2.2
const BEND = 0.05
/** Ticks between two points of a trail. */
const STEP = 6
const JUMP = 20
const JUMP_WAIT = 220
/** Two trails touch at this distance. */
const NEAR = 6.5
const COUNTDOWN = 110
const PAUSE = 140
/** After so many ticks the walls close in, so that each round ends. */
const CLOSING = 40 * 60

const [INK, SOFT, YOU, DARK] = ['#e8efeb', '#b3c0ba', '#f4b21b', '#14211d']
const FONT = 'system-ui, "Segoe UI", Roboto, sans-serif'

const round = (number) => Math.round(number * 100) / 100
const riding = (state) => state.riders.filter((rider) => !rider.down)
const style = (draw, given) => Object.assign(draw, given)
/** The walls' distance from the edge. */
const wall = (state) => MARGIN + Math.max(0, (state.over || state.tick) - state.begun - CLOSING) * 0.2
/** Points that win a match. */
const goal = (state) => Math.max(5, 3 * (state.most - 1))

function begin(state, random) {
  state.begun = state.tick + COUNTDOWN
  state.over = 0
  const turn = random() * TURN
  state.riders.forEach((rider, at) => {
    const angle = turn + (at / state.riders.length) * TURN
    Object.assign(rider, { x: round(WIDTH / 2 + Math.cos(angle) * 260), y: round(HEIGHT / 2 + Math.sin(angle) * 150) })
    // Around the middle, so that nobody meets anybody in the first second.
    Object.assign(rider, { angle: round((angle + TURN / 4 + 0.5) % TURN), air: 0, wait: 0, down: 0, trail: [] })
  })
}

/** Riders follow the people who are there. New ones wait for the next round. */
function follow(state, players) {
  state.riders = state.riders.filter((rider) => players.some(({ slot }) => slot === rider.id))
  for (const { slot } of players) {
    if (state.riders.some((rider) => rider.id === slot)) continue
    state.riders.push({ id: slot, points: 0, x: 0, y: 0, angle: 0, air: 0, wait: 0, down: 1, trail: [] })
  }
  state.most = Math.max(state.most, players.length)
}

/** The angle towards the side to which a person steers. */
function bend(rider, input) {
  const { x, y } = input.stick
  const isKeys = ['left', 'right', 'a', 'd'].some((name) => input.held(name)) && Math.abs(x) === 1
  if (isKeys || y === 0) return Math.max(-1, Math.min(1, x)) * BEND
  // A stick shows where to go.
  if (Math.hypot(x, y) < 0.4) return 0
  const wanted = Math.atan2(y, x) - rider.angle
  const least = ((((wanted + TURN / 2) % TURN) + TURN) % TURN) - TURN / 2
  return Math.max(-BEND, Math.min(BEND, least))
}

function ride(state, rider, input, sound) {
  rider.angle = round((rider.angle + bend(rider, input) + TURN) % TURN)
  rider.x = round(rider.x + Math.cos(rider.angle) * SPEED)
  rider.y = round(rider.y + Math.sin(rider.angle) * SPEED)
  if (rider.wait > 0) rider.wait -= 1
  if (rider.air > 0) {
    rider.air -= 1
    if (rider.air === 0) draws(rider)
  } else if (rider.wait === 0 && (input.pressed('space') || input.pressed('pad-a'))) {
    draws(rider)
    rider.trail.push(null)
    Object.assign(rider, { air: JUMP, wait: JUMP_WAIT })
    sound('jump')
  } else if ((state.tick - state.begun) % STEP === 0) draws(rider)
}

const draws = (rider) => rider.trail.push(Math.round(rider.x), Math.round(rider.y))

/** How far a point is from the line between two others. */
function fromLine(x, y, ax, ay, bx, by) {
  const [dx, dy] = [bx - ax, by - ay]
  const share = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)))
  return Math.hypot(x - ax - dx * share, y - ay - dy * share)
}

/** Whether a rider runs into a trail, whose own newest piece does not count. */
function meets(rider, other) {
  const { trail } = other
  const isOwn = rider === other
  const end = isOwn ? trail.length - 6 : trail.length
  for (let at = 0; at < end; at += trail[at] === null ? 1 : 2) {
    const [ax, ay] = [trail[at], trail[at + 1]]
    if (ax === null || Math.abs(ax - rider.x) > 24 || Math.abs(ay - rider.y) > 24) continue
    const isLast = at + 2 >= trail.length
    if (isLast && (isOwn || other.air > 0)) continue
    const [bx, by] = isLast ? [other.x, other.y] : [trail[at + 2], trail[at + 3]]
    if (bx !== null && fromLine(rider.x, rider.y, ax, ay, bx, by) < NEAR) return true
  }
  return false
}

function crash(state, sound) {
  const riders = riding(state)
  const edge = wall(state)
  const isOut = ({ x, y }) => x < edge || y < edge || x > WIDTH - edge || y > HEIGHT - edge
  const down = riders.filter((rider) => isOut(rider) || (rider.air === 0 && state.riders.some((other) => meets(rider, other))))
  if (down.length === 0) return
  for (const rider of down) {
    if (rider.air === 0) draws(rider)
    rider.down = state.tick
  }
  for (const rider of riding(state)) rider.points += down.length
  sound('crash')
}

meshwork.game({
  setup({ players, random }) {
    const state = { tick: 0, begun: 0, over: 0, most: 0, riders: [] }
    follow(state, players)
    begin(state, random)
    return state
  },

  update(state, inputs, { tick, players, random, sound, end }) {
    state.tick = tick
    follow(state, players)
    if (state.most > 1 && state.riders.length === 1) return end({ winner: state.riders[0].id }), state
    if (tick < state.begun) {
      if ((state.begun - tick) % 36 === 0) sound('count')
      return state
    }
    if (tick === state.begun) sound('go')
    if (!state.over) {
      for (const rider of riding(state)) ride(state, rider, inputs[rider.id], sound)
      crash(state, sound)
      if (riding(state).length > 1) return state
      state.over = tick
      sound('round')
    } else if (tick - state.over > PAUSE) {
      const [first, second] = [...state.riders].sort((one, other) => other.points - one.points)
      if (first.points >= goal(state) && first.points > (second?.points ?? 0)) end({ winner: first.id })
      else begin(state, random)
    }
    return state
  },

  render(draw, state, { me, players, width, height }) {
    draw.scale(width / WIDTH, height / HEIGHT)
    drawField(draw, state)
    const player = (slot) => players.find((one) => one.slot === slot) ?? { slot, name: '', colour: SOFT }
    const colour = (slot) => (slot === me ? YOU : tint(player(slot).colour))
    for (const rider of state.riders) drawTrail(draw, rider, colour(rider.id))
    for (const rider of state.riders) drawRider(draw, state, rider, player(rider.id).name, colour(rider.id), rider.id === me)
    drawScore(draw, state, player, colour, me)
  },
})

/** A colour in a lighter tint, so that it is seen on the dark. */
function tint(colour) {
  const part = (at) => parseInt(colour.slice(at, at + 2), 16) || 0
  return `rgb(${[1, 3, 5].map((at) => Math.round(part(at) * 0.66 + 255 * 0.34)).join(' ')})`
}

function circle(draw, x, y, size) {
  draw.beginPath()
  draw.arc(x, y, size, 0, TURN)
}

/** Text that is read over trails. */
function write(draw, text, x, y, colour = INK) {
  style(draw, { lineJoin: 'round', lineWidth: 5, strokeStyle: '#0f1513d0', fillStyle: colour })
  draw.strokeText(text, x, y)
  draw.fillText(text, x, y)
}

function drawField(draw, state) {
  const edge = wall(state)
  style(draw, { fillStyle: '#0f1513' }).fillRect(0, 0, WIDTH, HEIGHT)
  draw.beginPath()
  draw.roundRect(edge, edge, WIDTH - 2 * edge, Math.max(0, HEIGHT - 2 * edge), 14)
  style(draw, { fillStyle: '#15211d', strokeStyle: edge > MARGIN ? '#f09a7a' : '#44695c', lineWidth: 4 })
  draw.fill()
  draw.save()
  draw.clip()
  style(draw, { strokeStyle: '#20332c', lineWidth: 1.5 }).beginPath()
  for (let x = 0; x <= WIDTH; x += 48) {
    draw.moveTo(x, 0)
    draw.lineTo(x, HEIGHT)
  }
  for (let y = 6; y <= HEIGHT; y += 48) {
    draw.moveTo(0, y)
    draw.lineTo(WIDTH, y)
  }
  draw.stroke()
  draw.restore()
  draw.beginPath()
  draw.roundRect(edge, edge, WIDTH - 2 * edge, Math.max(0, HEIGHT - 2 * edge), 14)
  draw.stroke()
}

function drawTrail(draw, rider, colour) {
  const { trail } = rider
  draw.beginPath()
  let isOpen = false
  for (let at = 0; at < trail.length; at++) {
    if (trail[at] === null) {
      isOpen = false
      continue
    }
    isOpen ? draw.lineTo(trail[at], trail[at + 1]) : draw.moveTo(trail[at], trail[at + 1])
    isOpen = true
    at += 1
  }
  if (isOpen && !rider.down && rider.air === 0) draw.lineTo(rider.x, rider.y)
  style(draw, { lineJoin: 'round', lineCap: 'round' })
  const light = rider.down ? 0.45 : 1
  for (const [size, alpha, over] of [[22, 0.09, colour], [12, 0.18, colour], [5, 1, colour], [1.6, 0.6, '#ffffff']]) {
    style(draw, { lineWidth: size, globalAlpha: alpha * light, strokeStyle: over }).stroke()
  }
  draw.globalAlpha = 1
}

function drawRider(draw, state, rider, name, colour, isMe) {
  const age = rider.down > 1 ? state.tick - rider.down : 0
  if (rider.down) return rider.down > 1 && age < 40 && drawCrash(draw, rider, colour, age)
  const high = Math.sin((rider.air / JUMP) * Math.PI)
  draw.save()
  draw.translate(rider.x, rider.y)
  style(draw, { fillStyle: '#0a0f0d', globalAlpha: 0.6 })
  circle(draw, high * 10, high * 14, 9)
  draw.fill()
  draw.globalAlpha = 1
  draw.translate(0, -high * 6)
  const size = 10 * (1 + high * 0.5)
  draw.fillStyle = colour
  circle(draw, 0, 0, size)
  draw.fill()
  draw.save()
  draw.rotate(rider.angle)
  draw.fillStyle = DARK
  for (const side of [-1, 1]) {
    circle(draw, size * 0.35, side * size * 0.38, size * 0.2)
    draw.fill()
  }
  draw.restore()
  if (isMe && rider.wait > 0) {
    style(draw, { strokeStyle: INK, lineWidth: 2 }).beginPath()
    draw.arc(0, 0, size + 5, -TURN / 4, -TURN / 4 + (1 - rider.wait / JUMP_WAIT) * TURN)
    draw.stroke()
  }
  style(draw, { font: `640 12px ${FONT}`, textAlign: 'center' })
  write(draw, name, 0, -17)
  if (state.tick < state.begun) drawArrow(draw, rider.angle, colour)
  draw.restore()
}

function drawArrow(draw, angle, colour) {
  draw.rotate(angle)
  style(draw, { strokeStyle: colour, lineWidth: 3, lineCap: 'round' }).beginPath()
  draw.moveTo(20, 0)
  draw.lineTo(42, 0)
  draw.moveTo(34, -7)
  draw.lineTo(42, 0)
  draw.lineTo(34, 7)
  draw.stroke()
}

function drawCrash(draw, rider, colour, age) {
  style(draw, { fillStyle: colour, globalAlpha: 1 - age / 40 })
  for (let at = 0; at < 12; at++) {
    const far = age * (0.8 + ((at * 7) % 5) * 0.25)
    circle(draw, rider.x + Math.cos((at / 12) * TURN) * far, rider.y + Math.sin((at / 12) * TURN) * far, 3.5 * (1 - age / 50))
    draw.fill()
  }
  draw.globalAlpha = 1
}

function drawScore(draw, state, player, colour, me) {
  const riders = [...state.riders].sort((one, other) => other.points - one.points)
  style(draw, { textAlign: 'right', font: `640 15px ${FONT}` })
  riders.forEach((rider, at) => {
    const y = 52 + at * 22
    draw.globalAlpha = rider.down && !state.over ? 0.5 : 1
    write(draw, `${rider.points}`, WIDTH - 36, y)
    write(draw, player(rider.id).name, WIDTH - 80, y, rider.id === me ? YOU : SOFT)
    draw.fillStyle = colour(rider.id)
    circle(draw, WIDTH - 69, y - 5, 5)
    draw.fill()
  })
  style(draw, { globalAlpha: 1, font: `500 13px ${FONT}` })
  write(draw, `${goal(state)} points win`, WIDTH - 36, 56 + riders.length * 22, SOFT)
  draw.textAlign = 'center'
  if (state.tick < state.begun) {
    style(draw, { font: `680 88px ${FONT}` })
    write(draw, `${Math.ceil((state.begun - state.tick) / 36.7)}`, WIDTH / 2, HEIGHT / 2 + 30)
  } else if (state.over) {
    const [last] = riding(state)
    const words = last ? (last.id === me ? 'You ride on' : `${player(last.id).name} rides on`) : 'Nobody rides on'
    style(draw, { font: `680 36px ${FONT}` })
    write(draw, words, WIDTH / 2, HEIGHT / 2 - 60)
  } else if (wall(state) > MARGIN && wall(state) < MARGIN + 30) {
    style(draw, { font: `640 20px ${FONT}` })
    write(draw, 'The walls close in', WIDTH / 2, HEIGHT / 2)
  }
}
