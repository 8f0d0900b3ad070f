//! What an endpoint says of itself now.

/// What an app's endpoint says of itself: the app knows what it means. The lowest bit of the first byte is set, which
/// tells it from nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(pub [u8; 9]);
