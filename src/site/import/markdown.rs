//! A runbook written in Markdown: its headings say what a part is for, its code is what runs, the rest is done by people.

use super::draft::{Check, Does, Draft, Input, Step};
use super::shell::{self, Place};
use super::toml_text::{comment, id, is_blank, plain};
use super::{ImportError, short_enough};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::collections::BTreeMap;

/// The draft that a document makes. `name` is what it is called where it has no title.
///
/// # Errors
/// It says nothing.
pub fn markdown(text: &str, name: &str) -> Result<Draft, ImportError> {
    short_enough(text)?;
    let pieces = pieces(text);
    if pieces.is_empty() {
        return Err(ImportError::Nothing("it holds neither words nor code".to_owned()));
    }
    Ok(Maker { draft: Draft::default(), part: Part::Scope, heading: String::new(), said: Vec::new() }
        .made(&pieces, name))
}

/// A point of a checklist is a line; what is longer is words.
const POINT_CHARS_MAX: usize = 200;

/// What a document is made of, as far as a runbook can be.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Heading(HeadingLevel, String),
    Words(String),
    /// A point of a list.
    Point(String, Mark),
    Code(String, String),
}

/// What stands before a point of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mark {
    /// Nothing that says an order.
    Bullet,
    /// A number: it is done after the one before it.
    Number,
    /// A box to tick: it is done, together with its neighbours.
    Box,
}

/// What a part of the document is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Scope,
    Why,
    Expected,
    Before,
    Steps,
    After,
    Back,
}

/// Words that headings say, and what the part below them is for; the first that fits counts.
const WORDS: [(&str, Part); 26] = [
    ("roll back", Part::Back),
    ("rollback", Part::Back),
    ("rolling back", Part::Back),
    ("back out", Part::Back),
    ("backout", Part::Back),
    ("back-out", Part::Back),
    ("undo", Part::Back),
    ("revert", Part::Back),
    ("verif", Part::After),
    ("validat", Part::After),
    ("post-check", Part::After),
    ("postcheck", Part::After),
    ("smoke test", Part::After),
    ("pre-check", Part::Before),
    ("precheck", Part::Before),
    ("preflight", Part::Before),
    ("pre-flight", Part::Before),
    ("prerequisite", Part::Before),
    ("before you", Part::Before),
    ("why", Part::Why),
    ("reason", Part::Why),
    ("expected", Part::Expected),
    ("outcome", Part::Expected),
    ("overview", Part::Scope),
    ("scope", Part::Scope),
    ("summary", Part::Scope),
];

fn part_of(heading: &str) -> Option<Part> {
    let heading = heading.to_lowercase();
    WORDS.iter().find(|(word, _)| heading.contains(word)).map(|(_, part)| *part)
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut words = String::new();
    let mut lists: Vec<bool> = Vec::new();
    let mut code: Option<String> = None;
    let (mut heading, mut ticked) = (None, false);
    let flush = |words: &mut String, lists: &[bool], ticked: bool, pieces: &mut Vec<Piece>| {
        let said = std::mem::take(words);
        if is_blank(&said) {
            return;
        }
        pieces.push(match lists.last() {
            Some(_) if ticked => Piece::Point(said.trim().to_owned(), Mark::Box),
            Some(true) => Piece::Point(said.trim().to_owned(), Mark::Number),
            Some(false) => Piece::Point(said.trim().to_owned(), Mark::Bullet),
            None => Piece::Words(said.trim().to_owned()),
        });
    };
    for event in Parser::new_ext(text, Options::ENABLE_TASKLISTS | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                flush(&mut words, &lists, ticked, &mut pieces);
                heading = Some(level);
            }
            Event::End(TagEnd::Heading(_)) => {
                let said = std::mem::take(&mut words);
                if let Some(level) = heading.take() {
                    pieces.push(Piece::Heading(level, said.trim().to_owned()));
                }
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                flush(&mut words, &lists, ticked, &mut pieces);
                code = Some(match kind {
                    CodeBlockKind::Fenced(language) => {
                        language.split([' ', ',', '{']).next().unwrap_or_default().to_owned()
                    }
                    CodeBlockKind::Indented => String::new(),
                });
            }
            Event::End(TagEnd::CodeBlock) => {
                let run = std::mem::take(&mut words);
                if let Some(language) = code.take().filter(|_| !is_blank(&run)) {
                    pieces.push(Piece::Code(language, run));
                }
            }
            Event::Start(Tag::List(first)) => {
                flush(&mut words, &lists, ticked, &mut pieces);
                lists.push(first.is_some());
            }
            Event::End(TagEnd::List(_)) => {
                flush(&mut words, &lists, ticked, &mut pieces);
                lists.pop();
            }
            Event::Start(Tag::Item) => ticked = false,
            Event::End(TagEnd::Item | TagEnd::Paragraph | TagEnd::BlockQuote(_)) => {
                flush(&mut words, &lists, ticked, &mut pieces);
            }
            Event::Start(Tag::MetadataBlock(_)) => code = Some("metadata".to_owned()),
            Event::End(TagEnd::MetadataBlock(_)) => {
                words.clear();
                code = None;
            }
            Event::TaskListMarker(_) => ticked = true,
            Event::Text(said) => words.push_str(&said),
            Event::Code(said) => {
                words.push('`');
                words.push_str(&said);
                words.push('`');
            }
            Event::SoftBreak | Event::HardBreak => words.push(' '),
            // `<name>` in words is a place to fill, not a tag.
            Event::InlineHtml(said) => words.push_str(&said),
            _ => {}
        }
    }
    flush(&mut words, &lists, ticked, &mut pieces);
    pieces
}

