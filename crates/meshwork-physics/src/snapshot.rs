//! Snapshots of a world: its bodies and joints, in a form of our own.
//!
//! The engine can write itself, and what it writes is larger, differs by version, and reading it from a stranger would put
//! indices into the engine that nothing checks. So a snapshot is the list of all bodies and joints, and a restored world is built
//! from it by the same calls, with the same checks, as any other. It has no forces of the last step, with which the engine begins
//! the next one: all who share a world restore at the same step.

use meshwork_core::wire::{Bounded, decode, encode};
use serde::{Deserialize, Serialize};

use crate::VERSION;
use crate::body::{BODIES_MAX, Body, BodyId};
use crate::error::FormatError;
use crate::joint::{JOINTS_MAX, Joint, JointId};
use crate::world::{Settings, World};

/// Most bytes of a snapshot: somewhat above [`BODIES_MAX`] bodies of 110 bytes and [`JOINTS_MAX`] joints of 70.
pub const SNAPSHOT_MAX: usize = 2 << 20;
/// Bytes of a digest, and at the end of a snapshot.
pub const DIGEST_LEN: usize = 32;

/// The digest of a world or of bytes.
pub type Digest = [u8; DIGEST_LEN];

/// All of a world that a snapshot has.
#[derive(Serialize, Deserialize)]
struct Saved {
    settings: Settings,
    steps: u64,
    next: [u32; 2],
    bodies: Bounded<SavedBody, BODIES_MAX>,
    joints: Bounded<(JointId, Joint), JOINTS_MAX>,
}

/// A body, whether it is asleep, and the seconds for which it has been still.
#[derive(Serialize, Deserialize)]
struct SavedBody(BodyId, Body, (bool, f32));

/// The digest that a snapshot with these bytes, its version and its world, ends with.
pub fn digest_of(bytes: &[u8]) -> Digest {
    *blake3::hash(bytes).as_bytes()
}

impl World {
    /// The world as bytes: a version, the world, and the digest of both. At most [`SNAPSHOT_MAX`].
    pub fn snapshot(&self) -> Vec<u8> {
        let bodies = self.bodies.iter().map(|(id, held)| SavedBody(*id, self.now(held), self.rest(held)));
        let joints = self.joints.iter().map(|(id, (joint, _))| (*id, *joint));
        let saved = Saved {
            settings: self.settings,
            steps: self.steps,
            next: [self.next_body, self.next_joint],
            bodies: Bounded::new(bodies.collect()).expect("no world has more bodies"),
            joints: Bounded::new(joints.collect()).expect("no world has more joints"),
        };
        let mut bytes = vec![VERSION];
        bytes.extend(encode(&saved));
        let digest = digest_of(&bytes);
        bytes.extend(digest);
        bytes
    }

    /// The digest of the world: worlds with equal digests have equal snapshots.
    pub fn digest(&self) -> Digest {
        let snapshot = self.snapshot();
        let (_, digest) = snapshot.split_last_chunk().expect("a snapshot ends with its digest");
        *digest
    }

    /// Makes this world that of a snapshot.
    ///
    /// # Errors
    /// The bytes are no snapshot, were changed, or have a body or joint out of range. The world is as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        *self = World::read(bytes)?;
        Ok(())
    }

    /// The world of a snapshot.
    fn read(bytes: &[u8]) -> Result<World, FormatError> {
        if bytes.len() > SNAPSHOT_MAX {
            return Err(FormatError::TooLong { length: bytes.len(), most: SNAPSHOT_MAX });
        }
        match bytes.first() {
            Some(&VERSION) => {}
            other => return Err(FormatError::Version(other.copied().unwrap_or(0))),
        }
        let Some((written, digest)) =
            bytes.split_last_chunk::<DIGEST_LEN>().filter(|(rest, _)| !rest.is_empty())
        else {
            return Err(FormatError::Digest(bytes.len()));
        };
        if digest_of(written) != *digest {
            return Err(FormatError::Digest(bytes.len()));
        }
        let saved: Saved = decode(&written[1..])?;
        if encode(&saved) != written[1..] {
            return Err(FormatError::NotShortest(bytes.len()));
        }
        let mut world = World::new(saved.settings)?;
        (world.steps, [world.next_body, world.next_joint]) = (saved.steps, saved.next);
        let mut least = 0;
        for SavedBody(id, body, rest) in saved.bodies.iter() {
            least = follows(id.0, least, world.next_body)?;
            world.insert_body(*id, *body, Some(*rest))?;
        }
        least = 0;
        for (id, joint) in saved.joints.iter() {
            least = follows(id.0, least, world.next_joint)?;
            world.insert_joint(*id, *joint)?;
        }
        Ok(world)
    }
}

/// Checks that an id is at least `least` and below `next`. Returns the least of the following one.
fn follows(id: u32, least: u32, next: u32) -> Result<u32, FormatError> {
    if id < least || id >= next {
        return Err(FormatError::Order(id));
    }
    Ok(id + 1)
}
