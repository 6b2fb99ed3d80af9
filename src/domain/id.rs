//! Names and numbers that identify things, one type each, so that a host name never stands where a person's
//! handle belongs. Ids of people, workspaces, runbooks and steps are written by people and checked by `site/`;
//! ids of runs are counters in `World`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name that was checked where it entered.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

name_type!(
    /// A person's handle. It stays in the record for good; display names do not.
    PersonId
);
name_type!(
    /// A workspace: the servers, members and policy that belong together.
    WorkspaceId
);
name_type!(
    /// A runbook.
    RunbookId
);
name_type!(
    /// A server's name inside its workspace.
    ServerName
);
name_type!(
    /// A step or check of a runbook; `template/step` where it came from a template.
    StepId
);

/// A run, counted from 1 and shown as `#42`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A text that names no run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a run is a number, as `quarterdeck runs list` shows it: 42 or '#42'")]
pub struct NoRun;

impl std::str::FromStr for RunId {
    type Err = NoRun;

    /// Reads `42` or `#42`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix('#').unwrap_or(text).parse().map(Self).map_err(|_| NoRun)
    }
}

/// A number with a letter before it: what else is counted in a record.
macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident, $letter:literal, $lower:literal, $no:ident, $wrong:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $letter, self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $no;

            /// Reads the number, with its letter or without.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix([$letter, $lower]).unwrap_or(text).parse().map(Self).map_err(|_| $no)
            }
        }

        /// A text that names none of these.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
        #[error($wrong)]
        pub struct $no;
    };
}

number_type!(
    /// A role for a while, counted from 1 and shown as `E3`.
    ElevationId, 'E', 'e', NoElevation, "an elevation is a number, as `quarterdeck elevations list` shows it: 3 or E3"
);
number_type!(
    /// A standing approval, counted from 1 and shown as `S2`.
    StandingId, 'S', 's', NoStanding, "a standing approval is a number, as `quarterdeck standing list` shows it: 2 or S2"
);
number_type!(
    /// Something that was done by hand, counted from 1 and shown as `H4`.
    HandId, 'H', 'h', NoEntry, "an entry is a number, as `quarterdeck record list` shows it: 4 or H4"
);
number_type!(
    /// An incident, counted from 1 and shown as `I7`.
    IncidentId, 'I', 'i', NoIncident, "an incident is a number, as `quarterdeck incident list` shows it: 7 or I7"
);

/// A host's position in its plan's host list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostIx(pub u32);

/// Milliseconds since 1970-01-01 UTC, as stamped by the engine; never decreases along the ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment moved back by `ms` milliseconds.
    pub fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// This moment moved forward by `ms` milliseconds.
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Milliseconds from `earlier` to this moment, 0 where it is not earlier.
    pub fn ms_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// The same moment for calendar arithmetic; out of range falls back to the epoch.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(at: jiff::Timestamp) -> Self {
        Self(at.as_millisecond())
    }
}

/// A SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The first 8 digits, for places where people compare by eye among few.
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a digest is 64 hexadecimal digits";
        if text.len() != 64 || !text.is_ascii() {
            return Err(WRONG);
        }
        let mut bytes = [0u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| WRONG)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| WRONG)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_own_text() {
        let digest = Digest::of(b"quarterdeck");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("zz".parse::<Digest>().is_err());
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn run_ids_read_with_and_without_the_sign() {
        assert_eq!("#42".parse(), Ok(RunId(42)));
        assert_eq!("42".parse(), Ok(RunId(42)));
        assert!("4x".parse::<RunId>().is_err());
    }
}
