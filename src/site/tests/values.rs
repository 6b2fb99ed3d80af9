//! Rules of single values: what they refuse, with which code, and where in the text.

use super::{lines, public_key};
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::parse::{self, Templates};
use crate::site::rule::Rule;

fn accepts(rule: Rule, good: &[&str], bad: &[&str]) {
    for text in good {
        assert_eq!(rule.check(text, false), Ok(()), "{rule:?} must take {text:?}");
    }
    for text in bad {
        assert!(rule.check(text, false).is_err(), "{rule:?} must refuse {text:?}");
    }
}

#[test]
fn single_words_keep_their_forms() {
    let long = "a".repeat(65);
    accepts(Rule::Id, &["a", "web-1", "0-day"], &["", "-a", "A", "a_b", "a b", "ä", "a/b", &long]);
    accepts(Rule::Name, &["web-1", "Web_1.example"], &["", "-a", ".a", "a b", "a/b", "ä", "a\u{301}", &long]);
    accepts(Rule::Duration, &["2m", "90s", "1h30m", "4h", "2d", "250ms"], &["", "0s", "5", "5 m", "-5m", "9999d"]);
    accepts(
        Rule::Cron,
        &["0 22 * * MON-THU", "*/5 * * * *"],
        &["", "0 22 * *", "0 0 22 * * MON", "61 * * * *", "daily"],
    );
    accepts(Rule::Zone, &["UTC", "Europe/Berlin"], &["", "Europe/Atlantis", "CEST+2"]);
    accepts(Rule::Pattern, &["^v\\d+$", "a|b"], &["(", "a)|(b", "(?<=a)b", "(?x)a#", "a{1000}{1000}"]);
    accepts(
        Rule::TemplateUse,
        &["a@1", "host-baseline@12"],
        &["a", "a@", "a@0", "a@01", "A@1", "a@1@2", "a@-1", "a@+1"],
    );
    accepts(
        Rule::Comparison,
        &[">= 10", "<0.5", "== -3", "=3", "!= 1"],
        &["", "10", ">= ", ">= ten", "=> 1", ">= 1.", ">= 1e3"],
    );
    accepts(Rule::Percent, &["0%", "25%", "100%"], &["", "%", "25", "101%", "-5%", "2.5%", "25 %"]);
    accepts(Rule::Colour, &["#86c9f0", "#FFFFFF", "lightcyan"], &["", "#86c9f", "86c9f0", "#86c9fg", "mauve"]);
    accepts(Rule::Account, &["ada", "Ada.L", "CORP\\ada", "ada@corp"], &["", "-ada", "a b", "a:b", "a/b", "аda"]);
    accepts(
        Rule::Address,
        &["10.0.0.1", "fe80::1%eth0", "web-1.example"],
        &["", "-oProxyCommand=x", "a b", "u@h", "h/x", "h;x", "h$x"],
    );
    accepts(
        Rule::SecretRef,
        &["file:/etc/x", "prompt:", "prompt:the PIN", "vault:kv/web#a", "vault:kv/a/b#c"],
        &["", "file:x", "x", "hunter2", "vault:kv#a", "vault:kv/web", "vault:/web#a", "command:pass x"],
    );
    accepts(Rule::Selector, &["group:web & !tag:drained", "/^web-/"], &["", "web", "group:", "group:web &", "all"]);
}

#[test]
fn z40_names_that_a_shell_would_take_for_its_own_are_refused() {
    accepts(
        Rule::Variable,
        &["release", "keep_days", "a1"],
        &[
            "",
            "PATH",
            "IFS",
            "_",
            "1a",
            "a-b",
            "a b",
            "a=b",
            "a;b",
            "a$b",
            "host",
            "run",
            "step",
            "attempt",
            "histchars",
            "auto_resume",
        ],
    );
}

#[test]
fn public_keys_are_whole_and_of_the_type_they_say() {
    let good = public_key(7);
    let other = good.replace("ssh-ed25519 ", "ssh-rsa ");
    let cut = &good[..good.len() - 8];
    accepts(
        Rule::PublicKey,
        &[&good, &format!("{good} ada@laptop")],
        &["", "ssh-ed25519", "AAAA", &other, &good[..30], cut, &format!("{good}="), "ssh-ed25519 AAAA…"],
    );
}

#[test]
fn texts_refuse_what_cannot_be_seen() {
    for rule in [Rule::Line, Rule::Prose, Rule::Command, Rule::Value] {
        for c in [
            '\u{0}',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{200b}',
            '\u{202e}',
            '\u{2066}',
            '\u{2028}',
            '\u{feff}',
            '\u{e0041}',
            '\u{fe0f}',
            '\u{3164}',
            '\u{2800}',
            '\r',
        ] {
            let fault = rule.check(&format!("ab{c}cd"), true).unwrap_err();
            assert_eq!((fault.code, fault.at), (Code::TextHidden, Some(2)), "{rule:?} {:04X}", u32::from(c));
        }
    }
    for rule in [Rule::Line, Rule::Pattern, Rule::Zone] {
        assert!(rule.check("a\nb", false).is_err() && rule.check("a\tb", false).is_err());
    }
    for rule in [Rule::Prose, Rule::Command, Rule::Value] {
        assert_eq!(rule.check("a\n\tb", false), Ok(()));
    }
    assert!(Rule::Line.check(&"x".repeat(1_001), false).is_err());
    assert!(Rule::Line.check("  ", false).is_err());
    assert_eq!(Rule::Value.check("", false), Ok(()), "nothing is something to expect");
}

