//! Processes: the product's own, and programs of others.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

/// How long anything may take before a test gives up; ample on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// The product with `arguments`, and with nothing from the environment of the tests.
pub(crate) fn nightlatch<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightlatch"));
    command.args(arguments).env_clear();
    command
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its status; `None` if a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Insists on this status.
    #[track_caller]
    pub(crate) fn with(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}{}", self.stdout, self.stderr);
        self
    }

    /// Insists on success; what was printed.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        self.with(0).stdout
    }

    /// What was printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

/// Runs `command` to its end, without input.
pub(crate) async fn finish(command: &mut Command) -> Finished {
    let program = command.as_std().get_program().to_owned();
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PATIENCE, output)
        .await
        .unwrap_or_else(|_| panic!("{} does not end", program.display()))
        .unwrap_or_else(|error| panic!("{} ({error}): run cargo xtask test", program.display()));
    Finished {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A process that goes on until it is ended; dropping it kills it.
pub(crate) struct Running {
    child: Child,
    stdout: Heard,
    stderr: Heard,
}

impl Running {
    /// Starts `command`, without input.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let stdout = Heard::listen(child.stdout.take().unwrap());
        let stderr = Heard::listen(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Waits until standard output has `what`; all of it so far.
    pub(crate) async fn prints(&mut self, what: &str) -> String {
        self.stdout
            .until(what)
            .await
            .unwrap_or_else(|text| panic!("no {what:?} in {text}{}", *self.stderr.0.borrow()))
    }

    /// Waits until standard error has `what`; all of it so far.
    pub(crate) async fn logs(&mut self, what: &str) -> String {
        self.stderr.until(what).await.unwrap_or_else(|text| panic!("no {what:?} in {text}"))
    }

    /// Asks it to stop, as service managers do.
    pub(crate) async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// Sends it a signal by its name.
    pub(crate) async fn signal(&self, name: &str) {
        let (id, kill) = (self.id().to_string(), format!("kill -{name} \"$1\""));
        finish(Command::new("sh").args(["-c", &kill, "sh", &id])).await.succeeded();
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it was not waited for")
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Finished {
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it goes on").unwrap();
        let (stdout, stderr) = (self.stdout.whole().await, self.stderr.whole().await);
        Finished { status: status.code(), stdout, stderr }
    }

    /// Ends it without a word of warning (SIGKILL).
    pub(crate) async fn kill(mut self) -> Finished {
        self.child.start_kill().unwrap();
        self.ended().await
    }
}

/// What a process has said so far, in whole lines.
struct Heard(watch::Receiver<String>);

impl Heard {
    fn listen(pipe: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (said, text) = watch::channel(String::new());
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                said.send_modify(|text| text.extend([&line, "\n"]));
            }
        });
        Self(text)
    }

    /// Waits for `what`; an error, with what was said instead, if it does not come.
    async fn until(&mut self, what: &str) -> Result<String, String> {
        let heard = timeout(PATIENCE, self.0.wait_for(|text| text.contains(what))).await;
        let came = heard.is_ok_and(|heard| heard.is_ok());
        let text = self.0.borrow().clone();
        if came { Ok(text) } else { Err(text) }
    }

    /// All of it, once the process has ended.
    async fn whole(mut self) -> String {
        while self.0.changed().await.is_ok() {}
        self.0.borrow().clone()
    }
}
