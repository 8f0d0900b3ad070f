//! Queries of a world as it is now: rays, points and overlaps.

use rapier3d::parry::query::{DefaultQueryDispatcher, QueryDispatcher, Ray};

use crate::body::{BodyId, Motion, Rotation, SPACE, Shape, Vector};
use crate::error::{PhysicsError, unit, vector, within};
use crate::world::{World, pose, shared};

/// The first body on a ray.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The body.
    pub body: BodyId,
    /// Metres from the ray's beginning. 0 if it begins inside.
    pub distance: f32,
    /// The direction away from the body's surface. All 0 if the ray begins inside.
    pub normal: Vector,
}

impl World {
    /// The first body on a ray of at most `most` metres. Of two at one distance, it is the one with the lesser id.
    ///
    /// # Errors
    /// A number is out of range, or the direction has no length of 1.
    pub fn ray(&self, from: Vector, direction: Vector, most: f32) -> Result<Option<Hit>, PhysicsError> {
        vector("the ray's beginning", from, SPACE)?;
        unit("the direction", &direction)?;
        within("the ray's length", most, 0.0, 4.0 * SPACE)?;
        let ray = Ray::new(from.into(), direction.into());
        let mut first: Option<Hit> = None;
        for (body, pose, shape) in self.shapes() {
            let most = first.map_or(most, |hit| hit.distance);
            if let Some(hit) = shape.cast_ray_and_get_normal(&pose, &ray, most, true) {
                let (distance, normal) = (hit.time_of_impact, hit.normal.to_array());
                if first.is_none_or(|first| distance < first.distance) {
                    first = Some(Hit { body, distance, normal });
                }
            }
        }
        Ok(first)
    }

    /// The bodies around a point, by id.
    ///
    /// # Errors
    /// The point is out of range.
    pub fn at(&self, point: Vector) -> Result<Vec<BodyId>, PhysicsError> {
        vector("the point", point, SPACE)?;
        let is_around = self.shapes().filter(|(_, pose, shape)| shape.contains_point(pose, point.into()));
        Ok(is_around.map(|(body, ..)| body).collect())
    }

    /// The bodies that a shape at a place overlaps, by id.
    ///
    /// # Errors
    /// A number is out of range.
    pub fn overlaps(
        &self,
        shape: Shape,
        position: Vector,
        rotation: Rotation,
    ) -> Result<Vec<BodyId>, PhysicsError> {
        shape.check()?;
        let place = Motion { position, rotation, ..Motion::default() };
        place.check(false)?;
        let (place, shape) = (pose(&place), shared(shape));
        let overlaps = |(body, pose, other): (BodyId, _, &rapier3d::prelude::SharedShape)| {
            let found = DefaultQueryDispatcher.intersection_test(&place.inv_mul(&pose), &*shape, &**other);
            found.is_ok_and(|found| found.intersecting).then_some(body)
        };
        Ok(self.shapes().filter_map(overlaps).collect())
    }
}
