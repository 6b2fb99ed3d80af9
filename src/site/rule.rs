//! The rules a text has to keep, one per sort of text. Each says what is wrong, where in the text and what to write
//! instead, and describes itself to the JSON Schema.
//!
//! Names, hosts, users and commands are printable ASCII unless the file says `unicode = true`; everything refuses
//! hidden characters and look-alikes.

use super::diagnostic::Code;
use super::text;
use crate::domain::runbook::Compare;
use crate::domain::secret_ref::SecretRef;
use crate::domain::{duration, selector, window};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Longest name: it stands in every event and in every row of a table.
const NAME_CHARS_MAX: usize = 64;
/// Longest single line: five lines of a wide terminal, more is prose.
const LINE_CHARS_MAX: usize = 1_000;
/// Largest compiled pattern: a pattern is run on every value and every output.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// A share of all hosts.
const PERCENT_MAX: u32 = 100;

/// Variables the engine gives to every script.
pub(super) const GIVEN: [&str; 4] = ["host", "run", "step", "attempt"];
/// The sixteen colours a terminal has names for.
const SIXTEEN: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "gray",
    "darkgray",
    "lightred",
    "lightgreen",
    "lightyellow",
    "lightblue",
    "lightmagenta",
    "lightcyan",
    "white",
];
/// Lower-case variables that bash itself reads.
const SHELL_OWN: [&str; 2] = ["auto_resume", "histchars"];

/// A sort of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// What identifies something: `rolling-restart`.
    Id,
    /// A shell variable: `release`.
    Variable,
    /// A server, group or tag: `web-1`, `db.internal`.
    Name,
    /// An account on the bastion, or a login on a host.
    Account,
    /// A host name or an IP address.
    Address,
    /// An OpenSSH public key on one line.
    PublicKey,
    /// One line of words.
    Line,
    /// Words, several lines.
    Prose,
    /// A script.
    Command,
    /// `90s`, `5m`, `1h30m`.
    Duration,
    /// `group:web & !tag:drained`.
    Selector,
    /// Five cron fields.
    Cron,
    /// An IANA time zone.
    Zone,
    /// A regular expression.
    Pattern,
    /// `host-baseline@1`.
    TemplateUse,
    /// `file:/etc/…` or `prompt:`.
    SecretRef,
    /// `>= 10`.
    Comparison,
    /// `25%`.
    Percent,
    /// `#rrggbb`, or one of the terminal's sixteen by name.
    Colour,
    /// Anything that is compared: it may be empty.
    Value,
}

/// Why a text breaks its rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub code: Code,
    pub message: String,
    pub hint: String,
    /// Byte offset in the text, where one place is to blame.
    pub at: Option<usize>,
}

fn fault(message: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault {
        code: Code::Value,
        message: message.into(),
        hint: hint.into(),
        at: None,
    }
}

impl Rule {
    /// Judges a text.
    pub(super) fn check(self, text: &str, unicode: bool) -> Result<(), Fault> {
        self.characters(text, unicode)?;
        match self {
            Rule::Id => id(text),
            Rule::Variable => variable(text),
            Rule::Name => name(text),
            Rule::Account => account(text),
            Rule::Address => address(text),
            Rule::PublicKey => public_key(text).map(|_| ()),
            Rule::Line | Rule::Prose | Rule::Command | Rule::Value => Ok(()),
            Rule::Duration => match duration::parse_ms(text) {
                Ok(0) => Err(fault("a duration of nothing", "write at least 1s")),
                Ok(_) => Ok(()),
                Err(why) => Err(fault(why, "")),
            },
            Rule::Selector => selector::parse(text).map(|_| ()).map_err(|error| Fault {
                at: Some(error.at),
                ..fault(
                    error.message,
                    "as in: group:web & !tag:drained | host:db-1 | /^edge-/",
                )
            }),
            Rule::Cron => window::cron(text).map(|_| ()).map_err(|why| {
                fault(
                    why,
                    "minute hour day month weekday, as in: 0 22 * * MON-THU",
                )
            }),
            Rule::Zone => match jiff::tz::TimeZone::get(text) {
                Ok(_) => Ok(()),
                Err(_) => Err(fault(
                    format!("`{text}` is no time zone"),
                    "as in: Europe/Berlin, UTC",
                )),
            },
            Rule::Pattern => pattern(text),
            Rule::TemplateUse => template_use(text).map(|_| ()).ok_or_else(|| {
                fault(
                    format!("`{text}` names no template"),
                    "write id@version, as in: host-baseline@1",
                )
            }),
            Rule::SecretRef => secret_ref(text),
            Rule::Comparison => comparison(text).map(|_| ()).ok_or_else(|| {
                fault(
                    format!("`{text}` compares with no number"),
                    "as in: >= 10, < 0.5, == 0, != 3",
                )
            }),
            Rule::Percent => percent(text).map(|_| ()).ok_or_else(|| {
                fault(
                    format!("`{text}` is no share"),
                    "write a number of hosts, or a share as in: \"25%\"",
                )
            }),
            Rule::Colour => colour(text),
        }
    }

