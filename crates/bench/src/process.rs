//! The server and its floors, each a process of its own.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use data_encoding::BASE64URL_NOPAD;
use tokio::process::{Child, Command};

use crate::{
    http::{Connection, HOST, Request},
    place::{KEY, Place},
};

/// How long a process may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running process that serves; it ends when this is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    /// Milliseconds until it answered.
    pub(crate) start_ms: f64,
    child: Child,
}

impl Served {
    /// Starts Nightlatch in production settings on `place`.
    pub(crate) async fn nightlatch(place: &Place) -> Result<Self, String> {
        let (listen, operator) = (free_port()?, free_port()?);
        let settings = format!(
            "public_url = \"https://{HOST}\"\ndatabase.url = \"{}\"\nkeys.ring = \"{}\"\n\
             http.listen = \"{listen}\"\nhttp.admin_listen = \"{operator}\"\nhttp.drain = 0\n\
             mail.delivery = \"off\"\naccounts.verify_email = false\nlimits.per_address = 0\n",
            place.address(),
            BASE64URL_NOPAD.encode(&KEY),
        );
        let file = place.home().join("nightlatch.toml");
        fs::write(&file, settings).map_err(|error| error.to_string())?;
        let mut command = Command::new(beside("nightlatch")?);
        command.arg("serve").arg("--config").arg(&file);
        Self::start(command, listen, operator, "/readyz", place.home()).await
    }

    /// Starts the floor `kind`, on `place` if it keeps rows.
    pub(crate) async fn floor(kind: &str, place: &Place) -> Result<Self, String> {
        let listen = free_port()?;
        let mut command = Command::new(beside("nightlatch-bench")?);
        command.args(["floor", kind, &listen.to_string(), &place.address()]);
        Self::start(command, listen, listen, "/", place.home()).await
    }

    async fn start(
        mut command: Command,
        address: SocketAddr,
        operator: SocketAddr,
        path: &str,
        home: &Path,
    ) -> Result<Self, String> {
        let begun = Instant::now();
        // Logging is part of the work; where it ends up is not.
        let log = fs::File::create(home.join("log")).map_err(|error| error.to_string())?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{:?} can't be started: {error}", command.as_std()))?;
        let probe = Request::probe(path);
        while begun.elapsed() < PATIENCE {
            if let Ok(mut connection) = Connection::open(operator).await
                && let Ok(answer) = connection.call(&probe).await
                && matches!(answer.status, 200 | 204)
            {
                let start_ms = begun.elapsed().as_secs_f64() * 1e3;
                return Ok(Self { address, start_ms, child });
            }
            // Nothing tells when a process answers; to ask without a pause would slow its start.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let log = fs::read_to_string(home.join("log")).unwrap_or_default();
        let last = log.lines().last().unwrap_or_default();
        Err(format!("{:?} does not answer: {last}", command.as_std()))
    }

    /// Memory in use, in MB: now, and at most so far.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let id = self.child.id().unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kib.unwrap_or_default() / 1024.0
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        // It is gone either way.
        let _ = self.child.kill().await;
    }
}

/// The program `name` of the same build.
pub(crate) fn beside(name: &str) -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(here.with_file_name(name))
}

fn free_port() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|listener| listener.local_addr()).map_err(|error| error.to_string())
}
