// Tether: two to six people on one rope light five constellations together.
//
// The rope and the people catch stars. Twin stars want two people at once. Rocks that touch the rope or somebody cost a heart.

const TURN = 2 * Math.PI
const [WIDTH, HEIGHT, EDGE] = [960, 540, 26]
const BEAD = 18
const PUSH = 0.24
const FRICTION = 0.94
const LEVELS = ['The Kite', 'The Ladle', 'The Heron', 'The Anchor', 'The Crown']
const HEARTS = 5
const PAUSE = 130
const SAFE = 110

const [INK, YOU, DARK, TIDE, GOLD, THREAD] = ['#e8efeb', '#f4b21b', '#14211d', '#6fc8d9', '#ffe9a8', '#b3c0ba']
const FONT = 'system-ui, "Segoe UI", Roboto, sans-serif'

const round = (number) => Math.round(number * 100) / 100
const clamp = (number, least, most) => Math.min(most, Math.max(least, number))
const between = (one, other) => Math.hypot(one.x - other.x, one.y - other.y)
/** The length of the rope from one person to the next. */
const rope = (count) => (count === 2 ? 240 : count === 3 ? 190 : 150)

/** How far a point is from the rope between two people. */
function fromRope(point, one, other) {
  const [dx, dy] = [other.x - one.x, other.y - one.y]
  const share = clamp(((point.x - one.x) * dx + (point.y - one.y) * dy) / (dx * dx + dy * dy || 1), 0, 1)
  return Math.hypot(point.x - one.x - dx * share, point.y - one.y - dy * share)
}

/** How far a point is from the rope and everybody on it. */
function fromAll(point, beads) {
  let least = Infinity
  beads.forEach((bead, at) => {
    least = Math.min(least, between(point, bead) - BEAD)
    if (at > 0) least = Math.min(least, fromRope(point, beads[at - 1], bead))
  })
  return least
}

function follow(state, players) {
  state.beads = state.beads.filter((bead) => players.some(({ slot }) => slot === bead.id))
  for (const { slot } of players) {
    if (state.beads.some((bead) => bead.id === slot)) continue
    const last = state.beads[state.beads.length - 1]
    const x = last ? (last.x > WIDTH / 2 ? last.x - 60 : last.x + 60) : WIDTH / 2 - 30 * (players.length - 1)
    state.beads.push({ id: slot, x: round(x), y: last ? last.y : HEIGHT / 2, vx: 0, vy: 0 })
  }
  state.most = Math.max(state.most, state.beads.length)
}

/** The stars of a level, apart from each other. Twins are as far apart as the rope allows. */
function scatter(state, random) {
  Object.assign(state, { stars: [], order: [], begun: state.tick })
  const count = state.beads.length
  const twins = [0, 1, 1, 2, 2][state.level]
  const far = clamp(rope(count) * (count - 1) * 0.75, 140, 380)
  const add = (x, y, twin) => {
    const star = { id: state.stars.length + 1, x: Math.round(x), y: Math.round(y), twin, lit: 0 }
    const isFree = star.x > 70 && star.x < WIDTH - 70 && star.y > 80 && star.y < HEIGHT - 70
    if (!isFree || state.stars.some((other) => between(star, other) < 80)) return false
    state.stars.push(star)
    return true
  }
  for (let pairs = 0, tries = 0; pairs < twins && tries < 200; tries++) {
    const angle = random() * TURN
    const [x, y] = [70 + random() * (WIDTH - 140), 80 + random() * (HEIGHT - 150)]
    const first = state.stars.length + 1
    if (!add(x, y, first + 1)) continue
    if (add(x + Math.cos(angle) * far, y + Math.sin(angle) * far, first)) pairs += 1
    else state.stars.pop()
  }
  const wanted = 4 + state.level + Math.floor(count / 2) + state.stars.length
  for (let tries = 0; state.stars.length < wanted && tries < 400; tries++) {
    add(70 + random() * (WIDTH - 140), 80 + random() * (HEIGHT - 150), 0)
  }
}

