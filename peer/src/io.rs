//! Everything that touches the machine: disk, sockets, the clock.

pub mod answer;
pub mod author;
pub mod blobs;
pub mod client;
pub mod clock;
pub mod config;
pub mod dirs;
pub mod disk;
pub mod evidence;
pub mod heads;
pub mod keys;
pub mod learned;
pub mod local;
pub mod log;
pub mod marker;
pub mod media;
pub mod news;
mod private;
pub(crate) mod reach;
pub mod server;
pub(crate) mod service;
pub mod standings;
pub mod static_dir;
pub mod strip;
pub mod traffic;
pub mod walk;
pub(crate) mod whole;
