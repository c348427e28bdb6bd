//! Integration tests: one binary.

mod live;
mod proof;
#[cfg(test)]
mod spec;
#[cfg(test)]
mod store;
mod travel;
mod vectors;
