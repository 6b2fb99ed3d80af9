//! A unified difference as people read it: what goes in one colour, what comes in another.

use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::domain::world::LEFT_OUT;
use crate::terminal::line::Safe;

/// `+12 -3`.
pub fn counts(diff: &str) -> Safe {
    let count =
        |sign: char, head: &str| diff.lines().filter(|line| line.starts_with(sign) && !line.starts_with(head)).count();
    safe!("+{} -{}", count('+', "+++"), count('-', "---"))
}

/// Its lines.
pub fn lines(diff: &str) -> impl Iterator<Item = Part> {
    diff.lines().map(|line| Part::Verbatim(role_of(line), line.to_owned()))
}

fn role_of(line: &str) -> Role {
    match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Role::Title,
        [b'+', ..] => Role::Ok,
        [b'-', ..] => Role::Failed,
        [b'@', ..] => Role::Accent,
        [first, ..] if char::from(*first) == LEFT_OUT => Role::Warning,
        _ => Role::Muted,
    }
}
