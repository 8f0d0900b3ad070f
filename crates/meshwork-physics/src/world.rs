//! A world of rigid bodies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use rapier3d::math::{Pose, Rotation as Quaternion, Vector as Triple};
use rapier3d::prelude::{
    ActiveEvents, Collider, ColliderBuilder, ColliderHandle, ColliderSet, CollisionEvent, ContactPair,
    EventHandler, FixedJointBuilder, GenericJoint, ImpulseJointHandle, LockedAxes, PhysicsWorld,
    PrismaticJointBuilder, Real, RevoluteJointBuilder, RigidBody, RigidBodyBuilder, RigidBodyHandle,
    RigidBodySet, RigidBodyType, RopeJointBuilder, SharedShape, SoftBodySet, SoftBodyTearEvent,
    SphericalJointBuilder, SpringJointBuilder,
};
use serde::{Deserialize, Serialize};

use crate::body::{
    BODIES_MAX, Body, BodyId, BodyState, IMPULSE_MAX, Kind, Motion, SPACE, SPEED_MAX, SPIN_MAX, Shape,
    Vector, flat,
};
use crate::error::{PhysicsError, vector, within};
use crate::joint::{Hold, JOINTS_MAX, Joint, JointId};

/// Most touches that one step reports: two for each body in a pile. More are counted.
pub const TOUCHES_MAX: usize = 4 * BODIES_MAX;
/// The greatest gravity along an axis, in metres per second squared.
pub const GRAVITY_MAX: f32 = 1000.0;
/// The engine's own limit of speed. Ours is lower, so that a step can report it.
const ENGINE_SPEED_MAX: f32 = 1000.0;
/// Stillness beyond this many seconds makes no difference: the engine puts bodies to sleep after half a second.
const STILL_MAX: f32 = 1.0;

/// The settings of a world.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Metres per second squared: at most [`GRAVITY_MAX`] along each axis.
    pub gravity: Vector,
    /// Seconds of a step: a thousandth to a tenth.
    pub time_step: f32,
    /// The parts in which a step is computed, 1 to 16.
    pub substeps: u8,
    /// All bodies stay in the plane of x and y and turn about z alone.
    pub is_flat: bool,
}

impl Default for Settings {
    /// The gravity of the earth, along y, and 60 steps a second.
    fn default() -> Settings {
        Settings { gravity: [0.0, -9.81, 0.0], time_step: 1.0 / 60.0, substeps: 1, is_flat: false }
    }
}

impl Settings {
    fn check(&self) -> Result<(), PhysicsError> {
        vector("gravity", self.gravity, GRAVITY_MAX)?;
        within("the time of a step", self.time_step, 0.001, 0.1)?;
        within("substeps", self.substeps.into(), 1.0, 16.0)?;
        if self.is_flat { flat("gravity", &self.gravity[2..]) } else { Ok(()) }
    }
}

/// Everything that a step did besides moving bodies, in the order of bodies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Bodies that began or ceased to touch.
    pub touches: Vec<Touch>,
    /// Touches beyond [`TOUCHES_MAX`], which are not in the list.
    pub more_touches: u64,
    /// Bodies that the world removed.
    pub removed: Vec<(BodyId, Removal)>,
    /// Bodies that were faster than [`SPEED_MAX`] or [`SPIN_MAX`], and were slowed to it.
    pub slowed: Vec<BodyId>,
}

/// Two bodies began or ceased to touch. In a restored world, those that touched before begin once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// The bodies, the lesser first.
    pub bodies: [BodyId; 2],
    /// They began to touch.
    pub begins: bool,
}

/// The reason that a world removed a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It left the world's space: [`SPACE`].
    Left,
    /// Its motion could not be computed.
    Broken,
}

/// Rigid bodies, their joints, and the way they move.
///
/// Equal calls in equal order give equal worlds on every device. A [restored](World::restore) world has forgotten the forces
/// between touching bodies: it goes its own way, the same for all who restore that snapshot.
///
/// ```
/// use meshwork_physics::{Body, World};
///
/// let mut world = World::default();
/// let ball = world.add_body(Body::default())?;
/// for _ in 0..60 {
///     world.step();
/// }
/// let fallen = world.body(ball)?.body.motion.position[1];
/// assert!((-5.2..-4.7).contains(&fallen));
/// # Ok::<(), meshwork_physics::PhysicsError>(())
/// ```
pub struct World {
    pub(crate) settings: Settings,
    pub(crate) steps: u64,
    pub(crate) next_body: u32,
    pub(crate) next_joint: u32,
    pub(crate) bodies: BTreeMap<BodyId, Held>,
    pub(crate) joints: BTreeMap<JointId, (Joint, ImpulseJointHandle)>,
    engine: Box<PhysicsWorld>,
}

