//! The forms single words have: ids, variables, names, addresses, keys, references, numbers that compare.

use super::diagnostic::Code;
use crate::domain::Digest;
use crate::domain::runbook::Compare;
use crate::domain::secret_ref::SecretRef;
use crate::domain::window;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use std::net::Ipv6Addr;

/// Longest name: it stands in every event and in every row of a table.
const NAME_CHARS_MAX: usize = 64;
/// Largest compiled pattern: a pattern is run on every value and every output.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// A share of all hosts.
const PERCENT_MAX: u32 = 100;

/// Variables the engine gives to every script.
pub(super) const GIVEN: [&str; 4] = ["host", "run", "step", "attempt"];
/// Lower-case variables that bash itself reads.
pub(super) const SHELL_OWN: [&str; 2] = ["auto_resume", "histchars"];
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

/// Why a text breaks its rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub code: Code,
    pub message: String,
    pub hint: String,
    /// Byte offset in the text, where one place is to blame.
    pub at: Option<usize>,
}

/// A fault of the text as a whole.
pub(super) fn fault(message: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault { code: Code::Value, message: message.into(), hint: hint.into(), at: None }
}

pub(super) fn id(text: &str) -> Result<(), Fault> {
    let head = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let all = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    match head && all && text.len() <= NAME_CHARS_MAX {
        true => Ok(()),
        false => Err(fault(
            format!("`{text}` is no id"),
            format!("use a-z, 0-9 and -, beginning with a letter or digit, at most {NAME_CHARS_MAX}"),
        )),
    }
}

pub(super) fn variable(text: &str) -> Result<(), Fault> {
    let head = text.starts_with(|c: char| c.is_ascii_lowercase());
    let all = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !(head && all && text.len() <= NAME_CHARS_MAX) {
        let hint = "use a-z, 0-9 and _, beginning with a letter: it becomes a shell variable";
        return Err(fault(format!("`{text}` is no name for a variable"), hint));
    }
    if GIVEN.contains(&text) {
        return Err(fault(format!("`{text}` is given to every script"), "choose another name"));
    }
    if SHELL_OWN.contains(&text) {
        return Err(fault(format!("`{text}` has a meaning to the shell"), "choose another name"));
    }
    Ok(())
}

pub(super) fn name(text: &str) -> Result<(), Fault> {
    let head = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let all = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    match head && all && text.len() <= NAME_CHARS_MAX {
        true => Ok(()),
        false => Err(fault(
            format!("`{text}` is no name"),
            format!("use letters, digits, - _ and ., beginning with a letter or digit, at most {NAME_CHARS_MAX}"),
        )),
    }
}

/// A host with its port.
pub(super) fn place(text: &str) -> Result<(), Fault> {
    let port = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let known = port.is_some_and(|(host, port)| {
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let named =
            |host: &str| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        port > 0 && inner.map_or_else(|| named(host), |inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
    });
    match known {
        true => Ok(()),
        false => {
            Err(fault(format!("`{text}` is no host with its port"), "as in prometheus.example:9090 or [::1]:8080"))
        }
    }
}

pub(super) fn account(text: &str) -> Result<(), Fault> {
    let bad = text.starts_with('-') || text.contains(|c: char| c.is_whitespace() || matches!(c, ':' | '/'));
    match bad {
        false => Ok(()),
        true => Err(fault(format!("`{text}` is no account name"), "no blanks, no : or /, not beginning with -")),
    }
}

pub(super) fn address(text: &str) -> Result<(), Fault> {
    let bad = text.starts_with('-')
        || text.contains(|c: char| {
            c.is_whitespace()
                || (c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '.' | ':' | '-' | '_' | '%'))
        });
    let no_ip = text.contains(':') && text.split('%').next().is_none_or(|ip| ip.parse::<Ipv6Addr>().is_err());
    match bad || no_ip {
        false => Ok(()),
        true => Err(fault(
            format!("`{text}` is no address"),
            "a host name or an IP address; the port and the user have keys of their own",
        )),
    }
}

