//! Bodies, joints, touches and queries of a world.

use meshwork_physics::body::{SPACE, SPEED_MAX};
use meshwork_physics::{
    BODIES_MAX, Body, BodyId, Hold, Joint, Kind, Motion, PhysicsError, Removal, Settings, Shape, Touch, World,
};

fn at(position: [f32; 3]) -> Motion {
    Motion { position, ..Motion::default() }
}

fn floor() -> Body {
    let shape = Shape::Box([10.0, 0.5, 10.0]);
    Body { kind: Kind::Fixed, shape, motion: at([0.0, -0.5, 0.0]), ..Body::default() }
}

fn still() -> Settings {
    Settings { gravity: [0.0; 3], ..Settings::default() }
}

fn height(world: &World, id: BodyId) -> f32 {
    world.body(id).expect("it is there").body.motion.position[1]
}

#[test]
fn a_ball_falls_touches_the_floor_and_sleeps() {
    let mut world = World::default();
    let floor = world.add_body(floor()).expect("in range");
    let ball = world.add_body(Body { motion: at([0.0, 3.0, 0.0]), ..Body::default() }).expect("in range");
    let touches: Vec<Touch> = (0..300).flat_map(|_| world.step().touches).collect();
    assert_eq!(touches, [Touch { bodies: [floor, ball], begins: true }]);
    assert!((0.48..0.51).contains(&height(&world, ball)), "{}", height(&world, ball));
    assert!(world.body(ball).expect("it is there").is_asleep);
    world.push(ball, [0.0, 5.0, 0.0], None).expect("in range");
    let touches: Vec<Touch> = (0..30).flat_map(|_| world.step().touches).collect();
    assert_eq!(touches, [Touch { bodies: [floor, ball], begins: false }]);
    assert!(height(&world, ball) > 1.0);
}

#[test]
fn numbers_out_of_range_are_refused() {
    let mut world = World::default();
    let body = world.add_body(Body::default()).expect("in range");
    let digest = world.digest();
    let spec = Body::default();
    let moving = |motion| Body { motion, ..Body::default() };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1.0] {
        let bodies = [
            Body { mass: bad, ..spec },
            Body { friction: bad, ..spec },
            Body { bounce: bad, ..spec },
            Body { damping: [0.0, bad], ..spec },
            Body { shape: Shape::Ball(bad), ..spec },
            Body { shape: Shape::Box([1.0, bad, 1.0]), ..spec },
            Body { shape: Shape::Capsule(1.0, bad), ..spec },
            moving(Motion { position: [bad * SPACE * 2.0, 0.0, 0.0], ..Motion::default() }),
            moving(Motion { velocity: [0.0, bad * SPEED_MAX * 2.0, 0.0], ..Motion::default() }),
            moving(Motion { spin: [0.0, bad * SPEED_MAX, 0.0], ..Motion::default() }),
            moving(Motion { rotation: [bad, bad, 0.0, 1.0], ..Motion::default() }),
        ];
        for body in bodies {
            let refused = world.add_body(body).expect_err("out of range").to_string();
            assert!(refused.contains(" is ") || refused.contains("length"), "{refused}");
        }
        assert!(world.push(body, [bad * 1e9, 0.0, 0.0], None).is_err());
        assert!(world.set_gravity([0.0, bad * 2000.0, 0.0]).is_err());
        assert!(world.ray([0.0; 3], [bad, bad, 0.0], 1.0).is_err());
        assert!(world.at([bad * SPACE * 2.0, 0.0, 0.0]).is_err());
        assert!(World::new(Settings { time_step: bad, ..Settings::default() }).is_err());
    }
    let heavy = world.add_body(Body { mass: 1e30, ..spec }).expect_err("too heavy").to_string();
    assert!(heavy.starts_with("mass is 1000000015047466200000000000000"), "{heavy}");
    assert_eq!(world.remove_body(BodyId(7)), Err(PhysicsError::UnknownBody(BodyId(7))));
    assert_eq!(world.digest(), digest);
}

#[test]
fn a_world_is_full_at_its_limit() {
    let mut world = World::new(still()).expect("in range");
    for _ in 0..BODIES_MAX {
        world.add_body(Body { kind: Kind::Fixed, ..Body::default() }).expect("there is room");
    }
    assert_eq!(world.add_body(Body::default()), Err(PhysicsError::TooManyBodies(BODIES_MAX)));
    world.remove_body(BodyId(5)).expect("it is there");
    assert_eq!(world.add_body(Body::default()), Ok(BodyId(BODIES_MAX as u32)));
}