/// A body's properties, and the engine's body.
pub(crate) struct Held {
    body: Body,
    handle: RigidBodyHandle,
    joints: BTreeSet<JointId>,
}

impl Default for World {
    fn default() -> World {
        World::new(Settings::default()).expect("the default settings are in range")
    }
}

impl core::fmt::Debug for World {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (bodies, joints) = (self.bodies.len(), self.joints.len());
        write!(out, "World {{ {bodies} bodies, {joints} joints, {} steps }}", self.steps)
    }
}

impl World {
    /// An empty world.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn new(settings: Settings) -> Result<World, PhysicsError> {
        settings.check()?;
        let mut engine = Box::new(PhysicsWorld::new());
        engine.gravity = triple(settings.gravity);
        engine.integration_parameters.dt = settings.time_step / f32::from(settings.substeps);
        engine.integration_parameters.normalized_max_linear_velocity = ENGINE_SPEED_MAX;
        let (bodies, joints) = (BTreeMap::new(), BTreeMap::new());
        Ok(World { settings, steps: 0, next_body: 0, next_joint: 0, bodies, joints, engine })
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Steps since the world began, snapshots included.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Changes gravity, and wakes all bodies.
    ///
    /// # Errors
    /// It is out of range. The world is as it was.
    pub fn set_gravity(&mut self, gravity: Vector) -> Result<(), PhysicsError> {
        let settings = Settings { gravity, ..self.settings };
        settings.check()?;
        self.settings = settings;
        self.engine.gravity = triple(gravity);
        self.engine.wake_up_all(true);
        Ok(())
    }

    /// Adds a body.
    ///
    /// # Errors
    /// A property is out of range, or the world has [`BODIES_MAX`] bodies. The world is as it was.
    pub fn add_body(&mut self, body: Body) -> Result<BodyId, PhysicsError> {
        let id = BodyId(self.next_body);
        self.insert_body(id, body, None)?;
        self.next_body += 1;
        Ok(id)
    }

    /// Adds a body with this id, asleep or awake. `rest` is that of [`World::rest`].
    pub(crate) fn insert_body(
        &mut self,
        id: BodyId,
        body: Body,
        rest: Option<(bool, f32)>,
    ) -> Result<(), PhysicsError> {
        body.check(self.settings.is_flat)?;
        if self.bodies.len() >= BODIES_MAX || id.0 == u32::MAX {
            return Err(PhysicsError::TooManyBodies(self.bodies.len()));
        }
        let mut made = rigid(&body, self.settings.is_flat);
        if let Some((is_asleep, still)) = rest {
            within("the time of stillness", still, 0.0, STILL_MAX)?;
            let activation = made.activation_mut();
            (activation.sleeping, activation.time_since_can_sleep) = (is_asleep, still);
        }
        made.user_data = id.0.into();
        let (handle, _) = self.engine.insert(made, collider(&body, id));
        self.bodies.insert(id, Held { body, handle, joints: BTreeSet::new() });
        Ok(())
    }

    /// Removes a body and its joints.
    ///
    /// # Errors
    /// The world has no such body.
    pub fn remove_body(&mut self, id: BodyId) -> Result<(), PhysicsError> {
        let held = self.bodies.remove(&id).ok_or(PhysicsError::UnknownBody(id))?;
        for joint in held.joints {
            self.remove_joint(joint)?;
        }
        self.engine.remove_body(held.handle);
        Ok(())
    }

    /// A body as it is now.
    ///
    /// # Errors
    /// The world has no such body.
    pub fn body(&self, id: BodyId) -> Result<BodyState, PhysicsError> {
        let held = self.held(id)?;
        let rigid = &self.engine.bodies[held.handle];
        Ok(BodyState { body: Body { motion: motion(rigid), ..held.body }, is_asleep: rigid.is_sleeping() })
    }

