//! Selectors: which servers of a workspace. `group:web & !tag:drained | host:db-1 | /^edge-/`, with parentheses.
//! `!` binds before `&`, `&` before `|`. An empty match is the caller's error, never "all".

use super::workspace::Server;
use std::fmt;

/// Deepest nesting of parentheses and `!`: no person writes more, and recursion stays bounded.
const DEPTH_MAX: usize = 32;

/// Longest selector: more terms than a person reads in one line. Terms joined side by side nest as well, and are bounded by it.
const SELECTOR_CHARS_MAX: usize = 1_000;

/// A parsed selector.
#[derive(Clone, Debug)]
pub struct Selector(Node);

#[derive(Clone, Debug)]
enum Node {
    Group(String),
    Tag(String),
    Host(String),
    Pattern(regex::Regex),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
}

/// What is wrong with a selector, and where in its text (bytes).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SelectorError {
    /// What is wrong and what to write instead.
    pub message: String,
    /// Byte offset in the selector's text.
    pub at: usize,
}

/// Parses a selector.
///
/// # Errors
/// Says what was expected at which byte.
pub fn parse(text: &str) -> Result<Selector, SelectorError> {
    if let Some((at, _)) = text.char_indices().nth(SELECTOR_CHARS_MAX) {
        let message = format!("longer than {SELECTOR_CHARS_MAX} characters; give the servers a group or a tag instead");
        return Err(SelectorError { message, at });
    }
    let mut parser = Parser { text, at: 0 };
    let node = parser.or(0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(Selector(node)),
        Some(found) => Err(parser.error(format!("`{found}` does not belong here; join terms with & or |"))),
    }
}

/// A name that a selector asks servers for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Named<'a> {
    /// `group:NAME`.
    Group(&'a str),
    /// `tag:NAME`.
    Tag(&'a str),
    /// `host:NAME`.
    Host(&'a str),
}

impl Selector {
    /// Every name it asks for, in the order they stand, and whether a `!` stands before it. Patterns name nobody.
    pub fn names(&self) -> Vec<(Named<'_>, bool)> {
        fn within<'a>(node: &'a Node, negated: bool, found: &mut Vec<(Named<'a>, bool)>) {
            match node {
                Node::Group(name) => found.push((Named::Group(name), negated)),
                Node::Tag(name) => found.push((Named::Tag(name), negated)),
                Node::Host(name) => found.push((Named::Host(name), negated)),
                Node::Pattern(_) => {}
                Node::Not(inner) => within(inner, !negated, found),
                Node::And(a, b) | Node::Or(a, b) => {
                    within(a, negated, found);
                    within(b, negated, found);
                }
            }
        }
        let mut found = Vec::new();
        within(&self.0, false, &mut found);
        found
    }

    /// Whether a server is meant.
    pub fn matches(&self, server: &Server) -> bool {
        self.0.matches(server)
    }
}

/// The servers a selector means, in file order.
///
/// # Errors
/// As [`parse`].
pub fn resolve<'a>(text: &str, servers: &'a [Server]) -> Result<Vec<&'a Server>, SelectorError> {
    let selector = parse(text)?;
    Ok(servers.iter().filter(|server| selector.matches(server)).collect())
}

