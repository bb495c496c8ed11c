//! A running server: its process and clients of both its listeners.

use std::{net::SocketAddr, path::Path, sync::Arc};

use serde_json::Value;
use tokio::process::Command;

use super::{
    caller::Caller,
    process::{Finished, Running, nightlatch},
};

/// The name that production servers have in tests.
pub(crate) const HOST: &str = "id.example.com";

/// `nightlatch dev` or `nightlatch serve`.
pub(crate) struct Server {
    /// For the API and the pages.
    pub(crate) public: Arc<Caller>,
    /// For health and numbers.
    pub(crate) operator: Caller,
    /// The process.
    pub(crate) running: Running,
    /// What it printed until it was ready.
    pub(crate) banner: String,
}

impl Server {
    /// Starts a development server on whatever ports are free.
    pub(crate) async fn dev(data: &Path, database: Option<&str>) -> Self {
        let mut command = nightlatch(["dev", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"]);
        command.arg("--data").arg(data);
        if let Some(url) = database {
            command.args(["--database", url]);
        }
        let mut running = Running::start(&mut command);
        let banner = running.prints("Stop with").await;
        let port = |name: &str| {
            let mut lines = banner.lines().map(str::trim);
            let url = lines.find_map(|line| line.strip_prefix(name)).expect("a line with a URL");
            let (_, port) = url.trim_end_matches("/readyz").rsplit_once(':').expect("a port");
            port.parse().unwrap()
        };
        let (public, operator) = (port("API"), port("Health"));
        let public = Arc::new(Caller::new(public, format!("localhost:{public}")));
        Self { public, operator: Caller::new(operator, "localhost"), running, banner }.ready().await
    }

    /// Starts a production server, whose settings leave the ports to the system and log JSON.
    pub(crate) async fn serve(config: &Path) -> Self {
        Self::serve_as(&mut nightlatch(["serve", "--config"]), config).await.ready().await
    }

    /// The same by this command, which lacks only the settings; whether it is ready, is not asked.
    pub(crate) async fn serve_as(command: &mut Command, config: &Path) -> Self {
        let mut running = Running::start(command.arg(config));
        let log = running.logs("Serving").await;
        let line = log.lines().find(|line| line.contains("Serving")).expect("it was waited for");
        let line: Value = serde_json::from_str(line).unwrap();
        let port = |name: &str| line[name].as_str().unwrap().parse::<SocketAddr>().unwrap().port();
        let public = Arc::new(Caller::new(port("listen"), HOST));
        let operator = Caller::new(port("admin_listen"), "localhost");
        Self { public, operator, running, banner: String::new() }
    }

    async fn ready(self) -> Self {
        self.operator.get("/readyz", None).await.expect(204);
        self
    }

    /// Asks it to stop, and insists that it ends well and has logged no secret.
    pub(crate) async fn stop(self) -> Finished {
        self.running.terminate().await;
        let finished = self.running.ended().await.with(0);
        self.public.journal.assert_absent(&finished.stderr);
        finished
    }

    /// Ends it without a word of warning; what it had logged, which tells neither secrets nor panics.
    pub(crate) async fn kill(self) -> String {
        let finished = self.running.kill().await;
        self.public.journal.assert_absent(&finished.stderr);
        finished.stderr
    }
}
