//! Presence of a member in a party: at most 64 bytes.

use serde::{Deserialize, Serialize};

/// What a member is in its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// In no line.
    #[default]
    Outside,
    /// In a line, and watches.
    Watcher,
    /// Has a seat and follows a host.
    Player,
    /// Has a seat and searches for a host.
    Asking,
    /// Is host.
    Host,
}

/// The presence of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// The version of its packets.
    pub version: u16,
    /// The first bytes of the party's package.
    pub package: [u8; 8],
    /// The line, 0 for none.
    pub line: u32,
    /// The term whose host is followed.
    pub term: u32,
    /// The instance of the followed host.
    pub host: u64,
    /// The role.
    pub role: Role,
    /// Of a host: seats that follow it now.
    pub seats: u8,
    /// The own seat.
    pub slot: Option<u8>,
    /// Whether it can host.
    pub can_host: bool,
    /// Whether nobody sees its page.
    pub hidden: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_core::wire;

    #[test]
    fn presence_fits_its_limit() {
        let largest = Present {
            version: u16::MAX,
            package: [255; 8],
            line: u32::MAX,
            term: u32::MAX,
            host: u64::MAX,
            role: Role::Host,
            seats: 255,
            slot: Some(255),
            can_host: true,
            hidden: true,
        };
        let bytes = wire::encode(&largest);
        assert!(bytes.len() <= 64, "{} bytes", bytes.len());
        assert_eq!(wire::decode::<Present>(&bytes), Ok(largest));
    }
}