impl Node {
    fn matches(&self, server: &Server) -> bool {
        match self {
            Node::Group(name) => server.groups.contains(name),
            Node::Tag(name) => server.tags.contains(name),
            Node::Host(name) => server.name.as_str() == name,
            Node::Pattern(pattern) => pattern.is_match(server.name.as_str()),
            Node::Not(inner) => !inner.matches(server),
            Node::And(a, b) => a.matches(server) && b.matches(server),
            Node::Or(a, b) => a.matches(server) || b.matches(server),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn or(&mut self, depth: usize) -> Result<Node, SelectorError> {
        let mut left = self.and(depth)?;
        while self.take('|') {
            left = Node::Or(Box::new(left), Box::new(self.and(depth)?));
        }
        Ok(left)
    }

    fn and(&mut self, depth: usize) -> Result<Node, SelectorError> {
        let mut left = self.term(depth)?;
        while self.take('&') {
            left = Node::And(Box::new(left), Box::new(self.term(depth)?));
        }
        Ok(left)
    }

    fn term(&mut self, depth: usize) -> Result<Node, SelectorError> {
        if depth > DEPTH_MAX {
            return Err(self.error(format!("nested deeper than {DEPTH_MAX}")));
        }
        if self.take('!') {
            return Ok(Node::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.take('(') {
            let inner = self.or(depth + 1)?;
            return if self.take(')') { Ok(inner) } else { Err(self.error("a `)` is missing".to_owned())) };
        }
        if self.take('/') {
            return self.pattern();
        }
        self.word()
    }

    fn pattern(&mut self) -> Result<Node, SelectorError> {
        let start = self.at;
        let rest = self.rest();
        let Some(end) = rest.find('/') else {
            return Err(self.error("the pattern's closing `/` is missing".to_owned()));
        };
        let source = rest.get(..end).unwrap_or_default();
        self.at = start + end + 1;
        regex::Regex::new(source)
            .map(Node::Pattern)
            .map_err(|error| SelectorError { message: format!("not a regular expression: {error}"), at: start })
    }

    fn word(&mut self) -> Result<Node, SelectorError> {
        self.skip_blanks();
        let start = self.at;
        let rest = self.rest();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default().to_owned();
        self.at += length;
        let wrong = |message: String| SelectorError { message, at: start };
        match word.split_once(':') {
            Some((_, "")) => Err(wrong(format!("`{word}` names nothing after the colon"))),
            Some(("group", name)) => Ok(Node::Group(name.to_owned())),
            Some(("tag", name)) => Ok(Node::Tag(name.to_owned())),
            Some(("host", name)) => Ok(Node::Host(name.to_owned())),
            Some((other, _)) => Err(wrong(format!("`{other}:` is none of group:, tag:, host:"))),
            None if word.is_empty() => Err(wrong("expected group:, tag:, host: or /regex/".to_owned())),
            None => Err(wrong(format!("write `host:{word}`, `group:{word}` or `tag:{word}`"))),
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.peek().filter(|c| c.is_whitespace()) {
            self.at += c.len_utf8();
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn error(&self, message: String) -> SelectorError {
        SelectorError { message, at: self.at.min(self.text.len()) }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write(node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match node {
                Node::Group(name) => write!(f, "group:{name}"),
                Node::Tag(name) => write!(f, "tag:{name}"),
                Node::Host(name) => write!(f, "host:{name}"),
                Node::Pattern(pattern) => write!(f, "/{pattern}/"),
                Node::Not(inner) => {
                    f.write_str("!(")?;
                    write(inner, f)?;
                    f.write_str(")")
                }
                Node::And(a, b) | Node::Or(a, b) => {
                    f.write_str("(")?;
                    write(a, f)?;
                    f.write_str(if matches!(node, Node::And(..)) { " & " } else { " | " })?;
                    write(b, f)?;
                    f.write_str(")")
                }
            }
        }
        write(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workspace::Reach;

    fn server(name: &str, groups: &[&str], tags: &[&str]) -> Server {
        Server {
            name: name.into(),
            reach: Reach::Local,
            groups: groups.iter().map(ToString::to_string).collect(),
            tags: tags.iter().map(ToString::to_string).collect(),
            source: None,
        }
    }

    fn names(selector: &str) -> Vec<String> {
        let fleet = [
            server("web-1", &["web"], &[]),
            server("web-2", &["web"], &["drained"]),
            server("db-1", &["db"], &[]),
            server("edge-1", &["edge", "web"], &[]),
        ];
        resolve(selector, &fleet).unwrap().iter().map(|server| server.name.to_string()).collect()
    }

    #[test]
    fn terms_join_as_written() {
        assert_eq!(names("group:web & !tag:drained"), ["web-1", "edge-1"]);
        assert_eq!(names("host:db-1 | group:web & group:edge"), ["db-1", "edge-1"]);
        assert_eq!(names("(host:db-1 | group:web) & !group:edge"), ["web-1", "web-2", "db-1"]);
        assert_eq!(names("/^web-/"), ["web-1", "web-2"]);
        assert_eq!(names("group:none"), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_selector_says_where_and_what_to_write() {
        for (text, at, word) in [
            ("", 0, "expected"),
            ("web", 0, "host:web"),
            ("group:web &", 11, "expected"),
            ("grp:web", 0, "group:"),
            ("(group:web", 10, "`)`"),
            ("group:web group:db", 10, "join"),
            ("/[/", 1, "regular expression"),
            ("/web", 1, "closing"),
            ("group:", 0, "nothing after"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.at, at, "{text}");
            assert!(error.message.contains(word), "{text}: {}", error.message);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&"!".repeat(10_000)).is_err());
    }

    #[test]
    fn many_terms_side_by_side_do_not_overflow_the_stack() {
        for join in [" | ", "&"] {
            let many = vec!["tag:a"; 22_000].join(join);
            assert!(parse(&many).unwrap_err().message.contains("1000 characters"));
            let longest: String = many.chars().take(SELECTOR_CHARS_MAX - 5).collect();
            let longest = longest.rsplit_once('t').map(|(whole, _)| format!("{whole}tag:a")).unwrap();
            assert!(parse(&longest).is_ok(), "{longest}");
        }
    }
}