#[test]
fn a_body_that_leaves_is_removed_and_named() {
    let mut world = World::new(still()).expect("in range");
    let velocity = [SPEED_MAX, 0.0, 0.0];
    let motion = Motion { position: [SPACE - 1.0, 0.0, 0.0], velocity, ..Motion::default() };
    let lost = world.add_body(Body { motion, ..Body::default() }).expect("in range");
    let stays = world.add_body(Body::default()).expect("in range");
    let joint =
        Joint { bodies: [lost, stays], anchors: [[0.0; 3]; 2], hold: Hold::Rope(SPACE), touches: true };
    world.add_joint(joint).expect("in range");
    assert_eq!(world.step().removed, [(lost, Removal::Left)]);
    assert_eq!((world.bodies().len(), world.joints().len()), (1, 0));
    assert_eq!(world.body(lost), Err(PhysicsError::UnknownBody(lost)));
}

#[test]
fn too_fast_bodies_are_slowed_and_named() {
    let mut world =
        World::new(Settings { gravity: [0.0, -1000.0, 0.0], ..Settings::default() }).expect("in range");
    let velocity = [0.0, -SPEED_MAX, 0.0];
    let motion = Motion { velocity, ..Motion::default() };
    let ball = world.add_body(Body { motion, ..Body::default() }).expect("in range");
    assert_eq!(world.step().slowed, [ball]);
    assert_eq!(world.body(ball).expect("it is there").body.motion.velocity, velocity);
    world.push(ball, [1e8, 0.0, 0.0], None).expect("in range");
    assert_eq!(world.body(ball).expect("it is there").body.motion.velocity[0], SPEED_MAX);
}

#[test]
fn no_world_goes_on_with_nan() {
    let mut world = World::default();
    // As many bodies as fit in one point, with the greatest differences of mass, in joints that contradict each other.
    let ids: Vec<BodyId> = (0..40)
        .map(|number| {
            let mass = if number % 2 == 0 { 0.001 } else { 1e6 };
            let spin = [200.0, -200.0, 200.0];
            let shape = if number % 3 == 0 { Shape::Box([0.01, 1000.0, 0.01]) } else { Shape::Ball(1000.0) };
            world.add_body(Body {
                mass,
                shape,
                motion: Motion { spin, ..Motion::default() },
                ..Body::default()
            })
        })
        .collect::<Result<_, _>>()
        .expect("in range");
    for pair in ids.windows(2) {
        let anchors = [[SPACE, 0.0, 0.0], [-SPACE, SPACE, 0.0]];
        let bodies = [pair[0], pair[1]];
        for hold in [Hold::Weld, Hold::Spring(0.0, 1e6, 1e6), Hold::Hinge([1.0, 0.0, 0.0], [-1.0, 1.0])] {
            world.add_joint(Joint { bodies, anchors, hold, touches: true }).expect("in range");
        }
    }
    for _ in 0..120 {
        world.step();
        let mut copy = World::default();
        copy.restore(&world.snapshot()).expect("a world can always be read again");
    }
}

#[test]
fn joints_hold() {
    let mut world = World::default();
    let hook = world.add_body(Body { kind: Kind::Fixed, ..Body::default() }).expect("in range");
    let mut hang = |hold, x: f32| {
        let motion = at([x, 0.0, 0.0]);
        let body = world.add_body(Body { motion, is_sensor: true, ..Body::default() }).expect("in range");
        let joint = Joint { bodies: [hook, body], anchors: [[x, 0.0, 0.0], [0.0; 3]], hold, touches: false };
        world.add_joint(joint).expect("in range");
        body
    };
    let weld = hang(Hold::Weld, 2.0);
    let rope = hang(Hold::Rope(1.5), 4.0);
    let slider = hang(Hold::Slider([0.0, 1.0, 0.0], [-0.5, 0.5]), 6.0);
    let hinge = hang(Hold::Hinge([0.0, 0.0, 1.0], [-1.0, 1.0]), 8.0);
    let ball = hang(Hold::Ball, 10.0);
    let spring = hang(Hold::Spring(0.0, 50.0, 5.0), 12.0);
    for _ in 0..300 {
        world.step();
    }
    let near = |id, wanted: f32| {
        let found = height(&world, id);
        assert!((found - wanted).abs() < 0.06, "{id:?} at {found}, not {wanted}");
    };
    near(weld, 0.0);
    near(rope, -1.5);
    near(slider, -0.5);
    near(hinge, 0.0);
    near(ball, 0.0);
    near(spring, -9.81 / 50.0);
    let joint = Joint { bodies: [hook, hook], anchors: [[0.0; 3]; 2], hold: Hold::Ball, touches: false };
    assert_eq!(world.add_joint(joint), Err(PhysicsError::OneBody(hook)));
}

