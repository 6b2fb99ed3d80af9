//! The repository's own rules, enforced: who may import whom, the shape of a file, what no code may do, what
//! may stand at the top level, which features no dependency may switch on.
//!
//! The table in `architecture/law.rs` is the one copy that is executed; ARCHITECTURE.md prints the same table for
//! people, and a test holds the two equal. The checker is itself tested: on `architecture/fixture/`, where each
//! file breaks one rule, and on made-up files for every word of every row.
//!
//! Deliberately absent: anything that needs types. "No `_ =>` over our own enums" is a reviewer's rule.

#![cfg(test)]

mod architecture {
    pub mod law;
    pub mod lexer;
    pub mod paths;
    pub mod repository;
    pub mod rules;
    pub mod table;
}

use architecture::law::{LAW, MODULES, TOP_LEVEL, WORDS};
use architecture::rules::{ALL, Allowed, File, Law, findings, load};
use architecture::{repository, table};

/// For made-up trees: no exception is made for their files.
const STRICT: Law = Law { allowed: &[], ..LAW };

fn shown(law: &Law, files: &[File]) -> Vec<String> {
    findings(law, files).iter().map(ToString::to_string).collect()
}

/// Fails with all findings at once, one a line.
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}\n", found.join("\n  "));
}

#[test]
fn the_sources_keep_the_rules() {
    let files = load(&repository::root(), &["src", "tests", "benches"]);
    assert!(files.len() > 5, "the sources were not found");
    none("rules broken", &shown(&LAW, &files));
}

#[test]
fn each_file_of_the_fixture_tree_breaks_the_one_rule_it_is_named_after() {
    let files = load(&repository::root().join("tests/architecture/fixture"), &["src", "tests"]);
    let expected = include_str!("architecture/fixture/findings.txt");
    assert_eq!(shown(&STRICT, &files).join("\n"), expected.trim_end());
    let clean = files.iter().filter(|file| file.path.ends_with("/clean.rs")).count();
    assert_eq!(files.len(), expected.lines().count() + clean, "each file but the clean ones has one finding");
    for module in MODULES.iter().filter(|module| module.name != "cli") {
        let opens = format!("src/{}/", module.name);
        assert!(expected.contains(&opens), "no file of the fixture tree breaks the row of {}", module.name);
    }
}

#[test]
fn every_word_of_every_row_is_caught_and_free_in_tests() {
    for module in MODULES {
        let never = module.never.iter().chain(LAW.cli_only).filter(|_| module.name != "cli");
        for word in never.filter_map(|name| WORDS.iter().find(|word| word.name == *name)) {
            for path in word.paths {
                let line = match path.ends_with('!') {
                    true => format!("fn a() {{ {path}(\"x\"); }}"),
                    false => format!("use {path};"),
                };
                let file = |text: String| File { path: format!("src/{}/a.rs", module.name), text };
                let found = shown(&STRICT, &[file(format!("//! A.\n{line}\n"))]);
                assert_eq!(found.len(), 1, "{} and `{line}`: {found:?}", module.name);
                assert!(found[0].contains(":2: import: "), "{found:?}");
                let in_tests = file(format!("//! A.\n#[cfg(test)]\nmod tests {{\n{line}\n}}\n"));
                none("free in tests", &shown(&STRICT, &[in_tests]));
            }
        }
    }
}

#[test]
fn every_pair_of_modules_is_judged_by_the_table() {
    for module in MODULES {
        for target in MODULES {
            let text = format!("//! A.\nuse crate::{}::key::X;\n", target.name);
            let file = File { path: format!("src/{}/a.rs", module.name), text };
            let partly = format!("{}::key", target.name);
            let may = module.name == target.name
                || module.may.iter().any(|may| *may == ALL || *may == target.name || *may == partly);
            let found = shown(&STRICT, &[file]);
            assert_eq!(found.len(), usize::from(!may), "{} → {}: {found:?}", module.name, target.name);
        }
    }
}

