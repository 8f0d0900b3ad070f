//! `place rules`, `place ban` and `place erase`: what an owner or a moderator decides about a room.

use std::time::Duration;

use clap::Args;
use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, RoomHandle};
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::seam::choice::Choice;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::change::{Limit, NAME_MAX};
use meshwork_core::signed::list::ShortId;
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText};
use meshwork_place::canvas::{Erase, Region};
use serde_json::{Value, json};

use super::paint::is_reader;
use super::session::{Session, Stay};
use super::values::{self, Position};
use super::{Common, counted};
use crate::duration;
use crate::exit::Failure;
use crate::progress::Progress;

/// The rules that can be set.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct RuleOptions {
    /// What the room is called; empty for nothing.
    #[arg(long, value_name = "TEXT", value_parser = parse_name)]
    name: Option<BoundedText<NAME_MAX>>,
    /// How many cells each program may paint in a minute.
    #[arg(long, value_name = "N", conflicts_with = "cooldown", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cells_per_minute: Option<u32>,
    /// One cell in each stretch of this length, such as 5s or 5m.
    #[arg(long, value_name = "DURATION", value_parser = parse_cooldown)]
    cooldown: Option<Duration>,
    /// Who may paint besides the owner, by the peer's key. Others can watch.
    #[arg(long, value_name = "PEER,..", value_delimiter = ',', allow_hyphen_values = true)]
    painters: Option<Vec<PeerId>>,
    /// Who may ban and erase besides the owner, by the peer's key.
    #[arg(long, value_name = "PEER,..", value_delimiter = ',', allow_hyphen_values = true)]
    moderators: Option<Vec<PeerId>>,
    /// Which links members keep: auto (each with everybody up to 8, views and trees beyond), full-mesh,
    /// k-gossip, k-gossip:NINES, tree or emergent.
    #[arg(long, value_name = "KIND")]
    overlay: Option<Choice>,
}

// Keys are base64url, so that one in 64 begins with a hyphen.

/// What `place rules` is asked for.
#[derive(Args)]
pub(crate) struct RulesArguments {
    /// The room's address, with its part after #; without it for an open room. @FILE or - reads it from there.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: RoomAddress,
    #[command(flatten)]
    options: RuleOptions,
    /// Paint as fast as one can.
    #[arg(long, conflicts_with_all = ["cells_per_minute", "cooldown"])]
    no_limit: bool,
    /// Everybody in the room may paint.
    #[arg(long, conflicts_with = "painters")]
    everybody: bool,
    /// Nobody but the owner may ban and erase.
    #[arg(long, conflicts_with = "moderators")]
    no_moderators: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What `place ban` is asked for.
#[derive(Args)]
pub(crate) struct BanArguments {
    /// The room's address, with its part after #; without it for an open room. @FILE or - reads it from there.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: RoomAddress,
    /// Who, by the peer's key. What they have painted stays.
    #[arg(value_name = "PEER", allow_hyphen_values = true)]
    peer: PeerId,
    /// Erase what they have painted, too.
    #[arg(long)]
    erase: bool,
    /// Let them paint again instead.
    #[arg(long, conflicts_with = "erase")]
    lift: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What `place erase` is asked for.
#[derive(Args)]
pub(crate) struct EraseArguments {
    /// The room's address, with its part after #; without it for an open room. @FILE or - reads it from there.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: RoomAddress,
    /// The upper left cell of what is erased.
    #[arg(long, value_name = "X,Y", requires = "size")]
    at: Option<Position>,
    /// Columns and rows of what is erased.
    #[arg(long, value_name = "WxH", requires = "at", value_parser = values::parse_size)]
    size: Option<meshwork_place::canvas::CanvasSize>,
    /// Whose cells, by the peer's key; without it everybody's.
    #[arg(long, value_name = "PEER", allow_hyphen_values = true)]
    by: Option<PeerId>,
    /// Erase the whole canvas.
    #[arg(long, conflicts_with_all = ["at", "by"], required_unless_present_any = ["at", "by"])]
    all: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

impl RuleOptions {
    /// Whether a rule was asked for.
    pub(super) fn is_any(&self) -> bool {
        let limit = self.cells_per_minute.is_some() || self.cooldown.is_some();
        limit
            || self.name.is_some()
            || self.painters.is_some()
            || self.moderators.is_some()
            || self.overlay.is_some()
    }

