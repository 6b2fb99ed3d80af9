//! Listeners and sign-in: translation only.
