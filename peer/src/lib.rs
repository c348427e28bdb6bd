//! One levada node.
