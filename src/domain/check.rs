//! Judges what a check printed against what it expects.

use super::runbook::{Compare, Expect, Match};

/// Longest excerpt of an output quoted in a verdict.
const QUOTE_CHARS_MAX: usize = 120;

/// Judges a finished check.
///
/// # Errors
/// Says what was expected and what came instead.
pub fn judge(expect: &Expect, exit: i32, stdout: &str, stderr: &str) -> Result<(), String> {
    if exit != expect.exit {
        let words = quote(if stderr.trim().is_empty() { stdout } else { stderr });
        return Err(format!("exit {exit}, expected {}{words}", expect.exit));
    }
    for (name, wanted, found) in [("stdout", &expect.stdout, stdout), ("stderr", &expect.stderr, stderr)] {
        if let Some(wanted) = wanted {
            matches(wanted, found).map_err(|why| format!("{name}: {why}"))?;
        }
    }
    Ok(())
}

/// Judges one text.
///
/// # Errors
/// Says what was expected and what came instead.
pub fn matches(wanted: &Match, found: &str) -> Result<(), String> {
    match wanted {
        Match::Equals(text) if found.trim() == text.trim() => Ok(()),
        Match::Equals(text) => Err(format!("expected exactly `{}`{}", clip(text.trim()), quote(found))),
        Match::Matches(pattern) => match regex::RegexBuilder::new(pattern).multi_line(true).build() {
            Ok(regex) if regex.is_match(found) => Ok(()),
            Ok(_) => Err(format!("nothing matches /{}/{}", clip(pattern), quote(found))),
            Err(error) => Err(format!("cannot judge: {error}")),
        },
        Match::Number { compare, with } => number(*compare, with, found),
        Match::Json { path, equals } => json(path, equals, found),
    }
}

/// What a text must look like, in words.
pub fn wanted(wanted: &Match) -> String {
    match wanted {
        Match::Equals(text) => format!("exactly `{text}`"),
        Match::Matches(pattern) => format!("a match of /{pattern}/"),
        Match::Number { compare, with } => format!("a number {} {with}", sign(*compare)),
        Match::Json { path, equals } => format!("{path} = `{equals}`"),
    }
}

/// All of what a script must come to, in words.
pub fn expected(expect: &Expect) -> String {
    let of = |name: &str, text: &Option<Match>| text.as_ref().map(|text| format!("{name} {}", wanted(text)));
    let outputs = [of("output", &expect.stdout), of("error output", &expect.stderr)];
    let words: Vec<String> =
        [Some(format!("exit status {}", expect.exit))].into_iter().chain(outputs).flatten().collect();
    words.join(", ")
}

fn number(compare: Compare, with: &str, found: &str) -> Result<(), String> {
    let bound: f64 = with.parse().map_err(|_| format!("cannot judge: `{with}` is not a number"))?;
    let value: f64 = found.trim().parse().map_err(|_| format!("expected a number{}", quote(found)))?;
    let holds = match compare {
        Compare::Less => value < bound,
        Compare::LessOrEqual => value <= bound,
        Compare::Equal => value == bound,
        Compare::NotEqual => value != bound,
        Compare::GreaterOrEqual => value >= bound,
        Compare::Greater => value > bound,
    };
    if holds { Ok(()) } else { Err(format!("expected {} {with}, found {}", sign(compare), clip(found.trim()))) }
}

/// How a comparison is written.
pub fn sign(compare: Compare) -> &'static str {
    match compare {
        Compare::Less => "<",
        Compare::LessOrEqual => "<=",
        Compare::Equal => "==",
        Compare::NotEqual => "!=",
        Compare::GreaterOrEqual => ">=",
        Compare::Greater => ">",
    }
}

fn json(path: &str, equals: &str, found: &str) -> Result<(), String> {
    let text = inside(path, found)?;
    if text == equals { Ok(()) } else { Err(format!("expected {path} = {equals}, found {}", clip(&text))) }
}

/// The value inside JSON that a path of keys and indices leads to, as text.
///
/// # Errors
/// It is no JSON, or nothing stands there.
pub fn inside(path: &str, found: &str) -> Result<String, String> {
    let root: serde_json::Value =
        serde_json::from_str(found).map_err(|error| format!("expected JSON: {error}{}", quote(found)))?;
    let mut at = &root;
    for key in path.split('.') {
        let next = match key.parse::<usize>() {
            Ok(index) if at.is_array() => at.get(index),
            _ => at.get(key),
        };
        at = next.ok_or_else(|| format!("`{path}` is not there{}", quote(found)))?;
    }
    Ok(at.as_str().map_or_else(|| at.to_string(), str::to_owned))
}

fn quote(found: &str) -> String {
    let found = found.trim();
    if found.is_empty() { "; nothing was printed".to_owned() } else { format!("; printed: {}", clip(found)) }
}

fn clip(text: &str) -> String {
    let line: String = text.chars().map(|c| if c == '\n' { ' ' } else { c }).take(QUOTE_CHARS_MAX).collect();
    if text.chars().count() > QUOTE_CHARS_MAX { format!("{line}…") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stdout(wanted: Match) -> Expect {
        Expect { stdout: Some(wanted), ..Expect::default() }
    }

    #[test]
    fn an_exit_status_decides_first() {
        assert!(judge(&Expect::default(), 0, "", "").is_ok());
        let why = judge(&Expect::default(), 7, "", "no route\n").unwrap_err();
        assert_eq!(why, "exit 7, expected 0; printed: no route");
    }

    #[test]
    fn numbers_compare_as_numbers() {
        let expect = stdout(Match::Number { compare: Compare::GreaterOrEqual, with: "2147483648".to_owned() });
        assert!(judge(&expect, 0, " 2147483648\n", "").is_ok());
        assert!(judge(&expect, 0, "99\n", "").unwrap_err().contains("expected >= 2147483648, found 99"));
        assert!(judge(&expect, 0, "n/a", "").unwrap_err().contains("expected a number"));
        assert!(judge(&expect, 0, "NaN", "").is_err());
    }

    #[test]
    fn json_is_followed_by_keys_and_indices() {
        let expect = stdout(Match::Json { path: "items.0.state".to_owned(), equals: "up".to_owned() });
        assert!(judge(&expect, 0, r#"{"items":[{"state":"up"}]}"#, "").is_ok());
        assert!(judge(&expect, 0, r#"{"items":[{"state":"down"}]}"#, "").unwrap_err().contains("found down"));
        assert!(judge(&expect, 0, r#"{"items":[]}"#, "").unwrap_err().contains("not there"));
        assert!(judge(&expect, 0, "oops", "").unwrap_err().contains("expected JSON"));
    }

    #[test]
    fn text_is_compared_without_its_edges() {
        assert!(judge(&stdout(Match::Equals("active".to_owned())), 0, "active\n", "").is_ok());
        assert!(judge(&stdout(Match::Matches("^b$".to_owned())), 0, "a\nb\n", "").is_ok());
        assert!(judge(&stdout(Match::Matches("^c$".to_owned())), 0, "a\nb\n", "").is_err());
    }
}