    /// Which characters it may hold, before any meaning.
    fn characters(self, text: &str, unicode: bool) -> Result<(), Fault> {
        if text.trim().is_empty() && self != Rule::Value {
            return Err(fault(
                "an empty text",
                "leave the key out, or write something",
            ));
        }
        let breaks_lines = match self {
            Rule::Prose | Rule::Command | Rule::Value => true,
            Rule::Id
            | Rule::Variable
            | Rule::Name
            | Rule::Account
            | Rule::Address
            | Rule::PublicKey
            | Rule::Line
            | Rule::Duration
            | Rule::Selector
            | Rule::Cron
            | Rule::Zone
            | Rule::Pattern
            | Rule::TemplateUse
            | Rule::SecretRef
            | Rule::Comparison
            | Rule::Percent
            | Rule::Colour => false,
        };
        if let Some((at, c)) = text::hidden(text).next() {
            let hint = match c {
                '\r' => "save the file with Unix line ends",
                _ => "remove it: what a reviewer sees must be what runs",
            };
            let message = format!("the hidden character {}", text::number(c));
            return Err(Fault {
                code: Code::TextHidden,
                at: Some(at),
                ..fault(message, hint)
            });
        }
        if !breaks_lines && let Some(at) = text.find(['\n', '\t']) {
            let fault = fault(
                "a line break or tab in a text of one line",
                "write it on one line",
            );
            return Err(Fault {
                at: Some(at),
                ..fault
            });
        }
        if !breaks_lines
            && text.chars().count()
                > LINE_CHARS_MAX.max(KEY_CHARS_MAX * usize::from(self == Rule::PublicKey))
        {
            return Err(fault(
                format!("longer than {LINE_CHARS_MAX} characters"),
                "shorten it",
            ));
        }
        let ascii = match self {
            Rule::Command | Rule::Account | Rule::Address => !unicode,
            Rule::Line | Rule::Prose | Rule::Pattern | Rule::Value => false,
            Rule::Id
            | Rule::Variable
            | Rule::Name
            | Rule::PublicKey
            | Rule::Duration
            | Rule::Selector
            | Rule::Cron
            | Rule::Zone
            | Rule::TemplateUse
            | Rule::SecretRef
            | Rule::Comparison
            | Rule::Percent
            | Rule::Colour => true,
        };
        if ascii && let Some((at, c)) = text.char_indices().find(|(_, c)| !c.is_ascii()) {
            let message = format!("`{c}` ({}) is not printable ASCII", text::number(c));
            let hint = match self {
                Rule::Command | Rule::Account | Rule::Address => {
                    "replace it, or say `unicode = true` in the file's first table"
                }
                _ => "write it with the letters a-z, digits and signs of a plain keyboard",
            };
            return Err(Fault {
                code: Code::TextAscii,
                at: Some(at),
                ..fault(message, hint)
            });
        }
        if self != Rule::Prose
            && let Some(found) = text::lookalike(text)
        {
            let letter = text::number(found.letter);
            let message = format!(
                "`{}` mixes alphabets: `{}` is {letter}",
                found.word, found.letter
            );
            let fault = fault(message, "write the word in one alphabet");
            return Err(Fault {
                code: Code::TextLookalike,
                at: Some(found.at),
                ..fault
            });
        }
        Ok(())
    }

