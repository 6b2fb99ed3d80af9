//! Secrets: where a value comes from, how it is kept while a run needs it, and how it is kept out of
//! everything that is stored or shown.
//!
//! Reading order: [`Factors`] (what second factors share with their devices) stands by itself; for what runs need [`Sealed`] (a value), [`resolve`] (where it comes from), [`Masks`] and
//! [`Redactor`] (how output is cleaned of it). What a reference may say is `domain::secret_ref`; secrets typed where
//! none belong are found by `domain::literal`: both are judged at load, by `site/`.
//!
//! Invariants: a value is printed by no `Debug`, `Display` or `Serialize`; it is wiped from memory when the run lets go of
//! it; it leaves this module only through [`Sealed::expose`], whose callers are the executor's stdin and [`Masks`].
//!
//! Deliberately absent: any store of our own for secrets of runs (a site keeps them in files, a vault or a person's head).
//! Redaction is a net, not the control: a program that wants to leak can encode in ways nobody listed. The controls
//! are approval of the commands, withheld output and rotation.

mod factors;
mod forms;
mod masks;
mod needles;
mod provider;
mod redactor;
mod sealed;
mod skeleton;

#[cfg(test)]
mod threats;

pub use factors::{CODE_DIGITS, FactorError, Factors, Made};
pub use masks::{MASKED_SECRETS_MAX, Masks, MasksError};
pub use provider::{Answers, Resolved, SecretError, resolve};
pub use redactor::Redactor;
pub use sealed::{READ_BYTES_MAX, SECRET_BYTES_MAX, SECRET_BYTES_MIN, Sealed, SealedError};
