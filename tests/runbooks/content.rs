//! A shipped runbook as its test reads it: templates merged, inputs given. Nothing of the program's own loader is used.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use regex::Regex;
use toml::{Table, Value};

/// A way a runbook is driven: its host, and the inputs that have no default.
pub struct Case {
    pub runbook: &'static str,
    pub host: &'static str,
    pub inputs: &'static [(&'static str, &'static str)],
    /// What must have happened on the host before, as an earlier run would have left it.
    pub before: &'static str,
}

pub struct Flat {
    pub inputs: BTreeMap<String, Table>,
    pub preflight: Vec<Item>,
    pub steps: Vec<Item>,
    pub verify: Vec<Item>,
}

pub struct Item {
    pub id: String,
    pub run: String,
    pub undo: Option<String>,
    pub secrets: Vec<String>,
    pub manual: bool,
    pub once: bool,
    pub number: Option<String>,
}

impl Item {
    pub fn accepts(&self, out: &Output) -> bool {
        let Some(number) = &self.number else {
            return out.status.success();
        };
        let least: f64 = number.strip_prefix(">= ").expect("only >= is used so far").parse().unwrap();
        out.status.success() && String::from_utf8_lossy(&out.stdout).trim().parse::<f64>().unwrap() >= least
    }
}

impl Flat {
    /// The runbook with its templates merged in `uses` order; a template's `after` steps come last.
    pub fn load(id: &str) -> Self {
        let own = read(&root(&format!("runbooks/{id}.toml")));
        let mut flat = Flat { inputs: BTreeMap::new(), preflight: vec![], steps: vec![], verify: vec![] };
        let mut last = vec![];
        for used in array(&own["runbook"], "uses") {
            let (name, _) = used.as_str().unwrap().split_once('@').unwrap();
            let template = read(&root(&format!("runbooks/templates/{name}.toml")));
            flat.take_inputs(&template);
            flat.preflight.extend(items(&template, "preflight", Some(name)));
            flat.verify.extend(items(&template, "verify", Some(name)));
            let places = array(&Value::Table(template.clone()), "step");
            for (step, item) in places.iter().zip(items(&template, "step", Some(name))) {
                if text(step, "place") == "before" { flat.steps.push(item) } else { last.push(item) }
            }
        }
        flat.take_inputs(&own);
        flat.preflight.extend(items(&own, "preflight", None));
        flat.steps.extend(items(&own, "step", None));
        flat.steps.append(&mut last);
        flat.verify.extend(items(&own, "verify", None));
        flat
    }

    pub fn take_inputs(&mut self, file: &Table) {
        for (name, input) in file.get("inputs").and_then(Value::as_table).into_iter().flatten() {
            let clash = self.inputs.insert(name.clone(), input.as_table().unwrap().clone());
            assert!(clash.is_none(), "two inputs are called {name}");
        }
    }

    pub fn scripts(&self) -> impl DoubleEndedIterator<Item = &Item> {
        self.steps.iter().filter(|step| !step.manual)
    }

    /// Each input's value: the case's, or the default; checked against the pattern as a form would.
    pub fn values(&self, case: &Case) -> BTreeMap<String, String> {
        let given: BTreeMap<&str, &str> = case.inputs.iter().copied().collect();
        for name in given.keys() {
            assert!(self.inputs.contains_key(*name), "{} has no input {name}", case.runbook);
        }
        let value = |(name, input): (&String, &Table)| {
            let default = input.get("default").map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
            let value = given.get(name.as_str()).map(|value| (*value).to_owned()).or(default);
            let value = value.unwrap_or_else(|| panic!("{}: no value for {name}", case.runbook));
            if let Some(pattern) = input.get("pattern").and_then(Value::as_str) {
                assert!(Regex::new(pattern).unwrap().is_match(&value), "{name}={value} does not match {pattern}");
            }
            (name.clone(), value)
        };
        self.inputs.iter().map(value).collect()
    }
}

pub fn items(file: &Table, kind: &str, template: Option<&str>) -> Vec<Item> {
    let item = |value: &Value| {
        let id = text(value, "id");
        Item {
            id: template.map_or(id.clone(), |name| format!("{name}/{id}")),
            run: value.get("run").map_or_else(String::new, |run| run.as_str().unwrap().to_owned()),
            undo: value.get("undo").map(|undo| undo.as_str().unwrap().to_owned()),
            secrets: array(value, "secrets").iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
            manual: value.get("kind").is_some_and(|kind| kind.as_str() == Some("manual")),
            once: value.get("effect").is_some_and(|effect| effect.as_str() == Some("once")),
            number: value.get("expect").map(|expect| text(expect, "number")),
        }
    };
    array(&Value::Table(file.clone()), kind).iter().map(item).collect()
}

pub fn root(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

pub fn toml_files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root(directory)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect()
}

pub fn read(file: &Path) -> Table {
    fs::read_to_string(file).unwrap().parse().unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

pub fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("no {key} in {value}")).to_owned()
}

pub fn array(value: &Value, key: &str) -> Vec<Value> {
    value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}