function move(state, inputs) {
  const { beads } = state
  for (const bead of beads) {
    const { stick } = inputs[bead.id]
    const length = Math.max(1, Math.hypot(stick.x, stick.y))
    bead.vx = (bead.vx + (stick.x / length) * PUSH) * FRICTION
    bead.vy = (bead.vy + (stick.y / length) * PUSH) * FRICTION
    bead.x += bead.vx
    bead.y += bead.vy
  }
  const most = rope(beads.length)
  for (let again = 0; again < 4; again++) {
    for (let at = 1; at < beads.length; at++) pull(beads[at - 1], beads[at], most)
  }
  beads.forEach((one, at) => beads.slice(at + 1).forEach((other) => part(one, other)))
  for (const bead of beads) {
    Object.assign(bead, { x: round(clamp(bead.x, EDGE, WIDTH - EDGE)), y: round(clamp(bead.y, EDGE, HEIGHT - EDGE)) })
    Object.assign(bead, { vx: round(bead.vx), vy: round(bead.vy) })
  }
}

/** A rope that is too long draws its ends together, so people swing each other around. */
function pull(one, other, most) {
  const far = between(one, other)
  if (far <= most) return
  const [nx, ny] = [(other.x - one.x) / far, (other.y - one.y) / far]
  const much = (far - most) * 0.4
  one.x += nx * much
  one.y += ny * much
  other.x -= nx * much
  other.y -= ny * much
  const apart = (other.vx - one.vx) * nx + (other.vy - one.vy) * ny
  if (apart <= 0) return
  one.vx += nx * apart * 0.5
  one.vy += ny * apart * 0.5
  other.vx -= nx * apart * 0.5
  other.vy -= ny * apart * 0.5
}

function part(one, other) {
  const far = between(one, other) || 1
  if (far >= 2 * BEAD) return
  const [x, y] = [((other.x - one.x) / far) * (BEAD - far / 2), ((other.y - one.y) / far) * (BEAD - far / 2)]
  one.x -= x
  one.y -= y
  other.x += x
  other.y += y
}

const isHeld = (star, beads) => beads.some((bead) => between(star, bead) < BEAD + 14)

function light(state, sound) {
  for (const star of state.stars) {
    if (star.lit) continue
    const twin = star.twin ? state.stars.find(({ id }) => id === star.twin) : null
    const isCaught = twin ? isHeld(star, state.beads) && isHeld(twin, state.beads) : fromAll(star, state.beads) < 15
    if (!isCaught) continue
    for (const caught of twin ? [star, twin] : [star]) {
      caught.lit = state.tick
      state.order.push(caught.id)
    }
    sound(twin ? 'twins' : 'star')
  }
}

/** A rock comes in from the edge and flies at somebody. */
function fling(state, random) {
  const every = 240 - 35 * state.level
  if ((state.tick - state.begun) % every !== every - 1) return
  const [angle, speed] = [random() * TURN, 1.2 + 0.25 * state.level + random() * 0.8]
  const at = state.beads[Math.floor(random() * state.beads.length)]
  const [x, y] = [WIDTH / 2 + Math.cos(angle) * 620, HEIGHT / 2 + Math.sin(angle) * 400]
  const far = Math.hypot(at.x - x, at.y - y)
  const [vx, vy] = [round(((at.x - x) / far) * speed), round(((at.y - y) / far) * speed)]
  state.rocks.push({ id: (state.last += 1), x: round(x), y: round(y), vx, vy, size: 12 + Math.floor(random() * 9) })
}

