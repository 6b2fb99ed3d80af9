//! The themes a console may wear: the shipped ones, and the site's own in their place or beside them.

use crate::session::ThemeColours;
use crate::site::parse;
use std::fs;
use std::path::Path;

/// The shipped themes, the default first.
const SHIPPED: [(&str, &str); 5] = [
    ("themes/harbour.toml", include_str!("../../themes/harbour.toml")),
    ("themes/paper.toml", include_str!("../../themes/paper.toml")),
    ("themes/high-contrast.toml", include_str!("../../themes/high-contrast.toml")),
    ("themes/colour-blind.toml", include_str!("../../themes/colour-blind.toml")),
    ("themes/sixteen.toml", include_str!("../../themes/sixteen.toml")),
];

/// Files of a site's `themes/` that are read; nobody scrolls through more.
const SITE_THEMES_MAX: usize = 32;

/// Longest theme file: thirty colours and their comments.
const THEME_BYTES_MAX: u64 = 64 * 1024;

/// Every theme there is for a site, the one called `first` in front. A file that is wrong is left out: `check` and the load
/// of the site say so. Blocks.
pub fn of_site(site: &Path, first: &str) -> Vec<ThemeColours> {
    let mut themes: Vec<ThemeColours> = Vec::new();
    let shipped = SHIPPED.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned()));
    for (file, text) in shipped.chain(own(&site.join("themes"))) {
        let Some(theme) = parse::theme(&file, &text).value else {
            continue;
        };
        let made = ThemeColours { name: theme.name, colours: theme.colours };
        match themes.iter_mut().find(|known| known.name == made.name) {
            Some(known) => *known = made,
            None => themes.push(made),
        }
    }
    if let Some(at) = themes.iter().position(|theme| theme.name == first) {
        let theme = themes.remove(at);
        themes.insert(0, theme);
    }
    themes
}

fn own(dir: &Path) -> Vec<(String, String)> {
    let mut paths: Vec<_> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .take(SITE_THEMES_MAX)
        .filter(|path| fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= THEME_BYTES_MAX))
        .filter_map(|path| Some((path.display().to_string(), fs::read_to_string(&path).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shipped_themes_are_there_and_a_sites_own_takes_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<String> = of_site(dir.path(), "paper").into_iter().map(|theme| theme.name).collect();
        assert_eq!(names, ["paper", "harbour", "high-contrast", "colour-blind", "sixteen"]);
        fs::create_dir(dir.path().join("themes")).unwrap();
        let own = SHIPPED[0].1.replace("text            = \"", "text            = \"#010203\" # \"");
        fs::write(dir.path().join("themes/own.toml"), own).unwrap();
        fs::write(dir.path().join("themes/wrong.toml"), "not toml [").unwrap();
        let themes = of_site(dir.path(), "harbour");
        assert_eq!(themes.len(), SHIPPED.len());
        assert_eq!(themes[0].name, "harbour");
        assert_eq!(themes[0].colours["text"], "#010203");
    }
}
