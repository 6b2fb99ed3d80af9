//! The rules a text has to keep, one per sort of text. Each says what is wrong, where in the text and what to write
//! instead, and describes itself to the JSON Schema.
//!
//! Names, hosts, users and commands are printable ASCII unless the file says `unicode = true`; everything refuses
//! hidden characters and look-alikes.

use super::diagnostic::Code;
use super::form::{self, Fault, fault};
use super::text;
use crate::domain::call::authority;
use crate::domain::looks::lookalikes;
use crate::domain::network::Network;
use crate::domain::people::Serial;
use crate::domain::{duration, selector};
use serde_json::{Value, json};

/// Longest public key line: RSA with 16 384 bits.
const KEY_CHARS_MAX: usize = 4_096;
/// Longest single line: five lines of a wide terminal, more is prose.
const LINE_CHARS_MAX: usize = 1_000;

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
    /// A host with its port: `prometheus.example:9090`, `[::1]:80`.
    Place,
    /// A network or one address: `10.20.0.0/16`.
    Network,
    /// The serial number of a certificate.
    Serial,
    /// A key's SHA-256 as OpenSSH prints it.
    Fingerprint,
    /// An absolute HTTP URL that says where it goes.
    Url,
    /// An OpenSSH public key on one line.
    PublicKey,
    /// One line of words.
    Line,
    /// Words, several lines.
    Prose,
    /// A script.
    Command,
    /// One word of a command line, which no shell reads.
    Word,
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

impl Rule {
    /// Judges a text.
    pub(super) fn check(self, text: &str, unicode: bool) -> Result<(), Fault> {
        self.characters(text, unicode)?;
        match self {
            Rule::Id => form::id(text),
            Rule::Variable => form::variable(text),
            Rule::Name => form::name(text),
            Rule::Account => form::account(text),
            Rule::Address => form::address(text),
            Rule::Place => form::place(text),
            Rule::Network => text.parse::<Network>().map(|_| ()).map_err(|why| fault(why, "as in: 10.20.0.0/16")),
            Rule::Serial => {
                text.parse::<Serial>().map(|_| ()).map_err(|why| fault(why, "as `ssh-keygen -L` prints it"))
            }
            Rule::Fingerprint => form::fingerprint(text).map(|_| ()),
            Rule::Url => authority(text).map(|_| ()).map_err(|why| fault("not a URL that can be asked", why)),
            Rule::PublicKey => form::public_key(text).map(|_| ()),
            Rule::Line | Rule::Prose | Rule::Command | Rule::Word | Rule::Value => Ok(()),
            Rule::Duration => match duration::parse_ms(text) {
                Ok(0) => Err(fault("a duration of nothing", "write at least 1s")),
                Ok(_) => Ok(()),
                Err(why) => Err(fault(why, "")),
            },
            Rule::Selector => selector::parse(text).map(|_| ()).map_err(|error| Fault {
                at: Some(error.at),
                ..fault(error.message, "as in: group:web & !tag:drained | host:db-1 | /^edge-/")
            }),
            Rule::Cron => form::cron(text),
            Rule::Zone => form::zone(text),
            Rule::Pattern => form::pattern(text),
            Rule::TemplateUse => form::template_use(text).map(|_| ()).ok_or_else(|| {
                fault(format!("`{text}` names no template"), "write id@version, as in: host-baseline@1")
            }),
            Rule::SecretRef => form::secret_ref(text),
            Rule::Comparison => form::comparison(text)
                .map(|_| ())
                .ok_or_else(|| fault(format!("`{text}` compares with no number"), "as in: >= 10, < 0.5, == 0, != 3")),
            Rule::Percent => form::percent(text).map(|_| ()).ok_or_else(|| {
                fault(format!("`{text}` is no share"), "write a number of hosts, or a share as in: \"25%\"")
            }),
            Rule::Colour => form::colour(text),
        }
    }