    /// All bodies, by id.
    pub fn bodies(&self) -> impl ExactSizeIterator<Item = (BodyId, BodyState)> {
        self.bodies.iter().map(|(id, held)| {
            let rigid = &self.engine.bodies[held.handle];
            let body = Body { motion: motion(rigid), ..held.body };
            (*id, BodyState { body, is_asleep: rigid.is_sleeping() })
        })
    }

    /// Puts a body somewhere else, with another velocity.
    ///
    /// # Errors
    /// The world has no such body, or the motion is out of range. The world is as it was.
    pub fn place(&mut self, id: BodyId, motion: Motion) -> Result<(), PhysicsError> {
        motion.check(self.settings.is_flat)?;
        let handle = self.held(id)?.handle;
        let rigid = &mut self.engine.bodies[handle];
        rigid.set_position(pose(&motion), true);
        rigid.set_linvel(triple(motion.velocity), true);
        rigid.set_angvel(triple(motion.spin), true);
        Ok(())
    }

    /// Pushes a dynamic body at a point of the world, or at its middle. Other bodies do not move.
    ///
    /// # Errors
    /// The world has no such body, or the impulse, in newton seconds, is beyond [`IMPULSE_MAX`]. The world is as it was.
    pub fn push(&mut self, id: BodyId, impulse: Vector, at: Option<Vector>) -> Result<(), PhysicsError> {
        vector("impulse", impulse, IMPULSE_MAX)?;
        at.map_or(Ok(()), |at| vector("the point", at, SPACE))?;
        if self.settings.is_flat {
            flat("impulse", &impulse[2..])?;
        }
        let handle = self.held(id)?.handle;
        let rigid = &mut self.engine.bodies[handle];
        match at {
            Some(at) => rigid.apply_impulse_at_point(triple(impulse), triple(at), true),
            None => rigid.apply_impulse(triple(impulse), true),
        }
        slow(rigid);
        Ok(())
    }

    /// Adds a joint.
    ///
    /// # Errors
    /// The world has no such body or [`JOINTS_MAX`] joints, or a number is out of range. The world is as it was.
    pub fn add_joint(&mut self, joint: Joint) -> Result<JointId, PhysicsError> {
        let id = JointId(self.next_joint);
        self.insert_joint(id, joint)?;
        self.next_joint += 1;
        Ok(id)
    }

    pub(crate) fn insert_joint(&mut self, id: JointId, joint: Joint) -> Result<(), PhysicsError> {
        joint.check()?;
        let [one, other] = [self.held(joint.bodies[0])?.handle, self.held(joint.bodies[1])?.handle];
        if self.joints.len() >= JOINTS_MAX || id.0 == u32::MAX {
            return Err(PhysicsError::TooManyJoints(self.joints.len()));
        }
        let handle = self.engine.insert_impulse_joint(one, other, generic(&joint));
        for body in joint.bodies {
            if let Some(held) = self.bodies.get_mut(&body) {
                held.joints.insert(id);
            }
        }
        self.joints.insert(id, (joint, handle));
        Ok(())
    }

    /// Removes a joint.
    ///
    /// # Errors
    /// The world has no such joint.
    pub fn remove_joint(&mut self, id: JointId) -> Result<(), PhysicsError> {
        let (joint, handle) = self.joints.remove(&id).ok_or(PhysicsError::UnknownJoint(id))?;
        for body in joint.bodies {
            if let Some(held) = self.bodies.get_mut(&body) {
                held.joints.remove(&id);
            }
        }
        self.engine.remove_impulse_joint(handle);
        Ok(())
    }

    /// All joints, by id.
    pub fn joints(&self) -> impl ExactSizeIterator<Item = (JointId, Joint)> {
        self.joints.iter().map(|(id, (joint, _))| (*id, *joint))
    }

    /// Computes one step. Bodies that leave the world's space are removed, those that are too fast are slowed, and the report
    /// names both.
    pub fn step(&mut self) -> Report {
        let touches = Touches(Mutex::default());
        let mut report = Report::default();
        for _ in 0..self.settings.substeps {
            self.engine.step_with_events(&(), &touches);
            self.remove_broken(&mut report);
        }
        self.steps += 1;
        let (found, more) = touches.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        (report.touches, report.more_touches) = (found, more);
        report.touches.sort_unstable();
        report
    }

