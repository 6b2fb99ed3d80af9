//! What is sent to a host: one constant command line per attempt, and on its standard input the script with
//! its variables.
//!
//! The line carries a nonce and nothing else, so no value ever stands in `argv` or the environment. The shell it
//! starts says `NONCE PID` on standard error and reads its input; only then does a byte of the script leave this machine:
//! a forced command or a `nologin` shell never sees it. Everything sent is one `{ … }` with the script quoted inside, so a
//! delivery cut short is a syntax error that runs nothing. When all of it has arrived the preamble says `NONCE +`.
//!
//! Invariants: values are single-quoted, names are checked, nothing is exported. Deliberately absent: templating of the
//! text (what was reviewed is what runs) and `sh -s` (a command that reads standard input would swallow the script).

use crate::domain::order::Delivery;
use crate::domain::runbook::Interpreter;
use crate::secrets::Sealed;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest script with its variables: what a `$(cat)` of a small host holds without harm.
pub(super) const PAYLOAD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A random word that marks our own lines on standard error. It is no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Nonce(String);

impl Nonce {
    /// 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0u8; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Its hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How the shell comes to lead its process group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lead {
    /// The host's login makes it one, as OpenSSH does.
    Given,
    /// By `setsid`.
    Taken,
}

/// Why a script cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScriptError {
    /// Not a shell name.
    #[error("`{0}` cannot be a shell variable: letters, digits and _ only, no digit first")]
    Name(String),
    /// A name the shell itself gives a meaning.
    #[error("`{0}` means something to the shell itself; rename it")]
    Meaning(String),
    /// A NUL byte: shells drop it silently.
    #[error("the value of `{0}` holds a NUL byte, which no shell can carry")]
    Nul(String),
    /// A value that is no text for a program that reads JSON.
    #[error("the value of `{0}` is no UTF-8 text, which JSON cannot carry; let sh or bash read this script")]
    NotText(String),
    /// The script's own text holds a NUL byte.
    #[error("the script holds a NUL byte, which no shell can carry")]
    NulInText,
    /// Longer than [`PAYLOAD_BYTES_MAX`].
    #[error("script and values are longer than {PAYLOAD_BYTES_MAX} bytes; copy big files to the host another way")]
    TooLong,
}

/// The command line for a script.
pub(super) fn line(interpreter: &Interpreter, nonce: &Nonce, lead: Lead) -> String {
    let shell = shell_of(interpreter);
    let setsid = match lead {
        Lead::Given => "",
        Lead::Taken => "setsid ",
    };
    format!("exec {setsid}{shell} -c 'echo \"{} $$\" >&2; eval \"$(cat)\" </dev/null'", nonce.as_str())
}

/// What is sent to a terminal is as long as the line says: its end cannot be seen there. In steps, so that the line, which others
/// on the host can see, tells little of how long a secret is.
const PAYLOAD_STEP_BYTES: usize = 4_096;

/// The command line for a script that is given a terminal, and finds `bytes` there. What it reads afterwards nobody types.
pub(super) fn line_on_a_terminal(interpreter: &Interpreter, nonce: &Nonce, lead: Lead, bytes: usize) -> String {
    let shell = shell_of(interpreter);
    let setsid = match lead {
        Lead::Given => "",
        Lead::Taken => "setsid ",
    };
    format!("exec {setsid}{shell} -c 'echo \"{} $$\" >&2; eval \"$(head -c {bytes})\"'", nonce.as_str())
}

/// The same, with blank lines up to the next step of its length.
pub(super) fn padded(payload: &[u8]) -> Zeroizing<Vec<u8>> {
    let bytes = payload.len().next_multiple_of(PAYLOAD_STEP_BYTES);
    let mut whole = Zeroizing::new(Vec::with_capacity(bytes));
    whole.extend_from_slice(payload);
    whole.resize(bytes, b'\n');
    whole
}

/// The shell that reads what is sent.
fn shell_of(interpreter: &Interpreter) -> &'static str {
    match interpreter {
        Interpreter::Sh | Interpreter::Program(_) => "sh",
        Interpreter::Bash => "bash",
    }
}

/// The command line that only shows that a shell answers.
pub(super) fn probe_line(nonce: &Nonce) -> String {
    format!("exec sh -c 'echo \"{} $$\" >&2'", nonce.as_str())
}

