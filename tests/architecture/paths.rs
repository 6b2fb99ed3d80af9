//! Which paths a source file names: `use` trees spread out, `super` and `self` resolved, a path that begins
//! with an imported name put back in full (`use std::time; time::Instant::now()` names `std::time::Instant::now`).
//!
//! A path begins with `crate` when it is ours (`quarterdeck::x` from outside counts as `crate::x`). Names
//! that begin nowhere known (a sibling, a type, a variable) are kept as written and match no rule.
//! Deliberately absent: scopes of imports; an alias holds for its whole file.

use std::collections::BTreeMap;

use super::lexer::{Kind, Token, tokens};

/// Whether only test builds see a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    Always,
    Test,
}

/// One path named in a file. The last segment is `*` for a glob and ends in `!` for a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub path: Vec<String>,
    pub line: usize,
    pub build: Build,
}

/// What one file says.
#[derive(Debug, Default)]
pub struct Source {
    pub named: Vec<Named>,
    /// `(the words and texts of one attribute, line)`
    pub attributes: Vec<(Vec<String>, usize)>,
    /// Modules declared as `#[cfg(test)] mod x;`: their files are test code as a whole.
    pub test_modules: Vec<Vec<String>>,
    /// String literals, with their lines.
    pub texts: Vec<(String, usize, Build)>,
}

/// Reads one file. `module` is the path of the module it is, `["crate", "domain"]` for `src/domain/mod.rs`.
pub fn read(source: &str, module: &[String], build: Build) -> Source {
    let tokens = tokens(source);
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        scopes: vec![Scope { module: module.to_vec(), build }],
        pending: None,
        aliases: BTreeMap::new(),
        raw: Vec::new(),
        source: Source::default(),
    };
    reader.run();
    reader.resolve()
}

struct Scope {
    module: Vec<String>,
    build: Build,
}

/// A path as written, with the module it was written in.
struct Raw {
    named: Named,
    module: Vec<String>,
    from_use: bool,
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    scopes: Vec<Scope>,
    /// Set between `#[cfg(test)]` and the end of the item it stands on.
    pending: Option<Build>,
    aliases: BTreeMap<String, Vec<String>>,
    raw: Vec<Raw>,
    source: Source,
}

impl<'a> Reader<'a> {
    fn run(&mut self) {
        while let Some(token) = self.token(0) {
            match (token.kind, token.text) {
                (Kind::Sign, "#") => self.attribute(),
                (Kind::Sign, "{") => {
                    let module = self.scope().module.clone();
                    self.open(module);
                }
                (Kind::Sign, "}") => {
                    if self.scopes.len() > 1 {
                        self.scopes.pop();
                    }
                    self.pending = None;
                    self.at += 1;
                }
                (Kind::Sign, ";" | ",") => {
                    self.pending = None;
                    self.at += 1;
                }
                (Kind::Word, "use") if self.token(1).is_some_and(|next| !next.is_sign("<")) => self.import(),
                (Kind::Word, "mod") if self.token(1).is_some_and(|next| next.kind == Kind::Word) => self.module(),
                (Kind::Word | Kind::Path, _) => self.path(),
                (Kind::Text, text) => {
                    let build = self.build();
                    self.source.texts.push((text.to_owned(), token.line, build));
                    self.at += 1;
                }
                (Kind::Sign | Kind::Other, _) => self.at += 1,
            }
        }
    }