#[test]
fn commands_are_ascii_unless_the_file_says_otherwise() {
    let fault = Rule::Command.check("echo ä", false).unwrap_err();
    assert_eq!((fault.code, fault.at), (Code::TextAscii, Some(5)));
    assert_eq!(Rule::Command.check("echo ä", true), Ok(()));
    assert_eq!(Rule::Line.check("Über die Straße – 95 %", false), Ok(()));
    assert!(Rule::Id.check("ä", true).is_err(), "an id stays plain whatever a file says");
}

#[test]
fn z54_look_alikes_are_refused_in_names_and_commands() {
    for (rule, text) in [
        (Rule::Line, "Restаrt web"),
        (Rule::Command, "systemctl restаrt web"),
        (Rule::Account, "аda"),
        (Rule::Address, "web-1.exаmple"),
    ] {
        let fault = rule.check(text, true).unwrap_err();
        assert_eq!(fault.code, Code::TextLookalike, "{text}");
        assert_eq!(text[fault.at.unwrap()..].chars().next(), Some('а'));
    }
}

fn runbook(body: &str) -> Vec<Diagnostic> {
    let text = format!(
        "schema = 1\n[runbook]\nid = \"a\"\ntitle = \"A\"\nkind = \"audit\"\nversion = \"1\"\nstatus = \"draft\"\nimpact = \"low\"\n{body}"
    );
    parse::runbook("a.toml", &text, &Templates::default()).diagnostics
}

/// What a body brings up: codes with the line within the body and the column.
fn brings(body: &str) -> Vec<(Code, usize, usize)> {
    runbook(body).iter().map(|it| (it.code, it.line.saturating_sub(8), it.column)).collect()
}

#[test]
fn a_hidden_character_is_reported_once_at_its_place_even_behind_an_escape() {
    assert_eq!(brings("owner = \"a\u{202e}b\"\n"), [(Code::TextHidden, 1, 11)]);
    assert_eq!(brings("owner = \"a\\u202eb\"\n"), [(Code::TextHidden, 1, 9)]);
    assert_eq!(brings("# a\u{200b}b\n"), [(Code::TextHidden, 1, 4)], "in a remark too: reviewers read them");
}

#[test]
fn r_a_literal_secret_is_refused_and_never_repeated() {
    let secret = ["AKIA", "IOSFODNN7EXAMPLE"].concat();
    let token = ["ghp", "_", &"a1B2".repeat(9)].concat();
    let pem = ["-----BEGIN ", "PRIVATE KEY-----\\nMIIB\\n-----END ", "PRIVATE KEY-----"].concat();
    let jwt = ["eyJhbGciOiJI", ".eyJzdWIiOiIx", ".SflKxwRJSMeKKF2QT4fw"].concat();
    for literal in [&secret, &token, &pem, &jwt] {
        for body in [
            format!("owner = \"{literal}\"\n"),
            format!("# {literal}\n"),
            format!("imact = \"{literal}\"\n"),
            format!("[secrets.a]\nref = \"{literal}\"\npurpose = \"x\"\n"),
            format!("[[step]]\nid = \"{literal}\"\nrun = \"true\"\neffect = \"{literal}\"\n"),
        ] {
            let found = runbook(&body);
            assert!(found.iter().any(|it| it.code == Code::SecretLiteral), "{}", lines(&found));
            for it in &found {
                let drawn = crate::site::render(it, super::LOOK);
                for words in [it.to_string(), it.json().to_string(), drawn] {
                    assert!(!words.contains(literal.as_str()), "{words}");
                }
            }
        }
    }
}

#[test]
fn a_file_of_a_later_version_is_not_judged_by_this_one() {
    let found = parse::people("people.toml", "schema = 2\n[[somebody]]\n").diagnostics;
    assert_eq!(found.len(), 1, "{}", lines(&found));
    assert_eq!((found[0].code, found[0].line, found[0].column), (Code::Schema, 1, 10));
    assert!(found[0].message.contains("later version"));
}

#[test]
fn what_comes_later_is_known_as_such() {
    assert_eq!(brings("[[test]]\nname = \"x\"\n"), [(Code::KeyLater, 1, 3)]);
}

