//! What looks right and is not: names, zones, addresses and secrets that pass at a glance; and what the JSON Schema says
//! of them. Nothing is reported twice in other words.

use super::content::HEAD;
use super::{lines, public_key, validator};
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::git::Git;
use crate::site::load::load;
use crate::site::parse::{self, Templates};
use crate::site::render::render;
use crate::site::schema::{Kind, schema};
use crate::site::{init, tests::LOOK};

fn runbook(body: &str) -> (Vec<Diagnostic>, bool) {
    let text = format!("{HEAD}{body}");
    let keeps =
        text.parse::<toml::Table>().is_err() || validator::keeps(&schema(Kind::Runbook), &validator::json(&text));
    (parse::runbook("a.toml", &text, &Templates::default()).diagnostics, keeps)
}

fn workspace(body: &str) -> Vec<Diagnostic> {
    let head = "schema = 1\n[workspace]\nid = \"lab\"\ntitle = \"Lab\"\nenvironment = \"lab\"\nowner = \"ada\"\n";
    parse::workspace("lab.toml", &format!("{head}{body}")).diagnostics
}

fn codes(found: &[Diagnostic]) -> Vec<Code> {
    found.iter().map(|it| it.code).collect()
}

#[test]
fn hosts_are_shared_by_what_only_reads() {
    let with = |effect: &str| {
        let targets = "[targets]\nselect = \"group:a\"\nlock = \"shared\"\n";
        let steps = format!(
            "[[step]]\nid = \"a\"\nrun = \"true\"\neffect = \"read\"\n[[step]]\nid = \"b\"\nrun = \"true\"\neffect = \"{effect}\"\n"
        );
        runbook(&format!("{targets}{steps}")).0
    };
    assert!(with("read").iter().all(|it| !it.message.contains("shared")), "{:?}", with("read"));
    let found = with("idempotent");
    let told = found.iter().find(|it| it.message.contains("shared")).unwrap();
    assert!(told.message.contains("step `b` changes them"), "{told:?}");
}

#[test]
fn the_schema_refuses_what_the_loader_refuses() {
    for body in [
        "[targets]\nselect = \"group:a\"\nbatches = []\n",
        "[targets]\nselect = \"group:a\"\nbatches = [\"101%\"]\n",
        "[[step]]\nid = \"a\"\nkind = \"manual\"\n",
        "[[step]]\nid = \"a\"\n",
        "[[step]]\nid = \"a\"\nrun = \" \"\n",
        "[[step]]\nid = \"a\"\nrun = \"true\"\ntitle = \"  \"\n",
        "[inputs.a]\nprompt = \"A\"\ntype = \"choice\"\n",
        "[inputs.host]\nprompt = \"A\"\ntype = \"text\"\n",
        "[inputs.histchars]\nprompt = \"A\"\ntype = \"text\"\n",
    ] {
        let (found, keeps) = runbook(body);
        assert_eq!(found.len(), 1, "{body}\n{}", lines(&found));
        assert!(!keeps, "{body}");
    }
    assert!(runbook("[targets]\nselect = \"group:a\"\nbatches = [\"100%\", \"007%\"]\n").1);
}

#[test]
fn one_mistake_is_told_once() {
    let people = parse::people("people.toml", "schema = 1\nperson = [5]\n").diagnostics;
    assert_eq!(codes(&people), [Code::ValueType]);
    let none = parse::people("people.toml", "schema = 1\nperson = []\n").diagnostics;
    assert_eq!(codes(&none), [Code::Value]);
}

#[test]
fn a_key_that_stands_twice_hides_no_other_mistake() {
    let body = "[[step]]\nid = \"a\"\nid = \"b\"\nrun = \"true\"\n[[step]]\nid = \"c\"\nrnu = \"true\"\n";
    let (found, _) = runbook(body);
    assert_eq!(codes(&found), [Code::Syntax, Code::KeyUnknown], "{}", lines(&found));
    let (found, _) = runbook("[[step]\nrnu = 1\n");
    assert!(codes(&found).iter().all(|code| *code == Code::Syntax) && lines(&found).contains("nothing else"));
}

