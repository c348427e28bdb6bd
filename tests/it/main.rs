//! Integration tests: one binary.

mod proof;
mod spec;
mod travel;
