//! Whom a site tells, as files say it.

use super::whole::{LAB, refused, sound, stands};
use crate::domain::notice::{Channel, Topic};
use crate::site::diagnostic::Code;

const HEAD: &str = "schema = 1\n[site]\nname = \"acme\"\n[egress]\nallow = [\"hooks.example:443\", \"127.0.0.1:9\"]\n";
const ACCOUNT: &str = "[local]\naccount = \"quarterdeck-local\"\n";
const WEBHOOK: &str = "webhook = \"https://hooks.example/x\"\nsecret = \"file:/etc/key\"\n";

fn site(notify: &str) -> String {
    format!("{HEAD}{ACCOUNT}[notify]\n{notify}")
}

#[test]
fn what_is_written_is_what_is_told_and_all_of_it_unless_written() {
    let text = site(&format!("command = [\"/usr/bin/page\", \"-q\"]\n{WEBHOOK}remind = \"15m\"\n"));
    let loaded = sound(&[("quarterdeck.toml", &text)]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let notify = loaded.site.notify.unwrap();
    assert_eq!(notify.command, ["/usr/bin/page", "-q"]);
    assert_eq!((notify.remind_ms, notify.tell.len()), (Some(900_000), Topic::ALL.len()));
    assert_eq!(notify.channels().collect::<Vec<_>>(), Channel::ALL);
    let less = site("command = [\"/usr/bin/page\"]\ntell = [\"ended\"]\n");
    let loaded = sound(&[("quarterdeck.toml", &less)]);
    assert_eq!(loaded.site.notify.unwrap().tell, [Topic::Ended].into());
}

#[test]
fn what_cannot_be_meant_is_refused_where_it_stands() {
    for (notify, code, token) in [
        ("command = [\"page\"]\n".to_owned(), Code::Value, "[\"page\"]"),
        ("webhook = \"https://hooks.example/x\"\n".to_owned(), Code::Notify, "[notify]"),
        ("command = [\"/p\"]\nsecret = \"file:/etc/key\"\n".to_owned(), Code::Notify, "[notify]"),
        (WEBHOOK.replace("file:/etc/key", "prompt:"), Code::Value, "\"prompt:\""),
        (WEBHOOK.replace("file:/etc/key", "hunter2-hunter2"), Code::Value, "\"hunter2-hunter2\""),
        (format!("{WEBHOOK}link = \"attach {{{{ host }}}}\"\n"), Code::Value, "\"attach {{ host }}\""),
        (format!("{WEBHOOK}tell = [\"everything\"]\n"), Code::Value, "\"everything\""),
        (format!("{WEBHOOK}key = \"hunter2-hunter2\"\n"), Code::KeyMisplaced, "key ="),
    ] {
        let text = site(&notify);
        let found = refused(&[("quarterdeck.toml", &text)]);
        stands(&found, code, "quarterdeck.toml", &text, token);
    }
}

/// What `check` warns of, one message each.
fn warned(text: &str, environment: &str) -> Vec<String> {
    let place = LAB.replace("environment = \"lab\"", &format!("environment = \"{environment}\""));
    let loaded = sound(&[("quarterdeck.toml", text), ("workspaces/lab.toml", &place)]);
    let of_notify = loaded.warnings.iter().filter(|warning| warning.code == Code::Notify);
    of_notify.map(|warning| warning.message.clone()).collect()
}

#[test]
fn what_would_not_arrive_or_not_unread_is_warned_of() {
    let one = |notify: &str, says: &str| {
        let found = warned(&site(notify), "production");
        assert!(matches!(found.as_slice(), [only] if only.contains(says)), "{notify}: {found:?}");
    };
    one("remind = \"5m\"\n", "tells nobody");
    one(&WEBHOOK.replace("hooks.example", "other.example"), "[egress] does not name");
    one(&WEBHOOK.replace("https://hooks.example/x", "http://hooks.example:443/x"), "no https");
    one(&WEBHOOK.replace("file:/etc/key", "vault:kv/notify#key"), "names no vault");
    let loopback = WEBHOOK.replace("https://hooks.example/x", "http://127.0.0.1:9/x");
    one(&loopback, "no https");
    assert_eq!(warned(&site(&loopback), "lab"), Vec::<String>::new(), "on this machine, where nothing is production");
    let without = format!("{HEAD}[notify]\ncommand = [\"/usr/bin/page\"]\n");
    assert_eq!(warned(&without, "lab"), Vec::<String>::new());
    let found = warned(&without, "production");
    assert!(matches!(found.as_slice(), [only] if only.contains("is not run")), "{found:?}");
}
