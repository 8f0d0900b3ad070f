//! Films, read back by other people's decoders.

mod film;
