//! Where the site, the data and the socket are. A flag says so, else the environment, else the site, else custom.

use super::surroundings::Surroundings;
use super::{Exit, Failure};
use crate::server::SOCKET_PATH_BYTES_MAX;
use crate::site::{self, Stated, Whereabouts};
use crate::verbs::args::Common;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// The file of the data directory that names the site it was last served for. Sites that name no data directory would
/// otherwise share one: the second would be answered from the first one's record.
const SERVED_SITE: &str = "site";

/// Notes in the data for which site it is served. Where that cannot be written, nothing is lost but the warning.
pub fn note_site(data: &Path, site: &Path) {
    use std::os::unix::ffi::OsStrExt as _;
    let fresh = data.join("site.new");
    let noted = site
        .canonicalize()
        .and_then(|site| std::fs::write(&fresh, site.as_os_str().as_bytes()))
        // In one step: nobody ever reads half a name.
        .and_then(|()| std::fs::rename(&fresh, data.join(SERVED_SITE)));
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
    said: OnceCell<Result<Whereabouts, Failure>>,
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
        let data = flags.data.clone().or_else(|| around.data.clone());
        Self {
            site: site.or_else(|| site_above(around.here.as_deref()?)),
            data: data.map(|data| plain(&absolute(data))),
            socket: flags.socket.clone().map(absolute),
            state: state.map(|state| state.join("quarterdeck")),
            said: OnceCell::new(),
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
        if let Some(named) = &self.data {
            return Ok(named.clone());
        }
        if let Some(said) = self.said(|said| &said.data)? {
            return Ok(plain(&said));
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
        let text = std::fs::read_to_string(data.join(SERVED_SITE)).ok()?;
        let served = PathBuf::from(Some(text.trim_end()).filter(|text| !text.is_empty())?);
        let ours = self.site.as_ref()?.canonicalize().ok()?;
        (served != ours && served.join("quarterdeck.toml").is_file()).then_some(served)
    }

    /// The server's socket. Data named apart from what the site says has a server, and so a socket, of its own.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        let socket = match (&self.socket, &self.data) {
            (Some(named), _) => named.clone(),
            (None, Some(data)) if !self.is_said(data)? => beside(data),
            (None, _) => match self.said(|said| &said.socket)? {
                Some(said) => said,
                None => beside(&self.data()?),
            },
        };
        match socket.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            true => Ok(socket),
            false => Err(Failure::new(
                Exit::Usage,
                format!(
                    "the socket's path has more than {SOCKET_PATH_BYTES_MAX} bytes, which no system can bind: {}; name a shorter one with --socket",
                    socket.display()
                ),
            )),
        }
    }

    /// Whether this data directory is the one the site itself names.
    fn is_said(&self, data: &Path) -> Result<bool, Failure> {
        Ok(self.said(|said| &said.data)?.is_some_and(|said| plain(&said) == data))
    }

    /// What the site's own file says about a place. Where it is there and cannot be read nobody guesses: another place
    /// has another record.
    fn said(&self, of: fn(&Whereabouts) -> &Stated) -> Result<Option<PathBuf>, Failure> {
        let Some(site) = &self.site else {
            return Ok(None);
        };
        let read = || site::whereabouts(site).map_err(|problems| unclear(site, problems));
        let said = self.said.get_or_init(read).as_ref().map_err(Clone::clone)?;
        match of(said) {
            Stated::At(path) => Ok(Some(path.clone())),
            Stated::Nothing => Ok(None),
            Stated::Unclear => Err(unclear(site, said.problems.clone())),
        }
    }
}

fn unclear(site: &Path, problems: Vec<site::Diagnostic>) -> Failure {
    let text = format!(
        "where the site {} has its data and its socket cannot be read; mend it, or name both with --data and --socket",
        site.display()
    );
    Failure::of_site(text, problems)
}

/// The socket that belongs to a data directory.
fn beside(data: &Path) -> PathBuf {
    let mut path = data.as_os_str().to_owned();
    path.push(".sock");
    path.into()
}

