//! Integration tests: one binary.

mod proof;
mod travel;
mod vectors;
