//! Files as they lie on a disk: not text, too large, elsewhere, not files at all; and what Git says about them.

use super::lines;
use crate::domain::world::LEFT_OUT;
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::git::{self, Git};
use crate::site::load::load;
use crate::site::{diff, init};
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

fn starter() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), "ada").unwrap();
    dir
}

fn refused(dir: &Path) -> Vec<Diagnostic> {
    load(dir, Git::default()).unwrap_err()
}

#[track_caller]
fn one(found: &[Diagnostic], code: Code, file: &str, words: &str) {
    let errors: Vec<&Diagnostic> = found.iter().filter(|it| it.is_error()).collect();
    assert_eq!(errors.len(), 1, "{}", lines(found));
    let it = errors[0];
    assert_eq!((it.code, it.file.as_str()), (code, file), "{}", lines(found));
    assert!(it.message.contains(words), "{it}");
}

#[test]
fn files_that_are_not_text_are_named_with_the_reason() {
    for (bytes, code, words) in [
        (b"schema = 1\ntitle = \"\xff\"\n".to_vec(), Code::FileText, "line 2"),
        (b"\x7fELF\0\0".to_vec(), Code::FileText, "binary"),
        (vec![b'#'; 10 << 20], Code::FileSize, "1024 KiB"),
        (vec![b'#'; (1 << 20) + 1], Code::FileSize, "1024 KiB"),
    ] {
        let dir = starter();
        std::fs::write(dir.path().join("runbooks/odd.toml"), bytes).unwrap();
        one(&refused(dir.path()), code, "runbooks/odd.toml", words);
    }
}

#[test]
fn a_file_of_just_the_allowed_size_is_read() {
    let dir = starter();
    let mut text = std::fs::read(dir.path().join("runbooks/hello.toml")).unwrap();
    text.resize(1 << 20, b'\n');
    std::fs::write(dir.path().join("runbooks/hello.toml"), text).unwrap();
    load(dir.path(), Git::default()).map_err(|found| lines(&found)).unwrap();
}

#[test]
fn a_site_that_no_event_could_keep_is_said_before_it_is_loaded() {
    let dir = starter();
    let hello = std::fs::read_to_string(dir.path().join("runbooks/hello.toml")).unwrap();
    for n in 0..5 {
        let mut text = hello.replacen("\"hello\"", &format!("\"hello-{n}\""), 1).into_bytes();
        text.resize(1 << 20, b'\n');
        std::fs::write(dir.path().join(format!("runbooks/hello-{n}.toml")), text).unwrap();
    }
    one(&refused(dir.path()), Code::FileSize, "quarterdeck.toml", "11 MiB");
}

