//! Everything that touches the machine: disk, sockets, the clock.

pub mod walk;

mod private;

pub mod media;
pub mod strip;
