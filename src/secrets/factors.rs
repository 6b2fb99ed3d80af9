//! Secrets of second factors (TOTP, RFC 6238): made here, kept in a directory of their own, asked whether a code is right.
//!
//! Invariants: 160 bits from the operating system; a file per secret, 0600 in a directory 0700, named by an id that does not
//! lead back to the secret; a secret leaves this module once, when it is made. A file that holds another secret than its name
//! says is none: whoever copies one person's secret over another's gains nothing (Z3).

use crate::domain::Digest;
use crate::domain::factor::{SKEW_STEPS, STEP_MS};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use totp_rs::{Builder, Secret};
use zeroize::Zeroizing;

/// The directory in the data directory.
const DIRECTORY: &str = "factors";

/// Bytes of a secret: what RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

/// Keeps an id from ever equalling a hash made for another purpose.
const ID_PREFIX: &[u8] = b"quarterdeck-factor-v1";

/// Digits of a code.
pub const CODE_DIGITS: usize = 6;

/// Where secrets of second factors are kept.
#[derive(Clone, Debug)]
pub struct Factors {
    dir: PathBuf,
}

/// A secret that was just made. Shown to its person, and never again.
pub struct Made {
    /// What it is known by.
    pub id: Digest,
    /// The secret, in base32 as devices take it.
    pub base32: Zeroizing<String>,
}

/// Why a code could not be held against a secret.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The file cannot be read.
    #[error("the secret of this second factor cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Others on this machine may read it.
    #[error("{} may be read by other accounts (mode {mode:04o}): its secret is no secret", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold what its name says.
    #[error("{} does not hold the secret that was enrolled", .0.display())]
    Another(PathBuf),
}

impl Factors {
    /// Those of a data directory.
    pub fn of(data: &Path) -> Self {
        Self { dir: data.join(DIRECTORY) }
    }

    /// Makes a secret and keeps it. Blocks until it is on the disk.
    ///
    /// # Errors
    /// There is no randomness, or it cannot be kept.
    pub fn make(&self) -> io::Result<Made> {
        let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(io::Error::from)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let id = id_of(bytes.as_slice());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path(&id))?;
        file.write_all(bytes.as_slice())?;
        file.sync_all()?;
        File::open(&self.dir)?.sync_all()?;
        Ok(Made { id, base32: Zeroizing::new(Secret::new_stack(*bytes).to_base32()) })
    }

    /// The step of the factor's clock for which `code` is right around this moment; `None` where it is for none.
    ///
    /// # Errors
    /// Its secret is not to be had.
    pub fn step(&self, id: &Digest, code: &str, at_ms: u64) -> Result<Option<u64>, FactorError> {
        let secret = self.read(id)?;
        let totp = Builder::new()
            .with_secret(Secret::new_stack(*secret))
            .with_skew(u16::try_from(SKEW_STEPS).unwrap_or(1))
            .with_step_duration(STEP_MS / 1_000)
            .build_noncompliant();
        Ok(totp.check(code, at_ms / 1_000))
    }

    /// Lets go of a secret. One that is not there is gone already.
    ///
    /// # Errors
    /// It is still there.
    pub fn forget(&self, id: &Digest) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn path(&self, id: &Digest) -> PathBuf {
        self.dir.join(id.to_string())
    }

    fn read(&self, id: &Digest) -> Result<Zeroizing<[u8; SECRET_BYTES]>, FactorError> {
        let path = self.path(id);
        let mut file = File::open(&path)?;
        let mode = file.metadata()?.mode();
        if mode & 0o077 != 0 {
            return Err(FactorError::Open { path, mode: mode & 0o7777 });
        }
        let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
        file.read_exact(bytes.as_mut_slice())?;
        match id_of(bytes.as_slice()) == *id {
            true => Ok(bytes),
            false => Err(FactorError::Another(path)),
        }
    }
}

/// Made of the secret alone, so that two people with one secret are seen; from 160 random bits nobody finds the way back.
fn id_of(secret: &[u8]) -> Digest {
    // A key of any length is taken.
    Hmac::<Sha256>::new_from_slice(secret).map_or(Digest([0; 32]), |mut mac| {
        mac.update(ID_PREFIX);
        Digest(mac.finalize().into_bytes().into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// RFC 6238, appendix B, its last six digits: made by the secret "12345678901234567890".
    const RFC_6238: [(u64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn with_rfc_secret() -> (tempfile::TempDir, Factors, Digest) {
        let dir = tempfile::tempdir().unwrap();
        let factors = Factors::of(dir.path());
        let made = factors.make().unwrap();
        factors.forget(&made.id).unwrap();
        let id = id_of(b"12345678901234567890");
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(factors.path(&id));
        file.unwrap().write_all(b"12345678901234567890").unwrap();
        (dir, factors, id)
    }

    #[test]
    fn codes_are_those_of_the_standard_one_step_to_either_side() {
        let (_dir, factors, id) = with_rfc_secret();
        for (at, code) in RFC_6238 {
            let step = Some(at / 30);
            for off in [at * 1_000, (at + 30) * 1_000, (at - 30) * 1_000] {
                assert_eq!(factors.step(&id, code, off).unwrap(), step, "{code} at {off}");
            }
            for off in [Some(at + 61), at.checked_sub(90)].into_iter().flatten().map(|off| off * 1_000) {
                assert_eq!(factors.step(&id, code, off).unwrap(), None, "{code} at {off}");
            }
        }
    }

    #[test]
    fn a_secret_is_a_file_for_the_server_alone_and_no_two_are_one() {
        let dir = tempfile::tempdir().unwrap();
        let factors = Factors::of(dir.path());
        let (one, other) = (factors.make().unwrap(), factors.make().unwrap());
        assert_ne!(one.id, other.id);
        assert_eq!(one.base32.len(), 32, "160 bits, five to a letter");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&factors.dir), mode(&factors.path(&one.id))), (0o700, 0o600));
        let text = format!("{:?}", fs::read_dir(&factors.dir).unwrap().map(Result::unwrap).collect::<Vec<_>>());
        assert!(!text.contains(one.base32.as_str()), "its name does not say it");
        factors.forget(&one.id).unwrap();
        factors.forget(&one.id).unwrap();
        assert!(matches!(factors.step(&one.id, "000000", 0), Err(FactorError::Unreadable(_))));
    }

    #[test]
    fn z03_a_secret_copied_over_another_ones_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let factors = Factors::of(dir.path());
        let (ada, grace) = (factors.make().unwrap(), factors.make().unwrap());
        fs::copy(factors.path(&ada.id), factors.path(&grace.id)).unwrap();
        assert!(matches!(factors.step(&grace.id, "000000", 0), Err(FactorError::Another(_))));
        fs::set_permissions(factors.path(&ada.id), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(factors.step(&ada.id, "000000", 0), Err(FactorError::Open { .. })));
    }
}
