//! Whether what the site wants told can be told: channels that lead nowhere, or that anybody could read along.

use super::warning;
use crate::domain::call::authority;
use crate::domain::workspace::Environment;
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::load::Parts;

/// Warns where notices would not arrive, or not unread.
pub(super) fn check(parts: &Parts, found: &mut Vec<Diagnostic>) {
    let Some(settings) = &parts.settings else { return };
    let (Some(value), Some(fields)) = (&settings.value, &settings.fields) else { return };
    let (Some(notify), Some(fields)) = (&value.notify, fields.table("notify")) else { return };
    let mut warn = |at: &str, message: String, hint: &str| {
        found.push(warning(&settings.source, Code::Notify, fields.span_of(at)).say(message, hint));
    };
    let workspaces = parts.workspaces.iter().filter_map(|workspace| workspace.value.as_ref());
    let production = workspaces.into_iter().any(|it| it.environment == Environment::Production);
    if notify.channels().next().is_none() {
        warn("notify", "it tells nobody".to_owned(), "write a command, or a webhook with its secret");
    }
    if !notify.command.is_empty() && production && value.local_account.is_none() {
        let hint = "name one: [local] account = \"quarterdeck-local\"";
        warn("command", "it is not run: a site with production runs nothing here without an account".to_owned(), hint);
    }
    let Some(webhook) = &notify.webhook else { return };
    let Ok(place) = authority(&webhook.url) else { return };
    if !value.egress.contains(&place.place) {
        let message = format!("nothing is sent to {}, which [egress] does not name", place.place);
        warn("webhook", message, "add it under [egress] allow");
    }
    if !place.tls && (production || !is_loopback(&place.place)) {
        let message = "whoever is on the way reads along: it is no https".to_owned();
        warn(
            "webhook",
            message,
            "write https://; a receiver on this machine may do without where nothing is production",
        );
    }
    if webhook.secret.starts_with("vault:") && value.vault.is_none() {
        warn("secret", "the site names no vault".to_owned(), "write [vault], or another place of the key");
    }
}

fn is_loopback(place: &str) -> bool {
    ["127.", "[::1]:", "localhost:"].iter().any(|head| place.starts_with(head))
}
