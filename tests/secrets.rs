//! Secrets read from a real OpenBao, through the whole product to a real host: they arrive, and they are found nowhere else.

#![cfg(test)]

mod real;

use real::openbao::OpenBao;
use real::product::{Product, runbook, state};
use real::{Fleet, count};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const VALUE: &str = "correct-horse-battery-staple";

const USES: &str = r#"max_failures = 0

[secrets.token]
ref = "vault:kv/web#token"
purpose = "For the test."

[[step]]
id = "use"
title = "Use it"
run = '''
printf %s "$token" | wc -c >"$HOME/length"
echo "it is $token"
for n in $(seq 1 200); do :; done
'''
effect = "idempotent"
secrets = ["token"]

[[verify]]
id = "v"
title = "v"
run = 'true'
effect = "read"
"#;

fn product(bao: &OpenBao, fleet: &Fleet, secret_id: &str) -> Product {
    let product = Product::new(fleet, &[("uses", &runbook("uses", USES))]);
    let file = product.at("secret-id");
    fs::write(&file, secret_id).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let site = product.at("site/quarterdeck.toml");
    let vault = format!(
        "[vault]\naddress = \"{}\"\nrole_id = \"{}\"\nsecret_id = \"{}\"\n",
        bao.address,
        bao.role_id,
        file.display()
    );
    fs::write(&site, fs::read_to_string(&site).unwrap() + &vault).unwrap();
    product
}

/// Files below a directory that hold these bytes.
fn holding(directory: &Path, needle: &[u8], found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            holding(&path, needle, found);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(path.display().to_string());
            }
        }
    }
}

#[test]
fn real_openbao_gives_a_secret_that_reaches_the_host_and_is_found_nowhere_else() {
    let (Some(bao), Some(fleet)) = (OpenBao::start(), Fleet::plan(2).start()) else { return };
    bao.says(&["kv", "put", "kv/web", &format!("token={VALUE}")]);
    let product = product(&bao, &fleet, &bao.secret_id);
    for _ in 0..count(1, 10) {
        let id = product.start("uses");
        let run = product.until_phase(id, &["ended"]);
        assert_eq!(run["ending"], "succeeded", "{run:#}");
        for host in fleet.hosts() {
            assert_eq!(host.file("length").trim(), VALUE.len().to_string());
        }
        let log = product.says(&["runs", "log", &id.to_string(), "--step", "use", "--as", "ada"]);
        let log = String::from_utf8(log.stdout).unwrap();
        assert!(log.contains("it is ") && !log.contains(VALUE), "{log}");
    }
    product.verifies();
    // Which secret of which version each host got stands in the record.
    let audit = product.says(&["audit", "list", "--json", "--as", "ada"]);
    let audit = String::from_utf8(audit.stdout).unwrap();
    assert!(audit.matches("token from vault:kv/web#token, version 1").count() >= 2, "{audit}");
    // Ledger, details, transcripts, views, logs: no twelve bytes of it stand anywhere.
    for window in VALUE.as_bytes().windows(12) {
        let mut found = Vec::new();
        holding(&product.at("data"), window, &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn real_openbao_that_refuses_says_why_and_nothing_begins_on_a_host() {
    let (Some(bao), Some(fleet)) = (OpenBao::start(), Fleet::plan(1).start()) else { return };
    for (case, words) in [("no entry", "no such entry"), ("wrong login", "secret_id")] {
        let secret_id = if case == "wrong login" { "00000000-0000-0000-0000-000000000000" } else { &bao.secret_id };
        let product = product(&bao, &fleet, secret_id);
        let id = product.start("uses");
        let run = product.until_phase(id, &["paused"]);
        assert_eq!(state(&run, "h01", "step", "use"), "refused secret.missing", "{run:#}");
        let saw = real::product::cell(&run, "h01", "step", "use").unwrap()["saw"].as_str().unwrap().to_owned();
        assert!(saw.contains(words), "{case}: {saw}");
        assert_eq!(fleet.host(1).file("length"), "");
    }
}
