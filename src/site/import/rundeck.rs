//! Jobs of Rundeck, as it exports them in YAML (its document format "job-yaml-v12").

use super::draft::{Does, Draft, Input, Step};
use super::shell::{self, Place};
use super::toml_text::{comment, id, is_blank, is_plain};
use super::{ImportError, short_enough};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Jobs in one file: an export of a whole project.
const JOBS_MAX: usize = 1_000;

/// The drafts that the jobs of an export make, in their order.
///
/// # Errors
/// It is no YAML, or no list of jobs.
pub fn rundeck(text: &str) -> Result<Vec<Draft>, ImportError> {
    short_enough(text)?;
    let read: Value = serde_saphyr::from_str(text).map_err(|error| ImportError::Form(format!("no YAML: {error}")))?;
    let jobs = match read {
        Value::Array(jobs) => jobs,
        job @ Value::Object(_) => vec![job],
        _ => return Err(ImportError::Form("no job of Rundeck: it is neither a list nor a job".to_owned())),
    };
    if jobs.len() > JOBS_MAX {
        return Err(ImportError::Form(format!("more than {JOBS_MAX} jobs; import them in parts")));
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for job in &jobs {
        if !job.is_object() || (text_of(job, "name").is_empty() && job.get("sequence").is_none()) {
            let what = "an entry without `name` and `sequence` is no job of Rundeck; export jobs as YAML";
            return Err(ImportError::Form(what.to_owned()));
        }
        let mut draft = Job { job, draft: Draft::default(), options: BTreeMap::new() }.made();
        draft.id = super::toml_text::unique(&draft.id, '-', |name| drafts.iter().any(|draft| draft.id == name));
        drafts.push(draft);
    }
    if drafts.is_empty() {
        return Err(ImportError::Nothing("it holds no job".to_owned()));
    }
    Ok(drafts)
}

struct Job<'a> {
    job: &'a Value,
    draft: Draft,
    /// Variables by the option they stand for; secrets among them.
    options: BTreeMap<String, String>,
}

