//! `place watch`: says what happens in a room, one JSON object a line.

use std::pin::pin;

use clap::Args;
use meshwork::{Event, Link, Room};

use super::Common;
use super::attempt::{Attempt, guest};
use super::happenings::{Happening, Happenings, line};
use super::signal::Stop;
use super::values;
use crate::exit::Failure;
use crate::out;

const AFTER_HELP: &str = "\
Each line is an object with a member `event`:
  server   {url, state: connecting | connected | away, reason}
  room     {state: opened | registered | waiting | refused, room, code, reason}
  state    {peer, instance, state: connecting | direct | relayed | stale | gone, reason}
  linked   {peer, instance}              a linked endpoint proved access to the room
  left     {peer, instance}              it left the room
  distant  {peer, instance}              it is still in the room, and linked through others only
  in-step  {peer, instance}              its canvas equals ours
  stroke   {peer, instance, sequence, count}   its batch of that number changed `count` cells
  refused  {peer, instance, reason, detail, count}   a message of it was refused, the `count`th so far
  storage  {state: failed | working, reason}   the state of the disk; only from keep --json
  missed   {count}                       `count` events are missing: the reader of these lines was too slow
`peer` is the author's or neighbour's public key, `instance` one of its programs. Empty members are
left out. Later versions may add events and members: skip unknown ones.
When it ends by itself the last line is {error, reason}.";

/// Arguments of `place watch`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, common } = arguments;
    let mut stop = Stop::listen()?;
    let mut attempt = Attempt::start(&common, guest()).await?;
    let result = tokio::select! {
        result = watch(&mut attempt, link) => result,
        () = stop.asked() => Ok(()),
    };
    attempt.close().await;
    result
}

async fn watch(attempt: &mut Attempt, link: Link) -> Result<(), Failure> {
    let servers = attempt.endpoint.events();
    let room = attempt.look_for(&link).await?;
    let mut happenings = Happenings::new(servers, &room);
    let mut entered = pin!(entered(&room));
    let mut is_open = false;
    loop {
        let next = async {
            tokio::select! {
                biased;
                happening = happenings.next() => happening,
                event = &mut entered, if !is_open => Ok(Happening::Room(event)),
            }
        };
        let happening = attempt.in_time(&room, next).await?;
        if let Happening::Room(Event::Opened(_)) = happening
            && std::mem::replace(&mut is_open, true)
        {
            continue;
        }
        if let Some(line) = line(&happening) {
            out::json(&line)?;
        }
        match happening {
            Happening::Room(Event::Opened(_)) => attempt.stay(),
            Happening::Room(Event::Refused(reason)) => return Err(Failure::Refused(reason)),
            _ => {}
        }
    }
}

/// How a room was entered, or why not: a server may tell before anybody listens to events.
async fn entered(room: &Room) -> Event {
    match (room.opened().await, room.id()) {
        (Ok(()), Some(id)) => Event::Opened(id),
        _ => Event::Refused(room.refused().await),
    }
}
