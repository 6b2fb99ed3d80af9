//! SGR: the one control sequence that is obeyed (ECMA-48 §8.3.117; colours as xterm's ctlseqs describes them).

use crate::terminal::line::{Attrs, Colour, StyleBits};

/// Applies one sequence's parameters. Those that mean nothing here (blink, conceal, fonts) change nothing.
pub(super) fn apply(style: &mut StyleBits, params: &vte::Params) {
    let mut params = params.iter();
    while let Some(param) = params.next() {
        let (code, sub) = match param {
            [code, sub @ ..] => (*code, sub),
            [] => (0, &[][..]),
        };
        match code {
            0 => *style = StyleBits::PLAIN,
            1 => set(style, Attrs::BOLD),
            2 => set(style, Attrs::DIM),
            3 => set(style, Attrs::ITALIC),
            4 if sub.first() == Some(&0) => clear(style, Attrs::UNDERLINE),
            4 | 21 => set(style, Attrs::UNDERLINE),
            7 => set(style, Attrs::REVERSE),
            9 => set(style, Attrs::STRIKE),
            22 => clear(style, Attrs::BOLD.with(Attrs::DIM)),
            23 => clear(style, Attrs::ITALIC),
            24 => clear(style, Attrs::UNDERLINE),
            27 => clear(style, Attrs::REVERSE),
            29 => clear(style, Attrs::STRIKE),
            30..=37 => style.fg = ansi(code - 30),
            38 => style.fg = extended(sub, &mut params).unwrap_or(style.fg),
            39 => style.fg = Colour::Default,
            40..=47 => style.bg = ansi(code - 40),
            48 => style.bg = extended(sub, &mut params).unwrap_or(style.bg),
            49 => style.bg = Colour::Default,
            58 => drop(extended(sub, &mut params)),
            90..=97 => style.fg = ansi(code - 90 + 8),
            100..=107 => style.bg = ansi(code - 100 + 8),
            _ => {}
        }
    }
}

fn set(style: &mut StyleBits, attrs: Attrs) {
    style.attrs = style.attrs.with(attrs);
}

fn clear(style: &mut StyleBits, attrs: Attrs) {
    style.attrs = style.attrs.without(attrs);
}

fn ansi(n: u16) -> Colour {
    Colour::Ansi(u8::try_from(n).unwrap_or_default())
}

/// `38:5:n`, `38:2::r:g:b`, `38:2:r:g:b` with their own sub-parameters, or `38;5;n`, `38;2;r;g;b` over the next ones.
fn extended<'p>(sub: &[u16], rest: &mut impl Iterator<Item = &'p [u16]>) -> Option<Colour> {
    let byte = |n: u16| u8::try_from(n).ok();
    match *sub {
        [5, n] => return byte(n).map(Colour::Indexed),
        [2, r, g, b] | [2, _, r, g, b, ..] => {
            return Some(Colour::Rgb(byte(r)?, byte(g)?, byte(b)?));
        }
        [] => {}
        _ => return None,
    }
    let mut next = || rest.next().and_then(|param| param.first().copied());
    match next()? {
        5 => byte(next()?).map(Colour::Indexed),
        2 => {
            let (r, g, b) = (next()?, next()?, next()?);
            Some(Colour::Rgb(byte(r)?, byte(g)?, byte(b)?))
        }
        _ => None,
    }
}