struct Maker {
    draft: Draft,
    part: Part,
    /// The last heading.
    heading: String,
    /// What was said since the last code: the title of the next one, or steps that people do.
    said: Vec<String>,
}

impl Maker {
    fn made(mut self, pieces: &[Piece], name: &str) -> Draft {
        self.draft.source = format!("the document {name}");
        for piece in pieces {
            match piece {
                Piece::Heading(level, words) => self.heading(*level, words),
                Piece::Words(words) => self.words(words),
                Piece::Point(words, mark) => self.point(words, *mark),
                Piece::Code(language, text) => self.code(language, text),
            }
        }
        self.by_hand();
        if self.draft.title.is_empty() {
            self.draft.title = name.to_owned();
        }
        self.draft.id = id(&self.draft.title).or_else(|| id(name)).unwrap_or_else(|| "runbook".to_owned());
        if self.draft.steps.is_empty() {
            self.draft.notes.push("no step was found: say what is done, under [[step]]".to_owned());
        }
        self.draft
    }

    fn heading(&mut self, level: HeadingLevel, words: &str) {
        self.by_hand();
        if level == HeadingLevel::H1 && self.draft.title.is_empty() {
            self.draft.title = words.to_owned();
            self.heading = String::new();
            self.part = Part::Scope;
            return;
        }
        // Headings below one of a known part belong to it, unless they name another.
        self.part = match part_of(words) {
            Some(part) => part,
            None if level <= HeadingLevel::H2 || matches!(self.part, Part::Scope | Part::Why | Part::Expected) => {
                Part::Steps
            }
            None => self.part,
        };
        self.heading = comment(words);
    }

    fn words(&mut self, words: &str) {
        let draft = &mut self.draft;
        match self.part {
            Part::Scope => append(&mut draft.changes, words),
            Part::Why => append(&mut draft.why, words),
            Part::Expected => append(&mut draft.expected, words),
            Part::Back => append(&mut draft.rollback, words),
            Part::Before | Part::Steps | Part::After => self.said.push(words.to_owned()),
        }
    }

    fn point(&mut self, words: &str, mark: Mark) {
        match (self.part, mark) {
            (Part::Before | Part::Steps | Part::After, Mark::Bullet | Mark::Box) => self.said.push(words.to_owned()),
            (Part::Before | Part::Steps | Part::After, Mark::Number) => {
                self.by_hand();
                self.said.push(words.to_owned());
            }
            // A procedure without a heading that says so.
            (Part::Scope, Mark::Number | Mark::Box) => {
                self.part = Part::Steps;
                self.said.push(words.to_owned());
            }
            (Part::Scope, Mark::Bullet) | (Part::Why | Part::Expected | Part::Back, _) => {
                self.words(&format!("- {words}"))
            }
        }
    }

    fn code(&mut self, language: &str, text: &str) {
        let run = without_prompts(text);
        if self.part == Part::Back {
            return append(&mut self.draft.rollback, &run);
        }
        let by = match language.to_lowercase().as_str() {
            "" | "sh" | "shell" | "console" | "shell-session" | "sh-session" | "zsh" => Some("sh"),
            "bash" => Some("bash"),
            "python" | "python3" | "py" => Some("python3"),
            "powershell" | "pwsh" | "ps1" => Some("pwsh"),
            "perl" => Some("perl"),
            "ruby" | "rb" => Some("ruby"),
            _ => None,
        };
        let Some(by) = by else {
            // A sample of a file or of output: whoever reads the step needs it.
            let sample = format!("{language}:\n{text}");
            return self.said.push(sample);
        };
        let run = if shell::is_shell(by) { self.filled(&run) } else { run };
        // What was said last is what the code does; what was said before that is done by people.
        let last = self.said.pop();
        self.by_hand();
        let title = last.as_deref().map_or_else(|| self.heading.clone(), first_line);
        let title = if comment(&title).is_empty() { first_line(&run) } else { title };
        let title = comment(&title).trim_end_matches(':').to_owned();
        let words = comment(&last.unwrap_or_default());
        let todo = if words.is_empty() || words.trim_end_matches(':') == title { Vec::new() } else { vec![words] };
        let id = self.draft.fresh_id(&title);
        match self.part {
            Part::Before => self.draft.preflight.push(Check { id, title, run, interpreter: by }),
            Part::After => self.draft.verify.push(Check { id, title, run, interpreter: by }),
            Part::Scope | Part::Why | Part::Expected | Part::Back | Part::Steps => {
                self.part = Part::Steps;
                let does = Does::Script { run, interpreter: by };
                let todo = todo.into_iter().map(|words| format!("the document says: {words}")).collect();
                self.draft.steps.push(Step { id, title, does, timeout: String::new(), secrets: Vec::new(), todo });
            }
        }
    }

