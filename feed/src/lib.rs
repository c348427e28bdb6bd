//! Verifies levada feeds.
