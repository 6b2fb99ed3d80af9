//! Where a shell script names a value in another tool's way, and how it names it here: as a variable, quoted as the place wants it.

/// Inside what quotes a place of a script stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quotes {
    None,
    Single,
    Double,
}

/// A place in a script, and the variable that stands for what is written there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Where it begins, in bytes.
    pub at: usize,
    /// Its length in bytes.
    pub len: usize,
    /// The variable.
    pub name: String,
}

/// The script with every place named as a variable. Places are in order and do not overlap.
pub(super) fn named(text: &str, places: &[Place]) -> String {
    let mut out = String::with_capacity(text.len() + 8 * places.len());
    let (mut quotes, mut escaped, mut comment, mut at) = (Quotes::None, false, false, 0);
    let mut left = places.iter().peekable();
    let mut blank_before = true;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if let Some(place) = left.next_if(|place| place.at == at) {
            match quotes {
                Quotes::None => out.push_str(&format!("\"${{{}}}\"", place.name)),
                Quotes::Double => out.push_str(&format!("${{{}}}", place.name)),
                Quotes::Single => out.push_str(&format!("'\"${{{}}}\"'", place.name)),
            }
            at += place.len;
            (escaped, blank_before) = (false, false);
            continue;
        }
        out.push(c);
        at += c.len_utf8();
        if comment {
            comment = c != '\n';
            blank_before = true;
            continue;
        }
        quotes = match (quotes, c) {
            _ if escaped => quotes,
            (Quotes::None, '\'') => Quotes::Single,
            (Quotes::None, '"') => Quotes::Double,
            (Quotes::Single, '\'') | (Quotes::Double, '"') => Quotes::None,
            (other, _) => other,
        };
        comment = quotes == Quotes::None && c == '#' && blank_before && !escaped;
        escaped = !escaped && c == '\\' && quotes != Quotes::Single;
        blank_before = c.is_whitespace() || matches!(c, ';' | '(' | '&' | '|');
    }
    out
}

/// The program that a script's first line names, as it is called here; `None` where it is none of those a runbook names.
pub(super) fn interpreter(words: &str) -> Option<&'static str> {
    let mut words = words.split_whitespace();
    let mut first = words.next()?;
    if first.rsplit('/').next() == Some("env") {
        first = words.find(|word| !word.starts_with('-'))?;
    }
    match first.rsplit('/').next()? {
        "sh" | "dash" | "ash" => Some("sh"),
        "bash" => Some("bash"),
        "python" | "python3" => Some("python3"),
        "perl" => Some("perl"),
        "ruby" => Some("ruby"),
        "node" => Some("node"),
        "pwsh" | "powershell" => Some("pwsh"),
        _ => None,
    }
}

/// Whether it gets its values as shell variables.
pub(super) fn is_shell(interpreter: &str) -> bool {
    matches!(interpreter, "sh" | "bash")
}
