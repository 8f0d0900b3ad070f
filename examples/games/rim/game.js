// Rim: push the others off a disc that shrinks. Who wins three rounds wins the match.
//
// The disc follows from the tick at which the round began, so it costs no bytes. Numbers have two decimals, which are short in packets.

const TURN = 2 * Math.PI
const BALL = 22
const DISC = 228
/** The disc loses so many pixels in a tick: after a minute there is no disc. */
const SHRINK = 0.062
const PUSH = 0.18
const FRICTION = 0.955
const DASH = 7
const DASH_WAIT = 80
const COUNTDOWN = 100
const PAUSE = 150
const WINS = 3

const [INK, SOFT, YOU, DARK] = ['#e8efeb', '#8d9b94', '#f4b21b', '#14211d']
const FONT = 'system-ui, "Segoe UI", Roboto, sans-serif'

const round = (number) => Math.round(number * 100) / 100
const disc = (state) => Math.max(0, DISC - SHRINK * Math.max(0, (state.over || state.tick) - state.begun))
const standing = (state) => state.balls.filter((ball) => !ball.out)

/** Puts a ball on its place around the middle. */
function place(ball, at, count) {
  const angle = (at / count) * TURN - TURN / 4
  ball.x = round(Math.cos(angle) * 140)
  ball.y = round(Math.sin(angle) * 140)
  ball.vx = ball.vy = ball.wait = ball.hit = ball.out = 0
  ball.by = null
}

function begin(state) {
  state.balls.forEach((ball, at) => place(ball, at, state.balls.length))
  state.begun = state.tick + COUNTDOWN
  state.over = 0
  state.note = null
}

/** Balls follow the people who are there. New ones wait for the next round. */
function follow(state, players) {
  state.balls = state.balls.filter((ball) => players.some(({ slot }) => slot === ball.id))
  for (const { slot } of players) {
    if (state.balls.some((ball) => ball.id === slot)) continue
    const ball = { id: slot, wins: 0 }
    place(ball, 0, 1)
    ball.out = -1000
    state.balls.push(ball)
  }
  state.most = Math.max(state.most, players.length)
}

function steer(state, ball, input, sound) {
  const length = Math.max(1, Math.hypot(input.stick.x, input.stick.y))
  const [x, y] = [input.stick.x / length, input.stick.y / length]
  ball.vx += x * PUSH
  ball.vy += y * PUSH
  if (ball.wait > 0) ball.wait -= 1
  if (ball.wait > 0 || !(input.pressed('space') || input.pressed('pad-a'))) return
  // A dash without a direction goes on in that of the ball.
  const [dx, dy] = x || y ? [x, y] : [ball.vx, ball.vy]
  const far = Math.hypot(dx, dy)
  if (far === 0) return
  ball.vx += (dx / far) * DASH
  ball.vy += (dy / far) * DASH
  ball.wait = DASH_WAIT
  sound('dash')
}

/** Two balls that touch bounce, and the faster one gives more than it keeps. */
function bounce(state, one, other, sound) {
  const [dx, dy] = [other.x - one.x, other.y - one.y]
  const apart = Math.hypot(dx, dy) || 1
  if (apart >= 2 * BALL) return
  const [nx, ny] = [dx / apart, dy / apart]
  const overlap = (2 * BALL - apart) / 2
  one.x -= nx * overlap
  one.y -= ny * overlap
  other.x += nx * overlap
  other.y += ny * overlap
  const [from, to] = [one.vx * nx + one.vy * ny, other.vx * nx + other.vy * ny]
  const closing = from - to
  if (closing <= 0) return
  const give = closing * (Math.abs(from) > Math.abs(to) ? [0.75, 1.35] : [1.35, 0.75])[0]
  const take = closing * (Math.abs(from) > Math.abs(to) ? [0.75, 1.35] : [1.35, 0.75])[1]
  one.vx -= nx * give
  one.vy -= ny * give
  other.vx += nx * take
  other.vy += ny * take
  if (closing < 1.2) return
  one.hit = other.hit = state.tick
  one.by = other.id
  other.by = one.id
  sound('hit')
}

function play(state, inputs, sound) {
  const balls = standing(state)
  for (const ball of balls) steer(state, ball, inputs[ball.id], sound)
  for (const ball of balls) {
    ball.vx *= FRICTION
    ball.vy *= FRICTION
    ball.x += ball.vx
    ball.y += ball.vy
  }
  balls.forEach((one, at) => balls.slice(at + 1).forEach((other) => bounce(state, one, other, sound)))
  const rim = disc(state)
  for (const ball of balls) {
    for (const name of ['x', 'y', 'vx', 'vy']) ball[name] = round(ball[name])
    if (Math.hypot(ball.x, ball.y) <= rim + 4) continue
    ball.out = state.tick
    const isPushed = ball.by !== null && state.tick - ball.hit < 150
    state.note = { at: state.tick, who: ball.id, by: isPushed ? ball.by : null }
    sound('fall')
  }
}

