//! Everything that touches the machine: disk, sockets, the clock.

mod private;

pub mod media;
pub mod strip;
pub mod walk;
