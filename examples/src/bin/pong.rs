//! Shows a game: the host simulates at 60 Hz and sends what is to be seen in datagrams, the guest sends where its paddle is
//! to be, and the end is told in a message that arrives.
//! Run with `cargo run -p example-programs --bin pong -- http://127.0.0.1:8080`, then with the link that is printed in
//! place of the server. Up and down move the paddle, q leaves; with `auto` behind it the program plays by itself.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::{Event as Input, KeyCode, read};
use crossterm::{cursor, execute, terminal};
use meshwork::{DatagramError, Endpoint, Event, Room};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

const WIDTH: f32 = 64.0;
const HEIGHT: f32 = 20.0;
/// Half a paddle, and how far one moves in a step.
const PADDLE: f32 = 2.0;
const REACH: f32 = 0.25;
const FRAME: Duration = Duration::from_micros(16_667);
/// Points that win.
const POINTS: u8 = 3;

/// What is to be seen: the host's paddle is on the left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Game {
    ball: [f32; 2],
    speed: [f32; 2],
    paddles: [f32; 2],
    score: [u8; 2],
}

impl Game {
    fn new(score: [u8; 2]) -> Game {
        let points = f32::from(score[0] + score[1]);
        let speed = [if points % 2.0 == 0.0 { 0.8 } else { -0.8 }, 0.31 + 0.07 * points];
        Game { ball: [WIDTH / 2.0, HEIGHT / 2.0], speed, paddles: [HEIGHT / 2.0; 2], score }
    }

    /// One step, in which each paddle moves towards where it is wanted.
    fn step(&mut self, wanted: [f32; 2]) {
        for (paddle, wanted) in self.paddles.iter_mut().zip(wanted) {
            *paddle = (*paddle + (wanted - *paddle).clamp(-REACH, REACH)).clamp(PADDLE, HEIGHT - PADDLE);
        }
        let [x, y] = [self.ball[0] + self.speed[0], self.ball[1] + self.speed[1]];
        if !(0.0..HEIGHT).contains(&y) {
            self.speed[1] = -self.speed[1];
        }
        self.ball = [x, y.clamp(0.0, HEIGHT)];
        if (0.0..WIDTH).contains(&x) {
            return;
        }
        let side = usize::from(x >= WIDTH);
        if (self.paddles[side] - y).abs() <= PADDLE {
            self.speed = [-self.speed[0] * 1.05, self.speed[1] + 0.1 * (y - self.paddles[side])];
            self.ball[0] = x.clamp(0.0, WIDTH - 1.0);
        } else {
            let mut score = self.score;
            score[1 - side] += 1;
            *self = Game::new(score);
        }
    }

    fn is_over(&self) -> bool {
        self.score.contains(&POINTS)
    }

    fn draw(&self) {
        let show = |x: usize, y: usize| match (x, y) {
            (x, y) if [x, y] == self.ball.map(|place| place as usize) => 'o',
            (0, y) if (self.paddles[0] - y as f32).abs() <= PADDLE => '#',
            (x, y) if x == WIDTH as usize - 1 && (self.paddles[1] - y as f32).abs() <= PADDLE => '#',
            _ => ' ',
        };
        let mut screen = format!("{} : {}\r\n", self.score[0], self.score[1]);
        for y in 0..HEIGHT as usize {
            screen.extend((0..WIDTH as usize).map(|x| show(x, y)));
            screen.push_str("|\r\n");
        }
        let mut out = std::io::stdout();
        // A terminal that is gone is noticed by its keys.
        let _ = execute!(out, cursor::MoveTo(0, 0)).and_then(|()| write!(out, "{screen}"));
    }
}

/// Whoever sits at a side: by keys, or by the program itself.
struct Player {
    wanted: f32,
    keys: Option<mpsc::Receiver<KeyCode>>,
}

