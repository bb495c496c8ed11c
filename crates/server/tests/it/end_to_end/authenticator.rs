//! An authenticator app: a camera (`zbarimg`), and somebody else's idea of RFC 6238 (`oathtool`).

use std::io::Write;

use data_encoding::BASE64;
use nightlatch_flows::{Clock, env::SystemClock};
use tokio::process::Command;

use super::process::finish;

/// Seconds that one code lives.
const PERIOD: i64 = 30;

/// One account in the app.
pub(crate) struct Authenticator {
    /// What the picture says.
    pub(crate) uri: String,
    /// The step of the last code that was given out.
    last: i64,
}

impl Authenticator {
    /// Scans a picture in a `data:` URI.
    pub(crate) async fn scan(data_uri: &str) -> Self {
        let base64 = data_uri.strip_prefix("data:image/png;base64,").expect("a PNG");
        let mut picture = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
        picture.write_all(&BASE64.decode(base64.as_bytes()).unwrap()).unwrap();
        let read = finish(Command::new("zbarimg").args(["--raw", "-q"]).arg(picture.path())).await;
        Self { uri: read.succeeded().trim_end().to_owned(), last: 0 }
    }

    /// The secret in the picture.
    pub(crate) fn secret(&self) -> &str {
        let (_, query) = self.uri.split_once('?').expect("a URI with a query");
        query.split('&').find_map(|pair| pair.strip_prefix("secret=")).expect("a secret")
    }

    /// The code that the app shows at `unix`, seconds since 1970.
    pub(crate) async fn at(&self, unix: i64) -> String {
        let now = format!("--now=@{unix}");
        let arguments = ["--totp", "--base32", &now, self.secret()];
        let shown = finish(Command::new("oathtool").args(arguments).env("TZ", "UTC")).await;
        shown.succeeded().trim_end().to_owned()
    }

    /// Whether the code of this moment was not given out yet.
    pub(crate) fn is_fresh(&self) -> bool {
        now() / PERIOD > self.last
    }

    /// The code of this moment, or the one after the last, which is accepted a little early.
    pub(crate) async fn next(&mut self) -> String {
        self.last = (self.last + 1).max(now() / PERIOD);
        self.at(self.last * PERIOD).await
    }

    /// A code that this app shows neither now nor soon, and did not lately.
    pub(crate) async fn wrong(&self) -> String {
        let mut near = Vec::new();
        for steps in -3..=3 {
            near.push(self.at(now() + steps * PERIOD).await);
        }
        let codes = (0..).map(|number| format!("{number:06}"));
        codes.into_iter().find(|code| !near.contains(code)).expect("there are a million codes")
    }
}

/// Seconds since 1970, on the clock that servers go by.
pub(crate) fn now() -> i64 {
    SystemClock::default().now().seconds()
}
