//! What is replaced in the output of one run: built once, shared by all its streams.
//!
//! Invariant: masks grow and never shrink; a value once masked in a run stays masked to its end.

use std::sync::Arc;

use super::Sealed;
use super::forms;
use super::needles::{Hit, Needles};

/// Secrets of one run, old and new versions counted apart. A runbook with more hides a design fault.
pub const MASKED_SECRETS_MAX: usize = 256;

/// Sum of the values' bytes in one run: bounds the table to some tens of MiB.
pub const MASKED_BYTES_MAX: usize = 1024 * 1024;

/// What is replaced in the output of one run. Cheap to clone; every stream gets its own [`super::Redactor`] from it.
#[derive(Clone)]
pub struct Masks {
    table: Arc<Table>,
}

/// Why the secrets of a run cannot be masked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasksError {
    /// More than [`MASKED_SECRETS_MAX`] secrets.
    #[error("a run uses at most {MASKED_SECRETS_MAX} secrets; split the runbook")]
    TooMany,
    /// More than [`MASKED_BYTES_MAX`] bytes in all.
    #[error("the secrets of a run have at most {MASKED_BYTES_MAX} bytes together; split the runbook")]
    TooMuch,
}

#[derive(Clone)]
struct Owner {
    /// What stands in the output in its place.
    mark: Box<[u8]>,
    value_bytes: usize,
}

struct Table {
    owners: Vec<Owner>,
    needles: Needles,
}

impl Masks {
    /// Nothing to mask.
    #[must_use]
    pub fn none() -> Self {
        let (owners, needles) = (Vec::new(), Needles::default());
        Self { table: Arc::new(Table { owners, needles }) }
    }

    /// Masks for `secrets`: name and value. A name may come more than once, with an old and a new value. Costs some
    /// microseconds for a token, half a second for the largest tables: build it once per run.
    ///
    /// # Errors
    /// When there are too many, or they are too long together.
    pub fn new(secrets: &[(&str, &Sealed)]) -> Result<Self, MasksError> {
        Self::none().with(secrets)
    }

    /// These masks and those for `more`: a value rotated in mid-run is masked beside the one it replaces.
    ///
    /// # Errors
    /// When there are too many, or they are too long together.
    pub fn with(&self, more: &[(&str, &Sealed)]) -> Result<Self, MasksError> {
        let mut owners = self.table.owners.clone();
        if owners.len() + more.len() > MASKED_SECRETS_MAX {
            return Err(MasksError::TooMany);
        }
        let before: usize = owners.iter().map(|it| it.value_bytes).sum();
        let added: usize = more.iter().map(|(_, value)| value.expose().len()).sum();
        if before + added > MASKED_BYTES_MAX {
            return Err(MasksError::TooMuch);
        }
        let mut owned = Vec::new();
        for (name, value) in more {
            let owner = u16::try_from(owners.len()).map_err(|_| MasksError::TooMany)?;
            let mark = format!("[secret:{name}]").into_bytes().into();
            owners.push(Owner { mark, value_bytes: value.expose().len() });
            owned.extend(forms::of(value.expose()).into_iter().map(|form| (owner, form)));
        }
        let needles = self.table.needles.with(&owned).ok_or(MasksError::TooMuch)?;
        Ok(Self { table: Arc::new(Table { owners, needles }) })
    }

    /// `text` with every secret replaced: for error messages, banners, file names and other text that comes whole.
    #[must_use]
    pub fn clean(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut redactor = super::Redactor::new(self);
        redactor.push(text, &mut out);
        redactor.flush(&mut out);
        out
    }

    /// As [`Masks::clean`], for text that is known to be UTF-8.
    #[must_use]
    pub fn clean_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.clean(text.as_bytes())).into_owned()
    }

    /// Whether `text` holds a secret: a host name, an input or a note that does is refused.
    #[must_use]
    pub fn touches(&self, text: &str) -> bool {
        let skeleton = super::skeleton::of_value(text.as_bytes());
        let mut found = false;
        self.find(&skeleton, 0, &mut |_| found = true);
        found
    }

    /// Whether what stands in place of a secret stands in `text`.
    #[must_use]
    pub fn is_marked(&self, text: &str) -> bool {
        self.table
            .owners
            .iter()
            .any(|owner| text.as_bytes().windows(owner.mark.len().max(1)).any(|at| at == &*owner.mark))
    }

    /// Whether there is nothing to mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.owners.is_empty()
    }

    /// What stands in the output in place of the secret `owner`.
    pub(super) fn mark(&self, owner: u16) -> &[u8] {
        self.table.owners.get(usize::from(owner)).map_or(b"[secret]", |it| &it.mark)
    }

    /// Length of the value of `owner`: of two that explain a text equally well the shorter is meant.
    pub(super) fn value_bytes(&self, owner: u16) -> usize {
        self.table.owners.get(usize::from(owner)).map_or(0, |it| it.value_bytes)
    }

    /// Calls `hit` once for each needle in `skeleton` that ends after index `fresh`.
    pub(super) fn find(&self, skeleton: &[u8], fresh: usize, hit: &mut impl FnMut(Hit)) {
        self.table.needles.find(skeleton, fresh, hit);
    }

    /// Whether some needle begins with `head` (of at least one byte); its owner.
    pub(super) fn begins(&self, head: &[u8]) -> Option<u16> {
        self.table.needles.begins(head)
    }

    /// Whether some form of a secret begins with `head` (of at least one byte); its owner.
    pub(super) fn form_begins(&self, head: &[u8]) -> Option<u16> {
        self.table.needles.form_begins(head)
    }
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masks({} secrets)", self.table.owners.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(value: &str) -> Sealed {
        Sealed::new(value.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn r35_a_text_that_holds_a_secret_is_told() {
        let masks = Masks::new(&[("host", &sealed("db-primary-1"))]).unwrap();
        assert!(masks.touches("DB-primary-1"));
        assert!(masks.touches("ssh db-primary-1.example.com"));
        assert!(!masks.touches("db-primary-2"));
        assert!(!masks.touches("db-prim"));
    }

    #[test]
    fn bounds_are_refused_not_cut() {
        let value = sealed("hunter22hunter22");
        let many = vec![("a", &value); MASKED_SECRETS_MAX + 1];
        assert_eq!(Masks::new(&many).unwrap_err(), MasksError::TooMany);
        let large = Sealed::new(vec![b'k'; crate::secrets::SECRET_BYTES_MAX]).unwrap();
        assert_eq!(Masks::new(&[("a", &large); 17]).unwrap_err(), MasksError::TooMuch);
    }

    #[test]
    fn debug_names_no_value() {
        let masks = Masks::new(&[("a", &sealed("hunter22"))]).unwrap();
        assert_eq!(format!("{masks:?}"), "Masks(1 secrets)");
    }
}
