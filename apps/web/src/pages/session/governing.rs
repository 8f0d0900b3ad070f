//! What holds in the room, what oneself may do in it, and deciding about it.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, RoomHandle, RoomSpec};
use meshwork_core::overlay::OverlayView;
use meshwork_core::overlay::sketch::Sight;
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::admission::{EditKey, EditSeed};
use meshwork_core::signed::change::Limit;
use meshwork_core::time::Time;
use meshwork_place::Place as _;
use meshwork_place::canvas::{Colour, Erase};
use meshwork_web::people::isolated;
use meshwork_web::rules::{Decision, Links, RoomLaw, Standing};

use super::super::browser;
use super::apps::{parameters, word};
use super::{Driver, Session, set_if_new};

/// What holds in the room, as signals.
#[derive(Clone, Copy)]
pub(crate) struct Governing {
    /// Rules, bans and erases, once the room is open.
    pub(crate) law: RwSignal<Option<RoomLaw>>,
    /// What one may paint now.
    pub(crate) standing: RwSignal<Standing>,
    /// How many of the people who stay have what one decided last, and of how many.
    pub(crate) holders: RwSignal<Option<(usize, usize)>>,
    /// The overlay that this page keeps, once the room is open.
    pub(crate) overlay: RwSignal<Option<OverlayView>>,
    /// Whether the room was given a new link that one was not told.
    pub(crate) is_shut_out: RwSignal<bool>,
    /// Whether the room sheet is shown.
    pub(crate) is_sheet_open: RwSignal<bool>,
    /// Whether the picture of the overlay is shown.
    pub(crate) is_overlay_open: RwSignal<bool>,
    has_decided: StoredValue<bool>,
}

impl Governing {
    pub(super) fn new() -> Governing {
        Governing {
            law: RwSignal::new(None),
            standing: RwSignal::new(Standing::Free),
            holders: RwSignal::new(None),
            overlay: RwSignal::new(None),
            is_shut_out: RwSignal::new(false),
            is_sheet_open: RwSignal::new(false),
            is_overlay_open: RwSignal::new(false),
            has_decided: StoredValue::new(false),
        }
    }
}