    /// The rule for editors.
    pub(super) fn schema(self) -> Value {
        let pattern = match self {
            Rule::Id => "^[a-z0-9][a-z0-9-]{0,63}$",
            Rule::Variable => "^[a-z][a-z0-9_]{0,63}$",
            Rule::Name => "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
            Rule::Account => "^[^-\\s:/][^\\s:/]*$",
            Rule::Address => "^[^-\\s@/][^\\s@/]*$",
            Rule::PublicKey => "^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?$",
            Rule::Line | Rule::Zone | Rule::Selector | Rule::Cron => "^[^\\n\\t]+$",
            Rule::Value => return json!({ "type": "string" }),
            Rule::Prose | Rule::Command => return json!({ "type": "string", "minLength": 1 }),
            Rule::Duration => "^([0-9]+(ms|s|m|h|d))+$",
            Rule::Pattern => return json!({ "type": "string", "format": "regex" }),
            Rule::TemplateUse => "^[a-z0-9][a-z0-9-]*@[1-9][0-9]*$",
            Rule::SecretRef => "^(file:/|prompt:)",
            Rule::Comparison => "^ *(<|<=|==?|!=|>=|>) *-?[0-9]+(\\.[0-9]+)? *$",
            Rule::Percent => "^[0-9]{1,3}%$",
            Rule::Colour => "^(#[0-9a-fA-F]{6}|[a-z]+)$",
        };
        json!({ "type": "string", "pattern": pattern })
    }
}

/// Longest public key line: RSA with 16 384 bits.
const KEY_CHARS_MAX: usize = 4_096;

fn id(text: &str) -> Result<(), Fault> {
    let head = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let all = text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    match head && all && text.len() <= NAME_CHARS_MAX {
        true => Ok(()),
        false => Err(fault(
            format!("`{text}` is no id"),
            format!(
                "use a-z, 0-9 and -, beginning with a letter or digit, at most {NAME_CHARS_MAX}"
            ),
        )),
    }
}

fn variable(text: &str) -> Result<(), Fault> {
    let head = text.starts_with(|c: char| c.is_ascii_lowercase());
    let all = text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !(head && all && text.len() <= NAME_CHARS_MAX) {
        let hint = "use a-z, 0-9 and _, beginning with a letter: it becomes a shell variable";
        return Err(fault(format!("`{text}` is no name for a variable"), hint));
    }
    if GIVEN.contains(&text) {
        return Err(fault(
            format!("`{text}` is given to every script"),
            "choose another name",
        ));
    }
    if SHELL_OWN.contains(&text) {
        return Err(fault(
            format!("`{text}` has a meaning to the shell"),
            "choose another name",
        ));
    }
    Ok(())
}

fn name(text: &str) -> Result<(), Fault> {
    let head = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let all = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    match head && all && text.len() <= NAME_CHARS_MAX {
        true => Ok(()),
        false => Err(fault(
            format!("`{text}` is no name"),
            format!(
                "use letters, digits, - _ and ., beginning with a letter or digit, at most {NAME_CHARS_MAX}"
            ),
        )),
    }
}

fn account(text: &str) -> Result<(), Fault> {
    let bad = text.starts_with('-')
        || text.contains(|c: char| c.is_whitespace() || matches!(c, ':' | '/'));
    match bad {
        false => Ok(()),
        true => Err(fault(
            format!("`{text}` is no account name"),
            "no blanks, no : or /, not beginning with -",
        )),
    }
}

fn address(text: &str) -> Result<(), Fault> {
    let bad = text.starts_with('-')
        || text.contains(|c: char| {
            c.is_whitespace()
                || (c.is_ascii()
                    && !c.is_ascii_alphanumeric()
                    && !matches!(c, '.' | ':' | '-' | '_' | '%'))
        });
    match bad {
        false => Ok(()),
        true => Err(fault(
            format!("`{text}` is no address"),
            "a host name or an IP address; the port and the user have keys of their own",
        )),
    }
}