meshwork.game({
  setup({ players }) {
    const state = { tick: 0, begun: 0, over: 0, most: 0, note: null, balls: [] }
    follow(state, players)
    begin(state)
    return state
  },

  update(state, inputs, { tick, players, sound, end }) {
    state.tick = tick
    follow(state, players)
    // Balls that fell go on falling.
    for (const ball of state.balls) {
      if (!ball.out || tick - ball.out > 50) continue
      ball.x = round(ball.x + ball.vx)
      ball.y = round(ball.y + ball.vy)
    }
    if (state.most > 1 && state.balls.length === 1) return end({ winner: state.balls[0].id }), state
    if (tick < state.begun) {
      if ((state.begun - tick) % 33 === 0) sound('count')
      return state
    }
    if (tick === state.begun) sound('go')
    if (!state.over) {
      play(state, inputs, sound)
      const left = standing(state)
      if (left.length > 1) return state
      state.over = tick
      if (left.length === 1) left[0].wins += 1
      sound('round')
    } else if (tick - state.over > PAUSE) {
      const best = state.balls.find((ball) => ball.wins >= WINS)
      if (best) end({ winner: best.id })
      else begin(state)
    }
    return state
  },

  render(draw, state, { me, players, width, height }) {
    drawSky(draw, width, height)
    draw.save()
    draw.translate(width / 2, height / 2 + 8)
    drawDisc(draw, disc(state), state.tick)
    const named = (slot) => players.find((player) => player.slot === slot) ?? { slot, name: '', colour: SOFT }
    const balls = [...state.balls].sort((one, other) => one.y - other.y)
    for (const ball of balls) drawBall(draw, state, ball, named(ball.id), ball.id === me)
    drawWords(draw, state, named, me)
    draw.restore()
    drawScore(draw, state, width)
  },
})

function drawSky(draw, width, height) {
  draw.fillStyle = '#0f1513'
  draw.fillRect(0, 0, width, height)
  draw.fillStyle = '#2f5a4a'
  for (let at = 0; at < 40; at++) {
    const [x, y] = [(at * 397 + 83) % width, (at * 211 + 37) % height]
    draw.beginPath()
    draw.arc(x, y, 1 + (at % 3) * 0.5, 0, TURN)
    draw.fill()
  }
}

function drawDisc(draw, rim, tick) {
  const circle = (radius, y = 0) => {
    draw.beginPath()
    draw.arc(0, y, Math.max(0, radius), 0, TURN)
  }
  draw.fillStyle = '#1b2a25'
  circle(rim + 3, 15)
  draw.fill()
  const light = draw.createRadialGradient(-rim * 0.3, -rim * 0.4, 10, 0, 0, Math.max(20, rim))
  light.addColorStop(0, '#31503f')
  light.addColorStop(1, '#273f37')
  draw.fillStyle = light
  circle(rim)
  draw.fill()
  draw.strokeStyle = '#44695c'
  draw.lineWidth = 5
  draw.stroke()
  draw.strokeStyle = '#6f9587'
  draw.lineWidth = 2
  draw.setLineDash([9, 9])
  draw.lineDashOffset = -tick * 0.15
  circle(rim * 0.8)
  draw.stroke()
  draw.setLineDash([])
  circle(6)
  draw.stroke()
}

/** A colour in a lighter tint, so that faces are seen on it. */
function tint(colour) {
  const part = (at) => parseInt(colour.slice(at, at + 2), 16) || 0
  return `rgb(${[1, 3, 5].map((at) => Math.round(part(at) * 0.66 + 255 * 0.34)).join(' ')})`
}

/** The outline of a person: a circle is you, others have a shape by their seat. */
function outline(draw, shape, size) {
  draw.beginPath()
  if (shape < 0) draw.arc(0, 0, size, 0, TURN)
  else if (shape === 0) draw.roundRect(-size * 0.92, -size * 0.92, size * 1.84, size * 1.84, size * 0.4)
  else {
    for (let at = 0; at <= 96; at++) {
      const angle = (at / 96) * TURN
      const far = [
        0,
        // Diamond, clover, hexagon, scallop, triangle.
        0.9 / Math.pow(Math.abs(Math.cos(angle)) ** 1.3 + Math.abs(Math.sin(angle)) ** 1.3, 1 / 1.3) * 1.15,
        0.8 + 0.26 * Math.abs(Math.sin(2 * angle)),
        0.97 + 0.07 * Math.cos(6 * angle),
        0.95 + 0.08 * Math.cos(9 * angle),
        0.95 + 0.17 * Math.cos(3 * angle + TURN / 4),
      ][shape]
      draw.lineTo(Math.cos(angle) * size * far, Math.sin(angle) * size * far)
    }
    draw.closePath()
  }
}

