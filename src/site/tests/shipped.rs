//! What ships must pass the checker: runbooks, templates, themes and the demonstration's site.

use super::{lines, public_key};
use crate::domain::Ask;
use crate::domain::fixture::Driver;
use crate::domain::site::Site;
use crate::site::git::Git;
use crate::site::init::starter;
use crate::site::load::from_files;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

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
        let sheet = crate::site::paper(runbook, &[]);
        assert!(!sheet.contains("{{"), "{sheet}");
    }
    let change = crate::site::paper(&site.runbooks[&"planned-change".into()], &[]);
    assert!(change.contains("Set the change request for `release` (`pull_request`) to implemented"), "{change}");
}

/// ada loads a change, and another person accepts it.
fn accepted_by(driver: &mut Driver, site: &Site, who: &str) {
    let ask = Ask::LoadSite { site: Arc::new(site.clone()), diff: String::new() };
    driver.as_person("ada", ask).unwrap();
    assert!(driver.world.pending.is_some(), "it waits");
    let ask = Ask::AcceptSite { digest: site.digest, reason: "seen".to_owned() };
    driver.as_person(who, ask).unwrap();
    assert_eq!(driver.world.site.as_ref().unwrap().digest, site.digest);
}

fn read(files: BTreeMap<String, String>) -> Site {
    from_files(files, Git::default(), Vec::new()).map_err(|found| lines(&found)).unwrap().site
}

#[test]
fn the_demonstrations_site_can_be_changed_by_two_of_its_people() {
    let mut driver = Driver::new(read(demo()));
    let mut files = demo();
    for (file, who) in [("prod-web", "grace"), ("prod-db", "kim"), ("lab", "kim")] {
        let text = files.get_mut(&format!("workspaces/{file}.toml")).unwrap();
        *text = text.replace("bo    = [\"operator\"]", "bo    = [\"operator\", \"reviewer\"]");
        accepted_by(&mut driver, &read(files.clone()), who);
    }
}

#[test]
fn from_init_a_site_grows_to_two_people_and_an_accepted_change() {
    let mut files: BTreeMap<String, String> =
        starter("ada").unwrap().into_iter().map(|(path, text)| (path.to_owned(), text)).collect();
    let mut driver = Driver::new(read(files.clone()));
    // What the comments of the starter site say: a second person, and what she may do.
    let people = files.get_mut("people.toml").unwrap();
    people.push_str("\n[[person]]\nid = \"grace\"\nname = \"Grace\"\nunix = [\"grace\"]\n");
    let lab = files.get_mut("workspaces/lab.toml").unwrap();
    *lab = lab.replace("[members]\n", "[members]\ngrace = [\"approver\", \"owner\"]\n");
    let two = read(files.clone());
    driver.as_person("ada", Ask::LoadSite { site: Arc::new(two.clone()), diff: String::new() }).unwrap();
    assert_eq!(driver.world.site.as_deref(), Some(&two), "whoever is alone brings in a second person");
    let lab = files.get_mut("workspaces/lab.toml").unwrap();
    *lab = lab.replace("approval_expiry  = \"4h\"", "approval_expiry  = \"2h\"");
    accepted_by(&mut driver, &read(files), "grace");
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