function flyRocks(state, sound) {
  for (const rock of state.rocks) {
    rock.x = round(rock.x + rock.vx)
    rock.y = round(rock.y + rock.vy)
    if (state.tick < state.safe || fromAll(rock, state.beads) > rock.size) continue
    Object.assign(state, { hearts: state.hearts - 1, safe: state.tick + SAFE, burst: { at: state.tick, x: rock.x, y: rock.y } })
    rock.size = 0
    sound('snap')
    for (const bead of state.beads) {
      const far = Math.max(40, between(bead, rock)) ** 2
      bead.vx += ((bead.x - rock.x) / far) * 260
      bead.vy += ((bead.y - rock.y) / far) * 260
    }
  }
  state.rocks = state.rocks.filter((rock) => rock.size > 0 && Math.abs(rock.x - WIDTH / 2) < 640 && Math.abs(rock.y - HEIGHT / 2) < 420)
}

const clock = (ticks) => `${Math.floor(ticks / 3600)}:${`${Math.floor(ticks / 60) % 60}`.padStart(2, '0')}`

meshwork.game({
  setup({ players, random }) {
    const state = { tick: 0, begun: 0, done: 0, level: 0, hearts: HEARTS, safe: 0, last: 0, most: 0, burst: null, beads: [], stars: [], order: [], rocks: [] }
    follow(state, players)
    scatter(state, random)
    return state
  },

  update(state, inputs, { tick, players, random, sound, end }) {
    state.tick = tick
    follow(state, players)
    if (state.most > 1 && state.beads.length === 1) return end('Nobody else holds the rope'), state
    move(state, inputs)
    if (state.done) {
      if (tick - state.done < PAUSE) return state
      if (state.hearts <= 0) end(`The rope broke at ${LEVELS[state.level]}`)
      else if (state.level === LEVELS.length - 1) end(`Five constellations in ${clock(state.done)}`)
      else {
        Object.assign(state, { level: state.level + 1, hearts: Math.min(HEARTS, state.hearts + 1), done: 0 })
        scatter(state, random)
      }
      return state
    }
    light(state, sound)
    fling(state, random)
    flyRocks(state, sound)
    if (state.hearts <= 0) {
      state.done = tick
      sound('broken')
    } else if (state.stars.every((star) => star.lit)) {
      state.done = tick
      state.rocks = []
      sound('constellation')
    }
    return state
  },

  render(draw, state, { me, players, width, height }) {
    draw.scale(width / WIDTH, height / HEIGHT)
    drawSky(draw)
    drawConstellation(draw, state)
    for (const star of state.stars) drawStar(draw, state, star)
    for (const rock of state.rocks) drawRock(draw, rock, state.tick)
    drawRope(draw, state, me)
    for (const bead of state.beads) drawBead(draw, state, bead, players.find(({ slot }) => slot === bead.id), bead.id === me)
    drawBurst(draw, state)
    drawScore(draw, state)
  },
})

const style = (draw, given) => Object.assign(draw, given)

function circle(draw, x, y, size) {
  draw.beginPath()
  draw.arc(x, y, size, 0, TURN)
}

function line(draw, one, other) {
  draw.beginPath()
  draw.moveTo(one.x, one.y)
  draw.lineTo(other.x, other.y)
  draw.stroke()
}

/** A closed line around the middle, whose distance follows from the corner. */
function corners(draw, count, turn, far) {
  draw.beginPath()
  for (let at = 0; at < count; at++) {
    const angle = (at / count) * TURN - turn
    draw.lineTo(Math.cos(angle) * far(at), Math.sin(angle) * far(at))
  }
  draw.closePath()
  draw.lineJoin = 'round'
}

function drawSky(draw) {
  const sky = draw.createRadialGradient(WIDTH / 2, HEIGHT * 0.55, 60, WIDTH / 2, HEIGHT / 2, 620)
  sky.addColorStop(0, '#1c2f2a')
  sky.addColorStop(1, '#0f1513')
  draw.fillStyle = sky
  draw.fillRect(0, 0, WIDTH, HEIGHT)
  draw.fillStyle = '#41695a'
  for (let at = 0; at < 70; at++) {
    circle(draw, (at * 397 + 83) % WIDTH, (at * 211 + 37) % HEIGHT, 0.7 + (at % 3) * 0.4)
    draw.fill()
  }
}