function drawBall(draw, state, ball, player, isMe) {
  const falling = ball.out ? (state.tick - ball.out) / 45 : 0
  if (falling > 1 || falling < 0) return
  const colour = isMe ? YOU : tint(player.colour)
  const shape = isMe ? -1 : ball.id % 6
  draw.save()
  draw.translate(ball.x, ball.y + falling * falling * 60)
  draw.globalAlpha = 1 - falling
  const size = BALL * (1 - falling * 0.7)
  const speed = Math.hypot(ball.vx, ball.vy)
  draw.fillStyle = colour
  for (let at = 3; at > 0 && speed > 1.5; at--) {
    draw.globalAlpha = (1 - falling) * 0.09 * (4 - at)
    draw.beginPath()
    draw.arc(-ball.vx * at * 3.2, -ball.vy * at * 3.2, size * (1 - at * 0.13), 0, TURN)
    draw.fill()
  }
  draw.globalAlpha = (1 - falling) * 0.35
  draw.fillStyle = '#0f1513'
  draw.beginPath()
  draw.ellipse(0, size * 0.95, size * 0.8, size * 0.28, 0, 0, TURN)
  draw.fill()
  draw.globalAlpha = 1 - falling
  draw.save()
  draw.rotate(falling * 5)
  draw.fillStyle = colour
  outline(draw, shape, size)
  draw.fill()
  drawFace(draw, state, ball, size, speed)
  draw.restore()
  if (!ball.out && state.tick - ball.hit < 14) drawSparks(draw, state.tick - ball.hit, size, ball.id)
  if (!ball.out) drawName(draw, ball, player.name, size)
  if (!ball.out && isMe && ball.wait > 0) {
    draw.strokeStyle = INK
    draw.lineWidth = 3
    draw.beginPath()
    draw.arc(0, 0, size + 6, -TURN / 4, -TURN / 4 + (1 - ball.wait / DASH_WAIT) * TURN)
    draw.stroke()
  }
  draw.restore()
}

function drawFace(draw, state, ball, size, speed) {
  const isHurt = ball.out || (ball.hit && state.tick - ball.hit < 22)
  const [lookX, lookY] = speed > 0.4 ? [(ball.vx / speed) * size * 0.13, (ball.vy / speed) * size * 0.13] : [0, 0]
  draw.fillStyle = draw.strokeStyle = DARK
  for (const side of [-1, 1]) {
    draw.beginPath()
    draw.arc(side * size * 0.32 + lookX, -size * 0.16 + lookY, size * 0.13, 0, TURN)
    draw.fill()
  }
  draw.lineWidth = size * 0.12
  draw.lineCap = 'round'
  draw.beginPath()
  if (isHurt) draw.arc(lookX, size * 0.34 + lookY, size * 0.14, 0, TURN)
  else draw.arc(lookX, size * 0.1 + lookY, size * 0.34, TURN * 0.1, TURN * 0.4)
  draw.stroke()
}

function drawSparks(draw, age, size, turn) {
  draw.strokeStyle = INK
  draw.lineWidth = 2.5
  draw.lineCap = 'round'
  for (let at = 0; at < 3; at++) {
    const angle = -TURN * 0.2 + at * 0.35 + turn
    const far = size + 6 + age
    draw.beginPath()
    draw.moveTo(Math.cos(angle) * far, Math.sin(angle) * far)
    draw.lineTo(Math.cos(angle) * (far + 8), Math.sin(angle) * (far + 8))
    draw.stroke()
  }
}

function drawName(draw, ball, name, size) {
  draw.font = `640 14px ${FONT}`
  draw.textAlign = 'center'
  draw.lineJoin = 'round'
  draw.lineWidth = 4
  draw.strokeStyle = '#14211dcc'
  draw.strokeText(name, 0, size + 19)
  draw.fillStyle = INK
  draw.fillText(name, 0, size + 19)
  for (let at = 0; at < ball.wins; at++) {
    draw.beginPath()
    draw.arc((at - (ball.wins - 1) / 2) * 10, size + 29, 3, 0, TURN)
    draw.fill()
  }
}

function drawWords(draw, state, named, me) {
  const { tick, begun, over, note } = state
  draw.textAlign = 'center'
  draw.fillStyle = INK
  if (tick < begun) {
    draw.font = `680 88px ${FONT}`
    draw.fillText(`${Math.ceil((begun - tick) / 33.4)}`, 0, 30)
  } else if (over) {
    const [last] = standing(state)
    draw.font = `680 36px ${FONT}`
    const words = last ? (last.id === me ? 'Your round' : `${named(last.id).name} takes the round`) : 'Nobody is left'
    draw.fillText(words, 0, -60)
  }
  if (!note || tick - note.at > 150) return
  draw.globalAlpha = Math.min(1, (150 - tick + note.at) / 30)
  draw.font = `500 17px ${FONT}`
  const who = note.who === me ? 'you' : named(note.who).name
  const text = note.by === null ? `${who === 'you' ? 'You' : who} fell` : `${note.by === me ? 'You' : named(note.by).name} pushed ${who} off`
  draw.fillText(text, 0, 254)
  draw.globalAlpha = 1
}

function drawScore(draw, state, width) {
  const seconds = Math.max(0, Math.floor(((state.over || state.tick) - state.begun) / 60))
  draw.textAlign = 'right'
  draw.fillStyle = INK
  draw.font = `680 26px ${FONT}`
  draw.fillText(`${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, '0')}`, width - 24, 40)
  draw.fillStyle = '#b3c0ba'
  draw.font = `500 14px ${FONT}`
  draw.fillText(`${standing(state).length} of ${state.balls.length} on the disc`, width - 24, 62)
}
