//! What one whole sequence or character means: termina reads it, and its many keys become our few.

use termina::event::{KeyCode as Code, KeyEvent, KeyEventKind, Modifiers, MouseButton, MouseEvent, MouseEventKind};
use termina::{Event, Parser};

use super::{Input, Key, KeyCode, Mods, Mouse, MouseKind};

const ESC: u8 = 0x1b;

/// What one whole sequence or character means. Only shapes in which termina reads to the end are given to it.
pub(super) fn understood(token: &[u8]) -> Option<Input> {
    if !is_known_shape(token) {
        return None;
    }
    let mut parser = Parser::default();
    parser.parse(token, false);
    match parser.pop()? {
        Event::Key(event) => key(event).map(Input::Key),
        Event::Mouse(event) => mouse(event).map(Input::Mouse),
        Event::WindowResized(_)
        | Event::FocusIn
        | Event::FocusOut
        | Event::Paste(_)
        | Event::Csi(_)
        | Event::Osc(_)
        | Event::Dcs(_) => None,
    }
}

fn is_known_shape(token: &[u8]) -> bool {
    match token {
        [ESC, b'[', b'M', mouse @ ..] => mouse.len() == 3,
        [ESC, b'[', b'<', body @ .., b'M' | b'm'] => body.iter().all(|b| matches!(b, b'0'..=b'9' | b';')),
        [ESC, b'[', b'[', letter] => letter.is_ascii_uppercase(),
        [ESC, b'[', body @ .., _] => {
            body.first().is_none_or(u8::is_ascii_digit) && body.iter().all(|b| matches!(b, b'0'..=b'9' | b';' | b':'))
        }
        [ESC, b'O', _] => true,
        [ESC, b'O', ..] => false,
        _ => true,
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release || event.modifiers.intersects(Modifiers::SUPER | Modifiers::HYPER) {
        return None;
    }
    let held = |theirs, ours| {
        if event.modifiers.intersects(theirs) { ours } else { Mods::NONE }
    };
    let no_shift = held(Modifiers::ALT | Modifiers::META, Mods::ALT).with(held(Modifiers::CONTROL, Mods::CTRL));
    let shift = held(Modifiers::SHIFT, Mods::SHIFT);
    let plain = |code| Some(Key { code, mods: no_shift.with(shift) });
    match event.code {
        // Control-H is what the Backspace key sends in some terminals.
        Code::Char('h') if no_shift == Mods::CTRL && shift == Mods::NONE => Some(Key::new(KeyCode::Backspace)),
        Code::Char(c) if c.is_control() => None,
        Code::Char(c) if shift == Mods::SHIFT => {
            let mut upper = c.to_uppercase();
            let c = upper.next().filter(|_| upper.next().is_none()).unwrap_or(c);
            Some(Key { code: KeyCode::Char(c), mods: no_shift })
        }
        Code::Char(c) => Some(Key { code: KeyCode::Char(c), mods: no_shift }),
        Code::BackTab => Some(Key { code: KeyCode::BackTab, mods: no_shift }),
        Code::Tab => plain(KeyCode::Tab),
        Code::Enter => plain(KeyCode::Enter),
        Code::Escape => plain(KeyCode::Esc),
        Code::Backspace => plain(KeyCode::Backspace),
        Code::Delete => plain(KeyCode::Delete),
        Code::Insert => plain(KeyCode::Insert),
        Code::Left => plain(KeyCode::Left),
        Code::Right => plain(KeyCode::Right),
        Code::Up => plain(KeyCode::Up),
        Code::Down => plain(KeyCode::Down),
        Code::Home => plain(KeyCode::Home),
        Code::End => plain(KeyCode::End),
        Code::PageUp => plain(KeyCode::PageUp),
        Code::PageDown => plain(KeyCode::PageDown),
        Code::Function(n) => plain(KeyCode::F(n)),
        Code::KeypadBegin
        | Code::CapsLock
        | Code::ScrollLock
        | Code::NumLock
        | Code::PrintScreen
        | Code::Pause
        | Code::Menu
        | Code::Null
        | Code::Modifier(_)
        | Code::Media(_) => None,
    }
}

/// The same key with Alt held: some terminals send an ESC before the sequence for that.
pub(super) fn with_alt(input: Input) -> Input {
    match input {
        Input::Key(key) => Input::Key(Key { mods: key.mods.with(Mods::ALT), ..key }),
        other @ (Input::Paste(_) | Input::PasteRefused | Input::Mouse(_)) => other,
    }
}

fn mouse(event: MouseEvent) -> Option<Mouse> {
    let kind = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Down,
        MouseEventKind::Up(MouseButton::Left) => MouseKind::Up,
        MouseEventKind::Drag(MouseButton::Left) => MouseKind::Drag,
        MouseEventKind::ScrollUp => MouseKind::ScrollUp,
        MouseEventKind::ScrollDown => MouseKind::ScrollDown,
        MouseEventKind::Down(_)
        | MouseEventKind::Up(_)
        | MouseEventKind::Drag(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => return None,
    };
    Some(Mouse { kind, x: event.column, y: event.row })
}
