//! A secret value in memory.
//!
//! Invariants: between [`SECRET_BYTES_MIN`] and [`SECRET_BYTES_MAX`] bytes long and plain enough to be recognised in
//! output; wiped when dropped; neither printable nor serialisable nor comparable.

use std::fmt;

use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use super::skeleton;

/// Shorter values would mask ordinary words everywhere, and so would be masked nowhere: refused.
pub const SECRET_BYTES_MIN: usize = 8;

/// A certificate chain with its key fits; a file that is no secret does not.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// What is read of a place that should hold one: a line end and one byte too many.
pub const READ_BYTES_MAX: usize = SECRET_BYTES_MAX + 3;

/// Bytes that must remain when blanks, quotes and backslashes are set aside: with fewer nothing is left to recognise.
pub(super) const TELLING_BYTES_MIN: usize = 4;

/// A secret value. Its bytes are wiped when it is dropped, and nothing prints them.
pub struct Sealed(SecretBox<[u8]>);

/// Why a value cannot be used as a secret. The messages never hold the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// Fewer than [`SECRET_BYTES_MIN`] bytes.
    #[error(
        "the value has {found} bytes, fewer than {SECRET_BYTES_MIN}: so short a value cannot be masked in output; use a longer secret"
    )]
    TooShort {
        /// Bytes found.
        found: usize,
    },
    /// More than [`SECRET_BYTES_MAX`] bytes.
    #[error(
        "the value has more than {SECRET_BYTES_MAX} bytes: a secret is a token, password or key; ship other files with a copy step"
    )]
    TooLong,
    /// Nearly all of it blanks, quotes and backslashes.
    #[error(
        "the value is nearly all blanks, quotes or backslashes: it cannot be recognised in output; use a secret of letters, digits and signs"
    )]
    TooPlain,
}

impl Sealed {
    /// Seals `bytes`; they are wiped in any case.
    ///
    /// # Errors
    /// When the value is too short, too long or too plain to be masked in output.
    pub fn new(bytes: Vec<u8>) -> Result<Self, SealedError> {
        let bytes = Zeroizing::new(bytes);
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(SealedError::TooShort { found: bytes.len() });
        }
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(SealedError::TooLong);
        }
        if skeleton::of_value(&bytes).len() < TELLING_BYTES_MIN {
            return Err(SealedError::TooPlain);
        }
        Ok(Self(SecretBox::new(bytes.as_slice().into())))
    }

    /// Seals what was read as text, without the end of its last line.
    ///
    /// # Errors
    /// As [`Sealed::new`].
    pub fn of_text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, SealedError> {
        for end in [b'\n', b'\r'] {
            if bytes.last() == Some(&end) {
                bytes.pop();
            }
        }
        Self::new(std::mem::take(&mut *bytes))
    }

    /// The bytes themselves, for a host's stdin and for [`super::Masks`]: for nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r36_eight_bytes_are_accepted() {
        let sealed = Sealed::new(b"hunter22".to_vec()).unwrap();
        assert_eq!(sealed.expose(), b"hunter22");
    }

    #[test]
    fn r37_seven_bytes_are_refused() {
        assert_eq!(Sealed::new(b"hunter2".to_vec()).unwrap_err(), SealedError::TooShort { found: 7 });
    }

    #[test]
    fn r38_sixty_four_kib_are_accepted_and_not_a_byte_more() {
        assert!(Sealed::new(vec![b'k'; SECRET_BYTES_MAX]).is_ok());
        assert_eq!(Sealed::new(vec![b'k'; SECRET_BYTES_MAX + 1]).unwrap_err(), SealedError::TooLong);
    }

    #[test]
    fn a_value_of_blanks_and_quotes_is_refused() {
        assert_eq!(Sealed::new(b"\" ' \\ \t ' \"  abc".to_vec()).unwrap_err(), SealedError::TooPlain);
    }

    #[test]
    fn debug_shows_neither_value_nor_length() {
        let shown = format!("{:?}", Sealed::new(b"correct horse".to_vec()).unwrap());
        assert_eq!(shown, "Sealed(…)");
    }

    /// Compiles only while `Sealed` lacks every trait that could print or copy it: a type that has one of them
    /// makes the call ambiguous.
    #[test]
    fn nothing_prints_copies_or_serialises_a_secret() {
        trait Absent<A> {
            fn check() {}
        }
        impl<T: ?Sized> Absent<()> for T {}
        struct Found;
        impl<T: ?Sized + fmt::Display> Absent<(Found, u8)> for T {}
        impl<T: Clone> Absent<(Found, u16)> for T {}
        impl<T: ?Sized + serde::Serialize> Absent<(Found, u32)> for T {}
        impl<T: ?Sized + PartialEq> Absent<(Found, u64)> for T {}
        <Sealed as Absent<_>>::check();
    }
}
