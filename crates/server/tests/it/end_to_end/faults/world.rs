//! A world around a process that goes wrong when a test says so: disks that are full, fail or take no
//! writes, and clocks that jump. The product has no hook for it; `world.c` stands between it and the
//! system.

use std::{fs, os::unix::fs::FileExt, path::Path};

use tokio::process::Command;

use crate::end_to_end::process::{finish, nightlatch};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/end_to_end/faults/world.c");

/// What the system calls it: no space, an error of the device, a file system without writes.
pub(crate) const NO_SPACE: i32 = 28;
pub(crate) const BROKEN: i32 = 5;
pub(crate) const READ_ONLY: i32 = 30;

/// One world; each process in it sees its changes at once.
pub(crate) struct World {
    control: fs::File,
    library: String,
    told: String,
}

impl World {
    /// A world in which all is well so far; what it is made of is kept in `folder`.
    pub(crate) async fn new(folder: &Path, name: &str) -> Self {
        let library = folder.join(format!("{name}.so"));
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(SOURCE).arg("-ldl");
        finish(&mut cc).await.succeeded();
        let told = folder.join(format!("{name}.world"));
        let control = fs::File::create_new(&told).unwrap();
        control.set_len(24).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        Self { control, library: text(&library), told: text(&told) }
    }

    /// The product with `arguments` in this world.
    pub(crate) fn nightlatch<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = nightlatch(arguments);
        self.surround(&mut command);
        command
    }

    /// Has a command run in this world.
    pub(crate) fn surround(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("NIGHTLATCH_WORLD", &self.told);
    }

    /// Writes to files fail like this; with 0, they succeed.
    pub(crate) fn writes(&self, error: i32) {
        self.control.write_all_at(&error.to_ne_bytes(), 0).unwrap();
    }

    /// Flushes fail like this.
    pub(crate) fn flushes(&self, error: i32) {
        self.control.write_all_at(&error.to_ne_bytes(), 4).unwrap();
    }

    /// Opening files to write them fails like this.
    pub(crate) fn opens(&self, error: i32) {
        self.control.write_all_at(&error.to_ne_bytes(), 8).unwrap();
    }

    /// Writes that need more room fail like this; those into files as long as they are succeed.
    pub(crate) fn grows(&self, error: i32) {
        self.control.write_all_at(&error.to_ne_bytes(), 12).unwrap();
    }

    /// The clock is this many seconds ahead.
    pub(crate) fn clock(&self, seconds: i64) {
        self.control.write_all_at(&seconds.to_ne_bytes(), 16).unwrap();
    }
}
