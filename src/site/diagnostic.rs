//! What is wrong with a file: where, what, and what to write instead. One type for everything the site module
//! finds, so that a checker, a server and an editor show the same thing.
//!
//! Invariant: no diagnostic holds the text of a literal secret or a character that changes how others show, neither
//! in its words nor in the source it draws.

use super::source::Source;
use super::text;
use serde::Serialize;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Problems kept of one file: who has more has one reason for them, and each costs a walk along its line.
pub(super) const DIAGNOSTICS_PER_FILE_MAX: usize = 200;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The site cannot be used.
    Error,
    /// It can, and somebody should look.
    Warning,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// What kind of problem it is: stable words, for scripts and for search.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$name),+];

            /// The stable word.
            pub fn word(self) -> &'static str {
                match self {
                    $(Code::$name => $word,)+
                }
            }
        }
    };
}

codes! {
    /// A file cannot be read.
    FileRead = "file.read",
    /// A file or the site is larger than its bound.
    FileSize = "file.size",
    /// A file is not text.
    FileText = "file.text",
    /// A symbolic link leads out of the site, or to a directory.
    FileLink = "file.link",
    /// A file that looks like one of the site's and is not read.
    FileUnread = "file.unread",
    /// A file the site cannot do without is missing.
    FileMissing = "file.missing",
    /// Not TOML.
    Syntax = "toml.syntax",
    /// Written for another version of the format.
    Schema = "schema.version",
    /// A key nobody reads.
    KeyUnknown = "key.unknown",
    /// A key of a later version.
    KeyLater = "key.later",
    /// A key that is missing.
    KeyMissing = "key.missing",
    /// A key that does not belong here.
    KeyMisplaced = "key.misplaced",
    /// A value of another type.
    ValueType = "value.type",
    /// A value of the right type that is not allowed.
    Value = "value.invalid",
    /// A control, bidirectional or invisible character.
    TextHidden = "text.hidden",
    /// A character beyond printable ASCII where that is asked for.
    TextAscii = "text.ascii",
    /// Characters of two alphabets that look alike.
    TextLookalike = "text.lookalike",
    /// A secret's value where only its reference belongs.
    SecretLiteral = "secret.literal",
    /// A name given twice.
    Duplicate = "name.duplicate",
    /// A name nobody declares.
    Undeclared = "name.undeclared",
    /// Two persons with one credential.
    Credential = "person.credential",
    /// Only one person: no separation of duties.
    OnePerson = "person.single",
    /// `root` is somebody's account.
    Root = "person.root",
    /// Anybody may act as anybody.
    AllowAs = "local.allow_as",
    /// An approved runbook lacks what makes it one.
    Approved = "runbook.approved",
    /// A rule of runbooks is broken.
    Rule = "runbook.rule",
    /// A template clashes with the runbook or with another template.
    Clash = "template.clash",
    /// An approval that nobody can give.
    Quorum = "policy.quorum",
    /// A change window that is open at other times than it looks.
    Window = "policy.window",
    /// A channel of notices that leads nowhere, or that anybody could read along.
    Notify = "notify.channel",
    /// More problems than are shown.
    More = "more",
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One problem of one file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of problem it is.
    pub code: Code,
    /// The file, relative to the site.
    pub file: String,
    /// Bytes of the file it is about; empty where it is about the file as a whole.
    pub span: Range<usize>,
    /// Line, from 1; 0 where it is about the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 where it is about the file as a whole.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// A word or two beneath the caret.
    pub label: String,
    #[serde(skip)]
    pub(super) source: Option<Arc<Source>>,
}

impl Diagnostic {
    /// A problem at `span` of `source`.
    pub(super) fn at(
        source: &Arc<Source>,
        severity: Severity,
        code: Code,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let (line, column) = source.position(span.start);
        Self {
            severity,
            code,
            file: source.file().to_owned(),
            span,
            line,
            column,
            message: text::harmless(&message.into()),
            hint: None,
            label: String::new(),
            source: Some(Arc::clone(source)),
        }
    }

    /// A problem of a file as a whole.
    pub(super) fn whole(file: impl Into<String>, severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            file: text::harmless(&file.into()),
            span: 0..0,
            line: 0,
            column: 0,
            message: text::harmless(&message.into()),
            hint: None,
            label: String::new(),
            source: None,
        }
    }

    /// Says what to do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(text::harmless(&hint.into()));
        self
    }

    /// Says in a word or two what the caret points at.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = text::harmless(&label.into());
        self
    }

    /// Whether the site cannot be used.
    pub fn is_error(&self) -> bool {
        match self.severity {
            Severity::Error => true,
            Severity::Warning => false,
        }
    }

    /// As JSON: the public fields.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// `file:line:column: message (hint)`, on one line, as compilers print it.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        match self.severity {
            Severity::Error => {}
            Severity::Warning => f.write_str(" warning:")?,
        }
        write!(f, " {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Diagnostics in the order people read them: by file, then by place, errors before warnings.
pub(super) fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.line, d.column, d.severity, d.code);
        a.file.cmp(&b.file).then_with(|| key(a).cmp(&key(b)))
    });
}
