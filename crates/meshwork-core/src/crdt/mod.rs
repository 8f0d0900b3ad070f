//! Replicas: values that every member of a room keeps in step.

pub mod canvas;
