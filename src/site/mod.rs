//! TOML that people write becomes checked domain values, or diagnostics that say where and what to do.
