//! `place rules`, `place ban` and `place erase`: decisions of an owner or a moderator about a room.

use std::time::Duration;

use clap::Args;
use meshwork::{Erase, Link, Overlay, PeerId, Region, RuleError, Terms, Writers};
use meshwork_core::signed::change::NAME_MAX;
use serde_json::{Value, json};

use super::values::{self, Position};
use super::{Common, counted};
use crate::duration;
use crate::exit::Failure;
use crate::room::{held_by, in_room, wait_for_holders};
use crate::style;

/// The rules that can be set.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct RuleOptions {
    /// The room's name; empty for none.
    #[arg(long, value_name = "TEXT", value_parser = parse_name)]
    name: Option<String>,
    /// Cells that each program may paint in a minute.
    #[arg(long, value_name = "N", conflicts_with = "cooldown", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cells_per_minute: Option<u32>,
    /// One cell in each stretch of this length, such as 5s or 5m.
    #[arg(long, value_name = "DURATION", value_parser = parse_cooldown)]
    cooldown: Option<Duration>,
    /// The peers, by key, that may paint besides the owner. Others can watch.
    #[arg(long, value_name = "PEER,..", value_delimiter = ',', allow_hyphen_values = true)]
    painters: Option<Vec<PeerId>>,
    /// The peers, by key, that may ban and erase besides the owner.
    #[arg(long, value_name = "PEER,..", value_delimiter = ',', allow_hyphen_values = true)]
    moderators: Option<Vec<PeerId>>,
    /// The links that members keep: auto (a full mesh up to 8 members, emergent beyond), full-mesh,
    /// k-gossip, k-gossip:NINES, tree or emergent.
    #[arg(long, value_name = "KIND")]
    overlay: Option<Overlay>,
}

// Keys are base64url, so that one in 64 begins with a hyphen.

/// Arguments of `place rules`.
#[derive(Args)]
pub(crate) struct RulesArguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    #[command(flatten)]
    options: RuleOptions,
    /// Remove the limit of painting.
    #[arg(long, conflicts_with_all = ["cells_per_minute", "cooldown"])]
    no_limit: bool,
    /// Everybody in the room may paint.
    #[arg(long, conflicts_with = "painters")]
    everybody: bool,
    /// Only the owner may ban and erase.
    #[arg(long, conflicts_with = "moderators")]
    no_moderators: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Arguments of `place ban`.
#[derive(Args)]
pub(crate) struct BanArguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    /// The peer, by key. Its cells stay.
    #[arg(value_name = "PEER", allow_hyphen_values = true)]
    peer: PeerId,
    /// Erase its cells, too.
    #[arg(long)]
    erase: bool,
    /// Lift the ban instead.
    #[arg(long, conflicts_with = "erase")]
    lift: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Arguments of `place erase`.
#[derive(Args)]
pub(crate) struct EraseArguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    /// The upper left cell of the area to erase.
    #[arg(long, value_name = "X,Y", requires = "size")]
    at: Option<Position>,
    /// Columns and rows of the area to erase.
    #[arg(long, value_name = "WxH", requires = "at", value_parser = values::parse_size)]
    size: Option<meshwork_place::canvas::CanvasSize>,
    /// The peer, by key, whose cells are erased; without it everybody's.
    #[arg(long, value_name = "PEER", allow_hyphen_values = true)]
    by: Option<PeerId>,
    /// Erase the whole canvas.
    #[arg(long, conflicts_with_all = ["at", "by"], required_unless_present_any = ["at", "by"])]
    all: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

impl RuleOptions {
    /// Whether the arguments set a rule.
    pub(super) fn is_any(&self) -> bool {
        let limit = self.cells_per_minute.is_some() || self.cooldown.is_some();
        limit
            || self.name.is_some()
            || self.painters.is_some()
            || self.moderators.is_some()
            || self.overlay.is_some()
    }

    /// `rules` with the changes of the arguments.
    pub(super) fn apply(&self, mut rules: Terms) -> Terms {
        if let Some(name) = &self.name {
            rules.name = name.clone();
        }
        if let Some(cells) = self.cells_per_minute {
            rules.limit = Some((cells, Duration::from_secs(60)));
        }
        if let Some(cooldown) = self.cooldown {
            rules.limit = Some((1, cooldown));
        }
        if let Some(painters) = &self.painters {
            rules.writers = Writers::Listed(painters.clone());
        }
        if let Some(moderators) = &self.moderators {
            rules.moderators = moderators.clone();
        }
        rules.overlay = self.overlay.unwrap_or(rules.overlay);
        rules
    }
}

/// Runs `place rules`.
pub(super) async fn rules(arguments: RulesArguments) -> Result<(), Failure> {
    let RulesArguments { link, options, no_limit, everybody, no_moderators, common } = arguments;
    let changes = options.is_any() || no_limit || everybody || no_moderators;
    let found = in_room(&common, &link, async |attempt, room| {
        let mut rules = room.rules().terms().await?.unwrap_or_default();
        let mut holders = None;
        if changes {
            rules = options.apply(rules);
            rules.limit = rules.limit.filter(|_| !no_limit);
            if everybody {
                rules.writers = Writers::Everybody;
            }
            if no_moderators {
                rules.moderators.clear();
            }
            room.rules().set(rules).await?;
            holders = Some(wait_for_holders(attempt, room).await?);
            rules = room.rules().terms().await?.unwrap_or_default();
        }
        Ok((rules, room.rules().banned().await?, holders))
    });
    let (rules, banned, holders) = found.await?;
    common.tell(&words(&rules, &banned), &value(&rules, &banned, holders))?;
    if let Some(holders) = holders {
        style::note(held_by(holders, "these rules"));
    }
    Ok(())
}

