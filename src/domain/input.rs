//! What may be typed into a form's field. Values stay text; the kind says which text is right. Nothing here
//! quotes for a shell: values reach scripts as single-quoted variables, made by the executor.

use super::runbook::{Input, InputKind};
use super::workspace::Workspace;

/// Longest value: a shell variable travels in the script's preamble, and nobody types more into a form.
pub const INPUT_BYTES_MAX: usize = 16 * 1_024;

/// Judges one value.
///
/// # Errors
/// Says in one sentence what is wrong and what would be right.
pub fn check(input: &Input, value: &str, workspace: &Workspace) -> Result<(), String> {
    well_formed(input, value)?;
    match &input.kind {
        InputKind::Host if !value.is_empty() && workspace.server(&value.into()).is_none() => {
            Err(format!("no server of {} is called that", workspace.id))
        }
        InputKind::Host
        | InputKind::String { .. }
        | InputKind::Text
        | InputKind::Int { .. }
        | InputKind::Bool
        | InputKind::Choice { .. }
        | InputKind::Date
        | InputKind::Duration
        | InputKind::File => Ok(()),
    }
}

/// Judges one value as far as no workspace is needed: a default, while its file is checked.
///
/// # Errors
/// As [`check`].
pub fn well_formed(input: &Input, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return if input.required { Err("must not be empty".to_owned()) } else { Ok(()) };
    }
    if value.len() > INPUT_BYTES_MAX {
        return Err(format!("longer than {INPUT_BYTES_MAX} bytes"));
    }
    let may_break_lines = matches!(input.kind, InputKind::Text);
    if let Some(c) = value.chars().find(|c| is_invisible(*c) && !(may_break_lines && matches!(c, '\n' | '\t'))) {
        return Err(format!("holds the invisible character U+{:04X}", u32::from(c)));
    }
    match &input.kind {
        InputKind::String { pattern: None } | InputKind::Text | InputKind::Host => Ok(()),
        InputKind::String { pattern: Some(pattern) } => matches_whole(pattern, value),
        InputKind::Int { min, max } => whole_number(value, *min, *max),
        InputKind::Bool => one_of(value, &["true".to_owned(), "false".to_owned()]),
        InputKind::Choice { choices } => one_of(value, choices),
        InputKind::Date => {
            let day = value.parse::<jiff::civil::Date>();
            day.map(|_| ()).map_err(|_| "not a day; write it as 2026-11-30".to_owned())
        }
        InputKind::Duration => super::duration::parse_ms(value).map(|_| ()),
        InputKind::File => {
            let plain = value.starts_with('/') && !value.split('/').any(|part| part == "..");
            if plain { Ok(()) } else { Err("not an absolute path without `..`".to_owned()) }
        }
    }
}

/// Control, format, bidi and other characters that show nothing or change how others show.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
            | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
            | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

fn matches_whole(pattern: &str, value: &str) -> Result<(), String> {
    let whole = regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())?;
    if whole.is_match(value) { Ok(()) } else { Err(format!("does not match {pattern}")) }
}

fn whole_number(value: &str, min: Option<i64>, max: Option<i64>) -> Result<(), String> {
    let number: i64 = value.parse().map_err(|_| "not a whole number".to_owned())?;
    match (min, max) {
        (Some(min), _) if number < min => Err(format!("less than {min}")),
        (_, Some(max)) if number > max => Err(format!("more than {max}")),
        _ => Ok(()),
    }
}

fn one_of(value: &str, choices: &[String]) -> Result<(), String> {
    if choices.iter().any(|choice| choice == value) { Ok(()) } else { Err(format!("none of {}", choices.join(", "))) }
}
