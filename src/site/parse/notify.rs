//! `[notify]` of `quarterdeck.toml`: whom the site tells, and how.

use super::Report;
use crate::domain::notice::{LINK_NAMES, Notify, Topic, Webhook};
use crate::domain::prose::{self, Piece};
use crate::site::diagnostic::Code;
use crate::site::fields::Fields;
use std::collections::BTreeSet;
use std::path::Path;

/// Reads the table, and says what of it cannot be meant.
pub(super) fn notify(fields: &Fields, report: &mut Report) -> Notify {
    let command: Vec<String> = fields.strings("command");
    if command.first().is_some_and(|program| !Path::new(program).is_absolute()) {
        let hint = "as in: [\"/usr/local/bin/page\", \"--quiet\"]; a bare name would depend on the server's PATH";
        report.error(Code::Value, fields.span_of("command"), "the program is no absolute path", hint);
    }
    let (url, secret) = (fields.maybe("webhook"), fields.maybe("secret"));
    if url.is_some() && fields.lacks("secret") {
        let hint = "write where its key lies, as in: secret = \"file:/etc/quarterdeck/notify.key\"";
        report.error(Code::Notify, fields.span.clone(), "a webhook is signed, and no secret says by what", hint);
    }
    if secret.is_some() && fields.lacks("webhook") {
        report.error(Code::Notify, fields.span.clone(), "a key, and no webhook that it signs", "");
    }
    if secret.as_deref().is_some_and(|reference| reference.starts_with("prompt:")) {
        let hint = "name where it lies: file:, vault: or command:";
        report.error(Code::Value, fields.span_of("secret"), "nobody is there to type it when something is told", hint);
    }
    let link = fields.maybe("link");
    if let Some(why) = link.as_deref().and_then(wrong_link) {
        report.error(Code::Value, fields.span_of("link"), why, "as in: ssh -t bastion quarterdeck attach {{ run }}");
    }
    let written: Vec<String> = fields.strings("tell");
    let tell: BTreeSet<Topic> = match fields.get("tell") {
        Some(_) => Topic::ALL.into_iter().filter(|topic| written.iter().any(|word| word == topic.word())).collect(),
        None => Topic::ALL.into(),
    };
    let webhook = url.map(|url| Webhook { url, secret: secret.unwrap_or_default() });
    Notify { command, webhook, link, remind_ms: fields.duration_ms("remind"), tell }
}

fn wrong_link(link: &str) -> Option<String> {
    match prose::parse(link) {
        Err(error) => Some(error.message),
        Ok(pieces) => pieces.iter().find_map(|piece| match piece {
            Piece::Name { name, .. } if !LINK_NAMES.contains(name) => Some(format!("a link knows no `{name}`")),
            Piece::Name { .. } | Piece::Words(_) => None,
        }),
    }
}
