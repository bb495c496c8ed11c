//! A PostgreSQL of a test's own, to be restarted.

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command, time::Instant};
use tokio_postgres::NoTls;

use super::{dice::pass, world::World};
use crate::{
    end_to_end::process::{PATIENCE, Running, finish},
    place::programs,
};

/// Between looks at whether it is ready.
const PAUSE: Duration = Duration::from_millis(20);

/// How it is told to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// Sessions are cut, and what is committed is written down.
    Fast,
    /// At once; the next start has to recover.
    Immediate,
}

/// A server; it ends when this is dropped.
pub(crate) struct Postgres {
    bin: PathBuf,
    home: TempDir,
    world: World,
    port: u16,
    running: Option<Running>,
}

impl Postgres {
    /// Makes one and starts it.
    pub(crate) async fn start() -> Self {
        let (bin, home) = (programs().await, TempDir::new().unwrap());
        // Bound for a moment to have the system choose a port that is free.
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let world = World::new(home.path(), "world").await;
        let mut server = Self { bin, home, world, port, running: None };
        server.make().await;
        server.run().await;
        server
    }

    /// The world that it runs in.
    pub(crate) const fn world(&self) -> &World {
        &self.world
    }

    /// Where it is, without and with a database.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database there, reached through this port.
    pub(crate) fn address(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// Stops it and starts it again.
    pub(crate) async fn restart(&mut self, how: Stop) {
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        let running = self.running.take().expect("it runs");
        running.signal(signal).await;
        running.ended().await;
        self.run().await;
    }

    async fn make(&self) {
        if is_root().await {
            let home = self.home.path();
            finish(Command::new("chown").arg("postgres").arg(home)).await.succeeded();
        }
        let mut initdb = self.program("initdb").await;
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--no-sync", "-D"]).arg(self.home.path().join("data"));
        finish(&mut initdb).await.succeeded();
    }

    async fn run(&mut self) {
        let mut postgres = self.program("postgres").await;
        postgres.arg("-D").arg(self.home.path().join("data")).arg("-p").arg(self.port.to_string());
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories="] {
            postgres.args(["-c", setting]);
        }
        self.world.surround(&mut postgres);
        self.running = Some(Running::start(&mut postgres));
        let begun = Instant::now();
        while tokio_postgres::connect(&Self::address(self.port), NoTls).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "PostgreSQL does not start");
            pass(PAUSE).await;
        }
    }

    /// A program of PostgreSQL's, which does not run as root.
    async fn program(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if is_root().await {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        }
        command.arg("--").arg(program).current_dir("/");
        command
    }
}

async fn is_root() -> bool {
    finish(Command::new("id").arg("-u")).await.succeeded().trim() == "0"
}