/// A directory by its plain name: `DIR/`, `DIR/.` and `.` are the directory itself, and what lies beside it lies there.
fn plain(dir: &Path) -> PathBuf {
    let plain: PathBuf = dir.components().collect();
    match plain.file_name() {
        Some(_) => plain,
        None => plain.canonicalize().unwrap_or(plain),
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
        assert_eq!(places(&flags, &around), ("/env".into(), "/env.sock".into()), "other data have another server");
        flags.data = Some("/var/lib/qd/".into());
        assert_eq!(places(&flags, &around), ("/var/lib/qd".into(), "/run/qd.sock".into()), "the site's own, named");
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
        std::fs::write(data.join(SERVED_SITE), "").unwrap();
        assert_eq!(of(1).data().unwrap(), data, "half a note says nothing");
        note_site(&data, sites[0].path());
        std::fs::remove_file(sites[0].path().join("quarterdeck.toml")).unwrap();
        assert_eq!(of(1).data().unwrap(), data, "a site that has moved finds its record");
    }

    #[test]
    fn a_site_that_cannot_be_read_never_means_the_default_place() {
        let site = tempfile::tempdir().unwrap();
        let toml = site.path().join("quarterdeck.toml");
        let around = Surroundings { state: Some("/state".into()), ..Surroundings::default() };
        let flags = |data: Option<&str>, socket: Option<&str>| Common {
            site: Some(site.path().to_owned()),
            data: data.map(PathBuf::from),
            socket: socket.map(PathBuf::from),
            ..Common::default()
        };
        let at = |flags: &Common| {
            let places = Places::new(flags, &around);
            (places.data(), places.socket())
        };
        let refused = |found: Result<PathBuf, Failure>| found.unwrap_err().exit == Exit::BadInput;
        for text in [None, Some("schema = 1\n[site]\nname = \"s\"\n[dtaa]\ndir = \"/d\"\n")] {
            if let Some(text) = text {
                std::fs::write(&toml, text).unwrap();
            }
            let (data, socket) = at(&flags(None, None));
            assert!(refused(data) && refused(socket), "{text:?}");
            assert!(refused(at(&flags(Some("/d"), None)).1), "{text:?}");
            assert_eq!(at(&flags(Some("/d"), Some("/s"))), (Ok("/d".into()), Ok("/s".into())));
        }
        let text = "schema = 1\n[site]\nname = 3\n[data]\ndir = \"/d\"\nsocket = \"/s\"\n";
        std::fs::write(&toml, text).unwrap();
        assert_eq!(at(&flags(None, None)), (Ok("/d".into()), Ok("/s".into())), "what stands there plainly is believed");
        let typo = Common { site: Some("/typo".into()), ..Common::default() };
        assert!(refused(at(&typo).0) && refused(at(&typo).1));
    }

    #[test]
    fn a_socket_lies_beside_its_data_however_the_directory_is_written() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path().canonicalize().unwrap();
        std::fs::create_dir_all(here.join("data/below")).unwrap();
        for (from, written) in
            [("", "data"), ("", "data/"), ("", "./data/."), ("data", "."), ("data", "./"), ("data/below", "..")]
        {
            let around = Surroundings { here: Some(here.join(from)), ..Surroundings::default() };
            let flags = Common { data: Some(written.into()), ..Common::default() };
            let places = Places::new(&flags, &around);
            assert_eq!(places.socket(), Ok(here.join("data.sock")), "{from} {written}");
            assert_eq!(places.data(), Ok(here.join("data")), "{from} {written}");
        }
        let long = Common { data: Some(format!("/{}", "x".repeat(110)).into()), ..Common::default() };
        let refused = Places::new(&long, &Surroundings::default()).socket().unwrap_err();
        assert!(refused.exit == Exit::Usage && refused.text.contains("--socket"), "{}", refused.text);
    }

    #[test]
    fn without_a_site_it_says_what_to_do() {
        let nowhere = Places::new(&Common::default(), &Surroundings::default());
        assert_eq!(nowhere.site().unwrap_err().exit, Exit::Usage);
        assert_eq!(nowhere.data().unwrap_err().exit, Exit::Usage);
    }
}
