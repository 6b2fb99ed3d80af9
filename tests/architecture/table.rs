//! The module table as ARCHITECTURE.md prints it: `| module | purpose | may import (of ours) | never |`.
//! The purpose is prose and not compared; order of rows and of names within a cell is free.

use std::collections::BTreeSet;

use super::rules::Module;

const NONE: &str = "–";

/// `Err` says where the printed table differs.
pub fn compare(page: &str, modules: &[Module]) -> Result<(), String> {
    let rows = rows(page);
    if rows.is_empty() {
        return Err("no table whose first column is `module`".to_owned());
    }
    for module in modules {
        let Some(row) = rows.iter().find(|row| row.name == module.name) else {
            return Err(format!("no row for `{}/`", module.name));
        };
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        if row.may != set(module.may) {
            return Err(format!("`{}/` may import {:?}, not {:?}", module.name, module.may, row.may));
        }
        if row.never != set(module.never) {
            return Err(format!("`{}/` never uses {:?}, not {:?}", module.name, module.never, row.never));
        }
    }
    match rows.iter().find(|row| !modules.iter().any(|module| module.name == row.name)) {
        Some(row) => Err(format!("a row for `{}/`, which is no module", row.name)),
        None => Ok(()),
    }
}

/// The table as it should stand, purposes left open.
pub fn printed(modules: &[Module]) -> String {
    let cell = |names: &[&str]| match names.is_empty() {
        true => NONE.to_owned(),
        false => names.join(", "),
    };
    let mut page = "| module | purpose | may import (of ours) | never |\n|---|---|---|---|\n".to_owned();
    for module in modules {
        page.push_str(&format!("| `{}/` | … | {} | {} |\n", module.name, cell(module.may), cell(module.never)));
    }
    page
}

struct Row {
    name: String,
    may: BTreeSet<String>,
    never: BTreeSet<String>,
}

fn rows(page: &str) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    page.lines()
        .skip_while(|line| !line.starts_with('|') || cells(line).first().is_none_or(|first| first != "module"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| match cells(line).as_slice() {
            [name, _, may, never] => {
                Some(Row { name: name.trim_end_matches('/').to_owned(), may: names(may), never: names(never) })
            }
            _ => None,
        })
        .collect()
}

/// `a, b::{c, d}, –` → `a`, `b::c`, `b::d`.
fn names(cell: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut prefix = String::new();
    for part in cell.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != NONE) {
        let name = match part.split_once('{') {
            Some((before, first)) => {
                prefix = before.to_owned();
                first
            }
            None => part,
        };
        found.insert(format!("{prefix}{}", name.trim_end_matches(['}', '!'])));
        if part.ends_with('}') {
            prefix.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULES: &[Module] = &[
        Module { name: "a", may: &[], never: &["x", "y"] },
        Module { name: "b", may: &["a", "c::d", "c::e"], never: &[] },
    ];

    #[test]
    fn a_page_with_the_same_table_passes_and_any_other_says_where() {
        let page = "text\n\n| module | purpose | may | never |\n|---|---|---|---|\n\
                    | `a/` | p | – | y, `x` |\n| `b/` | p | c::{d, e}, a | – |\n\nmore\n";
        assert_eq!(compare(page, MODULES), Ok(()));
        assert_eq!(compare(&printed(MODULES), MODULES), Ok(()));
        for (from, to, says) in [
            ("y, `x`", "x", "`a/` never uses"),
            ("c::{d, e}, a", "c::{d}, a", "`b/` may import"),
            ("| `a/`", "| `z/`", "no row for `a/`"),
            ("\n\nmore", "\n| `z/` | p | – | – |", "a row for `z/`"),
            ("| module", "| modul", "no table"),
        ] {
            let difference = compare(&page.replace(from, to), MODULES).unwrap_err();
            assert!(difference.starts_with(says), "{difference}");
        }
    }
}
