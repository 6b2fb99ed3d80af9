//! A shell of another user of the host, by `sudo`. The password goes ahead of the script on standard input, which `sudo -S` reads
//! no further than that line.
//!
//! Whether it asks for one only the host knows. It is made to ask anew each time (`-k`), and a line with the nonce stands
//! between password and script: a password that nobody asked for is read there and dropped, never run. The shell that reads the
//! script is started in a session of its own, by which all that it leaves is found and ended, as that user too.
//!
//! Invariant: neither password nor script stands in `argv` or the environment. Deliberately absent: `su`, and a terminal to ask in.

use super::{Nonce, shell_of};
use crate::domain::runbook::Interpreter;
use crate::secrets::Sealed;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Who is become, and what shows that we may.
#[derive(Clone)]
pub(in crate::executor) struct Becoming {
    /// The user.
    pub user: String,
    /// The password `sudo` asks for; without one it must not ask.
    pub password: Option<Arc<Sealed>>,
}

impl Becoming {
    /// The command line for a script.
    pub fn line(&self, interpreter: &Interpreter, nonce: &Nonce) -> String {
        let (nonce, sudo, shell) = (nonce.as_str(), self.sudo(), shell_of(interpreter));
        // Each shell is given the next one's words as arguments: nothing is quoted twice.
        let first = format!("echo \"{nonce} $$\" >&2; exec {sudo} -- sh -c \"$0\" {shell} \"$1\"");
        let between =
            format!("IFS= read -r l; [ \"$l\" = {nonce} ] || IFS= read -r l; setsid \"$0\" -c \"$1\"; exit $?");
        let last = format!("echo \"{nonce} $$\" >&2; eval \"$(cat)\" </dev/null");
        format!("exec sh -c '{first}' '{between}' '{last}'")
    }

    /// What goes ahead of the script, wiped when dropped.
    pub fn ahead(&self, nonce: &Nonce) -> Zeroizing<Vec<u8>> {
        let mut ahead = self.password();
        ahead.extend_from_slice(nonce.as_str().as_bytes());
        ahead.push(b'\n');
        ahead
    }

    /// The command line for a text in a shell of that user; it reads nothing but the password.
    pub fn aside(&self, text: &str) -> String {
        format!("exec {} -- sh -c '{text}'", self.sudo())
    }

    /// The line with the password, where there is one.
    pub fn password(&self) -> Zeroizing<Vec<u8>> {
        let value = self.password.as_ref().map_or(&[][..], |password| password.expose());
        // Reserved at once: growing would leave copies behind.
        let mut line = Zeroizing::new(Vec::with_capacity(value.len() + 64));
        line.extend_from_slice(value);
        if self.password.is_some() {
            line.push(b'\n');
        }
        line
    }

    /// A user's name is letters, digits and the like: `check` has seen to it.
    fn sudo(&self) -> String {
        let asks = if self.password.is_some() { "-S -p \"\"" } else { "-n" };
        format!("sudo -k {asks} -u {}", self.user)
    }
}