    fn token(&self, ahead: usize) -> Option<Token<'a>> {
        self.tokens.get(self.at + ahead).copied()
    }

    fn scope(&self) -> &Scope {
        self.scopes.last().unwrap()
    }

    fn build(&self) -> Build {
        self.pending.unwrap_or(self.scope().build)
    }

    fn open(&mut self, module: Vec<String>) {
        let build = self.build();
        self.pending = None;
        self.scopes.push(Scope { module, build });
        self.at += 1;
    }

    /// `#[...]` or `#![...]`: remembered as its words; the paths in it are read like any other.
    fn attribute(&mut self) {
        let inner = self.token(1).is_some_and(|token| token.is_sign("!"));
        let start = self.at + 1 + usize::from(inner);
        if !self.tokens.get(start).is_some_and(|token| token.is_sign("[")) {
            self.at += 1;
            return;
        }
        let line = self.tokens[self.at].line;
        let mut depth = 0;
        let mut words = Vec::new();
        let mut end = start;
        while let Some(token) = self.tokens.get(end) {
            match (token.kind, token.text) {
                (Kind::Sign, "[") => depth += 1,
                (Kind::Sign, "]") => depth -= 1,
                (Kind::Word | Kind::Text, text) => words.push(text.to_owned()),
                _ => {}
            }
            end += 1;
            if depth == 0 {
                break;
            }
        }
        if is_test_only(&words) {
            match (inner, self.scopes.last_mut()) {
                (true, Some(scope)) => scope.build = Build::Test,
                _ => self.pending = Some(Build::Test),
            }
        }
        // Commas and braces in an attribute end no item.
        let pending = self.pending;
        self.at = start + 1;
        while self.at < end {
            match self.tokens[self.at].kind {
                Kind::Word | Kind::Path => self.path(),
                _ => self.at += 1,
            }
        }
        self.pending = pending;
        self.source.attributes.push((words, line));
    }

    fn module(&mut self) {
        let mut module = self.scope().module.clone();
        module.push(self.tokens[self.at + 1].text.to_owned());
        let after = self.token(2);
        self.at += 2;
        if after.is_some_and(|token| token.is_sign("{")) {
            self.open(module);
        } else {
            if self.build() == Build::Test {
                self.source.test_modules.push(module);
            }
            self.pending = None;
        }
    }

    fn import(&mut self) {
        self.at += 1;
        self.use_tree(&[]);
        // What follows is the `;` the main loop reads.
    }

    /// One branch of a `use` tree; stops before the `,`, `}` or `;` that ends it.
    fn use_tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        let mut line = self.token(0).map_or(0, |token| token.line);
        while let Some(token) = self.token(0) {
            match (token.kind, token.text) {
                (Kind::Path, _) => self.at += 1,
                (Kind::Sign, "{") => {
                    self.at += 1;
                    while let Some(token) = self.token(0) {
                        match token.text {
                            "}" => {
                                self.at += 1;
                                return;
                            }
                            "," => self.at += 1,
                            _ => self.use_tree(&path),
                        }
                    }
                    return;
                }
                (Kind::Word, "as") => {
                    let alias = self.token(1).map_or("_", |token| token.text).to_owned();
                    self.at += 2;
                    self.imported(path, alias, line);
                    return;
                }
                (Kind::Word, "self") if !path.is_empty() => self.at += 1,
                (Kind::Word, text) | (Kind::Sign, text @ "*") => {
                    line = token.line;
                    path.push(text.to_owned());
                    self.at += 1;
                }
                _ => break,
            }
        }
        let alias = path.last().cloned().unwrap_or_default();
        self.imported(path, alias, line);
    }

    fn imported(&mut self, path: Vec<String>, alias: String, line: usize) {
        let module = self.scope().module.clone();
        let full = absolute(&path, &module);
        // `use std;` style no-ops and names that stand for themselves would loop.
        if alias != "*" && alias != "_" && full.first() != Some(&alias) {
            self.aliases.insert(alias, full.clone());
        }
        let named = Named { path: full, line, build: self.build() };
        self.raw.push(Raw { named, module, from_use: true });
    }

    /// A path in code: `a::b::c`, `a::b!`, or one word that may be an alias.
    fn path(&mut self) {
        let line = self.tokens[self.at].line;
        let before = |back: usize| self.at.checked_sub(back).and_then(|at| self.tokens.get(at));
        let is_field =
            before(1).is_some_and(|token| token.is_sign(".")) && !before(2).is_some_and(|token| token.is_sign("."));
        let mut path = Vec::new();
        if self.tokens[self.at].kind == Kind::Path {
            self.at += 1;
        }
        while let Some(token) = self.token(0).filter(|token| token.kind == Kind::Word) {
            path.push(token.text.to_owned());
            self.at += 1;
            let more = self.token(0).is_some_and(|token| token.kind == Kind::Path)
                && self.token(1).is_some_and(|token| token.kind == Kind::Word);
            if !more {
                break;
            }
            self.at += 1;
        }
        let is_macro = self.token(0).is_some_and(|token| token.is_sign("!"))
            && !self.token(1).is_some_and(|token| token.is_sign("="));
        match path.last_mut() {
            Some(last) if is_macro => last.push('!'),
            Some(_) => {}
            None => return,
        }
        // The receiver `self`, and `pub(crate)`.
        let is_keyword = path.len() == 1 && matches!(path[0].as_str(), "self" | "super" | "crate");
        if !is_field && !is_keyword {
            let module = self.scope().module.clone();
            let named = Named { path, line, build: self.build() };
            self.raw.push(Raw { named, module, from_use: false });
        }
    }

    fn resolve(mut self) -> Source {
        for Raw { mut named, module, from_use } in self.raw {
            // An alias may begin another alias' path: `use std::time; use time::Instant;`.
            for _ in 0..ALIAS_DEPTH_MAX {
                let first = named.path.first().cloned().unwrap_or_default();
                let known = from_use && self.aliases.get(&first) == Some(&named.path);
                match self.aliases.get(&first) {
                    Some(full) if !known => named.path = [full.as_slice(), &named.path[1..]].concat(),
                    _ => break,
                }
            }
            named.path = absolute(&named.path, &module);
            self.source.named.push(named);
        }
        self.source
    }
}

