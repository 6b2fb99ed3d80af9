//! What a file may say, as data: one description that the reader checks files with, that the JSON Schema is printed
//! from, and that the tests take their cases from. There is no second list of keys.

use super::rule::Rule;

/// A table: its keys and nothing else.
#[derive(Debug)]
pub(super) struct Table {
    /// What it is called in messages: `a step`.
    pub called: &'static str,
    /// Its keys, in the groups it shares with others.
    pub keys: &'static [&'static [Key]],
    /// Keys that people look for here and that do not belong, with the reason.
    pub misplaced: &'static [(&'static str, &'static str)],
    /// Keys of later versions.
    pub later: &'static [&'static str],
    /// Keys it must have where another has a certain value. The converters say so in words of their own.
    pub when: Option<When>,
    /// The kinds of thing it may be, each with keys of its own.
    pub kinds: Option<&'static Kinds>,
}

/// Kinds of one table, told apart by one key.
#[derive(Debug)]
pub(super) struct Kinds {
    /// The key that says which.
    pub key: &'static str,
    /// The kind where it is not written.
    pub unless_written: &'static str,
    /// Every kind. A key that some kind names belongs to those that name it, any other key to all.
    pub each: &'static [OfKind],
}

/// The keys of one kind.
#[derive(Debug)]
pub(super) struct OfKind {
    /// Its word.
    pub word: &'static str,
    /// Keys it must have.
    pub needs: &'static [&'static str],
    /// Keys of which it must have one; none where it needs none.
    pub one_of: &'static [&'static str],
    /// Keys it may have.
    pub may: &'static [&'static str],
    /// What to do about a key it lacks.
    pub hint: &'static str,
}

impl Kinds {
    /// The kind with this word.
    pub(super) fn of(&self, word: &str) -> Option<&'static OfKind> {
        self.each.iter().find(|kind| kind.word == word)
    }

    /// Whether a key belongs to some kinds alone.
    pub(super) fn is_particular(&self, key: &str) -> bool {
        self.each.iter().any(|kind| kind.has(key))
    }

    /// The kinds a key belongs to, in words.
    pub(super) fn having(&self, key: &str) -> String {
        let words: Vec<&str> = self.each.iter().filter(|kind| kind.has(key)).map(|kind| kind.word).collect();
        words.join(", ")
    }
}

impl OfKind {
    /// Whether a key is one of its own.
    pub(super) fn has(&self, key: &str) -> bool {
        [self.needs, self.one_of, self.may].iter().any(|keys| keys.contains(&key))
    }
}

/// What one value of a key makes necessary.
#[derive(Debug)]
pub(super) struct When {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub is: Is,
    /// Keys that must then be there.
    pub then: &'static [&'static str],
    /// Keys that must be there otherwise.
    pub otherwise: &'static [&'static str],
}

/// A value that makes other keys necessary.
#[derive(Debug)]
pub(super) enum Is {
    /// This word.
    Word(&'static str),
    /// `true`.
    True,
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name.
    pub name: &'static str,
    /// When it must be there.
    pub need: Need,
    /// What it holds.
    pub shape: Shape,
    /// What it means, for editors.
    pub about: &'static str,
}

/// When a key must be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    /// Always.
    Always,
    /// In an approved runbook, and in every template.
    Approved,
    /// Never.
    Optional,
}

/// What a key holds.
#[derive(Debug)]
pub(super) enum Shape {
    /// A text.
    Text(Rule),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number within bounds.
    Integer {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// `true` or `false`.
    Boolean,
    /// A day, `2026-11-30`, without quotes.
    Day,
    /// A day and time without offset, without quotes.
    Moment,
    /// A list.
    List(&'static Shape),
    /// A table.
    Table(&'static Table),
    /// Tables, `[[…]]`.
    Tables(&'static Table),
    /// A table whose keys are names.
    Map {
        /// The rule of its keys.
        names: Rule,
        /// What each holds.
        of: &'static Shape,
    },
    /// Any of these, told apart by their type.
    Either(&'static [Shape]),
}

impl Table {
    /// A table of these keys.
    pub(super) const fn of(called: &'static str, keys: &'static [&'static [Key]]) -> Self {
        Self { called, keys, misplaced: &[], later: &[], when: None, kinds: None }
    }

    /// The same, knowing keys that people look for here and that do not belong, with the reason.
    pub(super) const fn misplaced(self, misplaced: &'static [(&'static str, &'static str)]) -> Self {
        Self { misplaced, ..self }
    }

    /// The same, knowing keys of later versions.
    pub(super) const fn later(self, later: &'static [&'static str]) -> Self {
        Self { later, ..self }
    }

    /// The same, needing other keys where one has a certain value.
    pub(super) const fn when(self, when: When) -> Self {
        Self { when: Some(when), ..self }
    }

    /// The same, being of one of these kinds.
    pub(super) const fn kinds(self, kinds: &'static Kinds) -> Self {
        Self { kinds: Some(kinds), ..self }
    }

    /// Every key.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().flat_map(|group| group.iter())
    }

    /// The key called `name`.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.all().find(|key| key.name == name)
    }
}

/// A key that must always be there.
pub(super) const fn always(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, need: Need::Always, shape, about }
}

/// A key that an approved runbook must have.
pub(super) const fn approved(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, need: Need::Approved, shape, about }
}

/// A key that may be left out.
pub(super) const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, need: Need::Optional, shape, about }
}

/// One of these words.
pub(super) const fn word(words: &'static [&'static str]) -> Shape {
    Shape::Word(words)
}

/// The version of the formats, first in every file.
pub(super) const SCHEMA: Key = always("schema", Shape::Integer { min: 1, max: 1 }, "Version of this format. Always 1.");