function drawConstellation(draw, state) {
  const caught = state.order.map((id) => state.stars.find((star) => star.id === id))
  style(draw, { strokeStyle: state.done && state.hearts > 0 ? GOLD : '#ffe9a866', lineWidth: state.done ? 2.5 : 1.5 })
  draw.beginPath()
  for (const { x, y } of caught) draw.lineTo(x, y)
  draw.stroke()
  draw.setLineDash([2, 8])
  style(draw, { lineCap: 'round', strokeStyle: TIDE })
  for (const star of state.stars) {
    if (star.lit || star.twin < star.id) continue
    line(draw, star, state.stars.find(({ id }) => id === star.twin))
  }
  draw.setLineDash([])
}

function drawStar(draw, state, star) {
  const age = state.tick - star.lit
  const size = star.lit ? 9 + 7 * Math.max(0, 1 - age / 25) : 9 + Math.sin(state.tick * 0.07 + star.id * 2) * 1.5
  const isWarm = star.lit || (star.twin && isHeld(star, state.beads))
  draw.save()
  draw.translate(star.x, star.y)
  if (isWarm) {
    const glow = draw.createRadialGradient(0, 0, 2, 0, 0, 34)
    glow.addColorStop(0, star.lit ? '#ffe9a8aa' : '#6fc8d988')
    glow.addColorStop(1, '#ffe9a800')
    draw.fillStyle = glow
    circle(draw, 0, 0, 34)
    draw.fill()
  }
  if (star.twin && !star.lit) {
    style(draw, { strokeStyle: TIDE, lineWidth: 2 })
    circle(draw, 0, 0, 20)
    draw.stroke()
  }
  draw.rotate(Math.sin(state.tick * 0.02 + star.id) * 0.3)
  corners(draw, 10, TURN / 4, (at) => (at % 2 ? size * 0.5 : size * 1.25))
  style(draw, { lineWidth: 2.5, strokeStyle: star.lit ? GOLD : star.twin ? TIDE : '#d8cb5a' })
  draw.fillStyle = star.lit ? GOLD : '#24382f'
  draw.fill()
  draw.stroke()
  draw.restore()
}

function drawRock(draw, rock, tick) {
  draw.save()
  draw.translate(rock.x, rock.y)
  style(draw, { strokeStyle: '#f09a7a55', lineWidth: rock.size, lineCap: 'round' })
  line(draw, { x: 0, y: 0 }, { x: -rock.vx * 14, y: -rock.vy * 14 })
  draw.rotate(tick * 0.03 + rock.id)
  corners(draw, 9, 0, (at) => rock.size * (0.86 + 0.24 * Math.abs(Math.sin(at * 2.3 + rock.id))))
  style(draw, { lineWidth: 3, strokeStyle: '#f09a7a', fillStyle: '#5c3a30' })
  draw.fill()
  draw.stroke()
  draw.restore()
}

/** A slack rope waves, a taut one is straight and bright. What the person holds is marigold. */
function drawRope(draw, state, me) {
  const most = rope(state.beads.length)
  draw.lineCap = 'round'
  for (let at = 1; at < state.beads.length; at++) {
    const [one, other] = [state.beads[at - 1], state.beads[at]]
    const far = between(one, other) || 1
    const wave = Math.min(13, (most - far) * 0.15) * Math.sin(state.tick * 0.06 + at * 2)
    const [nx, ny] = [(-(other.y - one.y) / far) * wave, ((other.x - one.x) / far) * wave]
    const [dx, dy] = [(other.x - one.x) / 3, (other.y - one.y) / 3]
    for (const [size, colour] of [[8, '#0f1513'], [4, one.id === me || other.id === me ? YOU : THREAD]]) {
      style(draw, { lineWidth: size, strokeStyle: colour })
      draw.beginPath()
      draw.moveTo(one.x, one.y)
      draw.bezierCurveTo(one.x + dx + nx, one.y + dy + ny, other.x - dx - nx, other.y - dy - ny, other.x, other.y)
      draw.stroke()
    }
  }
}