    /// What was said and no code followed: people do it.
    fn by_hand(&mut self) {
        let said = std::mem::take(&mut self.said);
        if said.is_empty() {
            return;
        }
        let short = said.iter().all(|words| words.len() <= POINT_CHARS_MAX && !words.contains('\n'));
        let checklist =
            if said.len() > 1 && short { said.iter().map(|words| comment(words)).collect() } else { Vec::new() };
        let text = match checklist.is_empty() {
            true => said.join("\n\n"),
            false if self.heading.is_empty() => "Do what the points say.".to_owned(),
            false => self.heading.clone(),
        };
        let title = match said.as_slice() {
            [one] => first_line(one),
            _ if self.heading.is_empty() => first_line(&text),
            _ => self.heading.clone(),
        };
        let title = comment(&title).trim_end_matches([':', '.']).to_owned();
        let title = if title.is_empty() { "By hand".to_owned() } else { title };
        let id = self.draft.fresh_id(&title);
        let todo = match self.part {
            Part::Before => vec![
                "this was to be looked at before: make it a [[preflight]] check where a script can see it".to_owned(),
            ],
            Part::After => vec![
                "this was to be looked at afterwards: make it a [[verify]] check where a script can see it".to_owned(),
            ],
            Part::Scope | Part::Why | Part::Expected | Part::Back | Part::Steps => Vec::new(),
        };
        let (text, checklist) = (unbraced(&text), checklist.iter().map(|point| unbraced(point)).collect());
        let does = Does::Manual { text, checklist };
        self.draft.steps.push(Step { id, title, does, timeout: String::new(), secrets: Vec::new(), todo });
    }

    /// A script with its `<places to fill>` and `{{ places }}` as inputs.
    fn filled(&mut self, run: &str) -> String {
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        let mut places = Vec::new();
        for (at, len, words) in blanks(run) {
            let asked = self.draft.inputs.iter().find(|input| input.prompt == words).map(|input| input.name.clone());
            let name = known.get(&words).cloned().or(asked).unwrap_or_else(|| {
                let name = self.draft.fresh_variable(&words);
                let todo = vec!["a pattern or a choice would keep wrong values out".to_owned()];
                let (name_of, prompt) = (name.clone(), words.clone());
                self.draft.inputs.push(Input {
                    name: name_of,
                    prompt,
                    kind: "string",
                    required: true,
                    todo,
                    ..Input::default()
                });
                name
            });
            known.insert(words, name.clone());
            places.push(Place { at, len, name });
        }
        shell::named(run, &places)
    }
}

/// Places to fill: `<pod-name>` and `{{ pod }}`. A redirection is none: its `<` has no `>` in the same word.
fn blanks(run: &str) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = run.get(at..).filter(|rest| !rest.is_empty()) {
        let blank = ["{{", "<"].iter().zip(["}}", ">"]).find_map(|(open, close)| {
            let inner = rest.strip_prefix(open)?;
            let (words, _) = inner.split_once(close)?;
            let trimmed = words.trim();
            let sound = trimmed.starts_with(|c: char| c.is_ascii_alphabetic())
                && trimmed.len() <= 40
                && trimmed.chars().all(|c| c.is_ascii_alphanumeric() || "-_. ".contains(c))
                && (*open == "{{" || words == trimmed);
            sound.then(|| (open.len() + words.len() + close.len(), trimmed.to_owned()))
        });
        match blank {
            Some((len, words)) => {
                found.push((at, len, words));
                at += len;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    found
}

/// A session at a prompt as its commands; anything else as it is.
fn without_prompts(text: &str) -> String {
    let prompted = |line: &str| line.strip_prefix("$ ").map(str::to_owned);
    let commands: Vec<String> = text.lines().filter_map(prompted).collect();
    match commands.is_empty() {
        true => text.to_owned(),
        // What stands between is what the commands printed.
        false => commands.join("\n") + "\n",
    }
}

/// A text without double braces: here they would name an input.
fn unbraced(text: &str) -> String {
    let mut text = plain(text);
    while text.contains("{{") || text.contains("}}") {
        text = text.replace("{{", "{ {").replace("}}", "} }");
    }
    text
}

fn append(text: &mut String, words: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(words);
}

fn first_line(text: &str) -> String {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}