impl Job<'_> {
    fn made(mut self) -> Draft {
        let name = text_of(self.job, "name");
        let (group, uuid) = (text_of(self.job, "group"), text_of(self.job, "uuid"));
        self.draft.title = if name.is_empty() { "Job".to_owned() } else { name.clone() };
        self.draft.id = id(&name).unwrap_or_else(|| "job".to_owned());
        let of = [Some(format!("the Rundeck job {name}")), within(" in ", &group), within(", ", &uuid)];
        self.draft.source = of.into_iter().flatten().collect();
        self.draft.changes = text_of(self.job, "description");
        self.read_options();
        self.read_hosts();
        self.read_sequence();
        self.note_the_rest();
        self.draft
    }

    fn read_options(&mut self) {
        // A list in newer exports, a map by name in older ones.
        let options: Vec<(String, Value)> = match self.job.get("options") {
            Some(Value::Array(list)) => list.iter().map(|it| (text_of(it, "name"), it.clone())).collect(),
            Some(Value::Object(map)) => map.iter().map(|(name, it)| (name.clone(), it.clone())).collect(),
            _ => Vec::new(),
        };
        for (name, option) in options {
            if name.is_empty() {
                continue;
            }
            let variable = self.draft.fresh_variable(&name);
            self.options.insert(name.clone(), variable.clone());
            let label = [text_of(&option, "label"), text_of(&option, "description"), name.clone()];
            let prompt = label.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default();
            if is_true(&option, "secure") || !text_of(&option, "storagePath").is_empty() {
                if let Some(path) = Some(text_of(&option, "storagePath")).filter(|path| !path.is_empty()) {
                    self.draft.notes.push(format!("the secret {variable} was {path} in Rundeck's key storage"));
                }
                self.draft.secrets.push((variable, prompt));
                continue;
            }
            self.draft.inputs.push(input(variable, prompt, &option));
        }
    }

    fn read_hosts(&mut self) {
        let Some(filters) = self.job.get("nodefilters") else {
            if !is_true(self.job, "nodesSelectedByDefault") {
                self.draft.notes.push("it ran on the Rundeck server itself: say which hosts it is for".to_owned());
            }
            return;
        };
        let filter = text_of(filters, "filter");
        match selector(&filter) {
            Some(select) => self.draft.select = select,
            None => self.draft.notes.push(format!("[targets] select: the node filter was `{filter}`")),
        }
        let excluded = text_of(filters, "filterExclude");
        match selector(&excluded) {
            _ if excluded.is_empty() => {}
            Some(but) if !self.draft.select.is_empty() => {
                self.draft.select = format!("({}) & !({but})", self.draft.select);
            }
            _ => self.draft.notes.push(format!("[targets] select: nodes left out were `{excluded}`")),
        }
        if let Some(dispatch) = filters.get("dispatch") {
            self.draft.parallel = text_of(dispatch, "threadcount").parse().ok();
            self.draft.keeps_going = is_true(dispatch, "keepgoing");
        }
    }

    fn read_sequence(&mut self) {
        let Some(sequence) = self.job.get("sequence") else { return };
        self.draft.step_first = text_of(sequence, "strategy") == "step-first";
        if text_of(sequence, "strategy") == "parallel" {
            self.draft.notes.push("its steps ran at once: here they run one after the other".to_owned());
        }
        if is_true(sequence, "keepgoing") {
            self.draft.notes.push(
                "it went on after a step that failed: write on_failure = \"continue\" where it should".to_owned(),
            );
        }
        for command in sequence.get("commands").and_then(Value::as_array).map_or(&[][..], Vec::as_slice) {
            let step = self.step(command);
            self.draft.steps.push(step);
        }
    }

    fn step(&self, command: &Value) -> Step {
        let nth = self.draft.steps.len() + 1;
        let mut todo = Vec::new();
        let said = text_of(command, "description");
        let (called, does) = self.does(command, &mut todo);
        let title =
            [said, called, format!("Step {nth}")].into_iter().find(|it| !it.trim().is_empty()).unwrap_or_default();
        if let Some(handler) = command.get("errorhandler") {
            let does = ["exec", "script", "scriptfile"].map(|key| text_of(handler, key)).concat();
            todo.push(format!("when it failed Rundeck did: {}", comment(&does)));
        }
        if is_true(command, "nodeStep") && command.get("jobref").is_some() {
            todo.push("it ran once on every node".to_owned());
        }
        let secrets = match &does {
            Does::Script { run, .. } => self.secrets_in(run),
            Does::Manual { .. } => Vec::new(),
        };
        Step { id: self.draft.fresh_id(&title), title, does, timeout: String::new(), secrets, todo }
    }

    fn does(&self, command: &Value, todo: &mut Vec<String>) -> (String, Does) {
        if let Some(line) = command.get("exec").and_then(Value::as_str) {
            return (line.to_owned(), self.script(line, "", "sh", todo));
        }
        if let Some(script) = command.get("script").and_then(Value::as_str) {
            let first = script.lines().next().unwrap_or_default();
            let called = text_of(command, "scriptInterpreter");
            let named = first
                .strip_prefix("#!")
                .map(str::to_owned)
                .or_else(|| Some(called.clone()).filter(|it| !it.is_empty()));
            let by = match &named {
                None => Some("sh"),
                Some(words) => shell::interpreter(words),
            };
            let Some(by) = by.filter(|_| called.is_empty() || shell::interpreter(&called).is_some()) else {
                let what =
                    format!("it was read by `{}`", comment(&if called.is_empty() { first.to_owned() } else { called }));
                todo.push(format!("{what}: name the program under `interpreter`"));
                return (String::new(), self.script(script, &text_of(command, "args"), "sh", todo));
            };
            return (String::new(), self.script(script, &text_of(command, "args"), by, todo));
        }
        let kinds = [
            ("scriptfile", "a script file on the Rundeck server"),
            ("scripturl", "a script fetched from"),
            ("jobref", "another job"),
            ("type", "the plugin"),
        ];
        for (key, what) in kinds {
            let Some(value) = command.get(key) else { continue };
            let named = match value {
                Value::Object(job) => {
                    ["group", "name"].map(|key| job.get(key).and_then(Value::as_str).unwrap_or_default()).join("/")
                }
                other => other.as_str().unwrap_or_default().to_owned(),
            };
            let named = if value.is_object() { named.trim_matches('/').to_owned() } else { named };
            let hint = match key {
                "jobref" => "import that job too, and name it: kind = \"runbook\"",
                "scriptfile" | "scripturl" => "put the script's text here",
                _ => "write what it did as a step of ours",
            };
            todo.push(format!("it was {what} {named}: {hint}"));
            return (format!("{what} {named}"), Does::missing(&format!("{what} {named}, not carried over")));
        }
        todo.push("a step of a kind that is not known here".to_owned());
        (String::new(), Does::missing("a step that was not carried over"))
    }

    /// A script, its values named as variables, its arguments set at its top.
    fn script(&self, text: &str, args: &str, by: &'static str, todo: &mut Vec<String>) -> Does {
        if is_blank(text) {
            return Does::missing("a script without a word");
        }
        let places = self.places(text);
        if !shell::is_shell(by) {
            if !places.is_empty() || !args.is_empty() {
                todo.push(
                    "its values come as one JSON object on file descriptor 3; it names them in Rundeck's way"
                        .to_owned(),
                );
            }
            return Does::Script { run: text.to_owned(), interpreter: by };
        }
        let mut run = shell::named(text, &places);
        if !args.trim().is_empty() {
            let set = shell::named(args, &self.places(args));
            let (first, rest) = match run.split_once('\n') {
                Some((first, rest)) if first.starts_with("#!") => (format!("{first}\n"), rest.to_owned()),
                _ => (String::new(), run.clone()),
            };
            run = format!("{first}set -- {}\n{rest}", set.trim());
        }
        let left: Vec<&str> = foreign(&run).collect();
        if let [first, ..] = left.as_slice() {
            todo.push(format!("`{first}` is a value that only Rundeck knows"));
        }
        Does::Script { run, interpreter: by }
    }

    /// Where a text names values in Rundeck's way.
    fn places(&self, text: &str) -> Vec<Place> {
        let mut spellings: Vec<(String, String)> = Vec::new();
        for (option, variable) in &self.options {
            let upper: String =
                option.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
            for spelling in [
                format!("${{option.{option}}}"),
                format!("${{unquotedoption.{option}}}"),
                format!("@option.{option}@"),
                format!("${{RD_OPTION_{upper}}}"),
                format!("$RD_OPTION_{upper}"),
            ] {
                spellings.push((spelling, variable.clone()));
            }
        }
        let given = [
            ("${node.name}", "host"),
            ("@node.name@", "host"),
            ("${node.hostname}", "host"),
            ("@node.hostname@", "host"),
            ("${RD_NODE_NAME}", "host"),
            ("$RD_NODE_NAME", "host"),
            ("${job.execid}", "run"),
            ("@job.execid@", "run"),
            ("${RD_JOB_EXECID}", "run"),
            ("$RD_JOB_EXECID", "run"),
        ];
        spellings.extend(given.map(|(spelling, name)| (spelling.to_owned(), name.to_owned())));
        // The longest first: one option's name may begin another's.
        spellings.sort_by_key(|(spelling, _)| std::cmp::Reverse(spelling.len()));
        let mut places = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let rest = text.get(at..).unwrap_or_default();
            let found = spellings.iter().find(|(spelling, _)| {
                rest.starts_with(spelling.as_str())
                    // `$NAME` ends where the name does.
                    && (spelling.ends_with(['}', '@'])
                        || !rest.get(spelling.len()..).unwrap_or_default().starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
            });
            match found {
                Some((spelling, name)) => {
                    places.push(Place { at, len: spelling.len(), name: name.clone() });
                    at += spelling.len();
                }
                None => at += rest.chars().next().map_or(1, char::len_utf8),
            }
        }
        places
    }

    fn secrets_in(&self, script: &str) -> Vec<String> {
        let named = |name: &str| script.contains(&format!("${{{name}}}"));
        self.draft.secrets.iter().map(|(name, _)| name.clone()).filter(|name| named(name)).collect()
    }

    fn note_the_rest(&mut self) {
        let notes = &mut self.draft.notes;
        if self.job.get("schedule").is_some() || self.job.get("schedules").is_some() {
            notes.push("it ran on a schedule: here a person proposes each run".to_owned());
        }
        if self.job.get("notification").is_some() {
            notes.push("it notified somebody: write a step that does".to_owned());
        }
        let limits =
            [("timeout", "it ended after"), ("retry", "it was tried again"), ("loglimit", "its log was limited to")];
        for (key, what) in limits {
            if let Some(value) = self.job.get(key) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                notes.push(format!("{what} {value}: see [limits], and timeout and retries of steps"));
            }
        }
        if self.draft.steps.is_empty() {
            notes.push("it has no steps".to_owned());
        }
    }
}

