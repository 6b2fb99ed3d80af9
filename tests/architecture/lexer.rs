//! Rust source to tokens, as far as the rules need it: comments vanish, literals become one token each, so
//! that `"println!"` in a string or `// sled` in a comment is no finding.
//!
//! Deliberately absent: types, expressions, macro expansion. What a macro makes of its tokens is not seen;
//! the tokens handed to it are.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Identifier or keyword; `r#type` reads as `type`.
    Word,
    /// String, byte string or C string of any form; the text is what stands between the quotes.
    Text,
    /// Character, byte, number or lifetime: never of interest.
    Other,
    /// `::`
    Path,
    /// Any other single sign.
    Sign,
}

/// One token and the line (from 1) it starts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub line: usize,
}

impl Token<'_> {
    pub fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

/// All tokens of a source text that compiles. An unterminated literal runs to the end of the text.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { rest: source, line: 1, found: Vec::new() };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.found
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn step(&mut self) {
        let first = self.rest.chars().next().unwrap();
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.skip(end);
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment_bytes(self.rest));
        } else if let Some((open, close)) = text_literal(self.rest) {
            self.text(open, &close);
        } else if self.rest.starts_with("b'") {
            self.skip(1);
            self.quote();
        } else if first == '\'' {
            self.quote();
        } else if let Some(raw) = self.rest.strip_prefix("r#").filter(|raw| raw.starts_with(is_word_start)) {
            let len = word_bytes(raw);
            self.skip(2);
            self.take(Kind::Word, len);
        } else if is_word_start(first) {
            self.take(Kind::Word, word_bytes(self.rest));
        } else if first.is_ascii_digit() {
            self.take(Kind::Other, word_bytes(self.rest));
        } else if self.rest.starts_with("::") {
            self.take(Kind::Path, 2);
        } else {
            self.take(Kind::Sign, first.len_utf8());
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (gone, rest) = self.rest.split_at(bytes);
        self.line += gone.matches('\n').count();
        self.rest = rest;
    }

    fn take(&mut self, kind: Kind, bytes: usize) {
        self.found.push(Token { kind, text: &self.rest[..bytes], line: self.line });
        self.skip(bytes);
    }

    /// A string literal: `open` bytes up to and with the first quote, `close` ends it. Only a literal that is
    /// not raw (its `close` is a bare quote and its opening holds no `r`) knows backslash escapes.
    fn text(&mut self, open: usize, close: &str) {
        let escapes = !self.rest[..open].contains('r');
        let line = self.line;
        self.skip(open);
        let mut end = 0;
        while end < self.rest.len() && !self.rest[end..].starts_with(close) {
            let mut following = self.rest[end..].chars();
            let current = following.next().unwrap();
            end += current.len_utf8();
            if escapes && current == '\\' {
                end += following.next().map_or(0, char::len_utf8);
            }
        }
        self.found.push(Token { kind: Kind::Text, text: &self.rest[..end], line });
        self.skip((end + close.len()).min(self.rest.len()));
    }

    /// After `'`: a character when a quote closes it, else a lifetime or label.
    fn quote(&mut self) {
        let body = &self.rest[1..];
        let mut characters = body.chars();
        let bytes = match (characters.next(), characters.next()) {
            (Some('\\'), Some(escaped)) => {
                let after = 1 + escaped.len_utf8();
                2 + after + body[after..].find('\'').unwrap_or(0)
            }
            (Some(one), Some('\'')) => 2 + one.len_utf8(),
            _ => 1 + word_bytes(body),
        };
        self.take(Kind::Other, bytes.min(self.rest.len()));
    }
}

/// Bytes of the opening of a string literal at the start of `rest`, and what closes it.
fn text_literal(rest: &str) -> Option<(usize, String)> {
    for prefix in ["", "b", "c"] {
        if rest.strip_prefix(prefix).is_some_and(|after| after.starts_with('"')) {
            return Some((prefix.len() + 1, "\"".to_owned()));
        }
    }
    for prefix in ["r", "br", "cr"] {
        if let Some(after) = rest.strip_prefix(prefix) {
            let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
            if after[hashes..].starts_with('"') {
                return Some((prefix.len() + hashes + 1, format!("\"{}", "#".repeat(hashes))));
            }
        }
    }
    None
}

/// Block comments nest.
fn block_comment_bytes(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn is_word_start(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn word_bytes(rest: &str) -> usize {
    rest.find(|character: char| character != '_' && !character.is_alphanumeric()).unwrap_or(rest.len())
}

#[test]
fn comments_and_literals_hide_their_content() {
    let source = r###"//! println!("a")
        /* outer /* use sled; */ still */ let a = "use tokio;\" // no"; let b = r#"std::fs "quoted" \"#;
        let c = b"sled"; let d = '"'; let e = b'"'; let f: &'static str = c"x"; let g = '\''; let h = '\u{22}';
        'outer: loop { break 'outer; } r#match::end 1.0_f32"###;
    let words: Vec<&str> =
        tokens(source).into_iter().filter(|token| token.kind == Kind::Word).map(|token| token.text).collect();
    assert_eq!(words.join(" "), "let a let b let c let d let e let f str let g let h loop break match end");
    let texts: Vec<&str> =
        tokens(source).into_iter().filter(|token| token.kind == Kind::Text).map(|token| token.text).collect();
    assert_eq!(texts, ["use tokio;\\\" // no", "std::fs \"quoted\" \\", "sled", "x"]);
}

#[test]
fn lines_are_counted_through_every_kind_of_token() {
    let found = tokens("a\n/* \n */ b \"x\ny\" c\n// d\ne");
    let lines: Vec<(&str, usize)> = found.iter().map(|token| (token.text, token.line)).collect();
    assert_eq!(lines, [("a", 1), ("b", 3), ("x\ny", 3), ("c", 4), ("e", 6)]);
}
