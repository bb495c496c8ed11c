//! `nightlatch dev`: a server on embedded defaults, for trying and developing.

use std::{fmt, net::SocketAddr, path::PathBuf};

use super::{failure::Failure, output::say};
use crate::{
    config::{Config, Dev},
    telemetry::logs,
    wiring::{
        installation,
        server::{self, Listeners},
        signals::Stop,
    },
};

/// A server on this machine alone: SQLite and keys in a folder, mails on a page, sign-up open.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where API and pages are served; only on this machine
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where health and metrics are served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    admin_listen: SocketAddr,
    /// The folder of database and keys; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "./nightlatch-data")]
    data: PathBuf,
    /// Another database than the one in the folder: sqlite:PATH or postgres://...
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let mut dev = Dev {
        listen: args.listen,
        admin_listen: args.admin_listen,
        data: args.data,
        database: args.database,
    };
    // Refused before a port is opened to anybody.
    Config::dev(&dev)?;
    let listeners = Listeners::bind(dev.listen, dev.admin_listen).await?;
    // The system has chosen the port if it was 0, and the public URL is made of it.
    dev.listen = listeners.public.local_addr().unwrap_or(dev.listen);
    dev.admin_listen = listeners.operator.local_addr().unwrap_or(dev.admin_listen);
    let config = Config::dev(&dev)?;
    let _written =
        logs::start(&config.log).map_err(|error| Failure::new(error.to_string(), None))?;
    let env = installation::open(&config).await?;
    let mut stop = Stop::listen().map_err(|error| Failure::new(error.to_string(), None))?;
    say(&Banner { config: &config, dev: &dev }.to_string())?;
    Ok(server::run(&config, env, listeners, async || stop.asked().await).await?)
}

/// What a newcomer needs to know.
struct Banner<'a> {
    config: &'a Config,
    dev: &'a Dev,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, url) = (env!("CARGO_PKG_VERSION"), self.config.public_url.origin());
        let (health, data) = (self.dev.admin_listen, self.dev.data.display());
        let database = &self.config.database;
        let other = self.dev.database.as_ref().map_or("", |_| " --database URL");
        let json = "-H 'content-type: application/json'";
        let ada = r#""email":"ada@example.org","password":"violin mustard canyon""#;
        let token = r#"sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'"#;
        let bearer = r#"-H "authorization: Bearer $TOKEN""#;
        write!(
            f,
            r#"
  Nightlatch {version} is running, for development only.

    API       {url}
    Docs      {url}/docs
    Mailbox   {url}/dev/mailbox
    Passkeys  {url}/dev/passkeys
    Health    http://{health}/readyz
    Database  {database}
    Keys      {data}/keys

  Three things to try, in another terminal and in this order:

  1. Register
     curl -s {url}/auth/register {json} \
       -d '{{{ada}}}'

  2. Sign in
     TOKEN=$(curl -s {url}/auth/login {json} \
       -d '{{{ada}}}' | {token})

  3. Enable TOTP: type the secret into an authenticator app, then confirm with its code
     curl -s -X POST {url}/auth/mfa/enable {bearer}
     curl -s {url}/auth/mfa/confirm {bearer} {json} \
       -d '{{"token":"123456"}}'

  The first administrator is invited with
     nightlatch admin invite --email you@example.org --data {data}{other}

  Stop with Ctrl-C.
"#
        )
    }
}