    /// Which characters it may hold, before any meaning.
    fn characters(self, text: &str, unicode: bool) -> Result<(), Fault> {
        if text.trim().is_empty() && self != Rule::Value {
            return Err(fault("an empty text", "leave the key out, or write something"));
        }
        let breaks_lines = match self {
            Rule::Prose | Rule::Command | Rule::Value => true,
            Rule::Id
            | Rule::Variable
            | Rule::Name
            | Rule::Account
            | Rule::Address
            | Rule::Place
            | Rule::Network
            | Rule::Serial
            | Rule::Fingerprint
            | Rule::Url
            | Rule::PublicKey
            | Rule::Line
            | Rule::Word
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
            return Err(Fault { code: Code::TextHidden, at: Some(at), ..fault(message, hint) });
        }
        if !breaks_lines && let Some(at) = text.find(['\n', '\t']) {
            let fault = fault("a line break or tab in a text of one line", "write it on one line");
            return Err(Fault { at: Some(at), ..fault });
        }
        if !breaks_lines
            && text.chars().count() > LINE_CHARS_MAX.max(KEY_CHARS_MAX * usize::from(self == Rule::PublicKey))
        {
            return Err(fault(format!("longer than {LINE_CHARS_MAX} characters"), "shorten it"));
        }
        let ascii = match self {
            Rule::Command | Rule::Word | Rule::Account | Rule::Address | Rule::Place | Rule::Url => !unicode,
            Rule::Line | Rule::Prose | Rule::Pattern | Rule::Value => false,
            Rule::Id
            | Rule::Variable
            | Rule::Name
            | Rule::PublicKey
            | Rule::Network
            | Rule::Serial
            | Rule::Fingerprint
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
                Rule::Command | Rule::Word | Rule::Account | Rule::Address | Rule::Place | Rule::Url => {
                    "replace it, or say `unicode = true` in the file's first table"
                }
                _ => "write it with the letters a-z, digits and signs of a plain keyboard",
            };
            return Err(Fault { code: Code::TextAscii, at: Some(at), ..fault(message, hint) });
        }
        if self != Rule::Prose
            && let Some(found) = lookalikes(text).next()
        {
            let letter = text::number(found.letter);
            let message = format!("`{}` mixes alphabets: `{}` is {letter}", found.word, found.letter);
            let fault = fault(message, "write the word in one alphabet");
            return Err(Fault { code: Code::TextLookalike, at: Some(found.at), ..fault });
        }
        Ok(())
    }

    /// The rule for editors.
    pub(super) fn schema(self) -> Value {
        let pattern = match self {
            Rule::Variable => {
                let taken: Vec<&str> = form::GIVEN.into_iter().chain(form::SHELL_OWN).collect();
                return json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$", "not": { "enum": taken } });
            }
            Rule::Id => "^[a-z0-9][a-z0-9-]{0,63}$",
            Rule::Name => "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
            Rule::Account => "^[^-\\s:/][^\\s:/]*$",
            Rule::Place => "^([A-Za-z0-9._-]+|\\[[0-9a-fA-F:.]+\\]):[0-9]{1,5}$",
            Rule::Network => "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$",
            Rule::Serial => "^[0-9]{1,20}$",
            Rule::Fingerprint => "^SHA256:[A-Za-z0-9+/]{43}$",
            Rule::Url => "^https?://[^{}@\\s/?#]+([/?#].*)?$",
            Rule::Address => "^[^-\\s@/][^\\s@/]*$",
            Rule::PublicKey => "^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?$",
            Rule::Line | Rule::Word | Rule::Zone | Rule::Selector | Rule::Cron => "^[^\\n\\t]*[^\\s][^\\n\\t]*$",
            Rule::Value => return json!({ "type": "string" }),
            Rule::Prose | Rule::Command => return json!({ "type": "string", "pattern": "\\S" }),
            Rule::Duration => "^([0-9]+(ms|s|m|h|d))+$",
            Rule::Pattern => return json!({ "type": "string", "format": "regex" }),
            Rule::TemplateUse => "^[a-z0-9][a-z0-9-]*@[1-9][0-9]*$",
            Rule::SecretRef => "^(file:/|prompt:|vault:[^/#?%\\\\ .][^/#?%\\\\ ]*(/[^/#?%\\\\ .][^/#?%\\\\ ]*)+#.)",
            Rule::Comparison => "^ *(<|<=|==?|!=|>=|>) *-?[0-9]+(\\.[0-9]+)? *$",
            Rule::Percent => "^0*([0-9]{1,2}|100)%$",
            Rule::Colour => "^(#[0-9a-fA-F]{6}|[a-z]+)$",
        };
        json!({ "type": "string", "pattern": pattern })
    }
}
