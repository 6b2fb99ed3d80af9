//! Rows of the ways a value may be written: encodings, quoting, dumps, many lines.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;

#[test]
fn r10_r11_r12_base64_at_three_offsets_padded_or_not_wrapped_or_not() {
    for before in ["", "a", "ab", "abc", "user:", "\u{3ff}"] {
        for after in ["", "z", "zz", "\n"] {
            let text = format!("{before}{TOKEN}{after}");
            for encoded in [
                STANDARD.encode(&text),
                STANDARD_NO_PAD.encode(&text),
                URL_SAFE.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
            ] {
                for width in [8, 64, 76] {
                    for end in ["\n", "\r\n", "\n    "] {
                        let lines: Vec<_> =
                            encoded.as_bytes().chunks(width).map(|it| std::str::from_utf8(it).unwrap()).collect();
                        let out = masks(&[("token", TOKEN)]).clean_text(&format!("<{}>", lines.join(end)));
                        assert_eq!(out.matches("[secret:token]").count(), 1, "{out}");
                        assert_no_window(out.as_bytes(), TOKEN.as_bytes());
                        // At each end at most the characters shared with a neighbour, and the neighbours themselves.
                        assert!(out.len() <= "<[secret:token]>".len() + 24, "{out}");
                    }
                }
            }
        }
    }
    token_in(&STANDARD.encode(format!("ab{TOKEN}")));
}

#[test]
fn r13_hex() {
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(token_in(&format!("0x{hex}.")), "0x[secret:token].");
    assert_eq!(token_in(&format!("0x{}.", hex.to_uppercase())), "0x[secret:token].");
    let spelled =
        |before: &str, after: &str| TOKEN.bytes().map(|byte| format!("{before}{byte:02X}{after}")).collect::<String>();
    assert_eq!(token_in(&format!("<{}>", spelled("", " "))), "<[secret:token] >");
    assert_eq!(token_in(&format!("<{}>", spelled("", ":"))), "<[secret:token]>");
    assert_eq!(token_in(&format!("<{}>", spelled("\\x", ""))), "<\\[secret:token]>");
    assert_eq!(token_in(&format!("<{}>", spelled("0x", ", "))), "<[secret:token] >");
}

#[test]
fn r14_r15_dumps() {
    let text = format!("key={TOKEN} and more after it\n");
    let (mut xxd, mut od) = (String::new(), String::new());
    for (index, row) in text.as_bytes().chunks(16).enumerate() {
        let groups: Vec<String> =
            row.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        let letters: String = row.iter().map(|byte| if *byte < 32 { '.' } else { char::from(*byte) }).collect();
        xxd += &format!("{:08x}: {:39}  {letters}\n", index * 16, groups.join(" "));
        od += &format!("{:07o}", index * 16);
        row.iter().for_each(|byte| od += &format!("   {}", if *byte < 32 { '.' } else { char::from(*byte) }));
        od.push('\n');
    }
    // Within a row a window is complete, and goes; what is left of a row is no window.
    let out = token_in(&xxd);
    assert!(out.matches("[secret:token]").count() >= 2, "{out}");
    let out = token_in(&od);
    assert!(out.matches("[secret:token]").count() >= 1, "{out}");
}

#[test]
fn r16_url() {
    let value = "p@ss w/rd&x=1?y#z%é";
    let written = [
        "p%40ss%20w%2Frd%26x%3D1%3Fy%23z%25%C3%A9",
        "p%40ss%20w%2frd%26x%3d1%3fy%23z%25%c3%a9",
        "p%40ss+w%2Frd%26x%3D1%3Fy%23z%25%C3%A9",
        "p@ss%20w/rd&x=1?y#z%25%C3%A9",
        "p%40ss%20w/rd%26x%3D1%3Fy%23z%25%C3%A9",
    ];
    for text in written {
        assert_eq!(cleaned(&[("pw", value)], &format!("https://ada:{text}@db/")), "https://ada:[secret:pw]@db/");
    }
    let all: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert_eq!(cleaned(&[("pw", value)], &format!("q={all}!")), "q=[secret:pw]!");
}

#[test]
fn r17_json() {
    let value = "a\"b\\c/d\n<e>&é\t'f=\u{1F511}";
    let written = [
        serde_json::to_string(value).unwrap(),
        r#""a\"b\\c\/d\n\u003ce\u003e\u0026é\t\u0027f\u003d🔑""#.to_owned(),
        r#""a\"b\\c/d\n<e>&\u00e9\t'f=\ud83d\udd11""#.to_owned(),
    ];
    for text in written {
        assert_eq!(cleaned(&[("pw", value)], &format!("{{\"k\":{text}}}")), "{\"k\":\"[secret:pw]\"}");
    }
}

