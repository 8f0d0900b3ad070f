//! What holds in the room, what oneself may do in it, and deciding about it.

use leptos::prelude::*;
use meshwork_core::node::{CommandError, Node, RoomHandle};
use meshwork_core::overlay::OverlayView;
use meshwork_core::overlay::sketch::Sight;
use meshwork_core::room::rules::publish::Retract;
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::change::Limit;
use meshwork_core::signed::header::Family;
use meshwork_core::time::Time;
use meshwork_core::wire::Bytes;
use meshwork_web::people::isolated;
use meshwork_web::rules::{Decision, Links, RoomLaw, Standing};

use super::super::entries;
use super::address::Address;
use super::apps::{Apps, word};
use super::node::PageNode;
use super::people::People;
use super::set_if_new;

/// What holds in the room, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Governing {
    node: PageNode,
    apps: Apps,
    people: People,
    address: Address,
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
    pub(super) fn new(node: PageNode, apps: Apps, people: People, address: Address) -> Governing {
        Governing {
            node,
            apps,
            people,
            address,
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

    /// Decides something about the room.
    ///
    /// # Errors
    /// In words, why it cannot be.
    pub(crate) fn decide(self, decision: Decision) -> Result<(), String> {
        let slot = self.slot_in_front();
        let decided = self.node.command(|node, now, room| carry_out(node, now, room, slot, decision));
        decided.map_err(|error| error.to_string())?;
        self.has_decided.set_value(true);
        self.refresh();
        self.address.refresh();
        Ok(())
    }

    fn slot_in_front(self) -> Slot {
        self.apps.slot_of(untrack(move || self.apps.in_front()))
    }

    /// Whether one made the room; tracked.
    pub(crate) fn is_owner(self) -> bool {
        self.law.with(|law| law.as_ref().is_some_and(|law| law.is_own))
    }

    /// What the room's owner is called, where there is one; tracked.
    pub(crate) fn owner_name(self) -> Option<String> {
        let owner = self.law.with(|law| law.as_ref().and_then(|law| law.owner));
        owner.map(|owner| self.people.called_by_peer(owner))
    }

    /// What the owner decided, as it is now; nothing while that is not known.
    pub(crate) fn terms_now(self) -> Terms {
        self.law.with_untracked(|law| law.as_ref().map(|law| law.rules.clone())).unwrap_or_default()
    }

    /// Which links one can pass on; tracked.
    pub(crate) fn links(self) -> Links {
        let has_seed = self.address.has_edit_seed();
        let writers = self.law.with(|law| law.as_ref().map(|law| law.rules.writers.clone()));
        Links::new(&writers.unwrap_or_default(), has_seed)
    }

    /// What people see the room called; empty where it has no name. Tracked.
    pub(crate) fn room_name(self) -> String {
        self.law.with(|law| law.as_ref().map(|law| isolated(law.rules.name.as_str()))).unwrap_or_default()
    }

    /// The limit of cells that the room has, if it has one.
    pub(crate) fn limit(self) -> Option<Limit> {
        self.law.with(|law| law.as_ref()?.rules.limit)
    }

    /// Reads again what holds in the room and who has it.
    pub(super) fn refresh(self) {
        let read = |node: &Node, room| (read_law(node, room), node.room(room).overlay());
        let Some((law, overlay)) = self.node.look(read) else { return };
        set_if_new(self.law, law);
        set_if_new(self.overlay, overlay);
        self.refresh_standing();
        if self.has_decided.get_value() {
            self.count_holders();
        }
    }

    /// Reads again what one may paint now.
    pub(crate) fn refresh_standing(self) {
        let slot = self.slot_in_front();
        let left = |node: &mut Node, now, room| node.room_mut(now, room).writing_left(slot.number());
        let Some(left) = self.node.with_room(left) else { return };
        let standing = self.law.with_untracked(|law| match law {
            Some(law) => Standing::new(left, &law.rules.writers),
            None => Standing::new(left, &Writers::Everybody),
        });
        set_if_new(self.standing, standing);
    }

    /// Asks the room's members to whom they are linked, and returns what they said until now, oneself first, with
    /// one's own overlay. Asking too often does nothing.
    pub(crate) fn look(self) -> Option<(Vec<Sight>, OverlayView)> {
        let looked = self.node.with_room(|node, now, room| {
            node.room_mut(now, room).look();
            Some((node.room(room).sights(), node.room(room).overlay()?))
        });
        looked.flatten()
    }

    fn count_holders(self) {
        let staying: Vec<_> = self.people.rows.with_untracked(|rows| {
            rows.iter().filter(|row| row.is_linked() && row.stays).map(|row| row.endpoint).collect()
        });
        let holders = self
            .node
            .look(|node, room| staying.iter().filter(|who| node.room(room).has_our_records(**who)).count());
        set_if_new(self.holders, holders.map(|holders| (holders, staying.len())));
    }
}

fn read_law(node: &Node, room: RoomHandle) -> Option<RoomLaw> {
    let law = node.room(room).records()?;
    let me = node.endpoint().peer;
    Some(RoomLaw {
        owner: law.owner(),
        rules: law.terms().clone(),
        banned: law.banned().collect(),
        retractions: law.retractions().map(|(record, what)| (record.id(), what.clone())).collect(),
        is_own: law.owner() == Some(me),
        moderates: law.moderates(me),
    })
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
        Decision::TurnOn(app) => {
            let parameters = entries::of(app).parameters();
            node.room_mut(now, room).turn_on(word(app), parameters).map(drop)
        }
        Decision::Ban(peer, erases) => {
            node.room_mut(now, room).ban(peer)?;
            match erases {
                true => {
                    let (replica, scope) = (slot.replica(Family::Own), Bytes::default());
                    let theirs = Retract { replica, author: Some(peer), scope };
                    node.room_mut(now, room).retract(theirs).map(drop)
                }
                false => Ok(()),
            }
        }
        Decision::Unban(peer) => node.room_mut(now, room).unban(peer).map(drop),
        Decision::Retract { what, .. } => node.room_mut(now, room).retract(what).map(drop),
        Decision::Lift(record) => node.room_mut(now, room).lift(&[record]).map(drop),
        Decision::NewLink(keep) => node.room_mut(now, room).renew_secret(keep).map(drop),
        Decision::SplitLink => node.room_mut(now, room).set_edit_key().map(drop),
    }
}