/// Checks an OpenSSH public key's form; answers the type and the key, without the comment.
pub(super) fn public_key(text: &str) -> Result<(&str, &str), Fault> {
    let wrong = |message: &str| {
        fault(
            message,
            "paste the one line of the .pub file: type, key, comment",
        )
    };
    let mut words = text.split_ascii_whitespace();
    let (Some(kind), Some(blob)) = (words.next(), words.next()) else {
        return Err(wrong("this is no public key"));
    };
    let bytes = STANDARD
        .decode(blob)
        .map_err(|_| wrong("the key is not base64: part of it is missing or changed"))?;
    let (length, rest) = bytes
        .split_at_checked(4)
        .ok_or_else(|| wrong("the key is cut short"))?;
    let length = length
        .iter()
        .fold(0usize, |n, byte| (n << 8) | usize::from(*byte));
    match rest.get(..length) {
        Some(named) if named == kind.as_bytes() => Ok((kind, blob)),
        Some(_) => Err(wrong("the key is of another type than the line says")),
        None => Err(wrong("the key is cut short")),
    }
}

fn pattern(text: &str) -> Result<(), Fault> {
    // Alone and as it will be used: `a)|(b` is only wrong alone, `(?x)a#` only within brackets.
    for tried in [text.to_owned(), format!("^(?:{text})$")] {
        let built = regex::RegexBuilder::new(&tried)
            .size_limit(PATTERN_BYTES_MAX)
            .build();
        if let Err(error) = built {
            let words = error.to_string();
            let last = words
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            return Err(fault(
                format!("not a regular expression: {last}"),
                "Rust's dialect: no look-around and no back-references; put it in single quotes",
            ));
        }
    }
    Ok(())
}

/// `id@version` taken apart.
pub(super) fn template_use(text: &str) -> Option<(&str, u32)> {
    let (name, version) = text.split_once('@')?;
    let plain = !version.starts_with('0') && version.bytes().all(|b| b.is_ascii_digit());
    let version = version.parse().ok()?;
    (plain && id(name).is_ok()).then_some((name, version))
}

fn secret_ref(text: &str) -> Result<(), Fault> {
    match text.parse::<SecretRef>() {
        Ok(SecretRef::File(_) | SecretRef::Prompt { .. }) => Ok(()),
        Ok(SecretRef::Vault { .. } | SecretRef::Command { .. }) => Err(Fault {
            code: Code::KeyLater,
            ..fault(
                "vault: and command: come with a later version",
                "file: and prompt: work now",
            )
        }),
        Err(error) => Err(fault(error.to_string(), "")),
    }
}

/// `>= 10` taken apart: how, and with what.
pub(super) fn comparison(text: &str) -> Option<(Compare, String)> {
    let text = text.trim();
    let signs = [
        ("<=", Compare::LessOrEqual),
        (">=", Compare::GreaterOrEqual),
        ("!=", Compare::NotEqual),
        ("==", Compare::Equal),
        ("<", Compare::Less),
        (">", Compare::Greater),
        ("=", Compare::Equal),
    ];
    let (rest, compare) = signs
        .iter()
        .find_map(|(sign, compare)| Some((text.strip_prefix(sign)?, *compare)))?;
    let number = rest.trim();
    let digits = number.strip_prefix('-').unwrap_or(number);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let decimal = [whole, part]
        .iter()
        .all(|half| !half.is_empty() && half.bytes().all(|b| b.is_ascii_digit()));
    decimal.then(|| (compare, number.to_owned()))
}

/// `25%` as a number.
pub(super) fn percent(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('%')?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|share| plain && *share <= PERCENT_MAX)
}

fn colour(text: &str) -> Result<(), Fault> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    let is_rgb = digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    match is_rgb || SIXTEEN.contains(&text) {
        true => Ok(()),
        false => Err(fault(
            format!("`{text}` is no colour"),
            format!(
                "as in \"#86c9f0\", or one of the terminal's own: {}",
                SIXTEEN.join(", ")
            ),
        )),
    }
}
