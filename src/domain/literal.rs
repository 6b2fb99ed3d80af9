//! Finds secrets typed where only references belong: into a site's TOML, a note, a reason.
//!
//! Known formats only, so that a digest or an id is not taken for a secret. The prefixes are those their issuers publish
//! for secret scanning. Deliberately absent: entropy guesses, which refuse honest text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

/// What a found text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LiteralKind {
    /// The private part of a key, in PEM.
    PrivateKey,
    /// An `age` secret key.
    AgeKey,
    /// A JSON Web Token with its signature.
    Jwt,
    /// An AWS access key id.
    AwsAccessKey,
    /// A GitHub token.
    GithubToken,
    /// A GitLab token.
    GitlabToken,
    /// A Slack token or incoming webhook.
    SlackToken,
    /// A Google API key.
    GoogleApiKey,
    /// A Stripe live key.
    StripeKey,
    /// A Vault or OpenBao token.
    VaultToken,
}

impl LiteralKind {
    /// What a person calls it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::PrivateKey => "a private key",
            Self::AgeKey => "an age secret key",
            Self::Jwt => "a JSON Web Token",
            Self::AwsAccessKey => "an AWS access key",
            Self::GithubToken => "a GitHub token",
            Self::GitlabToken => "a GitLab token",
            Self::SlackToken => "a Slack token or webhook",
            Self::GoogleApiKey => "a Google API key",
            Self::StripeKey => "a Stripe key",
            Self::VaultToken => "a Vault token",
        }
    }
}

/// A text that looks like a secret. It holds where, not what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiteralSecret {
    /// What it looks like.
    pub kind: LiteralKind,
    /// Bytes of the searched text.
    pub range: Range<usize>,
}

/// Each text in `text` that looks like a secret, in order of appearance, none within another.
#[must_use]
pub fn find_literals(text: &str) -> Vec<LiteralSecret> {
    let mut found: Vec<LiteralSecret> = Vec::new();
    for index in SCANNER.any.matches(text) {
        let Some((kind, regex)) = SCANNER.each.get(index) else {
            continue;
        };
        found.extend(regex.find_iter(text).map(|hit| LiteralSecret { kind: *kind, range: hit.range() }));
    }
    found.sort_by_key(|it| (it.range.start, std::cmp::Reverse(it.range.end)));
    let mut end = 0;
    found.retain(|it| {
        let outside = it.range.start >= end;
        end = end.max(it.range.end);
        outside
    });
    found
}

const PATTERNS: [(LiteralKind, &str); 10] = [
    (
        LiteralKind::PrivateKey,
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:(?s:.*?)-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    (LiteralKind::AgeKey, r"(?-u:\b)AGE-SECRET-KEY-1[0-9A-Z]{20,}"),
    (LiteralKind::Jwt, r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"),
    (LiteralKind::AwsAccessKey, r"(?-u:\b)(?:AKIA|ASIA)[0-9A-Z]{16}(?-u:\b)"),
    (LiteralKind::GithubToken, r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{36,})"),
    (LiteralKind::GitlabToken, r"(?-u:\b)glpat-[A-Za-z0-9_-]{20,}"),
    (
        LiteralKind::SlackToken,
        r"(?-u:\b)xox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]{16,}",
    ),
    (LiteralKind::GoogleApiKey, r"(?-u:\b)AIza[A-Za-z0-9_-]{35}"),
    (LiteralKind::StripeKey, r"(?-u:\b)[rs]k_live_[A-Za-z0-9]{16,}"),
    (LiteralKind::VaultToken, r"(?-u:\b)hv[sbr]\.[A-Za-z0-9_-]{24,}"),
];

struct Scanner {
    any: RegexSet,
    each: Vec<(LiteralKind, Regex)>,
}

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner {
    // A pattern that does not compile would fail `every_pattern_compiles` below, not a person.
    any: RegexSet::new(PATTERNS.iter().map(|(_, pattern)| pattern)).unwrap_or_else(|_| RegexSet::empty()),
    each: PATTERNS.iter().filter_map(|(kind, pattern)| Some((*kind, Regex::new(pattern).ok()?))).collect(),
});

#[cfg(test)]
mod tests {
    use super::*;

    // Put together at run time, so that no scanner of repositories takes this file for a leak.
    fn token(parts: &[&str]) -> String {
        parts.concat()
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(SCANNER.any.len(), PATTERNS.len());
        assert_eq!(SCANNER.each.len(), PATTERNS.len());
    }

    #[test]
    fn r48_known_formats_are_found_where_they_stand() {
        let pem = token(&["-----BEGIN OPENSSH ", "PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH ", "PRIVATE KEY-----"]);
        let samples = [
            (LiteralKind::AwsAccessKey, token(&["AKIA", "IOSFODNN7EXAMPLE"])),
            (LiteralKind::GithubToken, token(&["ghp", "_", &"a1B2".repeat(9)])),
            (LiteralKind::GitlabToken, token(&["glpat", "-", &"x9Y8".repeat(5)])),
            (LiteralKind::SlackToken, token(&["xoxb", "-1234567890-abcdef"])),
            (LiteralKind::GoogleApiKey, token(&["AIza", &"k".repeat(35)])),
            (LiteralKind::StripeKey, token(&["sk_", "live_", &"4eC3".repeat(6)])),
            (LiteralKind::VaultToken, token(&["hvs", ".", &"CAES".repeat(8)])),
            (LiteralKind::AgeKey, token(&["AGE-SECRET-", "KEY-1", &"QPZR".repeat(14)])),
            (
                LiteralKind::Jwt,
                token(&["eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NSJ9", ".dBjftJeZ4CVPmB92K27uhbUJU1p1r"]),
            ),
            (LiteralKind::PrivateKey, pem),
        ];
        for (kind, sample) in samples {
            let text = format!("note = \"see {sample} for it\"");
            let start = text.find(&sample).unwrap();
            assert_eq!(find_literals(&text), [LiteralSecret { kind, range: start..start + sample.len() }], "{kind:?}");
        }
    }

    #[test]
    fn a_private_key_without_its_end_is_still_found() {
        let text = token(&["x = '''\n-----BEGIN ", "PRIVATE KEY-----\nMIIE"]);
        assert_eq!(find_literals(&text).len(), 1);
    }

    #[test]
    fn digests_ids_references_and_public_keys_are_not_secrets() {
        let text = "sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n\
                    ref = \"vault:kv/web#deploy_token\"\nkey = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKf4\"\n\
                    cert = \"-----BEGIN CERTIFICATE-----\"\nid = \"AKIA\"\nurl = \"https://hooks.slack.com/services/\"";
        assert_eq!(find_literals(text), []);
    }

    #[test]
    fn several_are_reported_in_order() {
        let text = token(&["b = ghp", "_", &"z".repeat(36), "\na = AK", "IAABCDEFGHIJKLMNOP"]);
        let kinds: Vec<_> = find_literals(&text).into_iter().map(|it| it.kind).collect();
        assert_eq!(kinds, [LiteralKind::GithubToken, LiteralKind::AwsAccessKey]);
    }
}