/// A time zone that means the same on every machine and every day.
pub(super) fn zone(text: &str) -> Result<(), Fault> {
    let depends = DEPENDING.iter().any(|name| name.eq_ignore_ascii_case(text));
    match jiff::tz::TimeZone::get(text) {
        Ok(_) if depends => {
            Err(fault(format!("`{text}` is another zone on every machine, or none"), "as in: Europe/Berlin, UTC"))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(fault(format!("`{text}` is no time zone"), "as in: Europe/Berlin, UTC")),
    }
}

/// Names a zone database knows and that name no place.
const DEPENDING: [&str; 5] = ["localtime", "posixrules", "Etc/Unknown", "Factory", "local"];

/// Five cron fields that come true at some time.
pub(super) fn cron(text: &str) -> Result<(), Fault> {
    if text.parse::<jiff::civil::DateTime>().is_ok() {
        return Ok(());
    }
    let hint = "minute hour day month weekday, as in: 0 22 * * MON-THU; or one moment: 2026-12-05T08:00:00";
    let cron = window::cron(text).map_err(|why| fault(why, hint))?;
    let some_day = jiff::civil::date(2026, 1, 1).to_zoned(jiff::tz::TimeZone::UTC);
    match some_day.map(|day| cron.find_next_occurrence(&day, true)) {
        Ok(Err(_)) => Err(fault(format!("`{text}` never comes true"), "no month has such a day")),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// Checks an OpenSSH public key's form; answers the type and the key, without the comment.
pub(super) fn public_key(text: &str) -> Result<(&str, &str), Fault> {
    let wrong = |message: &str| fault(message, "paste the one line of the .pub file: type, key, comment");
    let mut words = text.split_ascii_whitespace();
    let (Some(kind), Some(blob)) = (words.next(), words.next()) else {
        return Err(wrong("this is no public key"));
    };
    let bytes = STANDARD.decode(blob).map_err(|_| wrong("the key is not base64: part of it is missing or changed"))?;
    // A key is a row of texts, each led by its length: the type, then its numbers.
    let mut rest = bytes.as_slice();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(|| wrong("the key is cut short"))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (part, after) = after.split_at_checked(length).ok_or_else(|| wrong("the key is cut short"))?;
        parts.push(part);
        rest = after;
    }
    match parts.as_slice() {
        [named, _, ..] if *named == kind.as_bytes() => Ok((kind, blob)),
        [_, _, ..] => Err(wrong("the key is of another type than the line says")),
        [] | [_] => Err(wrong("the key is cut short")),
    }
}

/// A key's SHA-256 as OpenSSH prints it.
pub(super) fn fingerprint(text: &str) -> Result<Digest, Fault> {
    let bytes = text.strip_prefix("SHA256:").and_then(|rest| STANDARD_NO_PAD.decode(rest).ok());
    let digest = bytes.and_then(|bytes| Some(Digest(bytes.try_into().ok()?)));
    digest.ok_or_else(|| fault(format!("`{text}` is no SHA-256 of a key"), "as `ssh-keygen -l` prints it: SHA256:…"))
}

pub(super) fn pattern(text: &str) -> Result<(), Fault> {
    // Alone and as it will be used: `a)|(b` is only wrong alone, `(?x)a#` only within brackets.
    for tried in [text.to_owned(), format!("^(?:{text})$")] {
        let built = regex::RegexBuilder::new(&tried).size_limit(PATTERN_BYTES_MAX).build();
        if let Err(error) = built {
            let words = error.to_string();
            let last = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
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

pub(super) fn secret_ref(text: &str) -> Result<(), Fault> {
    match text.parse::<SecretRef>() {
        Ok(_) => Ok(()),
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
    let (rest, compare) = signs.iter().find_map(|(sign, compare)| Some((text.strip_prefix(sign)?, *compare)))?;
    let number = rest.trim();
    let digits = number.strip_prefix('-').unwrap_or(number);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let decimal = [whole, part].iter().all(|half| !half.is_empty() && half.bytes().all(|b| b.is_ascii_digit()));
    decimal.then(|| (compare, number.to_owned()))
}

/// `25%` as a number.
pub(super) fn percent(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('%')?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|share| plain && *share <= PERCENT_MAX)
}

pub(super) fn colour(text: &str) -> Result<(), Fault> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    let is_rgb = digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    match is_rgb || SIXTEEN.contains(&text) {
        true => Ok(()),
        false => Err(fault(
            format!("`{text}` is no colour"),
            format!("as in \"#86c9f0\", or one of the terminal's own: {}", SIXTEEN.join(", ")),
        )),
    }
}
