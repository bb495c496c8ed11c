//! A private PostgreSQL: its own data, its own port on the loopback address, gone afterwards.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::command::{Failure, read, run};
use crate::programs;

/// Runs the server until its standard input ends.
const KEEPER: &str = include_str!("postgres.sh");

/// Where Debian keeps the programs of each version: `15/bin`, `17/bin`.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Readiness is asked for this often, with [`PAUSE`] between: at most half a minute.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// How many lines of the log are shown after a failure.
const LOG_LINES: usize = 60;

/// A running server; dropping it stops the server and removes its data.
///
/// Anybody on this machine may connect, as it holds nothing but test data.
pub(crate) struct Postgres {
    home: PathBuf,
    port: u16,
    keeper: Child,
}

impl Postgres {
    /// Starts a server and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// If there is no PostgreSQL, or it doesn't start; its log is part of the failure.
    pub(crate) fn start() -> Result<Self, Failure> {
        let bin = folder().ok_or("PostgreSQL is not installed; try `cargo xtask test programs`")?;
        let home = PathBuf::from(
            read(unprivileged("mktemp")?.args(["-d", "--tmpdir", "nightlatch-postgres.XXXXXXXX"]))?
                .trim_end(),
        );
        read(
            unprivileged(bin.join("initdb"))?
                .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"])
                .arg("-D")
                .arg(home.join("data")),
        )?;
        let port = free_port()?;
        let keeper = unprivileged("sh")?
            .args(["-c", KEEPER, "postgres.sh"])
            .arg(&bin)
            .arg(&home)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            // Ctrl-C in a terminal is for us; the keeper learns of it by the end of the pipe.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("PostgreSQL can't be started: {error}"))?;
        let server = Self { home, port, keeper };
        server.wait_until_ready(&bin)?;
        Ok(server)
    }

    /// The environment variable that tells tests where this server is.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        ("NIGHTLATCH_TEST_POSTGRES", url)
    }

    /// The last lines of the server's log.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.home.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn wait_until_ready(&self, bin: &Path) -> Result<(), Failure> {
        for _ in 0..TRIES {
            let port = self.port.to_string();
            let mut asked = Command::new(bin.join("pg_isready"));
            asked.args(["-q", "-h", "127.0.0.1", "-p", &port]);
            if run(&mut asked).is_ok() {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        Err(format!("PostgreSQL doesn't answer; its log ends with:\n{}", self.log()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The end of this pipe is the signal to stop; the rest is in postgres.sh.
        drop(self.keeper.stdin.take());
        if let Err(error) = self.keeper.wait() {
            eprintln!("PostgreSQL in {} was not stopped: {error}", self.home.display());
        }
    }
}

/// Runs `program` with `args` while a private PostgreSQL is there.
///
/// # Errors
///
/// If the server doesn't start or the program fails.
pub(crate) fn beside(program: &str, args: &[&str]) -> Result<(), Failure> {
    let server = Postgres::start()?;
    let (name, url) = server.variable();
    run(Command::new(program).args(args).env(name, url))
}

/// The folder of the newest PostgreSQL's programs, by Debian's layout or by `PATH`.
pub(crate) fn folder() -> Option<PathBuf> {
    newest_in(Path::new(VERSIONS)).or_else(|| {
        let folder = programs::on_path("initdb")?.parent()?.to_owned();
        is_complete(&folder).then_some(folder)
    })
}

fn newest_in(versions: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(versions).ok()?;
    let version = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| is_complete(&versions.join(version.to_string()).join("bin")))
        .max()?;
    Some(versions.join(version.to_string()).join("bin"))
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "postgres", "pg_isready"].iter().all(|program| folder.join(program).is_file())
}

/// A command that is not root's: PostgreSQL refuses to run as root, so its own user does it then.
fn unprivileged(program: impl AsRef<std::ffi::OsStr>) -> Result<Command, Failure> {
    let mut command = if programs::is_root()? {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
        setpriv.arg(program);
        setpriv
    } else {
        Command::new(program)
    };
    // The other user may not be allowed to see the folder that we were started in.
    command.current_dir("/").stdin(Stdio::null());
    Ok(command)
}

/// A port of the loopback address that was free a moment ago.
fn free_port() -> Result<u16, Failure> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port on the loopback address: {error}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_server_lives_as_long_as_its_owner_and_leaves_nothing_behind() {
        let server = Postgres::start().unwrap();
        let (home, address) = (server.home.clone(), ("127.0.0.1", server.port));
        assert!(TcpStream::connect(address).is_ok());
        assert!(home.exists());

        drop(server);
        assert!(TcpStream::connect(address).is_err());
        assert!(!home.exists());
    }

    #[test]
    fn a_folder_without_a_complete_version_has_no_newest_one() {
        assert_eq!(newest_in(Path::new("/dev")), None);
        assert_eq!(newest_in(Path::new("/nightlatch-has-no-such-folder")), None);
    }
}