/// Gives a room another overlay if we may, and waits until a member has it. Returns whether we may.
pub(super) async fn choose_overlay(common: &Common, link: Link, overlay: Overlay) -> Result<bool, Failure> {
    let options = RuleOptions { overlay: Some(overlay), ..RuleOptions::default() };
    let chosen = in_room(common, &link, async |attempt, room| {
        let rules = options.apply(room.rules().terms().await?.unwrap_or_default());
        match room.rules().set(rules).await {
            Ok(()) => wait_for_holders(attempt, room).await.map(|_| true),
            Err(RuleError::NotAllowed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    });
    chosen.await
}

/// Runs `place ban`.
pub(super) async fn ban(arguments: BanArguments) -> Result<(), Failure> {
    let BanArguments { link, peer, erase, lift, common } = arguments;
    let banned = in_room(&common, &link, async |attempt, room| {
        match lift {
            true => room.rules().unban(peer).await?,
            false => room.rules().ban(peer).await?,
        }
        if erase {
            room.canvas().erase(Erase { author: Some(peer), region: None }).await?;
        }
        wait_for_holders(attempt, room).await
    });
    let holders = banned.await?;
    let what = if lift { "can paint again" } else { "is banned" };
    let words = format!("{} {what}. {}", peer.short(), held_by(holders, "this"));
    common.tell(&words, &json!({ "peer": peer.to_string(), "banned": !lift, "known_by": holders }))
}

/// Runs `place erase`.
pub(super) async fn erase(arguments: EraseArguments) -> Result<(), Failure> {
    let EraseArguments { link, at, size, by, all: _, common } = arguments;
    let region = at.zip(size).map(|(at, size)| {
        let (width, height) = (size.width, size.height);
        Region { x: at.x, y: at.y, width, height }
    });
    let erased = in_room(&common, &link, async |attempt, room| {
        room.canvas().erase(Erase { author: by, region }).await?;
        wait_for_holders(attempt, room).await
    });
    let holders = erased.await?;
    let words = format!("Erased all cells up to now. {}", held_by(holders, "this"));
    common.tell(&words, &json!({ "known_by": holders }))
}

fn parse_cooldown(text: &str) -> Result<Duration, String> {
    let cooldown = duration::parse(text)?;
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    let legal = Duration::from_millis(100)..=week;
    if legal.contains(&cooldown) { Ok(cooldown) } else { Err(String::from("a cooldown is 100ms to 7days")) }
}

fn parse_name(text: &str) -> Result<String, String> {
    match text.len() {
        0..=NAME_MAX => Ok(String::from(text)),
        _ => Err(format!("a name has at most {NAME_MAX} bytes")),
    }
}

fn words(rules: &Terms, banned: &[PeerId]) -> String {
    let limit = rules.limit.map_or(String::from("as fast as one can"), |(cost, window)| {
        format!("{} every {}", counted(cost as usize, "cell"), duration::format(window))
    });
    let named = |peers: &[PeerId]| {
        let names: Vec<String> = peers.iter().map(PeerId::to_string).collect();
        names.join(" ")
    };
    let painters = match &rules.writers {
        Writers::Everybody => String::from("everybody"),
        Writers::Listed(painters) => format!("the owner {}", named(painters)),
        _ => String::from("the owner, and whoever has the link to edit"),
    };
    let name = match rules.name.as_str() {
        "" => String::new(),
        name => format!("Name: {name}\n"),
    };
    format!(
        "{name}Painting: {limit}\nPainters: {}\nModerators: the owner {}\nOverlay: {}\nBanned: {}",
        painters.trim_end(),
        named(&rules.moderators),
        rules.overlay,
        if banned.is_empty() { String::from("nobody") } else { named(banned) }
    )
}

fn value(rules: &Terms, banned: &[PeerId], holders: Option<usize>) -> Value {
    let named = |peers: &[PeerId]| peers.iter().map(PeerId::to_string).collect::<Vec<_>>();
    let limit =
        |(cost, window): (u32, Duration)| json!({ "cells": cost, "window_ms": window.as_millis() as u64 });
    let painters = match &rules.writers {
        Writers::Listed(painters) => Some(named(painters)),
        _ => None,
    };
    json!({
        "name": rules.name.as_str(),
        "limit": rules.limit.map(limit),
        "painters": painters,
        "moderators": named(&rules.moderators),
        "overlay": rules.overlay.to_string(),
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
    fn keys_beginning_with_a_hyphen_are_no_flags() {
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
            moderators: Some(vec![peer(3), peer(1)]),
            ..RuleOptions::default()
        };
        let mut before = Terms::default();
        before.writers = Writers::Listed(vec![peer(9)]);
        let rules = options.apply(before.clone());
        assert_eq!(rules.limit, Some((1, Duration::from_secs(300))));
        assert_eq!(rules.moderators, [peer(3), peer(1)]);
        assert_eq!(rules.writers, before.writers);
        let overlay = Overlay::KGossip { nines: 5 };
        let sparse = RuleOptions { overlay: Some(overlay), ..RuleOptions::default() }.apply(rules.clone());
        assert_eq!((sparse.overlay, sparse.limit), (overlay, rules.limit));
        assert_eq!(RuleOptions::default().apply(rules.clone()), rules);
    }

    #[test]
    fn rules_are_told_in_words_and_values() {
        let name = parse_name("Garden").unwrap();
        assert!(parse_name(&"x".repeat(65)).is_err());
        let mut rules = Terms::default();
        (rules.name, rules.limit) = (name, Some((60, Duration::from_secs(60))));
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
