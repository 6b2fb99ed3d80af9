//! Tests over whole files and whole sites.

mod disk;
mod every_key;
mod shipped;
mod spots;
mod validator;
mod whole;

use super::diagnostic::Diagnostic;

/// Diagnostics as lines, for messages of failing tests.
fn lines(found: &[Diagnostic]) -> String {
    found
        .iter()
        .map(|diagnostic| format!("{diagnostic}\n"))
        .collect()
}

/// A public key that nobody has the private part of.
fn public_key(nr: u8) -> String {
    use base64::Engine as _;
    let mut bytes = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    bytes.extend([nr; 32]);
    format!(
        "ssh-ed25519 {}",
        base64::engine::general_purpose::STANDARD.encode(bytes)
    )
}
