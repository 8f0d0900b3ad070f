//! Peers of LSNP, as guests beside the room.
