//! Integration tests: one binary.

mod travel;