/// Longer chains of aliases are nobody's style; the bound ends a cycle between two of them.
const ALIAS_DEPTH_MAX: usize = 4;

/// `super::x` in `crate::a::b` is `crate::a::x`; the crate's own name seen from outside is `crate`.
fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let mut base = module.to_vec();
    let mut rest = path;
    match path.first().map(String::as_str) {
        Some("quarterdeck") => return [&["crate".to_owned()], &path[1..]].concat(),
        Some("self") => rest = &path[1..],
        Some("super") => {
            while rest.first().is_some_and(|segment| segment == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        _ => return path.to_vec(),
    }
    base.extend_from_slice(rest);
    base
}

/// `cfg(test)` and `cfg(all(test, ...))`; `any` and `not` may hold in a normal build too.
fn is_test_only(words: &[String]) -> bool {
    let has = |word: &str| words.iter().any(|found| found == word);
    words.first().is_some_and(|first| first == "cfg") && has("test") && !has("not") && !has("any")
        || words.first().is_some_and(|first| first == "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: &str) -> Vec<String> {
        let module = ["crate", "a", "b"].map(str::to_owned);
        read(source, &module, Build::Always)
            .named
            .into_iter()
            .map(|named| match named.build {
                Build::Always => named.path.join("::"),
                Build::Test => format!("test {}", named.path.join("::")),
            })
            .filter(|path| path.contains("::") || path.contains('!'))
            .collect()
    }

    #[test]
    fn use_trees_are_spread_out() {
        assert_eq!(
            named("use std::{fs, io::{self, Write as W}, time::*}; pub(crate) use crate::domain::Run;"),
            ["std::fs", "std::io", "std::io::Write", "std::time::*", "crate::domain::Run"]
        );
    }

    #[test]
    fn super_and_self_are_resolved_through_inline_modules() {
        assert_eq!(
            named("use super::c; use self::d::E; mod inner { use super::super::f; fn g() { super::h::i(); } }"),
            ["crate::a::c", "crate::a::b::d::E", "crate::a::f", "crate::a::b::h::i"]
        );
    }

    #[test]
    fn a_path_through_an_import_is_put_back_in_full() {
        assert_eq!(
            named("use std::time; fn a() { time::Instant::now(); println!(\"x\"); std::process::exit(1) }"),
            ["std::time", "std::time::Instant::now", "println!", "std::process::exit"]
        );
        assert_eq!(named("use quarterdeck::domain as d; fn a(x: d::X) {}"), ["crate::domain", "crate::domain::X"]);
    }

    #[test]
    fn only_what_stands_under_cfg_test_is_test_code() {
        assert_eq!(
            named(
                "#[cfg(test)] use a::b; use c::d; #[cfg(test)] mod tests { fn e() { f::g() } } fn h() { i::j() } \
                 #[tokio::test] fn k() {} #[cfg(not(test))] use l::m;"
            ),
            ["test a::b", "c::d", "test f::g", "i::j", "tokio::test", "l::m"]
        );
        let source = read("#[cfg(test)] mod tests; mod code;", &["crate".to_owned()], Build::Always);
        assert_eq!(source.test_modules, [["crate", "tests"]]);
    }

    #[test]
    fn fields_and_ranges_are_told_apart() {
        assert_eq!(named("fn a() { self.tokio::<u8>(); 0..sled::MAX; x != y }"), ["sled::MAX"]);
    }
}
