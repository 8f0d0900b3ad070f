//! What is said of presence, and its bytes: docs/protocol/presence.md.

use crate::seam::presence::State;

/// Bytes of a datagram after its kind.
const LENGTH: usize = 17;
/// Set where there is a state.
const IS_THERE: u8 = 1;

/// One datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The sender's number for the room on this link.
    pub room: u32,
    /// Grows with each change of what the sender says of itself in this room, from 1.
    pub sequence: u32,
    /// What it says of itself; `None` for nothing.
    pub state: Option<State>,
}

/// A datagram is longer or shorter than it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("presence in {0} bytes instead of {LENGTH}")]
pub struct PresentedError(pub usize);

impl Presented {
    /// The datagram's kind on the unreliable channel.
    pub const KIND: u8 = 4;

    /// The datagram, its kind included.
    pub fn encode(&self) -> [u8; 1 + LENGTH] {
        let mut bytes = [0; 1 + LENGTH];
        bytes[0] = Presented::KIND;
        bytes[1..5].copy_from_slice(&self.room.to_be_bytes());
        bytes[5..9].copy_from_slice(&self.sequence.to_be_bytes());
        if let Some(State(state)) = self.state {
            bytes[9..].copy_from_slice(&state);
            bytes[9] |= IS_THERE;
        }
        bytes
    }

    /// Reads what stands after the kind.
    ///
    /// # Errors
    /// [`PresentedError`]: nothing of it counts.
    pub fn decode(bytes: &[u8]) -> Result<Presented, PresentedError> {
        let bytes = <&[u8; LENGTH]>::try_from(bytes).map_err(|_| PresentedError(bytes.len()))?;
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let state = <[u8; 9]>::try_from(&bytes[8..]).ok().filter(|state| state[0] & IS_THERE != 0).map(State);
        Ok(Presented { room: word(0), sequence: word(4), state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_read_as_they_are_written() {
        for state in [Some(State([3, 1, 2, 3, 4, 5, 6, 7, 8])), None] {
            let presented = Presented { room: 3, sequence: 300, state };
            assert_eq!(Presented::decode(&presented.encode()[1..]), Ok(presented));
        }
    }

    #[test]
    fn datagrams_of_another_length_are_refused() {
        assert_eq!(Presented::decode(&[]), Err(PresentedError(0)));
        assert_eq!(Presented::decode(&[0; 18]), Err(PresentedError(18)));
    }
}
