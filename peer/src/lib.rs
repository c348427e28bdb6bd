//! One levada node: stores, serves and follows feeds.

pub mod api;
pub mod engine;
pub mod frame;
pub mod io;
pub mod judge;
pub mod keep;
pub mod node;
pub mod pins;
pub mod query;
pub mod rate;
pub mod runs;
pub mod session;
pub mod settings;
pub mod sources;
pub mod standing;
pub mod static_layout;
pub mod store;
pub mod swarm;
