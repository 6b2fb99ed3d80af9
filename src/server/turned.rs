//! How many were refused or turned away, by closed words: numbers for whoever watches. Names and reasons are in the log.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was not good enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum With {
    /// A key.
    Key,
    /// A certificate.
    Certificate,
    /// A code, or none where one was asked for.
    Code,
    /// Nothing: the person is here too many times.
    Crowd,
    /// A request over HTTP: forged, late, or of no machine.
    Request,
}

impl With {
    /// Every one.
    pub const ALL: [With; 5] = [With::Key, With::Certificate, With::Code, With::Crowd, With::Request];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            With::Key => "key",
            With::Certificate => "certificate",
            With::Code => "code",
            With::Crowd => "crowd",
            With::Request => "request",
        }
    }
}

/// The numbers since the server started.
#[derive(Debug, Default)]
pub struct Turned {
    key: AtomicU64,
    certificate: AtomicU64,
    code: AtomicU64,
    crowd: AtomicU64,
    request: AtomicU64,
    unheard: AtomicU64,
}

impl Turned {
    /// One more was refused.
    pub fn refuse(&self, with: With) {
        self.of(with).fetch_add(1, Ordering::Relaxed);
    }

    /// One more was turned away before anything was said.
    pub fn turn_away(&self) {
        self.unheard.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were refused.
    pub fn refused(&self, with: With) -> u64 {
        self.of(with).load(Ordering::Relaxed)
    }

    /// How many were turned away unheard.
    pub fn unheard(&self) -> u64 {
        self.unheard.load(Ordering::Relaxed)
    }

    fn of(&self, with: With) -> &AtomicU64 {
        match with {
            With::Key => &self.key,
            With::Certificate => &self.certificate,
            With::Code => &self.code,
            With::Crowd => &self.crowd,
            With::Request => &self.request,
        }
    }
}
