//! Guests: peers of LSNP, by the names that they give themselves.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use meshwork_core::text::shown;
use meshwork_core::time::Time;

use super::frame::{Framing, fit};

/// Guests at once.
pub const GUESTS_MAX: usize = 256;
/// Guests of one address.
pub const OF_ADDRESS_MAX: usize = 16;
/// Ids of messages that are remembered of each guest.
pub(super) const IDS_MAX: usize = 64;
/// Longest name in a user id, in bytes.
pub(super) const NAME_MAX: usize = 64;
/// Longest id of a message that is read, in bytes.
pub(super) const ID_MAX: usize = 64;

/// `name@ip`. Two users of one name on one machine have the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UserId {
    name: String,
    ip: Ipv4Addr,
}

/// A text that is no user id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no user id: write name@ip, as LIST shows it")]
pub struct NoUserId(pub String);

impl UserId {
    /// The id of a user; characters that LSNP cannot carry in a name become `_`.
    pub fn new(name: &str, ip: Ipv4Addr) -> UserId {
        let name = fit(name, NAME_MAX)
            .replace(|letter: char| letter.is_whitespace() || "@|,:".contains(letter), "_");
        UserId { name: if name.is_empty() { "guest".to_owned() } else { name }, ip }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that the id names.
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.ip)
    }
}

impl FromStr for UserId {
    type Err = NoUserId;

    /// Refuses names with characters that nobody sees, so that no two ids look alike.
    fn from_str(text: &str) -> Result<UserId, NoUserId> {
        let error = || NoUserId(fit(text, NAME_MAX));
        let (name, ip) = text.rsplit_once('@').ok_or_else(error)?;
        let is_fit =
            !name.is_empty() && name.len() <= NAME_MAX && !name.contains(['|', ',']) && shown(name) == name;
        let ip = ip.parse().map_err(|_| error())?;
        if is_fit { Ok(UserId { name: name.to_owned(), ip }) } else { Err(error()) }
    }
}

/// The messages that a guest understands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dialect {
    /// Unspaced, without tokens.
    A,
    /// Unspaced, with tokens and followers.
    B,
    /// Spaced, as the course describes it.
    Course,
}

impl Dialect {
    pub(super) fn framing(self) -> Framing {
        if self == Dialect::Course { Framing::Spaced } else { Framing::Unspaced }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialect::A => "A",
            Dialect::B => "B",
            Dialect::Course => "spaced",
        })
    }
}

/// A picture, as it is on the wire. A received one is a claim: check it before anything decodes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avatar {
    /// The MIME type that the guest claims.
    pub kind: String,
    /// Base64.
    pub data: String,
}

/// The profile of a guest, or ours for guests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestProfile {
    /// The name to show, at most 64 bytes.
    pub name: String,
    /// The status, at most 280 bytes.
    pub status: String,
    /// The picture. [`Guest::profile`] has none, since it is only in the event.
    pub avatar: Option<Avatar>,
}

/// A peer of LSNP. Nothing about it is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its user id.
    pub id: UserId,
    /// The address for messages to it.
    pub address: SocketAddr,
    /// The messages that it understands.
    pub dialect: Dialect,
    /// When it was last heard.
    pub heard: Time,
    /// Its profile, without the picture.
    pub profile: Option<GuestProfile>,
    /// Whether it follows us.
    pub follows_us: bool,
    /// Whether we follow it.
    pub is_followed: bool,
    /// Our last FOLLOW or UNFOLLOW, until it answers.
    pub(super) asked: Option<bool>,
    ids: VecDeque<String>,
}

impl Guest {
    pub(super) fn new(id: UserId, address: SocketAddr, dialect: Dialect, heard: Time) -> Guest {
        let (profile, ids) = (None, VecDeque::new());
        Guest {
            id,
            address,
            dialect,
            heard,
            profile,
            follows_us: false,
            is_followed: false,
            asked: None,
            ids,
        }
    }