#[test]
fn z11_a_symlink_out_of_the_site_is_refused_and_one_within_is_not() {
    let dir = starter();
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().join("real.toml");
    std::fs::rename(dir.path().join("runbooks/hello.toml"), &real).unwrap();
    symlink(&real, dir.path().join("runbooks/hello.toml")).unwrap();
    one(&refused(dir.path()), Code::FileLink, "runbooks/hello.toml", "out of the site");

    std::fs::copy(&real, dir.path().join("hello-of-today")).unwrap();
    std::fs::remove_file(dir.path().join("runbooks/hello.toml")).unwrap();
    symlink("../hello-of-today", dir.path().join("runbooks/hello.toml")).unwrap();
    load(dir.path(), Git::default()).map_err(|found| lines(&found)).unwrap();

    symlink("templates", dir.path().join("runbooks/more")).unwrap();
    one(&refused(dir.path()), Code::FileLink, "runbooks/more", "not followed");
    std::fs::remove_file(dir.path().join("runbooks/more")).unwrap();

    symlink("nowhere", dir.path().join("runbooks/dangling.toml")).unwrap();
    one(&refused(dir.path()), Code::FileRead, "runbooks/dangling.toml", "cannot be read");
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_hold_the_reader() {
    let dir = starter();
    let made = Command::new("mkfifo").arg(dir.path().join("runbooks/pipe.toml")).status().unwrap();
    assert!(made.success());
    one(&refused(dir.path()), Code::FileRead, "runbooks/pipe.toml", "not a regular file");
}

#[test]
fn what_belongs_to_no_site_is_passed_over_and_what_is_missing_is_said() {
    let dir = starter();
    for (path, text) in [("runbooks/.hello.toml.swp", "x"), ("runbooks/notes.md", "x"), ("runbooks/.hidden.toml", "x")]
    {
        std::fs::write(dir.path().join(path), text).unwrap();
    }
    std::fs::create_dir_all(dir.path().join("runbooks/web/tier")).unwrap();
    let text = std::fs::read_to_string(dir.path().join("runbooks/hello.toml")).unwrap();
    std::fs::write(dir.path().join("runbooks/web/tier/deep.toml"), text.replace("\"hello\"", "\"deep\"")).unwrap();
    let loaded = load(dir.path(), Git::default()).map_err(|found| lines(&found)).unwrap();
    assert_eq!(loaded.site.runbooks.len(), 2);

    std::fs::remove_file(dir.path().join("people.toml")).unwrap();
    let found = refused(dir.path());
    one(&found, Code::FileMissing, "people.toml", "missing");
    let none = dir.path().join("none");
    assert_eq!(refused(&none)[0].code, Code::FileMissing);
    assert_eq!(refused(&dir.path().join("quarterdeck.toml"))[0].code, Code::FileMissing);
}

fn run_git(dir: &Path, words: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=ada", "-c", "user.email=ada@example.invalid", "-c", "init.defaultBranch=main"])
        .args(words)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Where the site stands: its commit, and whether its files differ from it.
fn standing(dir: &Path) -> (Option<String>, Option<bool>) {
    let site = load(dir, git::state(dir)).map_err(|found| lines(&found)).unwrap().site;
    (site.commit, site.dirty)
}

fn committed() -> tempfile::TempDir {
    let dir = starter();
    run_git(dir.path(), &["init", "-q"]);
    run_git(dir.path(), &["add", "."]);
    run_git(dir.path(), &["commit", "-q", "-m", "x"]);
    dir
}

fn append(dir: &Path, path: &str, text: &str) {
    let old = std::fs::read_to_string(dir.join(path)).unwrap_or_default();
    std::fs::write(dir.join(path), old + text).unwrap();
}

#[test]
fn z30_git_tells_who_changed_last_what_a_runbook_runs() {
    let dir = starter();
    let people = std::fs::read_to_string(dir.path().join("people.toml")).unwrap();
    let person = |id: &str| format!("[[person]]\nid = \"{id}\"\nname = \"{id}\"\ngit = [\"{id}@Example.invalid\"]\n");
    std::fs::write(dir.path().join("people.toml"), format!("{people}{}{}", person("bo"), person("kim"))).unwrap();
    run_git(dir.path(), &["init", "-q"]);
    let commit = |author: &str| {
        run_git(dir.path(), &["add", "."]);
        let author = format!("--author=X <{author}@example.invalid>");
        run_git(dir.path(), &["-c", "user.email=KIM@example.invalid", "commit", "-q", "-m", "x", &author]);
    };
    let editors = || {
        let site = load(dir.path(), git::state(dir.path())).map_err(|found| lines(&found)).unwrap().site;
        let first = site.runbooks.values().next().unwrap();
        let who = site.editors.get(&first.id).into_iter().flatten().map(|who| who.to_string()).collect::<Vec<_>>();
        (first.file.clone(), who)
    };
    commit("nobody");
    let (file, who) = editors();
    assert_eq!(who, ["kim"], "whoever committed; an address of nobody here names nobody");
    append(dir.path(), &file, "# one\n");
    assert_eq!(editors().1, [""; 0], "what is in no commit names nobody");
    commit("bo");
    append(dir.path(), "people.toml", "# two\n");
    commit("ada");
    assert_eq!(editors().1, ["bo", "kim"], "author and committer of the last commit that changed it");
    append(dir.path(), "runbooks/templates/host-facts.toml", "# three\n");
    assert_eq!(editors().1, [""; 0], "a template is a part of what runs");
    commit("ada");
    assert_eq!(editors().1, ["kim"]);
    // A site may lie in a directory of its repository.
    let outer = tempfile::tempdir().unwrap();
    std::fs::rename(dir.path(), outer.path().join("site")).unwrap();
    std::fs::rename(outer.path().join("site/.git"), outer.path().join("old")).unwrap();
    run_git(outer.path(), &["init", "-q"]);
    run_git(outer.path(), &["add", "site"]);
    run_git(outer.path(), &["-c", "user.email=bo@example.invalid", "commit", "-q", "-m", "x"]);
    let within = outer.path().join("site");
    let site = load(&within, git::state(&within)).map_err(|found| lines(&found)).unwrap().site;
    assert!(site.editors.values().all(|who| who.iter().map(ToString::to_string).eq(["bo"])), "{:?}", site.editors);
    assert_eq!(site.editors.len(), site.runbooks.len());
}

#[test]
fn git_tells_the_commit_and_whether_files_differ_from_it() {
    let dir = starter();
    assert_eq!(standing(dir.path()), (None, None), "no repository");
    run_git(dir.path(), &["init", "-q"]);
    assert_eq!(standing(dir.path()), (None, None), "no commit");
    let dir = committed();
    let (commit, dirty) = standing(dir.path());
    assert_eq!((commit.as_ref().unwrap().len(), dirty), (40, Some(false)));
    append(dir.path(), "notes.md", "no part of the site");
    assert_eq!(standing(dir.path()).1, Some(false));
    let hello = std::fs::read_to_string(dir.path().join("runbooks/hello.toml")).unwrap();
    append(dir.path(), "runbooks/new.toml", &hello.replace("\"hello\"", "\"new\""));
    assert_eq!(standing(dir.path()), (commit.clone(), Some(true)), "a file that is not in it");
    std::fs::remove_file(dir.path().join("runbooks/new.toml")).unwrap();
    append(dir.path(), "people.toml", "# x\n");
    assert_eq!(standing(dir.path()), (commit, Some(true)));
    let dir = committed();
    std::fs::remove_file(dir.path().join("runbooks/hello.toml")).unwrap();
    assert_eq!(standing(dir.path()).1, Some(true), "one that is gone");
}

#[test]
fn a_site_within_a_larger_repository_is_compared_with_its_own_part_of_it() {
    let whole = tempfile::tempdir().unwrap();
    let dir = whole.path().join("ops/site");
    init(&dir, "ada").unwrap();
    append(whole.path(), "people.toml", "another's");
    run_git(whole.path(), &["init", "-q"]);
    run_git(whole.path(), &["add", "."]);
    run_git(whole.path(), &["commit", "-q", "-m", "x"]);
    assert_eq!(standing(&dir).1, Some(false));
    append(&dir, "people.toml", "# x\n");
    assert_eq!(standing(&dir).1, Some(true));
}

#[test]
fn git_is_not_asked_what_it_was_told_to_overlook() {
    let dir = committed();
    append(dir.path(), ".git/info/exclude", "runbooks/\n");
    let hello = std::fs::read_to_string(dir.path().join("runbooks/hello.toml")).unwrap();
    append(dir.path(), "runbooks/new.toml", &hello.replace("\"hello\"", "\"new\""));
    assert_eq!(standing(dir.path()).1, Some(true), "an excluded file");
    let dir = committed();
    run_git(dir.path(), &["update-index", "--assume-unchanged", "people.toml"]);
    append(dir.path(), "people.toml", "# x\n");
    assert_eq!(standing(dir.path()).1, Some(true), "a file assumed unchanged");
}

#[test]
fn a_checkout_that_belongs_to_another_account_keeps_its_commit() {
    let dir = committed();
    let commit = standing(dir.path()).0;
    // Only root can give a file away; others have nothing to try here.
    let all = [".", ".git"].map(|path| std::os::unix::fs::chown(dir.path().join(path), Some(65_534), None));
    if all.iter().all(Result::is_ok) {
        assert_eq!(standing(dir.path()), (commit, Some(false)));
    }
}

#[test]
fn git_runs_no_program_that_a_repository_names() {
    let dir = committed();
    let mark = dir.path().join("ran");
    let hook = dir.path().join(".git/watch");
    std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\ncat\n", mark.display())).unwrap();
    Command::new("chmod").arg("+x").arg(&hook).status().unwrap();
    for key in ["core.fsmonitor", "filter.x.clean", "filter.x.smudge"] {
        run_git(dir.path(), &["config", key, hook.to_str().unwrap()]);
    }
    append(dir.path(), ".git/info/attributes", "*.toml filter=x\n");
    append(dir.path(), "people.toml", "# x\n");
    assert_eq!(standing(dir.path()).1, Some(true));
    assert!(!mark.exists());
}

#[test]
fn a_diff_shows_what_changed_by_file_and_stays_bounded() {
    let state = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    };
    let old = state(&[("a.toml", "x = 1\ny = 2\n"), ("gone.toml", "z = 1\n"), ("same.toml", "s = 1\n")]);
    let new = state(&[("a.toml", "x = 1\ny = 3\n"), ("new.toml", "n = 1\n"), ("same.toml", "s = 1\n")]);
    assert_eq!(
        diff(&old, &new),
        "--- a/a.toml\n+++ b/a.toml\n@@ -1,2 +1,2 @@\n x = 1\n-y = 2\n+y = 3\n\
         --- a/gone.toml\n+++ /dev/null\n@@ -1 +0,0 @@\n-z = 1\n\
         --- /dev/null\n+++ b/new.toml\n@@ -0,0 +1 @@\n+n = 1\n"
    );
    assert_eq!(diff(&old, &old), "");
    let huge: String = (0..100_000).map(|nr| format!("line {nr}\n")).collect();
    let bounded = diff(&state(&[]), &state(&[("a.toml", &huge), ("b.toml", "b = 1\n")]));
    assert!(bounded.len() < 1_000, "{}", bounded.len());
    assert!(bounded.lines().any(|line| line.starts_with(LEFT_OUT)), "{bounded}");
    assert!(bounded.contains("a.toml: 100003 lines") && bounded.contains("+b = 1"), "{bounded}");
}
