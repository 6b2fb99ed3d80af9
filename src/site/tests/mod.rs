//! Tests over whole files and whole sites.

mod across;
mod content;
mod disk;
mod drawn;
mod every_key;
mod hostile;
mod notify;
mod outputs;
mod shipped;
mod spots;
mod strict;
mod systems;
mod terraform;
mod validator;
mod values;
mod vault;
mod whole;
mod within;

use super::diagnostic::Diagnostic;
use super::render::{Ink, Look};

/// How tests draw.
const LOOK: Look = Look { width: 100, ink: Ink::Plain };

/// Diagnostics as lines, for messages of failing tests.
fn lines(found: &[Diagnostic]) -> String {
    found.iter().map(|diagnostic| format!("{diagnostic}\n")).collect()
}

/// A public key that nobody has the private part of.
fn public_key(nr: u8) -> String {
    use base64::Engine as _;
    let mut bytes = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    bytes.extend([nr; 32]);
    format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(bytes))
}