#[test]
fn broken_toml_says_where_and_nothing_else() {
    for (text, line) in [
        ("schema = 1\n[[person]\nid = \"a\"\n", 2),
        ("schema = 1\nx = \"a\n", 2),
        ("schema = 1\nschema = 1\n[[x]\n", 3),
    ] {
        let found = parse::people("people.toml", text).diagnostics;
        assert!(found.iter().all(|it| it.code == Code::Syntax), "{}", lines(&found));
        assert_eq!(found[0].line, line, "{}", lines(&found));
    }
    let deep = format!("schema = 1\na = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert!(!parse::people("people.toml", &deep).diagnostics.is_empty());
}

#[test]
fn columns_count_characters() {
    let found = runbook("owner = \"äöü\"\nlinks = [\"ä\", 5]\n");
    assert_eq!((found[0].code, found[0].line, found[0].column), (Code::ValueType, 10, 15));
}

#[test]
fn z40_free_words_stand_in_a_query_in_double_quotes_alone() {
    let query = |kind: &str, query: &str| {
        brings(&format!(
            "[inputs.a]\nprompt = \"A\"\ntype = \"{kind}\"\n[[step]]\nid = \"s\"\nkind = \"logql\"\n\
             url = \"http://loki.example:3100\"\nquery = \"\"\"{query}\"\"\"\nexpect = {{ number = \"< 1\" }}\neffect = \"read\"\n"
        ))
        .into_iter()
        .filter(|(code, ..)| *code == Code::Rule)
        .collect::<Vec<_>>()
    };
    assert_eq!(query("string", "x{b=\\\"{{ a }}\\\"}"), []);
    assert_eq!(query("string", "x{b='{{ a }}'}").len(), 1);
    assert_eq!(query("string", "x{b=`{{ a }}`}").len(), 1);
    assert_eq!(query("string", "rate(x[{{ a }}])").len(), 1);
    for kind in ["duration", "int", "bool", "date"] {
        assert_eq!(query(kind, "rate(x[{{ a }}])"), [], "{kind}");
    }
}

#[test]
fn z40_a_value_never_begins_a_word_of_a_program() {
    let step = |args: &str| {
        format!(
            "[inputs.pod]\nprompt = \"Pod\"\ntype = \"string\"\n[[step]]\nid = \"a\"\nkind = \"kubectl\"\nargs = [{args}]\n"
        )
    };
    assert_eq!(brings(&step("'delete', '{{ pod }}'")), [(Code::Rule, 7, 19)]);
    assert_eq!(brings(&step("'delete', 'pod/{{ pad }}'"))[0].0, Code::Undeclared);
    assert_eq!(brings(&step("'delete', 'pod/{{ pod }}'")), []);
}

#[test]
fn a_playbook_lies_in_a_folder_of_its_own_below_files() {
    let step = |path: &str| format!("[[step]]\nid = \"a\"\nkind = \"ansible\"\nplaybook = \"{path}\"\n");
    for wrong in ["site.yml", "/etc/site.yml", "files/../people.toml", "files/site.yml", "files/.git/site.yml"] {
        assert_eq!(brings(&step(wrong)).len(), 1, "{wrong}");
    }
    assert_eq!(brings(&step("files/web/site.yml")), []);
}

#[test]
fn a_copy_has_one_place_and_permissions_that_make_nobody_else_of_who_runs_it() {
    let step = |file: &str, to: &str, mode: &str| {
        let words = format!("file = \"{file}\"\nto = \"{to}\"\nmode = \"{mode}\"\n");
        brings(&format!("[[step]]\nid = \"a\"\nkind = \"copy\"\n{words}"))
    };
    for wrong in ["app.conf", "/etc/passwd", "files/../people.toml", "files/.git/config"] {
        assert_eq!(step(wrong, "/etc/app.conf", "0644"), [(Code::Value, 4, 8)], "{wrong}");
    }
    for wrong in ["etc/app.conf", "/etc/../app.conf", "/etc/", "/", "~/app.conf", "/etc//app.conf"] {
        assert_eq!(step("files/app.conf", wrong, "0644"), [(Code::Value, 5, 6)], "{wrong}");
    }
    for wrong in ["644", "4755", "0999", "u=rw", "00644"] {
        assert_eq!(step("files/app.conf", "/etc/app.conf", wrong), [(Code::Value, 6, 8)], "{wrong}");
    }
    assert_eq!(step("files/app.conf", "/etc/app.conf", "0750"), []);
    let undo = "[[step]]\nid = \"a\"\nkind = \"copy\"\nfile = \"files/a\"\nto = \"/a\"\nundo = \"rm /a\"\n";
    assert_eq!(brings(undo)[0].0, Code::KeyMisplaced, "it knows its way back itself");
}

#[test]
fn pauses_that_alone_outlast_the_run_are_refused() {
    let found = |pause: &str, limit: &str| {
        let targets =
            format!("[targets]\nselect = \"group:a\"\nbatches = [1, 1, \"100%\"]\npause_between = \"{pause}\"\n");
        brings(&format!("{targets}[limits]\nrun = \"{limit}\"\n"))
    };
    assert_eq!(found("2h", "4h"), [(Code::Rule, 4, 17)]);
    assert_eq!(found("1h", "4h"), []);
}
