//! The rules as functions over a tree of source texts, so that the same code judges `src/`, the fixture tree
//! and texts made up by a test. A tree in, sorted findings out.
//!
//! Unit tests obey the same "may import (of ours)" as the code they stand in: what needs more is an
//! integration test under `tests/`. They are free of the "never" words, which are about what ships.

use std::fs;
use std::path::Path;

use super::paths::{Build, Named, Source, read};

/// One row of the module table.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    pub name: &'static str,
    /// Of ours; `terminal::key` opens only that part, [`ALL`] opens everything.
    pub may: &'static [&'static str],
    /// Words of the vocabulary, or names of modules of ours.
    pub never: &'static [&'static str],
}

/// In [`Module::may`]: every module.
pub const ALL: &str = "all";

/// What a word of the table means in code: each entry is the beginning of a path, or a macro when it ends in `!`.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    pub name: &'static str,
    pub paths: &'static [&'static str],
}

/// One rule lifted for one file.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    pub file: &'static str,
    pub rule: &'static str,
    pub why: &'static str,
}

/// The whole law.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    pub modules: &'static [Module],
    pub words: &'static [Word],
    /// Words every module but `cli` (and the binary's `main`) must do without.
    pub cli_only: &'static [&'static str],
    pub allowed: &'static [Allowed],
    pub lines_max: usize,
}

/// A file of a tree; `path` is relative and uses `/`.
#[derive(Clone, Debug)]
pub struct File {
    pub path: String,
    pub text: String,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub file: String,
    pub line: usize,
    pub rule: &'static str,
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}: {}: {}", self.file, self.line, self.rule, self.what)
    }
}

pub const IMPORT: &str = "import";
pub const HEADER: &str = "header";
pub const LENGTH: &str = "length";
pub const SKIPPED_TEST: &str = "skipped-test";
pub const SHOULD_PANIC: &str = "should-panic";
pub const UNBOUNDED: &str = "unbounded";
pub const SLEEP: &str = "sleep";
pub const PATH_ATTRIBUTE: &str = "path-attribute";
pub const LINT_LEVEL: &str = "lint-level";
pub const MACHINE_PATH: &str = "machine-path";
pub const NO_ROW: &str = "no-row";
pub const STALE: &str = "stale-allowance";

/// The Rust files under the given directories of `root`, without anything below a directory named `fixture`.
pub fn load(root: &Path, directories: &[&str]) -> Vec<File> {
    let mut files = Vec::new();
    let mut open: Vec<_> = directories.iter().map(|directory| root.join(directory)).collect();
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "fixture") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let relative = path.strip_prefix(root).unwrap().to_str().unwrap();
                files.push(File { path: relative.replace('\\', "/"), text });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// Every broken rule in the tree, less what is allowed by name; an allowance nothing needs is a finding too.
pub fn findings(law: &Law, files: &[File]) -> Vec<Finding> {
    let test_modules = test_modules(files);
    let mut found: Vec<Finding> = files.iter().flat_map(|file| file_findings(law, file, &test_modules)).collect();
    let mut unused = Vec::new();
    for allowed in law.allowed {
        let before = found.len();
        found.retain(|finding| finding.file != allowed.file || finding.rule != allowed.rule);
        if found.len() == before {
            let what = format!("`{}` is allowed here ({}), and nothing needs it", allowed.rule, allowed.why);
            unused.push(Finding { file: allowed.file.to_owned(), line: 0, rule: STALE, what });
        }
    }
    found.append(&mut unused);
    found.sort();
    found.dedup();
    found
}

fn file_findings(law: &Law, file: &File, test_modules: &[Vec<String>]) -> Vec<Finding> {
    let module = module_of(&file.path);
    let build = match test_modules.iter().any(|test| module.starts_with(test)) {
        true => Build::Test,
        false => Build::Always,
    };
    let source = read(&file.text, &module, build);
    let mut found = Vec::new();
    let mut add = |line: usize, rule: &'static str, what: String| {
        found.push(Finding { file: file.path.clone(), line, rule, what });
    };

    if !file.text.starts_with("//! ") {
        add(1, HEADER, "a file opens with `//!`: its purpose, its invariants, what it leaves out".to_owned());
    }
    let lines = file.text.lines().count();
    if lines > law.lines_max {
        add(lines, LENGTH, format!("{lines} lines; a file past {} holds two ideas", law.lines_max));
    }
    let ships = file.path.starts_with("src/");
    attributes(&source, ships, &mut add);
    for named in &source.named {
        forbidden_anywhere(named, &mut add);
    }
    if ships {
        for (text, line, build) in &source.texts {
            if text == "CARGO_MANIFEST_DIR" && *build == Build::Always {
                add(*line, MACHINE_PATH, "the build directory would stand in the binary".to_owned());
            }
        }
        imports(law, &file.path, &source, &mut add);
    }
    found
}

