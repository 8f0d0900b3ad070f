//! Which overlay a room of a schedule has, and how many come.

use meshwork_core::rng::Rng;

use super::draw::PEOPLE_MAX;

/// The overlay that half of the rooms have: everybody is linked to everybody, so the most can be asked of it.
pub(super) const FULL_MESH: &str = "full-mesh";
/// What the others have, one of them; empty for the one that fits.
const OVERLAYS: [&str; 4] = ["", "k-gossip:3", "tree", "emergent"];
/// One in so many rooms is large: one of forty people costs as much as a hundred of eight.
const LARGE_ONE_IN: u64 = 32;
/// Most people in a large full mesh, which has no place for more than 24, the hostile and the returning included.
const MESH_MAX: usize = 20;
/// And in another large room.
const LARGE_MAX: usize = 40;

/// The overlay of the room with this seed, and how many people come at once where it is large. It has chances of its
/// own, so that it changes nothing of what happens in a room.
pub(super) fn draw(seed: u64) -> (&'static str, Option<usize>) {
    let mut bytes = [3; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = Rng::new(bytes);
    let overlay = match rng.below(2) {
        0 => FULL_MESH,
        _ => OVERLAYS[rng.below(OVERLAYS.len() as u64) as usize],
    };
    let most = if overlay == FULL_MESH { MESH_MAX } else { LARGE_MAX };
    let people = PEOPLE_MAX + 1 + rng.below((most - PEOPLE_MAX) as u64) as usize;
    (overlay, (rng.below(LARGE_ONE_IN) == 0).then_some(people))
}
