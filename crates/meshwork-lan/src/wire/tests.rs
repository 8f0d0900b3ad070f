//! Golden bytes and bounds of the datagrams.
