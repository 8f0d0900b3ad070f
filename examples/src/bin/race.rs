//! Shows a game with an engine of its own: the party has a host that runs the rules, and the game outlives its host.
//! Run with `cargo run -p example-programs --bin race -- http://127.0.0.1:8080 Ann`, then with the link that is printed in place
//! of the server. Each press of Enter is a step; with `auto` behind the name the program runs by itself.

use std::collections::BTreeMap;

use anyhow::Context as _;
use meshwork::play::{
    self, Act, Can, End, Event, GameEvent, Lobby, Package, Party, Phase, Player, PlayerInput, PlayerView,
    Random, Rules, Turn, input,
};
use meshwork::{Endpoint, Room};
use tokio::sync::mpsc;

/// Steps to the finish.
const FINISH: u32 = 100;

/// The first player with [`FINISH`] steps wins. The state is the number of steps, by slot.
struct Race;

impl Rules for Race {
    type State = BTreeMap<u8, u32>;

    fn setup(&mut self, players: &[PlayerView], _: &mut Random) -> BTreeMap<u8, u32> {
        players.iter().map(|player| (player.slot, 0)).collect()
    }

    fn update(&mut self, steps: &mut BTreeMap<u8, u32>, turn: &mut Turn<'_>) {
        for slot in turn.left() {
            steps.remove(slot);
        }
        for player in turn.players() {
            *steps.entry(player.slot).or_default() += u32::from(turn.pressed(player.slot, "space"));
        }
        if let Some((winner, _)) = steps.iter().find(|(_, steps)| **steps >= FINISH) {
            turn.end(winner);
        }
    }
}

/// Somebody in a race.
struct Runner {
    player: Player,
    is_auto: bool,
    presses: mpsc::UnboundedReceiver<()>,
    /// The line that was printed last of the lobby.
    shown: String,
}

impl Runner {
    /// Plays one race. Returns the name of the winner, if there is one.
    async fn play(mut self) -> anyhow::Result<Option<String>> {
        let mut frame = 0_u64;
        loop {
            tokio::select! {
                event = self.player.next() => match event.context("the party is over")? {
                    GameEvent::Shown(_) => {
                        frame += 1;
                        self.press(self.is_auto && frame % 8 < 4);
                    }
                    GameEvent::Party(Event::Ended(End::Over(slot))) => {
                        let seat = slot.parse().ok().and_then(|slot| self.player.lobby().seat(slot).cloned());
                        return Ok(seat.map(|seat| seat.name));
                    }
                    GameEvent::Party(Event::Ended(End::Failed(fault))) => anyhow::bail!("the race failed: {}", fault.message),
                    GameEvent::Party(Event::Ended(_)) => return Ok(None),
                    GameEvent::Party(Event::Began) => println!("run!"),
                    GameEvent::Party(Event::HostIs { slot, .. }) => {
                        let lobby = self.player.lobby();
                        println!("host is {}", lobby.seat(slot).map_or("somebody", |seat| seat.name.as_str()));
                    }
                    GameEvent::Party(_) => self.gather()?,
                    _ => {}
                },
                // The keys come up with the next frame.
                Some(()) = self.presses.recv() => self.press(true),
            }
        }
    }

    fn press(&self, is_down: bool) {
        let held = if is_down { input::mask(["space"]) } else { 0 };
        self.player.hold(PlayerInput { held, ..PlayerInput::default() });
    }

    /// Shows who is there, is ready, and starts as the host once all are.
    fn gather(&mut self) -> anyhow::Result<()> {
        let lobby: Lobby = self.player.lobby();
        let names: Vec<&str> = lobby.seats.iter().map(|seat| seat.name.as_str()).collect();
        let shown = format!("players: {}", names.join(", "));
        if self.shown != shown {
            println!("{shown}");
            self.shown = shown;
        }
        if lobby.phase != Phase::Gathering {
            return Ok(());
        }
        if self.player.slot().and_then(|slot| lobby.seat(slot)).is_some_and(|seat| !seat.ready) {
            self.player.act(Act::Ready(true))?;
        }
        let are_ready = lobby.seats.len() > 2 && lobby.seats.iter().all(|seat| seat.ready);
        if self.player.is_host() && are_ready {
            self.player.act(Act::Start)?;
        }
        Ok(())
    }
}

/// A line of Enter is a press.
fn presses() -> mpsc::UnboundedReceiver<()> {
    let (sender, presses) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lines().take_while(Result::is_ok).all(|_| sender.send(()).is_ok())
    });
    presses
}

/// Opens a party in a new room. The package of a game with an engine of its own says where to get the program.
async fn open(endpoint: &Endpoint) -> anyhow::Result<Room> {
    let package =
        Package::of_file("race.js", b"// This game is a program: meshwork's examples have it.".to_vec())?;
    let party = Party::of(&package, endpoint.id().peer, None);
    let room = endpoint.create(play::party(&party)).await?;
    room.game().hold(&package).await?;
    Ok(room)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().context("name a server, or give the link of a race")?;
    let name = arguments.next().context("what is your name?")?;
    let is_auto = arguments.next().is_some_and(|word| word == "auto");
    let is_link = place.contains('#');
    let endpoint = match is_link {
        true => Endpoint::builder().name(&name).bind().await?,
        false => Endpoint::builder().name(&name).server(&place).bind().await?,
    };
    let room = match is_link {
        true => endpoint.join(&place).await?,
        false => open(&endpoint).await?,
    };
    println!("play here: {}", room.link());
    let player = room.game().play(Can::host(Race), &name).await?;
    let runner = Runner { player, is_auto, presses: presses(), shown: String::new() };
    match runner.play().await? {
        Some(winner) => println!("winner: {winner}"),
        None => println!("nobody won"),
    }
    endpoint.close().await;
    Ok(())
}
