//! Peers of LSNP in the lines of a commons: guests, whose words nobody proves and everybody on the network can read.

use std::collections::BTreeSet;

use meshwork::Guests;
use meshwork::chat::profile::Profile;
use meshwork::lsnp::{Event, Guest, GuestProfile, UserId};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::acts::Note;
use crate::duration::{date, now_ms};
use crate::exit::Failure;

/// The guests of a talk.
pub(super) struct Visitors {
    guests: Guests,
    events: Receiver<Event>,
    /// Guests of whom this person knows that everybody can read what goes to them.
    warned: BTreeSet<String>,
}

impl Visitors {
    pub(super) fn new(guests: Guests) -> Visitors {
        let events = guests.events();
        Visitors { guests, events, warned: BTreeSet::new() }
    }

    /// The next change; never, without guests.
    pub(super) async fn next(visitors: Option<&mut Visitors>) -> Event {
        let Some(visitors) = visitors else { return std::future::pending().await };
        loop {
            match visitors.events.recv().await {
                Ok(event) => return event,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Follows a guest that came: the newest programs of LSNP send their posts to followers alone.
    pub(super) fn greet(&self, event: &Event) {
        if let Event::Came { id, .. } = event {
            // It may have left already.
            let _ = self.guests.follow(id, true);
        }
    }

    /// Sends a post to each guest. Returns the words for a failure.
    pub(super) fn post(&self, text: &str) -> Option<String> {
        let error = self.guests.post(text).err()?;
        Some(format!("guests did not get it: {error}"))
    }

    /// Sends a profile, without a face.
    pub(super) fn set_profile(&self, profile: &Profile) {
        let (name, status) = (profile.name.clone(), profile.status.clone());
        self.guests.set_profile(&GuestProfile { name, status, avatar: None });
    }

    /// Writes to a guest, if a line begins with one: NAME@ADDRESS, or a name that one guest alone has. Returns the words for
    /// a sent text.
    pub(super) fn write_to(&mut self, line: &str) -> Result<Option<String>, Failure> {
        let (first, text) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let named = |guest: &Guest| guest.id.to_string() == first || guest.id.name() == first;
        let found: Vec<UserId> = self
            .guests
            .list()
            .into_iter()
            .filter(|(guest, _)| named(guest))
            .map(|(guest, _)| guest.id)
            .collect();
        let to = match &*found {
            [] => return Ok(None),
            [to] => to,
            several => {
                let ids: Vec<String> = several.iter().map(UserId::to_string).collect();
                return Err(Failure::Usage(format!("{first:?} are several guests: {}.", ids.join(", "))));
            }
        };
        if self.warned.insert(to.to_string()) {
            return Err(Failure::Usage(format!(
                "This travels readable for everybody on this network. Send it again to write to {to}."
            )));
        }
        self.guests.direct(to, text.trim()).map_err(|error| Failure::Usage(format!("{error}.")))?;
        Ok(Some(format!("sent to {to}, readable for everybody on this network")))
    }
}

/// The words for a change.
pub(super) fn words(event: Event, is_verbose: bool) -> Option<Note> {
    let at = || date(now_ms());
    Some(match event {
        Event::Posted { from, text } => Note::Line(format!("{} {from} (guest): {text}", at())),
        Event::Direct { from, text } => {
            Note::Line(format!("{} {from} (guest) to you, readable for everybody: {text}", at()))
        }
        Event::Came { id, .. } => Note::Aside(format!("{id} is here (guest, unproved)")),
        Event::Gone(id) => Note::Aside(format!("{id} left (guest)")),
        Event::Profile { of, profile, .. } if is_verbose => {
            Note::Aside(format!("{of} calls itself {}: {}", profile.name, profile.status))
        }
        Event::Follows { by, follows: true } => Note::Aside(format!("{by} has followed you (guest)")),
        Event::Follows { by, follows: false } => Note::Aside(format!("{by} has unfollowed you (guest)")),
        Event::Undelivered { to, .. } => Note::Aside(format!("{to} did not acknowledge the direct message")),
        Event::Verbose(verbose) if is_verbose => Note::Aside(verbose.to_string()),
        _ => return None,
    })
}
