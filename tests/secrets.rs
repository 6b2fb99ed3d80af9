//! Secrets read from a real OpenBao, through the whole product to a real host: they arrive, and they are found nowhere else.

#![cfg(test)]

mod real;

use real::openbao::OpenBao;
use real::product::{Product, RUN, runbook, state};
use real::{Fleet, count};
use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

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

/// As much of a secret as may stand nowhere.
const PART_BYTES: usize = 12;

/// Every part of these values.
fn parts(values: &[&str]) -> HashSet<Vec<u8>> {
    values.iter().flat_map(|value| value.as_bytes().windows(PART_BYTES).map(<[u8]>::to_vec)).collect()
}

/// Whether one of them stands in these bytes.
fn shows(bytes: &[u8], parts: &HashSet<Vec<u8>>) -> bool {
    bytes.windows(PART_BYTES).any(|window| parts.contains(window))
}

/// Files below a directory in which one of them stands.
fn holding(directory: &Path, parts: &HashSet<Vec<u8>>) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(holding(&path, parts));
        } else if kind.is_file() && shows(&fs::read(&path).unwrap_or_default(), parts) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Keeps the secret where the product reads it. Out of a file: another test looks at what every process was told.
fn put(bao: &OpenBao, more: &[&str]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(VALUE.as_bytes()).unwrap();
    let token = format!("token=@{}", file.path().display());
    bao.says(&[&["kv", "put", "kv/web", &token], more].concat());
}

#[test]
fn real_openbao_gives_a_secret_that_reaches_the_host_and_is_found_nowhere_else() {
    let (Some(bao), Some(fleet)) = (OpenBao::start(), Fleet::plan(2).start()) else { return };
    put(&bao, &[]);
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
    assert_eq!(holding(&product.at("data"), &parts(&[VALUE])), Vec::<String>::new());
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

/// A run that replaces the secret it uses: first with the old value, then by a program that gets it as JSON, then with the new one.
const ROTATES: &str = r#"max_failures = 0

[secrets.token]
ref = "vault:kv/web#token"
purpose = "For the test."

[secrets.admin]
ref = "file:@ADMIN@"
purpose = "Writes the new one."

[[step]]
id = "before"
run = '''
umask 077
printf %s "$token" >"$HOME/old"
echo "it is $token"
sleep 0.3
'''
effect = "once"
secrets = ["token"]

[[step]]
id = "rotate"
interpreter = "python3"
run = '''
import json, os, time, urllib.request
given = json.load(os.fdopen(3))
if given["host"] == "h01":
    value = open(os.path.expanduser("~/next")).read()
    body = json.dumps({"data": {"token": value}}).encode()
    asked = urllib.request.Request("@ADDRESS@/v1/kv/data/web", data=body, headers={"X-Vault-Token": given["admin"]})
    urllib.request.urlopen(asked).read()
print("rotated with", given["admin"])
time.sleep(0.3)
'''
effect = "once"
secrets = ["admin"]

[[step]]
id = "settle"
kind = "wait"
for = "1s"
effect = "read"

[[step]]
id = "after"
run = '''
printf %s "$token" >"$HOME/new"
echo "was $(cat "$HOME/old"), is $token"
printf %s "$token" | base64
set -x; : "$token"; set +x
sleep 0.3
'''
effect = "once"
secrets = ["token"]

[[verify]]
id = "v"
title = "v"
run = 'true'
effect = "read"
"#;

/// Looks at every process of this machine, which is every host's too, until it is told to stop: which showed a value in its
/// command line or environment, and how often it looked.
fn sampled(parts: &HashSet<Vec<u8>>, stop: &AtomicBool) -> (Vec<String>, usize) {
    let (mut found, mut times) = (Vec::new(), 0);
    while !stop.load(Relaxed) {
        times += 1;
        found.extend(sampled_once(parts));
    }
    (found, times)
}

fn sampled_once(parts: &HashSet<Vec<u8>>) -> Vec<String> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if name == own || !name.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        for file in ["cmdline", "environ"] {
            let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
            if shows(&bytes, parts) {
                found.push(format!("{name}/{file}: {}", String::from_utf8_lossy(&bytes)));
            }
        }
    }
    found
}

#[test]
fn real_r_a_run_that_rotates_its_own_secret_goes_on_and_no_process_shows_either_value() {
    let (Some(bao), Some(fleet)) = (OpenBao::start(), Fleet::plan(2).start()) else { return };
    const NEXT: &str = "another-lantern-under-water";
    put(&bao, &[]);
    let admin = bao.says(&["token", "create", "-field=token"]);
    let product = product(&bao, &fleet, &bao.secret_id);
    let file = product.at("admin");
    fs::write(&file, &admin).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(fleet.host(1).home.join("next"), NEXT).unwrap();
    let text = ROTATES.replace("@ADMIN@", file.to_str().unwrap()).replace("@ADDRESS@", &bao.address);
    fs::write(product.at("site/runbooks/rotates.toml"), runbook("rotates", &text)).unwrap();
    let stop = AtomicBool::new(false);
    let parts = parts(&[VALUE, NEXT, &admin]);
    let (run, id, (shown, times)) = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| sampled(&parts, &stop));
        let id = product.start("rotates");
        let run = product.until_phase(id, &["ended", "paused"]);
        stop.store(true, Relaxed);
        (run, id, sampler.join().unwrap())
    });
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    assert!(shown.is_empty() && times > 20, "looked {times} times: {shown:?}");
    for host in fleet.hosts() {
        assert_eq!((host.file("old").as_str(), host.file("new").as_str()), (VALUE, NEXT), "each fetched anew");
    }
    let log = product.says(&["runs", "log", &id.to_string(), "--as", "ada"]);
    let log = String::from_utf8(log.stdout).unwrap();
    assert!(log.contains("was [secret:token], is [secret:token]"), "{log}");
    let audit = String::from_utf8(product.says(&["audit", "list", "--json", "--as", "ada"]).stdout).unwrap();
    for version in [1, 2] {
        assert!(audit.contains(&format!("token from vault:kv/web#token, version {version}")), "{audit}");
    }
    assert_eq!(holding(&product.at("data"), &parts), Vec::<String>::new());
    product.verifies();
}

