//! Carries out one cleared order: over SSH, on this machine, or by a person.