#[test]
fn r18_r19_r20_as_shells_quote() {
    let value = "it's a \"$HOME\" `x` \\ back!";
    let written = [
        r#"+ login 'it'\''s a "$HOME" `x` \ back!'"#,
        r#"it\'s\ a\ \"\$HOME\"\ \`x\`\ \\\ back\!"#,
        r#""it's a \"\$HOME\" \`x\` \\ back!""#,
        r#"$'it\'s a "$HOME" `x` \\ back!'"#,
        "it's a \"$HOME\" `x` \\ back!",
    ];
    for text in written {
        let out = cleaned(&[("pw", value)], &format!("{text} end"));
        assert!(out.contains("[secret:pw]") && !out.contains("HOME") && out.ends_with(" end"), "{out}");
    }
    let value = "tab\there\nline\u{1}end é";
    for text in [r"$'tab\there\nline\001end é'", r"$'tab\there\nline\001end \303\251'"] {
        assert_eq!(cleaned(&[("pw", value)], text), "$'[secret:pw]'");
    }
}

#[test]
fn r21_r24_in_messages_and_stack_traces() {
    let text = format!(
        "sudo: '{TOKEN}': command not found\njava.lang.IllegalStateException: bad token {TOKEN}\n\tat a.B.c(B.java:7)\n"
    );
    let out = token_in(&text);
    assert_eq!(out.matches("[secret:token]").count(), 2);
    assert!(out.ends_with("\n\tat a.B.c(B.java:7)\n"));
}

#[test]
fn r22_basic_auth() {
    let text = format!("> Authorization: Basic {}\n", STANDARD.encode(format!("ada:{TOKEN}")));
    let out = token_in(&text);
    assert!(out.starts_with("> Authorization: Basic YWRhO"), "{out}");
    assert!(out.contains("[secret:token]"));
}

#[test]
fn r23_connection_string() {
    assert_eq!(token_in(&format!("postgres://app:{TOKEN}@db:5432/web")), "postgres://app:[secret:token]@db:5432/web");
}

fn pem() -> String {
    // Not a key: a pattern in a key's clothes.
    let body: Vec<u8> = (0..210_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let body = STANDARD.encode(body);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|it| std::str::from_utf8(it).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn r25_each_line_of_a_pem() {
    let pem = pem();
    assert_eq!(cleaned(&[("key", &pem)], &format!("{pem}$ ")), "[secret:key]\n$ ");
    for line in pem.lines() {
        assert_eq!(cleaned(&[("key", &pem)], &format!("<{line}>")), "<[secret:key]>");
    }
}

#[test]
fn r26_pem_with_other_line_ends() {
    let pem = pem();
    let crlf = pem.replace('\n', "\r\n");
    assert_eq!(cleaned(&[("key", &pem)], &format!("<{crlf}>")), "<[secret:key]\r\n>");
    assert_eq!(cleaned(&[("key", &crlf)], &format!("<{pem}>")), "<[secret:key]\n>");
    let out = cleaned(&[("key", &pem)], &STANDARD.encode(&crlf));
    assert!(out.len() < 30, "{out}");
}

#[test]
fn r27_pem_wrapped_anew() {
    let pem = pem();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for width in [70, 48, 13] {
        let lines: Vec<_> = body.as_bytes().chunks(width).map(|it| std::str::from_utf8(it).unwrap()).collect();
        assert_eq!(cleaned(&[("key", &pem)], &format!("  {}\n", lines.join("\n  "))), "  [secret:key]\n");
    }
}

#[test]
fn r28_signs_of_regular_expressions() {
    assert_eq!(cleaned(&[("pw", "^.*(a|b)+[c]{2}$?")], "x ^.*(a|b)+[c]{2}$? y aaabbbcc"), "x [secret:pw] y aaabbbcc");
}

#[test]
fn r29_r30_escapes_and_letters_beyond_ascii() {
    assert_eq!(cleaned(&[("pw", "ab\u{1b}cd\u{1b}[31mefgh")], "<ab\u{1b}cd\u{1b}[31mefgh>"), "<[secret:pw]>");
    for value in ["pässwörd-gehéim", "pa\u{308}sswo\u{308}rd-gehe\u{301}im", "пароль-секрет"] {
        assert_eq!(cleaned(&[("pw", value)], &format!("<{value}>")), "<[secret:pw]>");
    }
}

#[test]
fn r31_r32_trimmed_blanks() {
    assert_eq!(cleaned(&[("pw", "  leading and trailing\n\n")], "<leading and trailing>"), "<[secret:pw]>");
}

#[test]
fn r33_other_case() {
    assert_eq!(token_in(&TOKEN.to_uppercase()), "[secret:token]");
}

#[test]
fn r34_one_secret_begins_another() {
    let secrets = [("long", "hunter22hunter22-and-more"), ("short", "hunter22hunter22")];
    assert_eq!(cleaned(&secrets, "<hunter22hunter22>"), "<[secret:short]>");
    assert_eq!(cleaned(&secrets, "<hunter22hunter22-and-more>"), "<[secret:long]>");
    let secrets = [("long", "hunter22-22"), ("short", "hunter22")];
    assert_eq!(cleaned(&secrets, "<hunter22> <hunter22-22>"), "<[secret:short]> <[secret:long]>");
}

#[test]
fn r36_eight_bytes() {
    let secrets = [("pin", "k7#Qz!9w")];
    assert_eq!(cleaned(&secrets, "<k7#Qz!9w> k7#Qz!9"), "<[secret:pin]> [secret:pin]");
    assert_eq!(cleaned(&secrets, "k7#Qz!9 k7#Qz!8w"), "k7#Qz!9 k7#Qz!8w");
}