#[test]
fn a_process_that_shows_a_part_of_a_value_is_noticed() {
    let word = format!("of-{}-{VALUE}", std::process::id());
    let mut shown = std::process::Command::new("sleep").arg("30").env("ANY", &word).spawn().unwrap();
    let parts = parts(&[&word]);
    let own = format!("{}/environ", shown.id());
    real::until("the process to be noticed", RUN, || {
        let found = sampled_once(&parts);
        if found.iter().any(|it| it.starts_with(&own)) { Ok(()) } else { Err(format!("{found:?}")) }
    });
    shown.kill().unwrap();
    shown.wait().unwrap();
}

/// A secret that is made anew where it lies, used, and whose old version is taken away.
const MAKES: &str = r#"max_failures = 0

[secrets.token]
ref = "vault:kv/web#token"
purpose = "For the test."

[[step]]
id = "before"
run = 'umask 077; printf %s "$token" >"$HOME/old"'
effect = "once"
secrets = ["token"]

[[step]]
id = "make"
kind = "vault"
do = "generate"
secret = "token"
length = 40
effect = "once"

[[step]]
id = "after"
run = 'umask 077; printf %s "$token" >"$HOME/new"; echo "version $make_version: $token"'
effect = "once"
secrets = ["token"]

[[step]]
id = "revoke"
kind = "vault"
do = "revoke"
secret = "token"
of = "make"
effect = "once"

[[verify]]
id = "v"
title = "v"
run = '[ "$(cat "$HOME/old")" != "$(cat "$HOME/new")" ]'
effect = "read"
"#;

#[test]
fn real_openbao_a_new_value_is_made_where_it_lies_used_and_the_old_version_revoked() {
    let (Some(bao), Some(fleet)) = (OpenBao::start(), Fleet::plan(2).start()) else { return };
    put(&bao, &["other=stays"]);
    let product = product(&bao, &fleet, &bao.secret_id);
    fs::write(product.at("site/runbooks/makes.toml"), runbook("makes", MAKES)).unwrap();
    let id = product.start("makes");
    let run = product.until_phase(id, &["paused"]);
    let refused = run.to_string();
    assert!(refused.contains("look at the role's policy"), "a role that only reads writes nothing: {run:#}");
    bao.may_write();
    product.json("ada", &["decide", &id.to_string(), "-", "make", "retry", "--reason", "the policy was mended"]);
    let run = product.until_phase(id, &["ended", "paused"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    let value = fleet.host(1).file("new");
    assert!(value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{value}");
    assert_eq!((fleet.host(2).file("new"), fleet.host(1).file("old")), (value.clone(), VALUE.to_owned()));
    assert_eq!(bao.says(&["kv", "get", "-field=token", "kv/web"]), value);
    assert_eq!(bao.says(&["kv", "get", "-field=other", "kv/web"]), "stays", "other fields are left alone");
    let versions = bao.says(&["kv", "metadata", "get", "-format=json", "kv/web"]);
    let versions: serde_json::Value = serde_json::from_str(&versions).unwrap();
    let destroyed = |version: &str| versions["data"]["versions"][version]["destroyed"].as_bool();
    assert_eq!((destroyed("1"), destroyed("2")), (Some(true), Some(false)), "{versions:#}");
    let log = String::from_utf8(product.says(&["runs", "log", &id.to_string(), "--as", "ada"]).stdout).unwrap();
    assert!(log.contains("version 2: [secret:token]"), "{log}");
    assert_eq!(holding(&product.at("data"), &parts(&[VALUE, &value])), Vec::<String>::new());
    product.verifies();
}

#[test]
fn z15_real_openbao_a_version_is_pinned_when_a_run_is_proposed_and_another_one_voids_it_before_it_starts() {
    let (Some(bao), Some(fleet)) = (OpenBao::start(), Fleet::plan(1).start()) else { return };
    put(&bao, &[]);
    let product = product(&bao, &fleet, &bao.secret_id);
    let id = product.propose("uses");
    product.until_phase(id, &["approved"]);
    let shown = product.says(&["runs", "show", &id.to_string(), "--as", "ada"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = shown.lines().find(|line| line.contains("vault:kv/web#token")).unwrap().to_owned();
    assert!(line.contains('1') && !line.contains("not pinned"), "{line}");
    // Somebody else rotates it before the run starts: what was approved is not what would be used.
    bao.says(&["kv", "put", "kv/web", "token=another-value-of-the-token"]);
    let refused = product.tries("ada", &["start", &id.to_string()]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let run = product.run(id);
    assert_eq!(run["phase"], "cancelled", "{run:#}");
    let audit = String::from_utf8(product.says(&["audit", "list", "--as", "ada"]).stdout).unwrap();
    assert!(audit.contains("the secret token has version 2, not 1"), "{audit}");
    assert_eq!(fleet.host(1).file("length"), "", "nothing ran");
    // Proposed anew it is pinned anew.
    let next = product.start("uses");
    let run = product.until_phase(next, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
}