    /// Removes bodies that left, slows those that are too fast, and keeps flat worlds flat.
    fn remove_broken(&mut self, report: &mut Report) {
        let quarantine = self.engine.quarantine();
        let parents = quarantine.colliders().iter().filter_map(|collider| {
            self.engine.colliders.get(*collider).and_then(|collider| collider.parent())
        });
        let broken: BTreeSet<u128> = quarantine
            .bodies()
            .iter()
            .copied()
            .chain(parents)
            .filter_map(|body| self.engine.bodies.get(body))
            .map(|body| body.user_data)
            .collect();
        let before = report.removed.len();
        for (id, held) in &self.bodies {
            if held.body.kind == Kind::Fixed && !broken.contains(&id.0.into()) {
                continue;
            }
            let rigid = &self.engine.bodies[held.handle];
            let now = motion(rigid);
            let is_within = now.position.iter().all(|part| part.abs() <= SPACE);
            let is_broken = broken.contains(&id.0.into()) || !is_finite(&now);
            if is_broken || !is_within {
                report.removed.push((*id, if is_broken { Removal::Broken } else { Removal::Left }));
                continue;
            }
            let is_slow = now.velocity.iter().all(|part| part.abs() <= SPEED_MAX)
                && now.spin.iter().all(|part| part.abs() <= SPIN_MAX);
            if !is_slow {
                slow(&mut self.engine.bodies[held.handle]);
                report.slowed.push(*id);
            }
            if self.settings.is_flat {
                flatten(&mut self.engine.bodies[held.handle], &now);
            }
        }
        for at in before..report.removed.len() {
            let removed = self.remove_body(report.removed[at].0);
            debug_assert!(removed.is_ok(), "the body was just found");
        }
    }

    /// The place of each body's shape, for queries.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = (BodyId, Pose, &SharedShape)> {
        self.bodies.iter().filter_map(|(id, held)| {
            let rigid = &self.engine.bodies[held.handle];
            let collider = self.engine.colliders.get(*rigid.colliders().first()?)?;
            Some((*id, *rigid.position(), collider.shared_shape()))
        })
    }

    /// Whether a body sleeps, and for how many seconds it has been still, as far as that matters.
    pub(crate) fn rest(&self, held: &Held) -> (bool, f32) {
        let activation = self.engine.bodies[held.handle].activation();
        (activation.sleeping, activation.time_since_can_sleep.clamp(0.0, STILL_MAX))
    }

    pub(crate) fn now(&self, held: &Held) -> Body {
        Body { motion: motion(&self.engine.bodies[held.handle]), ..held.body }
    }

    fn held(&self, id: BodyId) -> Result<&Held, PhysicsError> {
        self.bodies.get(&id).ok_or(PhysicsError::UnknownBody(id))
    }
}

/// The touches of a step, and the number of those beyond the limit.
struct Touches(Mutex<(Vec<Touch>, u64)>);

impl EventHandler for Touches {
    fn handle_collision_event(
        &self,
        _: &RigidBodySet,
        colliders: &ColliderSet,
        event: CollisionEvent,
        _: Option<&ContactPair>,
    ) {
        let id =
            |handle: ColliderHandle| colliders.get(handle).map(|collider| BodyId(collider.user_data as u32));
        // Of a body that was removed, nobody needs to learn that it touches nothing.
        let (Some(one), Some(other)) = (id(event.collider1()), id(event.collider2())) else { return };
        let touch = Touch { bodies: [one.min(other), one.max(other)], begins: event.started() };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0.len() < TOUCHES_MAX {
            held.0.push(touch);
        } else {
            held.1 += 1;
        }
    }

    fn handle_contact_force_event(
        &self,
        _: Real,
        _: &RigidBodySet,
        _: &ColliderSet,
        _: &ContactPair,
        _: Real,
    ) {
    }

    fn handle_soft_body_tear_event(&self, _: &SoftBodySet, _: &SoftBodyTearEvent) {}
}

fn triple(vector: Vector) -> Triple {
    Triple::from_array(vector)
}

/// The engine's position and rotation.
pub(crate) fn pose(motion: &Motion) -> Pose {
    Pose::from_parts(triple(motion.position), Quaternion::from_array(motion.rotation))
}

fn motion(rigid: &RigidBody) -> Motion {
    Motion {
        position: rigid.translation().to_array(),
        rotation: rigid.rotation().to_array(),
        velocity: rigid.linvel().to_array(),
        spin: rigid.angvel().to_array(),
    }
}

fn is_finite(motion: &Motion) -> bool {
    let Motion { position, rotation, velocity, spin } = motion;
    crate::error::unit("rotation", rotation).is_ok()
        && [position, velocity, spin].into_iter().flatten().all(|part| part.is_finite())
}