#[test]
fn a_flat_world_stays_flat() {
    let settings = Settings { is_flat: true, ..Settings::default() };
    let mut world = World::new(settings).expect("in range");
    world.add_body(floor()).expect("in range");
    let deep = Body { motion: at([0.0, 0.0, 0.5]), ..Body::default() };
    assert_eq!(world.add_body(deep), Err(PhysicsError::NotFlat { name: "position", value: 0.5 }));
    for number in 0..40 {
        let shape = if number % 2 == 0 { Shape::Box([0.3, 0.5, 0.4]) } else { Shape::Capsule(0.3, 0.2) };
        let motion =
            Motion { spin: [0.0, 0.0, 5.0], ..at([(number % 7) as f32 * 0.3, 1.0 + number as f32, 0.0]) };
        world.add_body(Body { shape, motion, ..Body::default() }).expect("in range");
    }
    for _ in 0..600 {
        world.step();
    }
    for (id, state) in world.bodies() {
        let Motion { position, rotation, .. } = state.body.motion;
        assert_eq!((position[2], rotation[0], rotation[1]), (0.0, 0.0, 0.0), "{id:?}");
    }
    assert!(world.bodies().any(|(_, state)| state.body.motion.rotation[2].abs() > 0.1));
}

#[test]
fn queries_find_bodies() {
    let mut world = World::new(still()).expect("in range");
    let near = world.add_body(Body { motion: at([3.0, 0.0, 0.0]), ..Body::default() }).expect("in range");
    let far = world.add_body(Body { motion: at([6.0, 0.0, 0.0]), ..Body::default() }).expect("in range");
    let hit = world.ray([0.0; 3], [1.0, 0.0, 0.0], 10.0).expect("in range").expect("it hits");
    assert_eq!((hit.body, hit.distance, hit.normal), (near, 2.5, [-1.0, 0.0, 0.0]));
    assert_eq!(world.ray([0.0; 3], [1.0, 0.0, 0.0], 2.0), Ok(None));
    assert_eq!(world.ray([0.0; 3], [0.0, 1.0, 0.0], 10.0), Ok(None));
    assert_eq!(world.at([6.2, 0.0, 0.0]), Ok(vec![far]));
    assert_eq!(world.at([4.5, 0.0, 0.0]), Ok(Vec::new()));
    let upright = Motion::default().rotation;
    assert_eq!(world.overlaps(Shape::Box([1.2, 0.1, 0.1]), [4.5, 0.0, 0.0], upright), Ok(vec![near, far]));
    assert_eq!(world.overlaps(Shape::Ball(0.5), [4.5, 0.0, 0.0], upright), Ok(Vec::new()));
}

#[test]
fn sensors_stop_nothing_and_report() {
    let mut world = World::default();
    let gate = Body { is_sensor: true, ..floor() };
    let gate = world.add_body(gate).expect("in range");
    let ball = world.add_body(Body { motion: at([0.0, 2.0, 0.0]), ..Body::default() }).expect("in range");
    let touches: Vec<Touch> = (0..120).flat_map(|_| world.step().touches).collect();
    let bodies = [gate, ball];
    assert_eq!(touches, [Touch { bodies, begins: true }, Touch { bodies, begins: false }]);
}

#[test]
fn a_fast_body_passes_through_nothing() {
    let mut world = World::new(still()).expect("in range");
    let wall = Body { kind: Kind::Fixed, shape: Shape::Box([0.05, 5.0, 5.0]), ..Body::default() };
    world.add_body(wall).expect("in range");
    let motion = Motion { velocity: [300.0, 0.0, 0.0], ..at([-10.0, 0.0, 0.0]) };
    let bullet = Body { shape: Shape::Ball(0.05), is_fast: true, motion, ..Body::default() };
    let bullet = world.add_body(bullet).expect("in range");
    for _ in 0..60 {
        world.step();
    }
    assert!(world.body(bullet).expect("it is there").body.motion.position[0] < 0.0);
}
