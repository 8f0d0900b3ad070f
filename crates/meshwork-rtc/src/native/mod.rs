//! The native driver: tokio, UDP sockets and str0m.