/// Brings a body's velocity and spin into range.
fn slow(rigid: &mut RigidBody) {
    let (speed, spin) = (Triple::splat(SPEED_MAX), Triple::splat(SPIN_MAX));
    let (velocity, turning) = (rigid.linvel(), rigid.angvel());
    let (slower, calmer) = (velocity.clamp(-speed, speed), turning.clamp(-spin, spin));
    if slower != velocity {
        rigid.set_linvel(slower, true);
    }
    if calmer != turning {
        rigid.set_angvel(calmer, true);
    }
}

/// Puts a body back into the plane, if rounding brought it out of it.
fn flatten(rigid: &mut RigidBody, now: &Motion) {
    let Motion { position, rotation, velocity, spin } = now;
    if position[2] != 0.0 || rotation[0] != 0.0 || rotation[1] != 0.0 {
        let upright = Quaternion::from_xyzw(0.0, 0.0, rotation[2], rotation[3]).normalize();
        rigid.set_position(Pose::from_parts(Triple::new(position[0], position[1], 0.0), upright), false);
    }
    if velocity[2] != 0.0 {
        rigid.set_linvel(Triple::new(velocity[0], velocity[1], 0.0), false);
    }
    if spin[0] != 0.0 || spin[1] != 0.0 {
        rigid.set_angvel(Triple::new(0.0, 0.0, spin[2]), false);
    }
}

/// The engine's shape.
pub(crate) fn shared(shape: Shape) -> SharedShape {
    match shape {
        Shape::Ball(radius) => SharedShape::ball(radius),
        Shape::Box([x, y, z]) => SharedShape::cuboid(x, y, z),
        Shape::Capsule(half, radius) => SharedShape::capsule_y(half, radius),
        Shape::Cylinder(half, radius) => SharedShape::cylinder(half, radius),
    }
}

fn rigid(body: &Body, is_flat: bool) -> RigidBody {
    let kind = match body.kind {
        Kind::Dynamic => RigidBodyType::Dynamic,
        Kind::Fixed => RigidBodyType::Fixed,
        Kind::Moved => RigidBodyType::KinematicVelocityBased,
    };
    let plane =
        LockedAxes::TRANSLATION_LOCKED_Z | LockedAxes::ROTATION_LOCKED_X | LockedAxes::ROTATION_LOCKED_Y;
    let [linear, angular] = body.damping;
    RigidBodyBuilder::new(kind)
        .pose(pose(&body.motion))
        .linvel(triple(body.motion.velocity))
        .angvel(triple(body.motion.spin))
        .linear_damping(linear)
        .angular_damping(angular)
        .ccd_enabled(body.is_fast)
        .locked_axes(if is_flat { plane } else { LockedAxes::empty() })
        .build()
}

fn collider(body: &Body, id: BodyId) -> Collider {
    ColliderBuilder::new(shared(body.shape))
        .mass(body.mass)
        .friction(body.friction)
        .restitution(body.bounce)
        .sensor(body.is_sensor)
        .active_events(ActiveEvents::COLLISION_EVENTS)
        .user_data(id.0.into())
        .build()
}

fn generic(joint: &Joint) -> GenericJoint {
    let [one, other] = joint.anchors.map(triple);
    let mut made: GenericJoint = match joint.hold {
        Hold::Weld => FixedJointBuilder::new().local_anchor1(one).local_anchor2(other).into(),
        Hold::Ball => SphericalJointBuilder::new().local_anchor1(one).local_anchor2(other).into(),
        Hold::Hinge(axis, angles) => {
            let hinge = RevoluteJointBuilder::new(triple(axis).normalize());
            hinge.local_anchor1(one).local_anchor2(other).limits(angles).into()
        }
        Hold::Slider(axis, lengths) => {
            let slider = PrismaticJointBuilder::new(triple(axis).normalize());
            slider.local_anchor1(one).local_anchor2(other).limits(lengths).into()
        }
        Hold::Rope(length) => RopeJointBuilder::new(length).local_anchor1(one).local_anchor2(other).into(),
        Hold::Spring(length, stiffness, damping) => {
            SpringJointBuilder::new(length, stiffness, damping).local_anchor1(one).local_anchor2(other).into()
        }
    };
    made.set_contacts_enabled(joint.touches);
    made
}
