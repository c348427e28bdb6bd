//! Integration tests: one binary.

mod live;
mod proof;
#[cfg(test)]
mod spec;
mod travel;
mod vectors;