impl Player {
    fn new(auto: bool) -> anyhow::Result<Player> {
        let keys = (!auto && std::io::stdout().is_terminal()).then(|| {
            terminal::enable_raw_mode()?;
            execute!(std::io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
            let (sender, keys) = mpsc::channel(16);
            std::thread::spawn(move || {
                while let Ok(input) = read() {
                    if let Input::Key(key) = input
                        && sender.blocking_send(key.code).is_err()
                    {
                        break;
                    }
                }
            });
            anyhow::Ok(keys)
        });
        Ok(Player { wanted: HEIGHT / 2.0, keys: keys.transpose()? })
    }

    /// Where its paddle is to be; `None` when it leaves.
    fn look(&mut self, game: &Game) -> Option<f32> {
        let Some(keys) = &mut self.keys else { return Some(game.ball[1]) };
        while let Ok(key) = keys.try_recv() {
            match key {
                KeyCode::Up => self.wanted -= PADDLE,
                KeyCode::Down => self.wanted += PADDLE,
                KeyCode::Char('q') => return None,
                _ => {}
            }
            self.wanted = self.wanted.clamp(0.0, HEIGHT);
        }
        game.draw();
        Some(self.wanted)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if self.keys.is_some() {
            let _ = execute!(std::io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
            let _ = terminal::disable_raw_mode();
        }
    }
}

async fn host(room: &Room, player: &mut Player) -> anyhow::Result<Option<Game>> {
    let mut events = room.events();
    let guest = loop {
        if let Some(guest) = room.members().await?.first() {
            break guest.id();
        }
        events.next().await.context("the room was left")?;
    };
    let (seen, ended) = (room.topic::<Game>("seen"), room.topic::<Game>("ended"));
    let mut wishes = room.topic::<f32>("paddle").listen();
    let (mut game, mut theirs) = (Game::new([0; 2]), HEIGHT / 2.0);
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !game.is_over() {
        tokio::select! {
            _ = frames.tick() => {
                let Some(mine) = player.look(&game) else { return Ok(None) };
                game.step([mine, theirs]);
                match seen.datagram_to(guest, &game).await {
                    // The link is being made again: the guest sees the next one.
                    Ok(()) | Err(DatagramError::NotLinked) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            wish = wishes.next() => theirs = wish.context("the room was left")?.value,
            event = events.next() => if let Event::Left { member, .. } = event.context("the room was left")?
                && member.id() == guest { return Ok(None) },
        }
    }
    ended.direct(guest, &game).await?;
    Ok(Some(game))
}

async fn guest(room: &Room, player: &mut Player) -> anyhow::Result<Option<Game>> {
    let paddle = room.topic::<f32>("paddle");
    let (mut seen, mut ended) = (room.topic::<Game>("seen").listen(), room.topic::<Game>("ended").listen());
    let mut events = room.events();
    loop {
        tokio::select! {
            frame = seen.next() => {
                let frame = frame.context("the room was left")?;
                let Some(mine) = player.look(&frame.value) else { return Ok(None) };
                match paddle.datagram_to(frame.from, &mine).await {
                    Ok(()) | Err(DatagramError::NotLinked) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            end = ended.next() => return Ok(Some(end.context("the room was left")?.value)),
            event = events.next() => if let Event::Left { .. } = event.context("the room was left")? {
                return Ok(None);
            },
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().context("name a server, or give the link of a game")?;
    let auto = arguments.next().is_some_and(|word| word == "auto");
    let builder = Endpoint::builder().name("Pong");
    let is_guest = place.contains('#');
    let endpoint = if is_guest { builder.bind().await? } else { builder.server(&place).bind().await? };
    let ended = if is_guest {
        let room = endpoint.join(&place).await?;
        guest(&room, &mut Player::new(auto)?).await?
    } else {
        let room = endpoint.create(meshwork::room("pong").private()).await?;
        println!("play against me: {}", room.link());
        host(&room, &mut Player::new(auto)?).await?
    };
    match ended {
        Some(Game { score: [host, guest], .. }) => println!("it ended {host} : {guest}"),
        None => println!("somebody left"),
    }
    endpoint.close().await;
    Ok(())
}