    /// Remembers the id of a message. False if it was known.
    pub(super) fn is_new(&mut self, id: &str) -> bool {
        if self.ids.iter().any(|known| known == id) {
            return false;
        }
        if self.ids.len() == IDS_MAX {
            self.ids.pop_front();
        }
        self.ids.push_back(id.to_owned());
        true
    }
}

/// The table of guests.
#[derive(Debug, Default)]
pub(super) struct Guests(BTreeMap<UserId, Guest>);

impl Guests {
    pub(super) fn get_mut(&mut self, id: &UserId) -> Option<&mut Guest> {
        self.0.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Guest> {
        self.0.values()
    }

    pub(super) fn remove(&mut self, id: &UserId) -> Option<Guest> {
        self.0.remove(id)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a guest. Returns the one that made room for it.
    pub(super) fn add(&mut self, guest: Guest) -> Option<UserId> {
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for other in self.0.values() {
            *counts.entry(other.address.ip()).or_default() += 1;
        }
        let ip = guest.address.ip();
        let heaviest = if counts.get(&ip).is_some_and(|count| *count >= OF_ADDRESS_MAX) {
            Some(ip)
        } else if self.0.len() >= GUESTS_MAX {
            counts.into_iter().max_by_key(|(_, count)| *count).map(|(ip, _)| ip)
        } else {
            None
        };
        let evicted = heaviest.and_then(|ip| {
            let of_it = self.0.values().filter(|other| other.address.ip() == ip);
            of_it.min_by_key(|other| other.heard).map(|other| other.id.clone())
        });
        if let Some(evicted) = &evicted {
            self.0.remove(evicted);
        }
        self.0.insert(guest.id.clone(), guest);
        evicted
    }

    /// The next time at which a guest is gone.
    pub(super) fn next_gone(&self, timeout: Duration) -> Option<Time> {
        self.0.values().map(|guest| guest.heard + timeout).min()
    }

    /// Removes the guests for which `is_gone` holds.
    pub(super) fn take(&mut self, is_gone: impl Fn(&Guest) -> bool) -> Vec<UserId> {
        let gone: Vec<UserId> =
            self.0.values().filter(|guest| is_gone(guest)).map(|guest| guest.id.clone()).collect();
        for id in &gone {
            self.0.remove(id);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(number: u32, last: u8, heard: u64) -> Guest {
        let ip = Ipv4Addr::new(10, 0, (number >> 8) as u8, last);
        Guest::new(UserId::new(&format!("g{number}"), ip), (ip, 8000).into(), Dialect::A, Time(heard))
    }

    #[test]
    fn user_ids_are_read_as_written() {
        let id: UserId = "a@b@10.0.0.7".parse().expect("an id");
        assert_eq!(
            (id.name(), id.ip(), id.to_string()),
            ("a@b", [10, 0, 0, 7].into(), "a@b@10.0.0.7".to_owned())
        );
        for wrong in ["ann", "@10.0.0.7", "ann@10.0.0", "a|b@10.0.0.7", "a\u{200b}@10.0.0.7", "ann@::1"] {
            assert!(wrong.parse::<UserId>().is_err(), "{wrong}");
        }
        assert_eq!(UserId::new(" Ann|K\n@x ", [1, 2, 3, 4].into()).to_string(), "Ann_K_x@1.2.3.4");
        assert_eq!(UserId::new("\u{200b}", [1, 2, 3, 4].into()).name(), "guest");
    }

    #[test]
    fn heaviest_address_loses_its_longest_silent() {
        let mut guests = Guests::default();
        for number in 0..GUESTS_MAX as u32 {
            let last = if number < 10 { 1 } else { number as u8 };
            assert_eq!(guests.add(guest(number, last, 1000 - u64::from(number))), None);
        }
        let evicted = guests.add(guest(300, 9, 5000)).expect("a full table");
        assert_eq!((evicted.name(), guests.iter().count()), ("g9", GUESTS_MAX));
        let mut one = Guests::default();
        let evicted: Vec<_> =
            (0..20).filter_map(|number| one.add(guest(number, 1, u64::from(number)))).collect();
        assert_eq!((evicted.len(), one.iter().count(), evicted[0].name()), (4, OF_ADDRESS_MAX, "g0"));
    }
}
