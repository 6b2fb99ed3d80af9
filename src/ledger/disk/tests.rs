//! The disk in memory behaves like the real one, and loses what a real one may lose.