impl Session {
    /// Makes a room with rules from its beginning, and these cells of its canvas painted; [`Session::address`] follows when
    /// the meeting point knows it. In a private one where everybody may write, that is whoever has the link to edit.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn make(
        self,
        spec: RoomSpec,
        rules: Terms,
        cells: &[(u16, u16, Colour)],
    ) -> Result<(), String> {
        self.leave();
        if !spec.servers.is_empty() {
            browser::ask_to_keep();
        }
        let make = |driver: &Driver| {
            driver.with(|node, now| {
                let splits_link = spec.private && rules.writers == Writers::Everybody;
                let room = node.create_room(now, spec)?;
                if !cells.is_empty() {
                    node.paint(now, room, cells)?;
                }
                if rules != Terms::default() {
                    node.room_mut(now, room).set_rules(rules)?;
                }
                if splits_link {
                    node.room_mut(now, room).set_edit_key()?;
                }
                Ok(room)
            })
        };
        let room = self.driver.with_value(make).map_err(|error: CommandError| error.to_string())?;
        // Nobody was in it before: whoever comes has joined.
        self.comings_since.set_value(Some(Time(0)));
        self.enter(room);
        Ok(())
    }

    /// Decides something about the room.
    ///
    /// # Errors
    /// In words, why it cannot be.
    pub(crate) fn decide(self, decision: Decision) -> Result<(), String> {
        let Some(room) = self.room.get_untracked() else { return Err(CommandError::NotOpen.to_string()) };
        let slot = self.slot_of(untrack(move || self.about()));
        let decided = self
            .driver
            .with_value(|driver| driver.with(|node, now| carry_out(node, now, room, slot, decision)));
        decided.map_err(|error| error.to_string())?;
        self.governing.has_decided.set_value(true);
        self.refresh_law();
        self.read_address();
        Ok(())
    }

    /// Whether one made the room; tracked.
    pub(crate) fn is_owner(self) -> bool {
        self.governing.law.with(|law| law.as_ref().is_some_and(|law| law.is_own))
    }

    /// What the owner decided, as it is now; nothing while that is not known.
    pub(crate) fn terms_now(self) -> Terms {
        self.governing.law.with_untracked(|law| law.as_ref().map(|law| law.rules.clone())).unwrap_or_default()
    }

    /// Which links one can pass on; tracked.
    pub(crate) fn links(self) -> Links {
        let has_seed = self.address.with(|address| edit_seed(address.as_ref()).is_some());
        let writers = self.governing.law.with(|law| law.as_ref().map(|law| law.rules.writers.clone()));
        Links::new(&writers.unwrap_or_default(), has_seed)
    }

    /// What people see the room called; empty where it has no name. Tracked.
    pub(crate) fn room_name(self) -> String {
        self.governing
            .law
            .with(|law| law.as_ref().map(|law| isolated(law.rules.name.as_str())))
            .unwrap_or_default()
    }

    /// The key of the link to edit, where one has that.
    pub(crate) fn edit_key(self) -> Option<EditKey> {
        self.address.with_untracked(|address| edit_seed(address.as_ref()).map(|seed| seed.key()))
    }

    /// Reads again what holds in the room and who has it.
    pub(super) fn refresh_law(self) {
        let Some(room) = self.room.get_untracked() else { return };
        let (law, overlay) = self.driver.with_value(|driver| {
            driver.with(|node, _| (self.read_law(node, room), node.room(room).overlay()))
        });
        set_if_new(self.governing.law, law);
        set_if_new(self.governing.overlay, overlay);
        self.refresh_standing();
        if self.governing.has_decided.get_value() {
            self.count_holders(room);
        }
    }

    /// Reads again what one may paint now.
    pub(crate) fn refresh_standing(self) {
        let Some(room) = self.room.get_untracked() else { return };
        let slot = self.slot_of(untrack(move || self.about()));
        let left = self.driver.with_value(|driver| {
            driver.with(|node, now| node.room_mut(now, room).writing_left(slot.number()))
        });
        let standing = self.governing.law.with_untracked(|law| match law {
            Some(law) => Standing::new(left, &law.rules.writers),
            None => Standing::new(left, &Writers::Everybody),
        });
        set_if_new(self.governing.standing, standing);
    }

    /// Asks the room's members to whom they are linked, and returns what they said until now, oneself first, with
    /// one's own overlay. Asking too often does nothing.
    pub(crate) fn look(self) -> Option<(Vec<Sight>, OverlayView)> {
        let room = self.room.get_untracked()?;
        self.driver.with_value(|driver| {
            driver.with(|node, now| {
                node.room_mut(now, room).look();
                Some((node.room(room).sights(), node.room(room).overlay()?))
            })
        })
    }

    /// The limit of cells that the room has, if it has one.
    pub(crate) fn limit(self) -> Option<Limit> {
        self.governing.law.with(|law| law.as_ref()?.rules.limit)
    }

    fn read_law(self, node: &Node, room: RoomHandle) -> Option<RoomLaw> {
        let law = node.room(room).records()?;
        let erases = law.retractions().filter_map(|(record, what)| Some((record.id(), Erase::of(what)?)));
        Some(RoomLaw {
            owner: law.owner(),
            rules: law.terms().clone(),
            banned: law.banned().collect(),
            erases: erases.collect(),
            is_own: law.owner() == Some(self.me.peer),
            moderates: law.moderates(self.me.peer),
        })
    }

    fn count_holders(self, room: RoomHandle) {
        let staying: Vec<_> = self.people.with_untracked(|rows| {
            rows.iter().filter(|row| row.is_linked() && row.stays).map(|row| row.endpoint).collect()
        });
        let holders = self.driver.with_value(|driver| {
            driver.with(|node, _| staying.iter().filter(|who| node.room(room).has_our_records(**who)).count())
        });
        set_if_new(self.governing.holders, Some((holders, staying.len())));
    }

    /// [`Session::others`], and after them those of these who are away.
    pub(crate) fn others_and(self, more: impl IntoIterator<Item = PeerId>) -> Vec<(PeerId, String)> {
        let mut people = self.others();
        for peer in more {
            if peer != self.me.peer && people.iter().all(|(known, _)| *known != peer) {
                people.push((peer, self.called_by_peer(peer)));
            }
        }
        people
    }

    /// The people who can be named: who is here, each once, with what they are called.
    pub(crate) fn others(self) -> Vec<(PeerId, String)> {
        let mut others: Vec<(PeerId, String)> = self.people.with(|rows| {
            let others = rows.iter().filter(|row| row.endpoint.peer != self.me.peer);
            others.map(|row| (row.endpoint.peer, row.called.clone())).collect()
        });
        others.sort_by(|one, other| one.1.cmp(&other.1).then(one.0.cmp(&other.0)));
        others.dedup_by_key(|other| other.0);
        others
    }
}

fn edit_seed(address: Option<&RoomAddress>) -> Option<EditSeed> {
    address.and_then(RoomAddress::secrets).and_then(|secrets| secrets.edit_seed)
}

/// Carries a decision out, while the app in this slot is in front.
fn carry_out(
    node: &mut Node,
    now: Time,
    room: RoomHandle,
    slot: Slot,
    decision: Decision,
) -> Result<(), CommandError> {
    match decision {
        Decision::Rules(rules) => node.room_mut(now, room).set_rules(rules).map(drop),
        Decision::TurnOn(app) => node.room_mut(now, room).turn_on(word(app), parameters(app)).map(drop),
        Decision::Ban(peer, erases) => {
            node.room_mut(now, room).ban(peer)?;
            match erases {
                true => {
                    let erase = Erase { author: Some(peer), region: None };
                    node.room_mut(now, room).retract(erase.to_retract(slot)).map(drop)
                }
                false => Ok(()),
            }
        }
        Decision::Unban(peer) => node.room_mut(now, room).unban(peer).map(drop),
        Decision::Erase(what) => node.erase(now, room, what),
        Decision::Lift(record) => node.room_mut(now, room).lift(&[record]).map(drop),
        Decision::NewLink(keep) => node.room_mut(now, room).renew_secret(keep).map(drop),
        Decision::SplitLink => node.room_mut(now, room).set_edit_key().map(drop),
    }
}