fn input(name: String, prompt: String, option: &Value) -> Input {
    let mut todo = Vec::new();
    let choices: Vec<String> = match option.get("values") {
        Some(Value::Array(values)) => {
            values.iter().map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    let mut seen = BTreeSet::new();
    let choices: Vec<String> = choices
        .into_iter()
        .filter(|choice| !is_blank(choice) && is_plain(choice) && !choice.contains(['\n', '\t']))
        .filter(|choice| seen.insert(choice.clone()))
        .collect();
    let enforced = is_true(option, "enforced");
    if let Some(url) = option.get("valuesUrl").and_then(Value::as_str) {
        todo.push(format!("its values were fetched from {url}"));
    }
    if is_true(option, "multivalued") {
        todo.push("it took several values at once: as text they are one".to_owned());
    }
    let kind = match (text_of(option, "type").as_str(), is_true(option, "isDate")) {
        _ if enforced && !choices.is_empty() && !is_true(option, "multivalued") => "choice",
        ("multiline", _) => "text",
        ("file", _) => {
            todo.push("it was an uploaded file".to_owned());
            "file"
        }
        (_, true) => {
            todo.push("it was a date in a form of its own".to_owned());
            "string"
        }
        _ => "string",
    };
    if kind != "choice" && !choices.is_empty() {
        todo.push(format!("Rundeck offered: {}", choices.join(", ")));
    }
    let regex = text_of(option, "regex");
    let pattern = match crate::site::form::pattern(&regex) {
        Ok(()) if kind == "string" && is_plain(&regex) && !is_blank(&regex) && !regex.contains(['\n', '\t']) => regex,
        _ => {
            if !regex.is_empty() {
                todo.push(format!("it had to match `{regex}`"));
            }
            String::new()
        }
    };
    let default = text_of(option, "value");
    // A start value that the field itself would refuse is none.
    let writable = is_plain(&default) && !is_blank(&default);
    let fits = writable
        && match kind {
            "choice" => choices.contains(&default),
            "text" => true,
            "string" => {
                let whole = regex::Regex::new(&format!("^(?:{pattern})$"));
                !default.contains('\n') && (pattern.is_empty() || whole.is_ok_and(|it| it.is_match(&default)))
            }
            _ => false,
        };
    if !fits && !default.is_empty() {
        todo.push(format!("it began with `{default}`"));
    }
    Input {
        name,
        prompt,
        kind,
        default: if fits { default } else { String::new() },
        pattern,
        choices: if kind == "choice" { choices } else { Vec::new() },
        required: is_true(option, "required"),
        todo,
    }
}

/// A node filter as a selector: `name:`, `tags:` with `+` and `,`, their `!` and patterns; `None` where it says more than that.
fn selector(filter: &str) -> Option<String> {
    // `tags: a+b !name: x` as words: a key, and the value behind it.
    let spaced = filter.replace(": ", ":");
    let mut terms = Vec::new();
    for word in spaced.split_whitespace() {
        let (negated, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
        let (key, value) = word.split_once(':').unwrap_or(("name", word));
        let term = match key {
            "tags" => tags(value)?,
            "name" | "nodename" => names(value)?,
            _ => return None,
        };
        terms.push(if negated { format!("!({term})") } else { term });
    }
    let select = match terms.as_slice() {
        [] => return None,
        [one] => one.clone(),
        several => several
            .iter()
            .map(|term| if term.contains('|') { format!("({term})") } else { term.clone() })
            .collect::<Vec<_>>()
            .join(" & "),
    };
    // Names of servers are plain, whatever else a file may hold.
    (select.is_ascii() && crate::domain::selector::parse(&select).is_ok()).then_some(select)
}

fn tags(value: &str) -> Option<String> {
    let any: Option<Vec<String>> = value
        .split(',')
        .map(|all| {
            let all: Option<Vec<String>> =
                all.split('+').map(|tag| crate::site::form::name(tag).ok().map(|()| format!("tag:{tag}"))).collect();
            all.map(|all| all.join(" & "))
        })
        .collect();
    any.map(|any| any.join(" | "))
}

fn names(value: &str) -> Option<String> {
    let any: Option<Vec<String>> = value
        .split(',')
        .map(|name| match crate::site::form::name(name) {
            Ok(()) => Some(format!("host:{name}")),
            Err(_) if name.contains('/') => None,
            Err(_) => Some(format!("/^{name}$/")),
        })
        .collect();
    any.map(|any| any.join(" | "))
}

/// What of a script still names values of Rundeck.
fn foreign(script: &str) -> impl Iterator<Item = &str> {
    let marks = [
        "${option.",
        "${job.",
        "${node.",
        "${data.",
        "${globals.",
        "${export.",
        "@option.",
        "@job.",
        "@node.",
        "@data.",
        "@globals.",
        "$RD_",
        "${RD_",
    ];
    marks.into_iter().filter_map(|mark| {
        let at = script.find(mark)?;
        let rest = script.get(at..)?;
        let end = rest.char_indices().skip(1).find(|(_, c)| !(c.is_ascii_alphanumeric() || "._-{".contains(*c)));
        rest.get(..end.map_or(rest.len(), |(at, c)| if matches!(c, '}' | '@') { at + 1 } else { at }))
    })
}

fn within(before: &str, text: &str) -> Option<String> {
    (!text.is_empty()).then(|| format!("{before}{text}"))
}

/// A text, or a number or truth as text.
fn text_of(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(truth)) => truth.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}

fn is_true(value: &Value, key: &str) -> bool {
    matches!(value.get(key), Some(Value::Bool(true))) || text_of(value, key) == "true"
}
