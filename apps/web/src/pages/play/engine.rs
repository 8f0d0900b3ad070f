//! The frame of the page as the engine of its player: messages in both directions, and what the hands hold.

use leptos::prelude::*;
use leptos::web_sys::Element;
use meshwork::play::{Engine, Fault, FromGame, ToGame};
use meshwork_web::play::party::{Place, Stage};
use meshwork_web::texts;

use super::super::session::set_if_new;
use super::beat;
use super::frame::{Death, FromFrame};
use super::hands::Reading;
use super::state::{Play, Work};

/// The place of a fault that a game has before it begins.
const LOAD: &str = "load";

/// The frame as the engine of the player.
pub(super) struct FrameEngine {
    pub(super) play: Play,
    pub(super) opening: u32,
}

impl Engine for FrameEngine {
    fn handle(&mut self, message: &ToGame) -> Option<FromGame> {
        if !self.play.is_opening(self.opening) {
            return None;
        }
        // A game that cannot be loaded answers nothing, and all would wait for it.
        if matches!(message, ToGame::Setup { .. } | ToGame::Step(_))
            && let Some(fault) = self.play.fault.get_untracked()
        {
            return Some(FromGame::Failed(fault));
        }
        self.play.work().borrow_mut().screen.send(message);
        None
    }

    fn has_loop(&self) -> bool {
        true
    }

    fn draws(&self) -> bool {
        true
    }
}

impl Play {
    /// The frame stands in this element from now on.
    pub(super) fn mount(self, view: &Element) {
        self.work().borrow_mut().view = Some(view.clone());
        self.mount_frame();
    }

    /// The element goes, and the frame with it: somebody else has to go on with the game.
    pub(super) fn unmount(self) {
        self.work().borrow_mut().view = None;
        if self.work().borrow().player.is_some() {
            self.depart();
        }
    }

    /// Makes the frame and starts the game in it, once both the package and the element are there.
    pub(super) fn mount_frame(self) {
        let work = self.work();
        let mut work = work.borrow_mut();
        let Work { stage: Some(stage), view: Some(view), package: Some(package), screen, opening, .. } =
            &mut *work
        else {
            return;
        };
        if screen.frame().is_some() {
            return;
        }
        let opening = *opening;
        let hear = move |said: FromFrame| {
            if self.is_opening(opening) {
                self.hear_frame(said);
            }
        };
        let Ok(frame) = stage.mount(view, package, hear) else { return };
        if let Place::Seated(slot) = self.lobby.with_untracked(|lobby| lobby.place) {
            frame.set_me(Some(slot));
        }
        screen.mount(frame, package);
    }

    fn hear_frame(self, said: FromFrame) {
        match said {
            FromFrame::Ready => {
                set_if_new(self.fault, None);
                self.work().borrow_mut().screen.note_ready();
            }
            FromFrame::Tick => {
                self.hold();
                self.answer(FromGame::Tick);
            }
            FromFrame::Game(json) => {
                let Some(said) = FromGame::from_json(&json) else { return };
                match &said {
                    FromGame::Failed(fault) if fault.place == LOAD => self.fault.set(Some(fault.clone())),
                    FromGame::Failed(fault) if fault.fatal => self.work().borrow_mut().has_failed = true,
                    _ => {}
                }
                self.answer(said);
            }
            FromFrame::Sounds(names) => {
                if let Some(sounds) = &self.work().borrow().sounds {
                    names.iter().for_each(|name| sounds.play(name));
                }
            }
            FromFrame::Slow(frames) => self.notify(texts::play::slow(frames)),
            FromFrame::Input(names) => {
                if let Some(reading) = self.reading.get_value() {
                    reading.set_names(names);
                }
            }
            FromFrame::Dead(death) => {
                let fault = fault_of(death);
                if !self.work().borrow().screen.is_loaded() {
                    self.fault.set(Some(fault.clone()));
                }
                self.answer(FromGame::Failed(fault));
                self.restart_soon();
            }
        }
    }

    fn answer(self, said: FromGame) {
        self.with_player(|player| player.answer(said));
    }

    /// Loads a game that failed again at the end of its match: it does nothing more, and the next match needs it.
    pub(super) fn restart_failed(self) {
        let has_failed = std::mem::take(&mut self.work().borrow_mut().has_failed);
        if has_failed {
            self.restart_frame();
        }
    }

    /// Loads the game again, behind the messages for the one that ended: the player's task was woken first.
    fn restart_soon(self) {
        let opening = self.work().borrow().opening;
        leptos::task::spawn_local(async move {
            if self.is_opening(opening) {
                self.restart_frame();
            }
        });
    }

    /// A game that was ended is loaded again, so that the next match can begin.
    fn restart_frame(self) {
        let work = self.work();
        let mut work = work.borrow_mut();
        if let Work { package: Some(package), screen, .. } = &mut *work {
            screen.restart(package);
        }
    }

    /// These hands steer.
    pub(super) fn read_hands(self, reading: Reading) {
        self.reading.set_value(Some(reading));
    }

    /// Gives an HTML game the keys.
    pub(super) fn focus(self) {
        if let Some(frame) = self.work().borrow().screen.page() {
            frame.focus();
        }
    }

    /// Hands the player what is held now.
    fn hold(self) {
        if let Some(reading) = self.reading.get_value() {
            let input = reading.input();
            if let Some(frame) = self.work().borrow().screen.page() {
                frame.send_input(&reading.names());
            }
            self.with_player(|player| player.hold(input));
        }
    }

    /// Hands the player what is held sixty times a second while another host's match goes on. At a host, the clock is its worker's.
    pub(super) fn begin_beat(self) {
        let is_on =
            move || self.lobby.with_untracked(|lobby| lobby.stage == Stage::Playing && !lobby.is_hosting);
        let work = self.work();
        let mut work = work.borrow_mut();
        if work.is_beating || !is_on() {
            return;
        }
        work.is_beating = true;
        let opening = work.opening;
        beat::run(move || {
            if !self.is_opening(opening) {
                return false;
            }
            let is_on = is_on();
            match is_on {
                true => self.hold(),
                false => self.work().borrow_mut().is_beating = false,
            }
            is_on
        });
    }
}

/// The fault of a game that the page ended.
pub(super) fn fault_of(death: Death) -> Fault {
    let message = match death {
        Death::Refused => texts::play::DIED_REFUSED,
        Death::Late => texts::play::DIED_LATE,
        Death::Flood => texts::play::DIED_FLOOD,
        Death::Silent => texts::play::DIED_SILENT,
        Death::Left => texts::play::DIED_LEFT,
    };
    Fault { message: message.to_owned(), fatal: true, ..Fault::default() }
}