#[test]
fn z54_servers_and_people_of_one_look_are_refused() {
    let server = |name: &str| format!("[[server]]\nname = \"{name}\"\nlocal = true\n");
    assert_eq!(codes(&workspace(&(server("web-1") + &server("web-l")))), [Code::TextLookalike]);
    assert_eq!(codes(&workspace(&(server("web-1") + &server("web-2")))), []);
    let names = |one: &str, other: &str| {
        let text = format!(
            "schema = 1\n[[person]]\nid = \"a\"\nname = \"{one}\"\n[[person]]\nid = \"b\"\nname = \"{other}\"\n"
        );
        codes(&parse::people("people.toml", &text).diagnostics)
    };
    for other in ["Ada Lovelace", " Ada Lovelace ", "ada lovelace", "Ada L0velace"] {
        assert_eq!(names("Ada Lovelace", other), [Code::TextLookalike], "{other:?}");
    }
    assert_eq!(names("Ada", "Bo"), []);
}

#[test]
fn windows_that_depend_on_the_machine_or_never_open_are_refused() {
    let window = |start: &str, zone: &str| {
        codes(&workspace(&format!(
            "[[window]]\nname = \"w\"\nstart = \"{start}\"\nlasts = \"1h\"\nzone = \"{zone}\"\n"
        )))
    };
    for zone in ["localtime", "posixrules", "Etc/Unknown", "LocalTime"] {
        assert_eq!(window("0 22 * * *", zone), [Code::Value], "{zone}");
    }
    for (start, expected) in [("0 0 30 2 *", 1), ("0 0 31 4,6 *", 1), ("0 0 29 2 *", 0), ("0 22 * * MON-THU", 0)] {
        assert_eq!(window(start, "Europe/Berlin").len(), expected, "{start}");
    }
}

#[test]
fn an_address_holds_no_port() {
    let key = public_key(1);
    let address = |text: &str| {
        codes(&workspace(&format!(
            "[[server]]\nname = \"a\"\naddress = \"{text}\"\nuser = \"u\"\nhost_key = \"{key}\"\n"
        )))
    };
    for wrong in ["h:22", "10.0.0.1:22", "::1:zz"] {
        assert_eq!(address(wrong), [Code::Value], "{wrong}");
    }
    for right in ["h", "10.0.0.1", "::1", "fe80::1%eth0", "2001:db8::5"] {
        assert_eq!(address(right), [], "{right}");
    }
}

#[test]
fn a_literal_secret_is_found_behind_escapes_and_broken_lines_and_is_not_drawn() {
    let (head, tail) = ("AKIA", "IOSFODNN7EXAMPLE");
    for written in [format!("\"\\u0041{}{tail}\"", &head[1..]), format!("\"\"\"\n{head}\\\n  {tail}\"\"\"")] {
        let (found, _) = runbook(&format!("[[step]]\nid = \"a\"\nrun = {written}\n"));
        assert_eq!(codes(&found), [Code::SecretLiteral], "{}", lines(&found));
        assert!(!render(&found[0], LOOK).contains(tail));
    }
}

#[test]
fn a_file_that_looks_like_one_of_the_sites_and_is_not_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), "ada").unwrap();
    let deep = format!("runbooks/{}deep.toml", "x/".repeat(9));
    for path in ["workspaces/eu/web.toml", "runbooks/UPPER.TOML", &deep, "themes/old/dusk.toml", "runbooks/notes.md"] {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    let loaded = load(dir.path(), Git::default()).map_err(|found| lines(&found)).unwrap();
    let unread = loaded.warnings.iter().filter(|it| it.code == Code::FileUnread).map(|it| it.file.as_str());
    assert_eq!(
        unread.collect::<Vec<_>>(),
        ["runbooks/UPPER.TOML", &deep, "themes/old/dusk.toml", "workspaces/eu/web.toml"]
    );
}
