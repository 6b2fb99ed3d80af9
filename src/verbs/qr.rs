//! A text as a picture that a telephone reads off a terminal: two modules to a character.
//!
//! Light is drawn and dark is left out, as `qrencode -t UTF8` does it: so it can be read off a dark terminal.

use fast_qr::{ECL, QRBuilder};

/// Modules of quiet around the picture. The standard wants four; readers are content with two, and rows are few.
const QUIET: usize = 2;

/// The picture, a line per two rows of modules; `None` for a text that does not fit into one.
pub fn drawn(text: &str) -> Option<String> {
    let code = QRBuilder::new(text).ecl(ECL::L).build().ok()?;
    let side = code.size + 2 * QUIET;
    // Beyond the last row there is the terminal, which is dark.
    let light = |row: usize, column: usize| {
        let inside = |at: usize| (QUIET..QUIET + code.size).contains(&at);
        match inside(row) && inside(column) {
            true => !code.data.get((row - QUIET) * code.size + (column - QUIET)).is_some_and(|module| module.value()),
            false => row < side,
        }
    };
    let line = |row: usize| -> String {
        (0..side)
            .map(|column| match (light(row, column), light(row + 1, column)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            })
            .collect()
    };
    Some((0..side).step_by(2).map(|row| line(row) + "\n").collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_fits_a_terminal_and_is_a_square_with_three_eyes() {
        let uri = "otpauth://totp/Quarterdeck%20acme%2Dops:grace?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Quarterdeck%20acme%2Dops";
        let picture = drawn(uri).unwrap();
        let lines: Vec<&str> = picture.lines().collect();
        let columns = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == columns));
        assert!(columns <= 80 && lines.len() <= 25, "{columns}x{}", lines.len());
        assert_eq!(lines.len(), columns.div_ceil(2));
        // The eyes stand behind the quiet: seven dark modules in their first row, in three corners.
        let first: String = lines[1].chars().collect();
        assert!(first.starts_with("██ ▄▄▄▄▄ ") && first.ends_with(" ▄▄▄▄▄ ██"), "{first}");
        assert_eq!(drawn(&"x".repeat(10_000)), None);
    }
}
