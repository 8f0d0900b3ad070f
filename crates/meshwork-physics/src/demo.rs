//! A world to measure and to compare devices by: a heap of bodies with joints, from a seed.

use meshwork_core::rng::Rng;

use crate::body::{Body, BodyId, Kind, Motion, Shape};
use crate::error::PhysicsError;
use crate::joint::{Hold, Joint};
use crate::world::World;

/// Bodies of [`demo_world`], floor and walls included.
pub const DEMO_BODIES: usize = 200;
/// Bodies between two chains.
const CHAIN: usize = 20;

/// A floor with walls, and bodies of all shapes above it, some of them in chains. Equal seeds give equal worlds.
///
/// # Errors
/// None that happens: all bodies are in range.
pub fn demo_world(seed: u64) -> Result<World, PhysicsError> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = Rng::new(bytes);
    let mut world = World::default();
    let fixed = |half, position| Body {
        kind: Kind::Fixed,
        shape: Shape::Box(half),
        motion: Motion { position, ..Motion::default() },
        ..Body::default()
    };
    world.add_body(fixed([8.0, 0.5, 8.0], [0.0, -0.5, 0.0]))?;
    for (x, z) in [(8.5, 0.0), (-8.5, 0.0), (0.0, 8.5), (0.0, -8.5)] {
        let half = if x == 0.0 { [8.0, 4.0, 0.5] } else { [0.5, 4.0, 8.0] };
        world.add_body(fixed(half, [x, 4.0, z]))?;
    }
    while world.bodies().len() < DEMO_BODIES {
        let number = world.bodies().len();
        let body = drawn(&mut rng, number);
        let id = world.add_body(body)?;
        if number % CHAIN > CHAIN / 2 {
            let bodies = [BodyId(id.0 - 1), id];
            let anchors = [[0.0, 0.6, 0.0], [0.0, -0.6, 0.0]];
            world.add_joint(Joint { bodies, anchors, hold: Hold::Ball, touches: false })?;
        }
    }
    Ok(world)
}

/// A body some metres above the floor.
fn drawn(rng: &mut Rng, number: usize) -> Body {
    let mut between = |least: f32, most: f32| least + (most - least) * rng.below(1 << 16) as f32 / 65536.0;
    let shape = match number % 4 {
        0 => Shape::Ball(between(0.2, 0.6)),
        1 => Shape::Box([between(0.2, 0.6), between(0.2, 0.6), between(0.2, 0.6)]),
        2 => Shape::Capsule(between(0.2, 0.4), between(0.2, 0.4)),
        _ => Shape::Cylinder(between(0.2, 0.5), between(0.2, 0.5)),
    };
    let position = [between(-5.0, 5.0), 1.0 + 0.12 * number as f32, between(-5.0, 5.0)];
    let velocity = [between(-3.0, 3.0), between(-3.0, 3.0), between(-3.0, 3.0)];
    let motion = Motion { position, velocity, ..Motion::default() };
    Body {
        shape,
        mass: between(0.5, 5.0),
        bounce: between(0.0, 0.6),
        friction: between(0.1, 1.0),
        motion,
        ..Body::default()
    }
}
