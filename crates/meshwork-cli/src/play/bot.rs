//! `play bot`: a player that presses keys by chance.

use std::time::Duration;

use clap::Args;
use meshwork::play::{Act, Can, End, Event, GameEvent, Phase, Player, PlayerInput, Refused, input};
use meshwork::{Closed, Endpoint};
use meshwork_core::rng::Rng;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::target::{Target, Wants};
use super::{join, not_entered};
use crate::exit::Failure;
use crate::room::attempt::{Attempt, at};
use crate::room::signal::Stop;
use crate::serve::random_bytes;
use crate::style;

/// The keys that a bot presses.
const KEYS: [&str; 8] = ["left", "right", "up", "down", "space", "enter", "a", "pad-a"];
/// The shortest and the longest time for which it holds its keys, in milliseconds.
const HOLDS_MS: (u64, u64) = (80, 600);

/// Arguments of `play bot`.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// Leave after this many seconds.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// The seed of what it presses. [default: another one each time]
    #[arg(long, value_name = "N", verbatim_doc_comment)]
    seed: Option<u64>,
    /// The name that players see.
    #[arg(long, value_name = "NAME", default_value = "Bot")]
    name: String,
}

/// The result of a bot's play.
#[derive(Default)]
struct Played {
    slot: Option<u8>,
    states: u64,
    matches: u64,
    /// The message of the last match that failed.
    fault: Option<String>,
}

pub(super) async fn run(Arguments { target, seconds, seed, name }: Arguments) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let link = target.party(Wants::Seat).await?;
    let builder = Endpoint::builder().name(&name);
    // One person has one seat, so each bot is a person of its own.
    let mut attempt = match target.common.identity {
        Some(_) => Attempt::start(&target.common, builder).await?,
        None => Attempt::of(target.common.apply(builder), target.common.timeout).await?,
    };
    let mut played = Played::default();
    let result = {
        let plays = async {
            let room = join(&attempt, &link).await?;
            attempt.stay();
            let player = room.game().play(Can::Bot, &name).await.map_err(not_entered)?;
            let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
            play(player, until, rng(seed)?, &mut played).await
        };
        tokio::select! {
            result = plays => result,
            () = stop.asked() => Ok(()),
        }
    };
    attempt.close().await;
    result?;
    let Played { slot, states, matches, fault } = played;
    let words = match slot {
        Some(slot) => format!("played {matches} matches in seat {}, and saw {states} states", slot + 1),
        None => String::from("had no seat"),
    };
    target.common.tell(&words, &json!({ "slot": slot, "matches": matches, "states": states, "fault": fault }))
}

/// Presses keys by chance until that time, if there is one.
async fn play(
    mut player: Player,
    until: Option<Instant>,
    mut rng: Rng,
    played: &mut Played,
) -> Result<(), Failure> {
    let mut next = Instant::now();
    loop {
        let event = tokio::select! {
            event = player.next() => event.ok_or(Closed)?,
            () = sleep_until(next) => {
                player.hold(by_chance(&mut rng));
                next = Instant::now() + Duration::from_millis(HOLDS_MS.0 + rng.below(HOLDS_MS.1 - HOLDS_MS.0));
                continue;
            }
            () = at(until) => return Ok(()),
        };
        match event {
            GameEvent::Shown(_) => played.states += 1,
            GameEvent::Party(Event::Entered { slot }) => played.slot = Some(slot),
            GameEvent::Party(Event::Began) => played.matches += 1,
            GameEvent::Party(Event::Refused(why)) => return Err(no_seat(why)),
            GameEvent::Party(Event::Ended(End::Failed(fault))) => {
                style::note(format!("the game stopped: {}", fault.message));
                played.fault = Some(fault.message);
            }
            GameEvent::Party(Event::Ended(End::Left)) => return Ok(()),
            _ => {}
        }
        let lobby = player.lobby();
        let seat = player.slot().and_then(|slot| lobby.seat(slot));
        if lobby.phase == Phase::Gathering && seat.is_some_and(|seat| !seat.ready) {
            // It is tried again with the next change.
            let _ = player.act(Act::Ready(true));
        }
    }
}

fn by_chance(rng: &mut Rng) -> PlayerInput {
    let held = KEYS.iter().filter(|_| rng.below(4) == 0).copied();
    let held = input::mask(held.collect::<Vec<_>>());
    let mut axis = || (rng.below(255) as i16 - 127) as i8;
    PlayerInput { held, axes: [axis(), axis(), 0, 0], pointer: None }
}

fn rng(seed: Option<u64>) -> Result<Rng, Failure> {
    let Some(seed) = seed else { return Ok(Rng::new(random_bytes()?)) };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Ok(Rng::new(bytes))
}

/// The words for a seat that a player does not get.
fn no_seat(why: Refused) -> Failure {
    let (words, reason) = refused(why);
    Failure::Forbidden { words: format!("{words}."), reason }
}

/// The words for a refusal, and a fixed word for programs.
pub(super) fn refused(why: Refused) -> (&'static str, &'static str) {
    match why {
        Refused::Full => ("Room is full", "party-full"),
        Refused::Kicked => ("The host removed this player", "kicked"),
        Refused::Started => ("The match has begun, and this game admits nobody late", "started"),
        Refused::Version { .. } => ("The host has another version of this program", "version"),
        Refused::Elsewhere => ("This person plays in another program", "elsewhere"),
        _ => ("The host refused this player", "refused"),
    }
}

/// A refusal as JSON.
pub(super) fn refusal(why: Refused) -> Value {
    let (words, reason) = refused(why);
    json!({ "event": "refused", "reason": reason, "words": words })
}
