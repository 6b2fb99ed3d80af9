//! The single writer: decide, append, evolve, publish, reconcile.