    /// `rules` with what was asked for in them.
    pub(super) fn apply(&self, mut rules: Terms) -> Result<Terms, Failure> {
        if let Some(name) = &self.name {
            rules.name = name.clone();
        }
        if let Some(cells) = self.cells_per_minute {
            rules.limit = Some(Limit { cost: cells, window_ms: 60_000 });
        }
        if let Some(cooldown) = self.cooldown {
            let window_ms = u32::try_from(cooldown.as_millis()).expect("a week has fewer milliseconds");
            rules.limit = Some(Limit { cost: 1, window_ms });
        }
        if let Some(painters) = &self.painters {
            rules.writers = Writers::Listed(list(painters)?);
        }
        if let Some(moderators) = &self.moderators {
            rules.moderators = list(moderators)?;
        }
        if let Some(overlay) = self.overlay {
            rules.overlay = BoundedText::new(&overlay.record_name()).expect("names of overlays are short");
        }
        Ok(rules)
    }
}

/// Runs `place rules`.
pub(super) async fn rules(arguments: RulesArguments) -> Result<(), Failure> {
    let RulesArguments { link, options, no_limit, everybody, no_moderators, common } = arguments;
    let changes = options.is_any() || no_limit || everybody || no_moderators;
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let result = async {
        let room = enter(&mut session, link).await?;
        let mut rules = session.look(room, |node, room| node.room(room).rules().cloned()).await?;
        let mut holders = None;
        if changes {
            rules = options.apply(rules)?;
            rules.limit = rules.limit.filter(|_| !no_limit);
            if everybody {
                rules.writers = Writers::Everybody;
            }
            if no_moderators {
                rules.moderators = Bounded::default();
            }
            let set = rules.clone();
            decide(&mut session, room, move |node, now, room| node.room_mut(now, room).set_rules(set))
                .await?;
            holders = Some(wait_for_holders(&mut session, room).await?);
        }
        let banned = session.look(room, |node, room| Some(node.room(room).bans())).await?;
        Ok((rules, banned, holders))
    };
    let result: Result<_, Failure> = result.await;
    session.close().await;
    let (rules, banned, holders) = result?;
    let mut words = words(&rules, &banned);
    if let Some(holders) = holders {
        words.push_str(&format!("\n{} have these rules.", counted(holders, "member")));
    }
    common.tell(&words, &value(&rules, &banned, holders))
}

/// Gives a room another overlay, if it is one's own to decide, and waits until a member has it. Returns whether it is.
pub(super) async fn choose_overlay(
    common: &Common,
    link: RoomAddress,
    overlay: Choice,
) -> Result<bool, Failure> {
    let options = RuleOptions { overlay: Some(overlay), ..RuleOptions::default() };
    let mut session = Session::start(common, Stay::Leaves).await?;
    let result = async {
        let room = enter(&mut session, link).await?;
        let rules =
            options.apply(session.look(room, |node, room| node.room(room).rules().cloned()).await?)?;
        match decide(&mut session, room, move |node, now, room| node.room_mut(now, room).set_rules(rules))
            .await
        {
            Ok(()) => wait_for_holders(&mut session, room).await.map(|_| true),
            Err(Failure::Denied(_)) => Ok(false),
            Err(failure) => Err(failure),
        }
    };
    let result: Result<_, Failure> = result.await;
    session.close().await;
    result
}

/// Runs `place ban`.
pub(super) async fn ban(arguments: BanArguments) -> Result<(), Failure> {
    let BanArguments { link, peer, erase, lift, common } = arguments;
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let result = async {
        let room = enter(&mut session, link).await?;
        let act = move |node: &mut Node, now: Time, room: RoomHandle| match (lift, erase) {
            (true, _) => node.room_mut(now, room).unban(peer),
            (false, false) => node.room_mut(now, room).ban(peer),
            (false, true) => {
                node.room_mut(now, room).ban(peer)?;
                let erase = Erase { author: Some(peer), region: None };
                node.room_mut(now, room).retract(erase.into())
            }
        };
        decide(&mut session, room, act).await?;
        wait_for_holders(&mut session, room).await
    };
    let result: Result<_, Failure> = result.await;
    session.close().await;
    let holders = result?;
    let what = if lift { "can paint again" } else { "is banned" };
    let words = format!("{} {what}. {} know.", peer.short(), counted(holders, "member"));
    common.tell(&words, &json!({ "peer": peer.to_string(), "banned": !lift, "known_by": holders }))
}

/// Runs `place erase`.
pub(super) async fn erase(arguments: EraseArguments) -> Result<(), Failure> {
    let EraseArguments { link, at, size, by, all: _, common } = arguments;
    let region = at.zip(size).map(|(at, size)| {
        let (width, height) = (size.width, size.height);
        Region { x: at.x, y: at.y, width, height }
    });
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let result = async {
        let room = enter(&mut session, link).await?;
        let erase = Erase { author: by, region };
        decide(&mut session, room, move |node, now, room| node.room_mut(now, room).retract(erase.into()))
            .await?;
        wait_for_holders(&mut session, room).await
    };
    let result: Result<_, Failure> = result.await;
    session.close().await;
    let holders = result?;
    let words = format!("Erased what was painted up to now. {} know.", counted(holders, "member"));
    common.tell(&words, &json!({ "known_by": holders }))
}

/// Decides something about a room.
pub(super) async fn decide(
    session: &mut Session,
    room: RoomHandle,
    act: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<ShortId, CommandError> + Send + 'static,
) -> Result<(), Failure> {
    let decided = session.call(move |node, now| act(node, now, room)).await?;
    decided.map(drop).map_err(Failure::Denied)
}

/// Waits until a member that stays holds the same records, on its disk if it has one. Returns how many do.
pub(super) async fn wait_for_holders(session: &mut Session, room: RoomHandle) -> Result<usize, Failure> {
    loop {
        let peers = session.peers(room).await?;
        let staying: Vec<_> = peers.iter().filter(|peer| is_reader(peer)).map(|peer| peer.endpoint).collect();
        let hold = move |node: &Node, room| {
            Some(staying.iter().filter(|endpoint| node.room(room).has_our_records(**endpoint)).count())
        };
        match session.look(room, hold).await? {
            0 => drop(session.next().await.map_err(nobody_holds)?),
            holders => return Ok(holders),
        }
    }
}

/// Joins a room and waits until what holds in it is known.
async fn enter(session: &mut Session, link: RoomAddress) -> Result<RoomHandle, Failure> {
    let progress = Progress::start("Joining", "cells");
    let room = session.join(link, None).await?;
    progress.say("waiting for the rules of the room");
    wait_for_holders(session, room).await?;
    Ok(room)
}

fn nobody_holds(failure: Failure) -> Failure {
    match failure {
        Failure::Unreachable(words) => Failure::Unreachable(format!(
            "No member that stays has taken the room's rules from here: what was decided may be lost. {words}"
        )),
        failure => failure,
    }
}

fn list<const MAX: usize>(peers: &[PeerId]) -> Result<Bounded<PeerId, MAX>, Failure> {
    let mut peers = peers.to_vec();
    peers.sort_unstable();
    peers.dedup();
    let count = peers.len();
    Bounded::new(peers)
        .map_err(|_| Failure::Usage(format!("{count} peers are more than the {MAX} of a list")))
}

fn parse_cooldown(text: &str) -> Result<Duration, String> {
    let cooldown = duration::parse(text)?;
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    let legal = Duration::from_millis(100)..=week;
    if legal.contains(&cooldown) { Ok(cooldown) } else { Err(String::from("a cooldown is 100ms to 7days")) }
}

fn parse_name(text: &str) -> Result<BoundedText<NAME_MAX>, String> {
    BoundedText::new(text).map_err(|_| format!("a name has at most {NAME_MAX} bytes"))
}

fn words(rules: &Terms, banned: &[PeerId]) -> String {
    let limit = rules.limit.map_or(String::from("as fast as one can"), |limit| {
        let window = duration::format(Duration::from_millis(limit.window_ms.into()));
        format!("{} every {window}", counted(limit.cost as usize, "cell"))
    });
    let named = |peers: &[PeerId]| {
        let names: Vec<String> = peers.iter().map(PeerId::to_string).collect();
        names.join(" ")
    };
    let painters = match &rules.writers {
        Writers::Everybody => String::from("everybody"),
        Writers::Listed(painters) => format!("the owner {}", named(painters)),
        Writers::Admitted(_) => String::from("the owner, and whoever has the link to edit"),
    };
    let name = match rules.name.as_str() {
        "" => String::new(),
        name => format!("Name: {name}\n"),
    };
    format!(
        "{name}Painting: {limit}\nPainters: {}\nModerators: the owner {}\nOverlay: {}\nBanned: {}",
        painters.trim_end(),
        named(&rules.moderators),
        Choice::of_record(rules.overlay.as_str()),
        if banned.is_empty() { String::from("nobody") } else { named(banned) }
    )
}

fn value(rules: &Terms, banned: &[PeerId], holders: Option<usize>) -> Value {
    let named = |peers: &[PeerId]| peers.iter().map(PeerId::to_string).collect::<Vec<_>>();
    let limit = rules.limit.map(|limit| json!({ "cells": limit.cost, "window_ms": limit.window_ms }));
    json!({
        "name": rules.name.as_str(),
        "limit": limit,
        "painters": rules.writers.listed().map(|painters| named(painters)),
        "moderators": named(&rules.moderators),
        "overlay": Choice::of_record(rules.overlay.as_str()).to_string(),
        "banned": named(banned),
        "known_by": holders,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> PeerId {
        PeerId([number; 32])
    }

    #[test]
    fn keys_that_begin_with_a_hyphen_are_no_flags() {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct BanAlone {
            #[command(flatten)]
            ban: BanArguments,
        }
        #[derive(clap::Parser)]
        struct RulesAlone {
            #[command(flatten)]
            rules: RulesArguments,
        }
        let (link, hyphen) = ("http://x.test/place/K7M4QX", peer(0xf8).to_string());
        assert!(hyphen.starts_with('-'), "{hyphen}");
        let ban = BanAlone::try_parse_from(["ban", link, &hyphen, "--erase"]).unwrap().ban;
        assert_eq!((ban.peer, ban.erase), (peer(0xf8), true));
        let both = format!("{hyphen},{}", peer(1));
        let parsed = RulesAlone::try_parse_from(["rules", link, "--painters", &both, "--json"]).unwrap();
        assert_eq!(parsed.rules.options.painters, Some(vec![peer(0xf8), peer(1)]));
    }

    #[test]
    fn options_change_what_they_name_and_nothing_else() {
        let options = RuleOptions {
            cooldown: Some(Duration::from_secs(300)),
            moderators: Some(vec![peer(3), peer(1), peer(3)]),
            ..RuleOptions::default()
        };
        let before =
            Terms { writers: Writers::Listed(Bounded::new(vec![peer(9)]).unwrap()), ..Terms::default() };
        let rules = options.apply(before.clone()).unwrap();
        assert_eq!(rules.limit, Some(Limit { cost: 1, window_ms: 300_000 }));
        assert_eq!(rules.moderators.to_vec(), [peer(1), peer(3)]);
        assert_eq!(rules.writers, before.writers);
        let overlay = Some(Choice::KGossip { nines: 5 });
        let sparse = RuleOptions { overlay, ..RuleOptions::default() }.apply(rules.clone()).unwrap();
        assert_eq!((sparse.overlay.as_str(), sparse.limit), ("k-gossip:5", rules.limit));
        assert_eq!(RuleOptions::default().apply(rules.clone()).unwrap(), rules);
    }

    #[test]
    fn rules_are_told_in_words_and_values() {
        let name = parse_name("Garden").unwrap();
        assert!(parse_name(&"x".repeat(65)).is_err());
        let rules = Terms { name, limit: Some(Limit { cost: 60, window_ms: 60_000 }), ..Terms::default() };
        let told = words(&rules, &[peer(1)]);
        assert!(told.starts_with("Name: Garden\n"), "{told}");
        assert!(told.contains("60 cells every 1m") && told.contains("Painters: everybody"), "{told}");
        assert!(told.contains(&peer(1).to_string()), "{told}");
        let value = value(&rules, &[], None);
        assert_eq!(value["limit"], json!({ "cells": 60, "window_ms": 60_000 }));
        assert_eq!((&value["painters"], &value["banned"]), (&Value::Null, &json!([])));
    }

    #[test]
    fn cooldowns_are_within_what_a_limit_can_be() {
        assert_eq!(parse_cooldown("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["50ms", "8days", "5"] {
            assert!(parse_cooldown(wrong).is_err(), "{wrong}");
        }
    }
}
