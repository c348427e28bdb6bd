//! Everything that touches the machine: disk, sockets, the clock.

pub mod answer;
pub mod client;
pub mod clock;
pub mod disk;
pub mod evidence;
pub mod media;
mod private;
pub mod strip;
pub mod walk;
