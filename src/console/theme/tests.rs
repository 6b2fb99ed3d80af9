//! Every shipped theme can be read: contrast is computed, not judged by eye.

use super::*;

/// The shipped files, read as plainly as they are written: `name = "colour"` lines of `[colours]`.
pub fn shipped() -> Vec<(&'static str, Theme)> {
    [
        ("harbour", include_str!("../../../themes/harbour.toml")),
        ("paper", include_str!("../../../themes/paper.toml")),
        ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
        ("colour-blind", include_str!("../../../themes/colour-blind.toml")),
        ("sixteen", include_str!("../../../themes/sixteen.toml")),
    ]
    .map(|(name, text)| {
        let file: toml::Table = text.parse().unwrap();
        let colours = file["colours"].as_table().unwrap();
        let colours = colours.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect();
        (name, Theme::from_roles(name, &colours).unwrap())
    })
    .into()
}

fn weakest(theme: &Theme) -> Vec<String> {
    let mut weak = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Rule) {
        for ground in Ground::ALL {
            let style = theme.style(role, ground);
            let ratio = contrast(style.fg.unwrap(), style.bg.unwrap()).unwrap();
            if ratio < CONTRAST_MIN {
                weak.push(format!("{role:?} on {ground:?}: {ratio:.2}"));
            }
        }
    }
    weak
}

#[test]
fn every_text_of_every_shipped_theme_can_be_read() {
    for (name, theme) in shipped() {
        assert_eq!(weakest(&theme), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn sixteen_colours_derived_from_any_theme_can_be_read() {
    for (name, theme) in shipped() {
        assert_eq!(weakest(&theme.at(Depth::Sixteen)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn two_hundred_and_fifty_six_colours_can_be_read() {
    for (name, theme) in shipped() {
        assert_eq!(weakest(&theme.at(Depth::Indexed)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn without_colour_no_style_names_one() {
    let mono = Theme::mono();
    for role in Role::ALL {
        for ground in Ground::ALL {
            let style = mono.style(role, ground);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?} {ground:?}");
        }
    }
    assert_ne!(mono.style(Role::Production, Ground::Screen), mono.style(Role::Text, Ground::Screen));
    assert_ne!(mono.style(Role::Failed, Ground::Screen), mono.style(Role::Text, Ground::Screen));
    assert_ne!(mono.ground(Ground::Selected), mono.ground(Ground::Screen));
}

#[test]
fn contrast_of_black_and_white_is_twenty_one() {
    assert!((contrast(Color::Black, Color::White).unwrap() - 21.0).abs() < 1e-9);
    assert_eq!(contrast(Color::Reset, Color::White), None);
}

#[test]
fn a_theme_says_which_colour_is_wrong() {
    let mut colours: BTreeMap<String, String> =
        Palette::NAMES.iter().map(|name| ((*name).to_owned(), "#ffffff".to_owned())).collect();
    assert!(Theme::from_roles("t", &colours).is_ok());
    colours.insert("failed".to_owned(), "reddish".to_owned());
    let error = Theme::from_roles("t", &colours).unwrap_err();
    assert_eq!(error, ThemeError::Colour { name: "failed", value: "reddish".to_owned() });
    colours.remove("failed");
    assert_eq!(Theme::from_roles("t", &colours).unwrap_err(), ThemeError::Missing("failed"));
    colours.insert("failed".to_owned(), "#ff0000".to_owned());
    colours.insert("blink".to_owned(), "#ff0000".to_owned());
    assert_eq!(Theme::from_roles("t", &colours).unwrap_err(), ThemeError::Unknown("blink".to_owned()));
}
