//! One levada node: stores, serves and follows feeds.

pub mod session;
pub mod api;
pub mod io;
pub mod node;
pub mod frame;
pub mod query;
pub mod runs;
pub mod store;
