//! BLAKE3 geometry.