/// What follows on standard input: preamble and script, wiped when dropped.
///
/// # Errors
/// When a name or value cannot be carried by a shell, or all of it is too long.
pub(super) fn payload(
    nonce: &Nonce,
    delivery: &Delivery,
    secrets: &[(String, Arc<Sealed>)],
) -> Result<Zeroizing<Vec<u8>>, ScriptError> {
    if delivery.text.as_bytes().contains(&0) {
        return Err(ScriptError::NulInText);
    }
    if let Interpreter::Program(words) = &delivery.interpreter {
        return program::payload(nonce, words, delivery, secrets);
    }
    let plain = delivery.variables.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let sealed = secrets.iter().map(|(name, value)| (name.as_str(), value.expose()));
    let variables: Vec<(&str, &[u8])> = plain.chain(sealed).collect();
    let mut bytes = 256 + quoted_len(delivery.text.as_bytes());
    for (name, value) in &variables {
        check_name(name)?;
        if value.contains(&0) {
            return Err(ScriptError::Nul((*name).to_owned()));
        }
        bytes += 2 * name.len() + 16 + quoted_len(value);
    }
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(ScriptError::TooLong);
    }
    // Reserved at once: growing would leave copies of secrets behind.
    let mut out = Zeroizing::new(Vec::with_capacity(bytes));
    push_leads(&mut out, nonce);
    for (name, value) in variables {
        // A name the environment already exports would stay exported.
        out.extend_from_slice(b"unset ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        push_quoted(&mut out, value);
        out.push(b'\n');
    }
    push_mark(&mut out, nonce, b'+');
    out.extend_from_slice(b"eval ");
    push_quoted(&mut out, delivery.text.as_bytes());
    out.extend_from_slice(b"\n}\n");
    Ok(out)
}

/// One after the other, in memory that is wiped when dropped.
pub(super) fn joined(ahead: &[u8], payload: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut whole = Zeroizing::new(Vec::with_capacity(ahead.len() + payload.len()));
    whole.extend_from_slice(ahead);
    whole.extend_from_slice(payload);
    whole
}

/// `kill -0 -$$` succeeds only for the leader of a process group; without one nothing could be ended later.
fn push_leads(out: &mut Vec<u8>, nonce: &Nonce) {
    out.extend_from_slice(b"{ kill -0 -$$ 2>/dev/null || { ");
    push_mark(out, nonce, b'-');
    out.extend_from_slice(b"exit 0; }\n");
}

/// One of our lines on standard error.
fn push_mark(out: &mut Vec<u8>, nonce: &Nonce, mark: u8) {
    out.extend_from_slice(b"echo \"");
    out.extend_from_slice(nonce.as_str().as_bytes());
    out.extend_from_slice(&[b' ', mark]);
    out.extend_from_slice(b"\" >&2\n");
}

/// Names that change how a shell finds, splits or traces commands.
const MEANINGFUL: [&str; 12] = [
    "PATH",
    "IFS",
    "ENV",
    "BASH_ENV",
    "CDPATH",
    "PS4",
    "SHELLOPTS",
    "BASHOPTS",
    "POSIXLY_CORRECT",
    "GLOBIGNORE",
    "PROMPT_COMMAND",
    "OPTIND",
];

fn check_name(name: &str) -> Result<(), ScriptError> {
    let mut letters = name.bytes();
    let head = letters.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !head || !letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(ScriptError::Name(name.to_owned()));
    }
    if MEANINGFUL.contains(&name) || name.starts_with("LD_") || name.starts_with("BASH_FUNC_") {
        return Err(ScriptError::Meaning(name.to_owned()));
    }
    Ok(())
}

fn quoted_len(value: &[u8]) -> usize {
    value.len() + 2 + 3 * value.iter().filter(|byte| **byte == b'\'').count()
}

/// Appends `value` in single quotes, where no byte but `'` means anything.
fn push_quoted(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'\'');
    for (n, part) in value.split(|byte| *byte == b'\'').enumerate() {
        if n > 0 {
            out.extend_from_slice(b"'\\''");
        }
        out.extend_from_slice(part);
    }
    out.push(b'\'');
}

mod becoming;
mod program;

pub(super) use becoming::Becoming;
#[cfg(test)]
mod tests;
