//! Stand-ins for the peers of LSNP, and golden bytes.
