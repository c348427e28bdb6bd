//! One levada node: stores, serves and follows feeds.

pub mod api;
pub mod io;
pub mod node;
pub mod query;
pub mod runs;
pub mod store;
