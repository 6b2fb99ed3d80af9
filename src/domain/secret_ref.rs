//! Where a secret's value comes from: the text after `ref =` in a runbook.
//!
//! A closed set of schemes. A reference names a place, never a value, so it may be shown, bound and stored.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Longest reference: a path of `PATH_MAX` with its scheme.
pub const SECRET_REF_BYTES_MAX: usize = 4096 + 16;

/// A place a secret's value is fetched from at the step that needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// `vault:MOUNT/PATH#FIELD`: a field of a key-value entry in Vault or OpenBao.
    Vault {
        /// Mount and path, as in `kv/web`.
        path: String,
        /// The field within the entry.
        field: String,
    },
    /// `file:/ABSOLUTE/PATH`: a file on the machine the server runs on.
    File(PathBuf),
    /// `command:/ABSOLUTE/PROGRAM ARGS`: what a program prints; split at blanks, never given to a shell.
    Command {
        /// The program's absolute path.
        program: PathBuf,
        /// Its fixed arguments.
        args: Vec<String>,
    },
    /// `prompt:` or `prompt:WORDS`: a person types it when the run starts.
    Prompt {
        /// What to ask for; empty when the secret's name says it.
        words: String,
    },
}

/// Why a text is no reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefError {
    /// No known scheme before the first colon.
    #[error("a secret's ref starts with vault:, file:, command: or prompt:; a value itself is never written here")]
    Scheme,
    /// A `vault:` reference without a mount, a path behind it and a field.
    #[error("write vault:MOUNT/PATH#FIELD, as in vault:kv/web#deploy_token")]
    Vault,
    /// A `file:` reference that is not an absolute path.
    #[error("write file:/ABSOLUTE/PATH: a relative path would depend on where the server was started")]
    File,
    /// A `command:` reference without an absolute program.
    #[error("write command:/ABSOLUTE/PROGRAM ARGS: a bare name would depend on the server's PATH")]
    Command,
    /// Control characters, or longer than [`SECRET_REF_BYTES_MAX`].
    #[error("the reference holds a control character or is longer than {SECRET_REF_BYTES_MAX} bytes")]
    Text,
}

impl FromStr for SecretRef {
    type Err = SecretRefError;

    fn from_str(text: &str) -> Result<Self, SecretRefError> {
        if text.len() > SECRET_REF_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(SecretRefError::Text);
        }
        let (scheme, rest) = text.split_once(':').ok_or(SecretRefError::Scheme)?;
        match scheme {
            "vault" => match rest.split_once('#') {
                Some((path, field)) if is_path(path) && !field.is_empty() => {
                    Ok(Self::Vault { path: path.to_owned(), field: field.to_owned() })
                }
                Some(_) | None => Err(SecretRefError::Vault),
            },
            "file" if Path::new(rest).is_absolute() => Ok(Self::File(PathBuf::from(rest))),
            "file" => Err(SecretRefError::File),
            "command" => {
                let mut words = rest.split_ascii_whitespace();
                match words.next() {
                    Some(program) if Path::new(program).is_absolute() => {
                        Ok(Self::Command { program: PathBuf::from(program), args: words.map(str::to_owned).collect() })
                    }
                    Some(_) | None => Err(SecretRefError::Command),
                }
            }
            "prompt" => Ok(Self::Prompt { words: rest.trim().to_owned() }),
            _ => Err(SecretRefError::Scheme),
        }
    }
}

/// A mount and a path behind it, which no server reads as anything else.
fn is_path(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.contains(['?', '%', '\\']) && !part.contains(' ')
    };
    path.contains('/') && path.split('/').all(plain)
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vault { path, field } => write!(f, "vault:{path}#{field}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Command { program, args } => {
                write!(f, "command:{}", program.display())?;
                args.iter().try_for_each(|arg| write!(f, " {arg}"))
            }
            Self::Prompt { words } => write!(f, "prompt:{words}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_parses_and_prints_as_it_was_written() {
        for text in [
            "vault:kv/web#deploy_token",
            "file:/run/secrets/token",
            "command:/usr/bin/pass show web",
            "prompt:",
            "prompt:the new password",
        ] {
            assert_eq!(text.parse::<SecretRef>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_fetched_is_refused_by_name() {
        let refused = |text: &str| text.parse::<SecretRef>().unwrap_err();
        assert_eq!(refused("hunter22"), SecretRefError::Scheme);
        assert_eq!(refused("env:TOKEN"), SecretRefError::Scheme);
        assert_eq!(refused("vault:kv/web"), SecretRefError::Vault);
        for path in
            ["", "kv", "kv/", "/web", "kv/../sys", "kv/./web", "kv//web", "kv/web?version=1", "kv/%2e", "kv/a b"]
        {
            assert_eq!(refused(&format!("vault:{path}#field")), SecretRefError::Vault, "{path}");
        }
        assert_eq!(refused("file:token"), SecretRefError::File);
        assert_eq!(refused("command:pass show web"), SecretRefError::Command);
        assert_eq!(refused("command:"), SecretRefError::Command);
        assert_eq!(refused("file:/a\nb"), SecretRefError::Text);
        assert_eq!(refused(&format!("file:/{}", "a".repeat(SECRET_REF_BYTES_MAX))), SecretRefError::Text);
    }
}
