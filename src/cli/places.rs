//! Where the site, the data and the socket are. A flag says so, else the environment, else the site, else custom.

use super::surroundings::Surroundings;
use super::{Exit, Failure};
use crate::site::{self, Settings};
use crate::verbs::args::Common;
use std::cell::OnceCell;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The file of the data directory that names the site it was last served for. Sites that name no data directory would
/// otherwise share one: the second would be answered from the first one's record.
const SERVED_SITE: &str = "site";

/// Notes in the data for which site it is served. Where that cannot be written, nothing is lost but the warning.
pub fn note_site(data: &Path, site: &Path) {
    let noted =
        site.canonicalize().and_then(|site| std::fs::write(data.join(SERVED_SITE), site.as_os_str().as_bytes()));
    if let Err(error) = noted {
        tracing::warn!(%error, "the data's site could not be noted");
    }
}

/// Where things are; looked up when asked for, for not every verb needs each.
pub struct Places {
    site: Option<PathBuf>,
    data: Option<PathBuf>,
    socket: Option<PathBuf>,
    state: Option<PathBuf>,
    settings: OnceCell<Option<Settings>>,
}

impl Places {
    /// By flags and surroundings.
    pub fn new(flags: &Common, around: &Surroundings) -> Self {
        let absolute = |path: PathBuf| match &around.here {
            Some(here) => here.join(path),
            None => path,
        };
        let site = flags.site.clone().or_else(|| around.site.clone()).map(absolute);
        let state = around.state.clone().or_else(|| Some(around.home.as_ref()?.join(".local/state")));
        Self {
            site: site.or_else(|| site_above(around.here.as_deref()?)),
            data: flags.data.clone().or_else(|| around.data.clone()).map(absolute),
            socket: flags.socket.clone().map(absolute),
            state: state.map(|state| state.join("quarterdeck")),
            settings: OnceCell::new(),
        }
    }

    /// The site's directory.
    pub fn site(&self) -> Result<&Path, Failure> {
        self.site.as_deref().ok_or_else(|| {
            let text = "no site here: go into one, name it with --site or QUARTERDECK_SITE, or make one with `quarterdeck init DIR`";
            Failure::new(Exit::Usage, text)
        })
    }

    /// The data directory.
    pub fn data(&self) -> Result<PathBuf, Failure> {
        if let Some(named) = self.data.clone().or_else(|| self.settings()?.data_dir.clone()) {
            return Ok(named);
        }
        let custom = self
            .state
            .clone()
            .ok_or_else(|| Failure::new(Exit::Usage, "no data directory: name it with --data or QUARTERDECK_DATA"))?;
        match self.other_site_of(&custom) {
            None => Ok(custom),
            Some(other) => Err(Failure::new(
                Exit::Usage,
                format!(
                    "{} holds the record of another site, {}; give this one a place of its own: `dir` under [data] in its quarterdeck.toml, or --data DIR",
                    custom.display(),
                    other.display()
                ),
            )),
        }
    }

    /// The site that data was last served for, where that is another than ours and still there: one that has moved
    /// takes its record along.
    fn other_site_of(&self, data: &Path) -> Option<PathBuf> {
        let served = PathBuf::from(std::fs::read_to_string(data.join(SERVED_SITE)).ok()?.trim_end());
        let ours = self.site.as_ref()?.canonicalize().ok()?;
        (served != ours && served.join("quarterdeck.toml").is_file()).then_some(served)
    }

    /// The server's socket.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        if let Some(socket) = self.socket.clone().or_else(|| self.settings()?.socket.clone()) {
            return Ok(socket);
        }
        let mut path: OsString = self.data()?.into_os_string();
        path.push(".sock");
        Ok(path.into())
    }

    /// What the site's own file says about places; nothing where it cannot be read: `check` says why.
    fn settings(&self) -> Option<&Settings> {
        self.settings.get_or_init(|| site::settings(self.site.as_deref()?).ok()).as_ref()
    }
}

/// The nearest directory upwards that holds a `quarterdeck.toml`.
fn site_above(here: &Path) -> Option<PathBuf> {
    here.ancestors().find(|dir| dir.join("quarterdeck.toml").is_file()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(site: &Path) -> Surroundings {
        Surroundings { home: Some("/home/ada".into()), here: Some(site.join("runbooks")), ..Surroundings::default() }
    }

    #[test]
    fn a_flag_wins_over_the_environment_the_site_and_custom() {
        let site = tempfile::tempdir().unwrap();
        std::fs::create_dir(site.path().join("runbooks")).unwrap();
        let toml = site.path().join("quarterdeck.toml");
        std::fs::write(&toml, "schema = 1\n[site]\nname = \"s\"\n").unwrap();
        let mut flags = Common::default();
        let mut around = around(site.path());
        let places = |flags: &Common, around: &Surroundings| {
            let places = Places::new(flags, around);
            (places.data().unwrap(), places.socket().unwrap())
        };
        assert_eq!(Places::new(&flags, &around).site().unwrap(), site.path());
        let custom = PathBuf::from("/home/ada/.local/state/quarterdeck");
        assert_eq!(places(&flags, &around), (custom.clone(), "/home/ada/.local/state/quarterdeck.sock".into()));
        around.state = Some("/state".into());
        assert_eq!(places(&flags, &around).0, Path::new("/state/quarterdeck"));
        let text = "schema = 1\n[site]\nname = \"s\"\n[data]\ndir = \"/var/lib/qd\"\nsocket = \"/run/qd.sock\"\n";
        std::fs::write(&toml, text).unwrap();
        assert_eq!(places(&flags, &around), ("/var/lib/qd".into(), "/run/qd.sock".into()));
        around.data = Some("/env".into());
        assert_eq!(places(&flags, &around).0, Path::new("/env"));
        flags.data = Some("flag".into());
        flags.socket = Some("/flag.sock".into());
        assert_eq!(places(&flags, &around), (site.path().join("runbooks/flag"), "/flag.sock".into()));
    }

    #[test]
    fn two_sites_do_not_share_one_record_unsaid() {
        let state = tempfile::tempdir().unwrap();
        let sites = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for site in &sites {
            std::fs::write(site.path().join("quarterdeck.toml"), "schema = 1\n[site]\nname = \"s\"\n").unwrap();
        }
        let around = Surroundings { state: Some(state.path().to_owned()), ..Surroundings::default() };
        let of = |nth: usize| {
            Places::new(&Common { site: Some(sites[nth].path().to_owned()), ..Common::default() }, &around)
        };
        let data = of(0).data().unwrap();
        std::fs::create_dir(&data).unwrap();
        note_site(&data, sites[0].path());
        assert_eq!(of(0).data().unwrap(), data);
        let refused = of(1).socket().unwrap_err();
        assert!(refused.exit == Exit::Usage && refused.text.contains("another site"), "{}", refused.text);
        std::fs::remove_file(sites[0].path().join("quarterdeck.toml")).unwrap();
        assert_eq!(of(1).data().unwrap(), data, "a site that has moved finds its record");
    }

    #[test]
    fn without_a_site_it_says_what_to_do() {
        let nowhere = Places::new(&Common::default(), &Surroundings::default());
        assert_eq!(nowhere.site().unwrap_err().exit, Exit::Usage);
        assert_eq!(nowhere.data().unwrap_err().exit, Exit::Usage);
    }
}
