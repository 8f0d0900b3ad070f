//! A world, for `sdk/js/physics.js`.

use meshwork_physics::{BodyId, JointId, Removal, Settings, World, demo_world};
use wasm_bindgen::prelude::*;

use crate::numbers::{body, joint, motion, moved, shape, thrown, triple, turn, written};

/// A world of bodies.
#[wasm_bindgen]
pub struct RawWorld(World);

#[wasm_bindgen]
impl RawWorld {
    /// An empty world.
    #[wasm_bindgen(constructor)]
    pub fn new(gravity: &[f64], time_step: f32, substeps: u8, is_flat: bool) -> Result<RawWorld, JsValue> {
        let settings = Settings { gravity: triple(gravity)?, time_step, substeps, is_flat };
        World::new(settings).map(RawWorld).map_err(thrown)
    }

    /// The world by which devices are compared.
    pub fn demo(seed: u32) -> Result<RawWorld, JsValue> {
        demo_world(seed.into()).map(RawWorld).map_err(thrown)
    }

    /// Adds a body. Returns its id.
    #[wasm_bindgen(js_name = addBody)]
    pub fn add_body(&mut self, numbers: &[f64]) -> Result<u32, JsValue> {
        self.0.add_body(body(numbers)?).map(|id| id.0).map_err(thrown)
    }

    /// Removes a body.
    #[wasm_bindgen(js_name = removeBody)]
    pub fn remove_body(&mut self, id: u32) -> Result<(), JsValue> {
        self.0.remove_body(BodyId(id)).map_err(thrown)
    }

    /// A body's numbers, and 1 if it is asleep.
    pub fn body(&self, id: u32) -> Result<Vec<f64>, JsValue> {
        let state = self.0.body(BodyId(id)).map_err(thrown)?;
        let mut numbers = written(&state.body);
        numbers.push(f64::from(u8::from(state.is_asleep)));
        Ok(numbers)
    }

    /// The ids of all bodies.
    pub fn ids(&self) -> Vec<u32> {
        self.0.bodies().map(|(id, _)| id.0).collect()
    }

    /// The motions of all bodies, in the order of their ids.
    pub fn motions(&self) -> Vec<f32> {
        self.0.bodies().flat_map(|(_, state)| moved(&state.body.motion)).collect()
    }

    /// Puts a body somewhere else.
    pub fn place(&mut self, id: u32, numbers: &[f64]) -> Result<(), JsValue> {
        self.0.place(BodyId(id), motion(numbers)?).map_err(thrown)
    }

    /// Pushes a body at a point, or at its middle if there are no numbers for it.
    pub fn push(&mut self, id: u32, impulse: &[f64], at: &[f64]) -> Result<(), JsValue> {
        let at = if at.is_empty() { None } else { Some(triple(at)?) };
        self.0.push(BodyId(id), triple(impulse)?, at).map_err(thrown)
    }

    /// Adds a joint. Returns its id.
    #[wasm_bindgen(js_name = addJoint)]
    pub fn add_joint(&mut self, numbers: &[f64]) -> Result<u32, JsValue> {
        self.0.add_joint(joint(numbers)?).map(|id| id.0).map_err(thrown)
    }

    /// Removes a joint.
    #[wasm_bindgen(js_name = removeJoint)]
    pub fn remove_joint(&mut self, id: u32) -> Result<(), JsValue> {
        self.0.remove_joint(JointId(id)).map_err(thrown)
    }

    /// Changes gravity.
    #[wasm_bindgen(js_name = setGravity)]
    pub fn set_gravity(&mut self, gravity: &[f64]) -> Result<(), JsValue> {
        self.0.set_gravity(triple(gravity)?).map_err(thrown)
    }

    /// Steps. Returns three lists in one, each behind its length: touches (two bodies, 1 if they begin), removed bodies (the body,
    /// 1 if it left), slowed bodies.
    pub fn step(&mut self) -> Vec<u32> {
        let report = self.0.step();
        let mut numbers = vec![report.touches.len() as u32];
        let touches = report.touches.iter();
        numbers.extend(touches.flat_map(|touch| [touch.bodies[0].0, touch.bodies[1].0, touch.begins.into()]));
        numbers.push(report.removed.len() as u32);
        let removed = report.removed.iter();
        numbers.extend(removed.flat_map(|(id, why)| [id.0, u32::from(*why == Removal::Left)]));
        numbers.push(report.slowed.len() as u32);
        numbers.extend(report.slowed.iter().map(|id| id.0));
        numbers
    }

    /// Steps since the world began.
    pub fn steps(&self) -> f64 {
        self.0.steps() as f64
    }

    /// The first body on a ray: its id, the distance, the normal. Empty if there is none.
    pub fn ray(&self, from: &[f64], direction: &[f64], most: f32) -> Result<Vec<f64>, JsValue> {
        let hit = self.0.ray(triple(from)?, triple(direction)?, most).map_err(thrown)?;
        Ok(hit.map_or(Vec::new(), |hit| {
            let [x, y, z] = hit.normal.map(f64::from);
            vec![hit.body.0.into(), hit.distance.into(), x, y, z]
        }))
    }

    /// The bodies around a point.
    pub fn at(&self, point: &[f64]) -> Result<Vec<u32>, JsValue> {
        let found = self.0.at(triple(point)?).map_err(thrown)?;
        Ok(found.into_iter().map(|id| id.0).collect())
    }

    /// The bodies that a shape overlaps.
    pub fn overlaps(&self, form: &[f64], position: &[f64], rotation: &[f64]) -> Result<Vec<u32>, JsValue> {
        let found = self.0.overlaps(shape(form)?, triple(position)?, turn(rotation)?).map_err(thrown)?;
        Ok(found.into_iter().map(|id| id.0).collect())
    }

    /// The world as bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        self.0.snapshot()
    }

    /// Makes this world that of a snapshot.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<(), JsValue> {
        self.0.restore(snapshot).map_err(thrown)
    }

    /// The digest of the world.
    pub fn digest(&self) -> Vec<u8> {
        self.0.digest().to_vec()
    }
}
