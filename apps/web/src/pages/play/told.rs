//! Words for what happens in a party: notices, pauses, and the end of a match.

use std::time::Duration;

use leptos::prelude::*;
use meshwork::play::{End, Event, Fault, Paused, Refused};
use meshwork_web::play::party::Place;
use meshwork_web::texts;

use super::state::{Over, Play};

/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(5);
/// Notices at a time.
const NOTICES_MAX: usize = 2;
/// How long the words of a game without its host stay, before the lobby is shown.
const HOME_AFTER: Duration = Duration::from_secs(3);

impl Play {
    /// Shows what the player reports.
    pub(super) fn tell(self, event: Event) {
        match event {
            Event::Lobby => {}
            Event::Entered { slot } => {
                self.set_place(Place::Seated(slot));
                self.set_me(Some(slot));
            }
            Event::Refused(why) => {
                self.set_place(match why {
                    Refused::Full => Place::Full,
                    Refused::Kicked => Place::Kicked,
                    Refused::Started => Place::Late,
                    Refused::Version { .. } => Place::OtherVersion,
                    _ => Place::OtherTab,
                });
                self.set_me(None);
            }
            Event::HostSilent => {}
            Event::CutOff { slot } => {
                self.over.set(Some(Over::Paused {
                    words: texts::play::lost_host(&self.called(slot)),
                    shortens: false,
                }));
            }
            Event::HostIs { slot, lost } => {
                self.go_on();
                let is_me = self.lobby.with_untracked(|lobby| lobby.place == Place::Seated(slot));
                self.notify(match is_me {
                    true => texts::play::YOU_HOST_NOW.to_owned(),
                    false => texts::play::hosts_now(&self.called(slot)),
                });
                if lost > 30 {
                    self.notify(texts::play::taken_back(lost));
                }
            }
            Event::HostBack => {
                self.go_on();
                self.notify(texts::play::HOST_BACK.to_owned());
            }
            Event::Paused(Paused::Host) => {
                self.over
                    .set(Some(Over::Paused { words: texts::play::HOST_GONE.to_owned(), shortens: true }));
            }
            Event::Paused(Paused::Others) => {
                self.over.set(Some(Over::Paused { words: texts::play::PAUSED.to_owned(), shortens: true }));
            }
            Event::Resumed => self.go_on(),
            Event::Began => {
                self.over.set(None);
                self.is_away.set(false);
            }
            Event::Ended(end) => {
                self.note(true);
                self.restart_failed();
                self.end(end);
            }
            Event::Apart { lost } => self.notify(texts::play::taken_back(lost)),
            // The lobby shows a game that cannot be loaded.
            Event::Fault(fault) if fault.place == "load" => {}
            Event::Fault(fault) => self.notify(failed(&fault)),
            _ => {}
        }
        self.show_lobby();
    }

    /// Why the game cannot be loaded here, in words. Tracked.
    pub(super) fn not_loaded(self) -> Option<String> {
        self.fault.with(|fault| {
            let fault = fault.as_ref()?;
            Some(texts::play::not_loaded(&fault.message, fault.line.unwrap_or_default()))
        })
    }

    fn go_on(self) {
        if matches!(self.over.get_untracked(), Some(Over::Paused { .. })) {
            self.over.set(None);
        }
    }

    fn end(self, end: End) {
        let (title, words) = match end {
            End::Over(result) => (self.result(&result), String::new()),
            End::HostGone => {
                set_timeout(move || self.put_away(), HOME_AFTER);
                (texts::play::ENDED.to_owned(), texts::play::HOST_NEVER_BACK.to_owned())
            }
            End::Failed(fault) => (texts::play::STOPPED.to_owned(), failed(&fault)),
            _ => return,
        };
        self.over.set(Some(Over::Ended { title, words }));
    }

    /// What a game says at its end, in words: the slot of a winner, or a text.
    fn result(self, json: &str) -> String {
        use serde_json::Value;
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        let value = match &value {
            Value::Object(fields) => fields.get("winner").unwrap_or(&value),
            _ => &value,
        };
        match value {
            Value::Number(slot) => match slot.as_u64().and_then(|slot| u8::try_from(slot).ok()) {
                Some(slot) if self.lobby.with_untracked(|lobby| lobby.place == Place::Seated(slot)) => {
                    texts::play::YOU_WON.to_owned()
                }
                Some(slot) if self.lobby.with_untracked(|lobby| lobby.seat(slot).is_some()) => {
                    texts::play::won(&self.called(slot))
                }
                _ => texts::play::DRAW.to_owned(),
            },
            Value::String(words) if !words.is_empty() => words.clone(),
            _ => texts::play::ENDED.to_owned(),
        }
    }

    /// What the player of a seat is called.
    fn called(self, slot: u8) -> String {
        let name = self.lobby.with_untracked(|lobby| lobby.seat(slot).map(|seat| seat.name.clone()));
        name.unwrap_or_else(|| texts::capital(texts::play::HOST))
    }

    /// Says something in passing.
    pub(super) fn notify(self, words: String) {
        let number = self.number.get_value();
        self.number.set_value(number.wrapping_add(1));
        self.notices.update(|notices| {
            notices.push((number, words));
            let surplus = notices.len().saturating_sub(NOTICES_MAX);
            notices.drain(..surplus);
        });
        let drop = move || self.notices.update(|notices| notices.retain(|(known, _)| *known != number));
        set_timeout(drop, NOTICE);
    }
}

fn failed(fault: &Fault) -> String {
    texts::play::failed(&fault.message, fault.line.unwrap_or_default())
}
