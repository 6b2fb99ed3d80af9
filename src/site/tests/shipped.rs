//! What ships must pass the checker: runbooks, templates, themes and the demonstration's site.

use super::{lines, public_key};
use crate::site::git::Git;
use crate::site::load::from_files;
use std::collections::BTreeMap;
use std::path::Path;

fn collect(root: &Path, folder: &str, into: &mut BTreeMap<String, String>, prefix: &str) {
    for entry in std::fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, into, prefix);
        } else if name.ends_with(".toml") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            into.insert(path.strip_prefix(prefix).unwrap().to_owned(), text);
        }
    }
}

#[test]
fn no_paper_of_a_shipped_runbook_shows_a_template() {
    let site = from_files(demo(), Git::default(), Vec::new()).map_err(|found| lines(&found)).unwrap().site;
    let manual = |text: &str| text.contains("{{");
    assert!(site.runbooks.values().any(|runbook| manual(&runbook.source)), "nothing to look at");
    for runbook in site.runbooks.values() {
        let sheet = crate::site::paper(runbook, None);
        assert!(!sheet.contains("{{"), "{sheet}");
    }
    let change = crate::site::paper(&site.runbooks[&"planned-change".into()], None);
    assert!(change.contains("Set the change request for `release` (`pull_request`) to implemented"), "{change}");
}

fn demo() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeMap::new();
    collect(root, "src/cli/demo/site", &mut files, "src/cli/demo/site/");
    collect(root, "runbooks", &mut files, "");
    collect(root, "themes", &mut files, "");
    for text in files.values_mut() {
        *text = text.replace("host_key = \"DEMO\"", &format!("host_key = \"{}\"", public_key(1)));
    }
    files
}

#[test]
fn the_demonstration_and_every_shipped_file_pass_the_checker() {
    let files = demo();
    assert!(files.len() > 20, "{:?}", files.keys());
    let loaded = from_files(files, Git::default(), Vec::new()).map_err(|found| lines(&found)).unwrap();
    println!("{}", lines(&loaded.warnings));
    assert_eq!(loaded.site.runbooks.len(), 12);
}
