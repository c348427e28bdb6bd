//! Integration tests: one binary.

mod proof;
#[cfg(test)]
mod spec;
mod travel;
