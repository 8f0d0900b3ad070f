//! `play watch`: prints what happens in a party, one JSON object a line.

use std::time::Duration;

use clap::Args;
use meshwork::Closed;
use meshwork::play::{End, Ending, Event, GameEvent, Lobby, Pace, Paused, Phase, Player, Seat, Stutter};
use serde_json::{Value, json};
use tokio::time::interval;

use super::target::{Target, Wants};
use super::{bot, join, not_entered};
use crate::exit::Failure;
use crate::out;
use crate::room::attempt::{Attempt, guest};
use crate::room::signal::Stop;

/// How often the pace is printed if it changed.
const PACE_INTERVAL: Duration = Duration::from_secs(1);

const AFTER_HELP: &str = "\
Each line is an object with a member `event`:
  lobby   {phase, waits, match, host, term, seats: [{slot, name, peer, ready, away, bot, wins}], result}
  host    {slot, name, lost}    another host; lost are the ticks that it took back
  began   {}                    a match began
  paused  {why}                 host or others
  resumed {}
  end     {why, result, error}  of a match: over, failed, host-gone
  pace    {ping_ms, loss, jitter_ms, rate, states, bytes, why}  at most once a second, and only if it changed
Slots count from 0. phase is gathering, starting, playing or ended. Later versions may add events and members: skip
unknown ones. When the command ends by itself the last line is {error, reason}.";

/// Arguments of `play watch`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(Arguments { target }: Arguments) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let link = target.party(Wants::Sight).await?;
    let mut attempt = Attempt::start(&target.common, guest()).await?;
    let watched = async {
        let room = join(&attempt, &link).await?;
        attempt.stay();
        let player = room.game().watch().await.map_err(not_entered)?;
        attempt.within(&room, watch(player)).await
    };
    let result = tokio::select! {
        result = watched => result,
        () = stop.asked() => Ok(()),
    };
    attempt.close().await;
    result
}

async fn watch(mut player: Player) -> Result<(), Failure> {
    let mut looks = interval(PACE_INTERVAL);
    let (mut lobby, mut paced) = (None::<Value>, None::<Value>);
    loop {
        let event = tokio::select! {
            event = player.next() => event.ok_or(Closed)?,
            _ = looks.tick() => {
                let now = pace(&player.pace());
                if paced.as_ref() != Some(&now) && player.lobby().phase == Phase::Playing {
                    out::json(&now)?;
                    paced = Some(now);
                }
                continue;
            }
        };
        let now = player.lobby();
        let line = match event {
            GameEvent::Party(Event::Lobby) => None,
            GameEvent::Party(event) => told(&event, &now),
            _ => continue,
        };
        let shown = (now.line != 0).then(|| lobby_line(&now));
        if shown.is_some() && shown != lobby {
            out::json(&shown)?;
            lobby = shown;
        }
        if let Some(line) = line {
            out::json(&line)?;
        }
    }
}

/// A change of the party as a line, if it is one for programs.
fn told(event: &Event, lobby: &Lobby) -> Option<Value> {
    Some(match event {
        Event::HostIs { slot, lost } => {
            let name = lobby.seat(*slot).map(|seat| seat.name.clone());
            json!({ "event": "host", "slot": slot, "name": name, "lost": lost })
        }
        Event::Began => json!({ "event": "began" }),
        Event::Paused(why) => {
            let why = if *why == Paused::Host { "host" } else { "others" };
            json!({ "event": "paused", "why": why })
        }
        Event::Resumed => json!({ "event": "resumed" }),
        Event::Ended(End::Over(result)) => {
            json!({ "event": "end", "why": "over", "result": value(result) })
        }
        Event::Ended(End::Failed(fault)) => {
            json!({ "event": "end", "why": "failed", "error": fault.message })
        }
        Event::Ended(End::HostGone) => json!({ "event": "end", "why": "host-gone" }),
        Event::Refused(why) => bot::refusal(*why),
        _ => return None,
    })
}

fn lobby_line(lobby: &Lobby) -> Value {
    let seat = |seat: &Seat| {
        json!({
            "slot": seat.slot, "name": seat.name, "peer": seat.endpoint.peer.to_string(), "ready": seat.ready,
            "away": seat.away, "bot": seat.bot, "wins": seat.wins,
        })
    };
    let phase = match lobby.phase {
        Phase::Gathering => "gathering",
        Phase::Starting => "starting",
        Phase::Playing => "playing",
        Phase::Ended => "ended",
    };
    let result = match &lobby.ending {
        Some(Ending::Over(result)) => value(result),
        _ => Value::Null,
    };
    json!({
        "event": "lobby", "phase": phase, "waits": lobby.waits, "match": lobby.round, "host": lobby.host_slot(),
        "term": lobby.term, "seats": lobby.seats.iter().map(seat).collect::<Vec<_>>(), "result": result,
    })
}

fn pace(pace: &Pace) -> Value {
    let why = pace.why.map(|why| match why {
        Stutter::Silent => "silent",
        Stutter::Loss => "loss",
        Stutter::Jitter => "jitter",
        Stutter::Ping => "ping",
        Stutter::Host => "host",
        Stutter::Size => "size",
        _ => "other",
    });
    json!({
        "event": "pace", "ping_ms": pace.ping.map(|ping| ping.as_millis() as u64), "loss": pace.loss,
        "jitter_ms": pace.jitter.as_millis() as u64, "rate": pace.rate, "states": pace.states, "bytes": pace.bytes,
        "why": why,
    })
}

/// The result of a match, which is the text of JSON.
fn value(result: &str) -> Value {
    serde_json::from_str(result).unwrap_or_else(|_| Value::String(result.to_owned()))
}