fn attributes(source: &Source, ships: bool, add: &mut impl FnMut(usize, &'static str, String)) {
    for (words, line) in &source.attributes {
        let has = |word: &str| words.iter().any(|found| found == word);
        let is = |word: &str| words.first().is_some_and(|first| first == word || first == "cfg_attr" && has(word));
        if is("ignore") {
            add(*line, SKIPPED_TEST, "a test that does not run proves nothing".to_owned());
        }
        if is("should_panic") {
            add(*line, SHOULD_PANIC, "match the error value: any panic would satisfy this".to_owned());
        }
        if ships && is("path") {
            add(*line, PATH_ATTRIBUTE, "a module's place is its name".to_owned());
        }
        if (is("allow") || is("expect")) && !has("reason") {
            add(*line, LINT_LEVEL, "a lint is lifted with a reason".to_owned());
        }
    }
}

fn forbidden_anywhere(named: &Named, add: &mut impl FnMut(usize, &'static str, String)) {
    let path = named.path.join("::");
    let last = named.path.last().map_or("", String::as_str);
    if matches!(last, "unbounded_channel" | "unbounded") || path == "std::sync::mpsc::channel" {
        add(named.line, UNBOUNDED, format!("`{path}`: every queue has a named bound"));
    }
    if path == "std::thread::sleep" {
        add(named.line, SLEEP, format!("`{path}`: wait for a condition"));
    }
}

fn imports(law: &Law, path: &str, source: &Source, add: &mut impl FnMut(usize, &'static str, String)) {
    let Some(module) = row_of(law, path) else {
        add(1, NO_ROW, "this file belongs to no module of the table".to_owned());
        return;
    };
    for named in &source.named {
        let shown = named.path.join("::");
        if named.path.len() > 1 && named.path[0] == "crate" {
            let target = named.path[1].as_str();
            if !law.modules.iter().any(|row| row.name == target) {
                add(named.line, IMPORT, format!("`{shown}`: the crate has modules only, and `{target}` is none"));
            } else if target != module.name && !module.may.iter().any(|may| opens(may, &named.path[1..])) {
                add(named.line, IMPORT, format!("{} may not import {target} (`{shown}`)", module.name));
            }
        }
        if named.build == Build::Test {
            continue;
        }
        let cli_only: &[&str] = match module.name {
            "cli" | "main.rs" => &[],
            _ => law.cli_only,
        };
        let word = law
            .words
            .iter()
            .filter(|word| module.never.contains(&word.name) || cli_only.contains(&word.name))
            .find(|word| word.paths.iter().any(|meant| names(meant, &named.path)));
        if let Some(word) = word {
            add(named.line, IMPORT, format!("{} never uses {} (`{shown}`)", module.name, word.name));
        }
    }
}

/// The table's row for a file under `src/`. The two crate roots are rows of their own: the library only lists
/// its modules, the binary only calls `cli`.
fn row_of(law: &Law, path: &str) -> Option<Module> {
    let inside = path.strip_prefix("src/")?;
    match inside {
        "lib.rs" => {
            return Some(Module { name: "lib.rs", may: &[], never: &[] });
        }
        "main.rs" => {
            return Some(Module { name: "main.rs", may: &["cli"], never: &[] });
        }
        _ => {}
    }
    let name = inside.split('/').next()?.trim_end_matches(".rs");
    law.modules.iter().find(|row| row.name == name).copied()
}

/// Whether an entry of "may import" opens this path (both without `crate`).
fn opens(may: &str, path: &[String]) -> bool {
    may == ALL || may.split("::").count() <= path.len() && may.split("::").zip(path).all(|(one, other)| one == other)
}

/// Whether a path names something the word means, or brings it in by a glob.
fn names(meant: &str, path: &[String]) -> bool {
    if meant.ends_with('!') {
        return path.last().is_some_and(|last| last == meant) && (path.len() == 1 || path[0] == "std");
    }
    let mut meant = meant.split("::");
    for (at, segment) in path.iter().enumerate() {
        match meant.next() {
            Some(wanted) if wanted == segment.trim_end_matches('!') => {}
            Some(_) => return segment == "*" && at > 0,
            None => return true,
        }
    }
    meant.next().is_none()
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are `crate::a::b`. Files of other crates (tests, benches) are modules of
/// their own, whose `crate` is not ours.
fn module_of(path: &str) -> Vec<String> {
    let (root, inside) = match path.strip_prefix("src/") {
        Some(inside) => ("crate", inside),
        None => ("elsewhere", path),
    };
    let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    let mut module = vec![root.to_owned()];
    if !matches!(inside, "lib" | "main" | "mod") {
        module.extend(inside.split('/').map(str::to_owned));
    }
    module
}

fn test_modules(files: &[File]) -> Vec<Vec<String>> {
    files
        .iter()
        .filter(|file| file.path.starts_with("src/"))
        .flat_map(|file| read(&file.text, &module_of(&file.path), Build::Always).test_modules)
        .collect()
}
