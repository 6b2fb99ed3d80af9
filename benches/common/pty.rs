//! A terminal of our own, with a program on it.
