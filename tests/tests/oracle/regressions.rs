//! What the random sequences have found, kept as fixed ones.