#[test]
fn a_file_past_the_cap_is_found_and_an_unneeded_allowance_too() {
    let long = File { path: "src/domain/long.rs".to_owned(), text: format!("//! A.\n{}", "\n".repeat(700)) };
    assert_eq!(
        shown(&STRICT, std::slice::from_ref(&long)),
        ["src/domain/long.rs:701: length: 701 lines; a file past 700 holds two ideas"]
    );
    let allowance = Allowed { file: "src/domain/long.rs", rule: "length", why: "a table" };
    let allowed: &[Allowed] = Box::leak(Box::new([allowance]));
    none("allowed by name", &shown(&Law { allowed, ..LAW }, &[long]));
    let short = File { path: "src/domain/long.rs".to_owned(), text: "//! A.\n".to_owned() };
    assert_eq!(
        shown(&Law { allowed, ..LAW }, &[short]),
        ["src/domain/long.rs:0: stale-allowance: `length` is allowed here (a table), and nothing needs it"]
    );
}

#[test]
fn the_table_uses_known_words_and_contradicts_itself_nowhere() {
    for module in MODULES {
        for never in module.never {
            let known = WORDS.iter().any(|word| word.name == *never) || MODULES.iter().any(|row| row.name == *never);
            assert!(known, "{}: `{never}` means nothing", module.name);
            assert!(!module.may.contains(never), "{}: `{never}` is both open and shut", module.name);
        }
        for may in module.may.iter().filter(|may| **may != ALL) {
            let root = may.split("::").next();
            assert!(MODULES.iter().any(|row| Some(row.name) == root), "{}: `{may}` is no module", module.name);
        }
    }
}

#[test]
fn architecture_md_prints_this_table() {
    let Ok(page) = std::fs::read_to_string(repository::root().join("ARCHITECTURE.md")) else {
        return;
    };
    if let Err(difference) = table::compare(&page, MODULES) {
        panic!("ARCHITECTURE.md: {difference}\nThe table that holds:\n{}", table::printed(MODULES));
    }
}

#[test]
fn the_manifest_forbids_unsafe_code_and_denies_what_panics_or_prints() {
    let manifest: toml::Table = repository::text("Cargo.toml").parse().unwrap();
    let level = |tool: &str, lint: &str| manifest["lints"][tool].get(lint).and_then(toml::Value::as_str);
    assert_eq!(level("rust", "unsafe_code"), Some("forbid"));
    for lint in ["unwrap_used", "expect_used", "panic", "indexing_slicing", "print_stdout", "print_stderr"] {
        assert_eq!(level("clippy", lint), Some("deny"), "{lint}");
    }
    let clippy: toml::Table = repository::text("clippy.toml").parse().unwrap();
    let disallowed = clippy["disallowed-methods"].as_array().unwrap();
    for path in ["std::time::SystemTime::now", "std::time::Instant::now", "std::env::var", "tokio::spawn"] {
        let row = disallowed.iter().find(|row| row["path"].as_str() == Some(path));
        assert!(row.is_some_and(|row| row["reason"].as_str().is_some_and(|reason| !reason.is_empty())), "{path}");
    }
}

#[test]
fn canonical_json_is_not_undone_by_a_feature() {
    let features = repository::features("serde_json");
    assert!(!features.is_empty(), "serde_json was not found in the dependency tree");
    for feature in ["preserve_order", "arbitrary_precision"] {
        assert!(!features.iter().any(|found| found == feature), "serde_json is built with `{feature}`: {features:?}");
    }
}

#[test]
fn only_known_entries_stand_at_the_top_level() {
    let Some(files) = repository::tracked() else {
        return;
    };
    let mut strangers: Vec<String> = files
        .iter()
        .map(|file| file.split('/').next().unwrap_or_default().to_owned())
        .filter(|entry| !TOP_LEVEL.contains(&entry.as_str()))
        .collect();
    strangers.dedup();
    none("not known at the top level", &strangers);
}

#[test]
fn no_tracked_file_names_a_path_of_the_machine_it_was_made_on() {
    let Some(files) = repository::tracked() else {
        return;
    };
    let found: Vec<String> = files.iter().flat_map(|file| repository::machine_paths(file)).collect();
    none("paths of a machine", &found);
    let [root, ..] = repository::MACHINE_ROOTS.map(|halves| halves.concat());
    let sample = format!("a\nhome{root}b\nsee {root}c");
    assert_eq!(repository::machine_paths_in("f", sample.as_bytes()), [format!("f:3: {root}")]);
}