function drawBead(draw, state, bead, player, isMe) {
  const part = (at) => Math.round((parseInt(player.colour.slice(at, at + 2), 16) || 0) * 0.66 + 255 * 0.34)
  draw.save()
  draw.translate(bead.x, bead.y)
  if (state.tick < state.safe && Math.floor(state.tick / 6) % 2) draw.globalAlpha = 0.55
  style(draw, { fillStyle: isMe ? YOU : player ? `rgb(${part(1)} ${part(3)} ${part(5)})` : THREAD, strokeStyle: '#0f1513' })
  draw.lineWidth = 3
  circle(draw, 0, 0, BEAD)
  draw.fill()
  draw.stroke()
  const speed = Math.max(1, Math.hypot(bead.vx, bead.vy))
  const [x, y] = [(bead.vx / speed) * 3, (bead.vy / speed) * 3]
  draw.fillStyle = draw.strokeStyle = DARK
  for (const side of [-6, 6]) {
    circle(draw, side + x, y - 3, 2.5)
    draw.fill()
  }
  draw.lineWidth = 2.2
  draw.beginPath()
  if (state.tick < state.safe) draw.arc(x, y + 7, 2.5, 0, TURN)
  else draw.arc(x, y + 2, 6, TURN * 0.1, TURN * 0.4)
  draw.stroke()
  style(draw, { globalAlpha: 1, font: `640 13px ${FONT}`, textAlign: 'center', lineJoin: 'round', lineWidth: 4 })
  draw.strokeStyle = '#0f1513cc'
  draw.strokeText(player?.name ?? '', 0, BEAD + 17)
  draw.fillStyle = INK
  draw.fillText(player?.name ?? '', 0, BEAD + 17)
  draw.restore()
}

function drawBurst(draw, { burst, tick }) {
  const age = burst ? tick - burst.at : 40
  if (age >= 40) return
  style(draw, { strokeStyle: `rgb(240 154 122 / ${1 - age / 40})`, lineWidth: 3 })
  for (let at = 0; at < 10; at++) {
    const [x, y] = [Math.cos((at / 10) * TURN), Math.sin((at / 10) * TURN)]
    const out = (far) => ({ x: burst.x + x * far, y: burst.y + y * far })
    line(draw, out(10 + age * 1.6), out(18 + age * 2))
  }
}

function drawScore(draw, state) {
  style(draw, { textAlign: 'right', fillStyle: INK, font: `680 26px ${FONT}` })
  draw.fillText(clock(state.tick), WIDTH - 24, 40)
  style(draw, { fillStyle: THREAD, font: `500 14px ${FONT}` })
  draw.fillText(`${state.order.length} of ${state.stars.length} stars, ${state.level + 1} of ${LEVELS.length}`, WIDTH - 24, 62)
  for (let at = 0; at < HEARTS; at++) drawHeart(draw, WIDTH - 36 - at * 26, 84, at < state.hearts)
  const hint = ['Sweep the stars with your rope, and keep it away from rocks', 'Twin stars: two of you hold them at the same time'][state.level]
  style(draw, { textAlign: 'center', fillStyle: INK, font: state.done ? `680 34px ${FONT}` : `500 17px ${FONT}` })
  if (state.done) draw.fillText(state.hearts > 0 ? LEVELS[state.level] : 'The rope broke', WIDTH / 2, 110)
  else if (hint && state.tick - state.begun < 260) draw.fillText(hint, WIDTH / 2, HEIGHT - 34)
}

function drawHeart(draw, x, y, isFull) {
  draw.beginPath()
  draw.moveTo(x, y + 9)
  draw.bezierCurveTo(x - 14, y - 2, x - 7, y - 11, x, y - 4)
  draw.bezierCurveTo(x + 7, y - 11, x + 14, y - 2, x, y + 9)
  draw.fillStyle = isFull ? '#f28ca6' : '#2a3531'
  draw.fill()
}
