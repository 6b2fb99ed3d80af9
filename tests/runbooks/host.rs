//! A demo host in a directory of its own, and a script delivered to it the way the executor delivers one.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::content::{Case, Flat, Item, root};

/// What the demo's secret file holds.
pub const TOKEN: &str = "demo-token-of-november";

pub struct Host {
    home: TempDir,
    name: &'static str,
}

impl Host {
    /// A host as the demo makes it: the stand-ins in `bin`, then the seed script.
    pub fn furnish(case: &Case) -> Self {
        let host = Host { home: tempfile::tempdir().unwrap(), name: case.host };
        let bin = host.path("bin");
        fs::create_dir(&bin).unwrap();
        for entry in fs::read_dir(root("src/cli/demo/hosts/bin")).unwrap() {
            let entry = entry.unwrap();
            // The mode comes along: they are executable in the repository.
            fs::copy(entry.path(), bin.join(entry.file_name())).unwrap();
        }
        let seed = host.command().arg(root("src/cli/demo/hosts/seed.sh")).arg(case.host).output().unwrap();
        assert!(seed.status.success(), "seed.sh: {}", said(&seed));
        let before = host.run(case.before, &BTreeMap::new(), &[]);
        assert!(before.status.success(), "before: {}", said(&before));
        host
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.home.path().join(relative)
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command.env_clear().env("HOME", self.home.path());
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display()));
        command
    }

    /// Delivers a script the way the executor does: variables and text on standard input, the script's own is empty.
    pub fn run(&self, script: &str, values: &BTreeMap<String, String>, secrets: &[String]) -> Output {
        let mut text = String::new();
        let given = [("host", self.name), ("run", "42"), ("step", "test"), ("attempt", "1")];
        let values = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let secrets = secrets.iter().map(|name| (name.as_str(), TOKEN));
        for (name, value) in values.chain(given).chain(secrets) {
            text += &format!("{name}='{}'\n", value.replace('\'', r"'\''"));
        }
        text += script;
        let mut command = self.command();
        command.args(["-c", r#"eval "$(cat)" </dev/null"#]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    pub fn passes(&self, case: &Case, runbook: &Flat, item: &Item) -> bool {
        item.accepts(&self.run(&item.run, &runbook.values(case), &item.secrets))
    }

    pub fn must(&self, case: &Case, runbook: &Flat, item: &Item) {
        let out = self.run(&item.run, &runbook.values(case), &item.secrets);
        assert!(item.accepts(&out), "{} {}: {}", case.runbook, item.id, said(&out));
        assert!(!said(&out).contains(TOKEN), "{} {} prints the secret", case.runbook, item.id);
    }
}

pub fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}
