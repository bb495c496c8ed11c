//! The pages in a real browser: Chromium, driven by the tests in `e2e/`, beside a server of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::command::{Failure, cargo, read, root, run};
use crate::programs::on_path;

/// Seconds that all tests together may take; each has a limit of its own, too.
const LIMIT: &str = "900";

/// How many lines of the server's log are shown after a failure.
const LOG_LINES: usize = 40;

/// Builds the program and runs the tests; pictures of the pages are in `target/browser` afterwards.
///
/// # Errors
///
/// If Chromium is missing, the server doesn't start, or a test fails.
pub(crate) fn run_all() -> Result<(), Failure> {
    let chromium = on_path("chromium");
    let chromium = chromium.ok_or("Chromium is missing; try `cargo xtask test programs`")?;
    install()?;
    run(&mut cargo(&["build", "--package", "nightlatch", "--locked"]))?;
    let pictures = root().join("target/browser");
    if pictures.exists() {
        fs::remove_dir_all(&pictures).map_err(|error| error.to_string())?;
    }
    let server = Server::start()?;
    let mut tests = Command::new("timeout");
    tests
        .args([LIMIT, "node", "--test", "--test-concurrency=1", "--test-reporter=spec"])
        .current_dir(folder())
        .env("NIGHTLATCH_URL", &server.url)
        .env("NIGHTLATCH_CHROMIUM", chromium)
        .env("NIGHTLATCH_SCREENSHOTS", pictures)
        .stdin(Stdio::null());
    let result = run(&mut tests);
    if result.is_err() {
        eprintln!("The server's log ends with:\n{}", server.log());
    }
    result
}

fn folder() -> PathBuf {
    root().join("e2e")
}

/// Installs what the tests use, as the lock file says, unless that was done already.
fn install() -> Result<(), Failure> {
    let time = |path: &str| fs::metadata(folder().join(path)).and_then(|file| file.modified());
    let installed = time("node_modules/.package-lock.json");
    if installed.is_ok_and(|installed| time("package-lock.json").is_ok_and(|at| at <= installed)) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    npm.current_dir(folder()).stdin(Stdio::null());
    // Registries fail for moments; a second failure is a real one.
    run(&mut npm).or_else(|_| run(&mut npm))
}

/// A development server with data of its own; dropping it ends it and removes the data.
struct Server {
    home: PathBuf,
    url: String,
    process: Child,
}

impl Server {
    /// Starts a server on whatever ports are free. It takes connections when this returns.
    fn start() -> Result<Self, Failure> {
        let home =
            read(Command::new("mktemp").args(["-d", "--tmpdir", "nightlatch-e2e.XXXXXXXX"]))?;
        let home = PathBuf::from(home.trim_end());
        Self::start_in(&home).inspect_err(|_| remove(&home))
    }

    fn start_in(home: &Path) -> Result<Self, Failure> {
        let io = |error: std::io::Error| format!("the server can't be started: {error}");
        // Both are built into the same folder.
        let program = std::env::current_exe().map_err(io)?.with_file_name("nightlatch");
        // It ends with us, even if we are killed.
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--"])
            .arg(program)
            .args(["dev", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--data"])
            .arg(home.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(home.join("log")).map_err(io)?)
            .spawn()
            .map_err(io)?;
        let stdout = process.stdout.take();
        let mut server = Self { home: home.to_owned(), url: String::new(), process };
        let mut lines =
            stdout.into_iter().flat_map(|it| BufReader::new(it).lines()).map_while(Result::ok);
        // The whole banner is read: the server would fail to write the rest of it.
        for line in lines.by_ref().take_while(|line| !line.contains("Stop with")) {
            if let Some(url) = line.trim().strip_prefix("API") {
                url.trim().clone_into(&mut server.url);
            }
        }
        if server.url.is_empty() {
            return Err(format!("the server doesn't say where it is:\n{}", server.log()));
        }
        Ok(server)
    }

    /// The last lines of the server's log.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.home.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        if let Err(error) = ended {
            eprintln!("the server was not ended: {error}");
        }
        remove(&self.home);
    }
}

fn remove(home: &Path) {
    if home.exists()
        && let Err(error) = fs::remove_dir_all(home)
    {
        eprintln!("{} was not removed: {error}", home.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_names_no_registry() {
        let lock = fs::read_to_string(folder().join("package-lock.json")).unwrap();
        assert!(lock.contains("\"integrity\""));
        assert!(!lock.contains("\"resolved\""));
    }
}
