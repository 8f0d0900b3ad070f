//! Logic of the pages of Sync: figures and log, documents, the whiteboard.

pub mod documents;
pub mod statistics;
pub mod whiteboard;
