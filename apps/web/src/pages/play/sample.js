// Rim: push the others off the disc. Arrows move, Space dashes.
const FRICTION = 0.94
const PUSH = 0.5
const DASH = 9
const SIZE = 26

meshwork.game({
  // The state of a new match. It holds what JSON can say, and everybody gets it.
  setup({ players }) {
    const balls = players.map((player, at) => {
      const angle = (at / players.length) * 2 * Math.PI
      return { slot: player.slot, x: Math.cos(angle) * 140, y: Math.sin(angle) * 140, vx: 0, vy: 0, rest: 0 }
    })
    return { disc: 250, balls }
  },

  // Sixty times a second, at the host.
  update(state, inputs, { left, sound, end }) {
    state.balls = state.balls.filter((ball) => !left.includes(ball.slot))
    state.disc = Math.max(90, state.disc - 0.04)
    for (const ball of state.balls) {
      const { stick, pressed } = inputs[ball.slot]
      ball.vx = (ball.vx + stick.x * PUSH) * FRICTION
      ball.vy = (ball.vy + stick.y * PUSH) * FRICTION
      ball.rest = Math.max(0, ball.rest - 1)
      if (pressed('space') && ball.rest === 0) {
        ball.vx += stick.x * DASH
        ball.vy += stick.y * DASH
        ball.rest = 45
        sound('dash')
      }
      ball.x += ball.vx
      ball.y += ball.vy
    }
    for (const one of state.balls) {
      for (const other of state.balls) {
        const [x, y] = [other.x - one.x, other.y - one.y]
        const apart = Math.hypot(x, y)
        if (one.slot >= other.slot || apart >= 2 * SIZE || apart === 0) continue
        const speed = ((one.vx - other.vx) * x + (one.vy - other.vy) * y) / apart
        const push = Math.max(speed, 0) + (2 * SIZE - apart) / 8
        one.vx -= (x / apart) * push
        one.vy -= (y / apart) * push
        other.vx += (x / apart) * push
        other.vy += (y / apart) * push
        if (speed > 1) sound('hit')
      }
    }
    const before = state.balls.length
    state.balls = state.balls.filter((ball) => Math.hypot(ball.x, ball.y) < state.disc + SIZE / 2)
    if (state.balls.length < before) sound('fall')
    if (state.balls.length <= 1) end(state.balls[0]?.slot ?? null)
    return state
  },

  // On every screen, as often as it shows a picture.
  render(draw, state, { me, players, width, height }) {
    draw.fillStyle = '#0f1513'
    draw.fillRect(0, 0, width, height)
    draw.save()
    draw.translate(width / 2, height / 2)
    circle(draw, 0, 0, state.disc, '#2a4239')
    for (const ball of state.balls) {
      const player = players.find(({ slot }) => slot === ball.slot)
      circle(draw, ball.x, ball.y, SIZE, ball.slot === me ? '#f4b21b' : (player?.colour ?? '#7fb0f5'))
      draw.fillStyle = '#e8efeb'
      draw.font = '600 15px system-ui'
      draw.textAlign = 'center'
      draw.fillText(player?.name ?? '', ball.x, ball.y + SIZE + 18)
    }
    draw.restore()
  },
})

function circle(draw, x, y, radius, colour) {
  draw.fillStyle = colour
  draw.beginPath()
  draw.arc(x, y, radius, 0, 2 * Math.PI)
  draw.fill()
}
