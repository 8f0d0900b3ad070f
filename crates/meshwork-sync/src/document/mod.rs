//! Documents: text, maps and lists that several people edit at once, in the format of Yjs.
//!
//! What people write are updates of Yjs's first encoding, which travel signed. Nothing of somebody else's update reaches
//! a library that applies it before [`update`] has read it whole.

pub mod update;
