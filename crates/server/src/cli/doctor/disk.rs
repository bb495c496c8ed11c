//! Where SQLite keeps the database: room, permissions, and whether the file is whole.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use nightlatch_store::backup::with_suffix;
use rustix::{
    fs::{Access, access, statvfs},
    process::geteuid,
};

use super::{
    database::Facts,
    report::{Check, Report},
};

const MB: u64 = 1_000_000;

/// With less room than this writes soon fail.
const LEAST_ROOM: u64 = 64 * MB;

/// With less than this there is none for growth, migrations and backups.
const GOOD_ROOM: u64 = 512 * MB;

/// The log is folded in at 32 MB; it is longer for a while if somebody reads for long.
const LONG_LOG: u64 = 256 * MB;

/// Looks at the files beside a server, without changing one. No connection of this process may be open.
pub(super) fn check_files(report: &mut Report, database: &Path) {
    let folder = folder_of(database);
    if let Err(error) = writable(folder, database) {
        report.fail(
            Check::Disk,
            format!("{} can't be written to: {error}", database.display()),
            "let the server's user write to the file and to its folder, and see that the file system is \
             not mounted read-only",
        );
    }
    if geteuid().is_root() {
        check_owner(report, database, owner(database), owner(folder));
    }
    if mode(folder).is_some_and(|mode| mode & 0o022 != 0) {
        report.warn(
            Check::Disk,
            format!("others than its owner can put files into {}", folder.display()),
            format!("run chmod go-w {}", folder.display()),
        );
    }
    for suffix in ["", "-wal", "-shm"] {
        let path = with_suffix(database, suffix);
        if mode(&path).is_some_and(|mode| mode & 0o077 != 0) {
            report.warn(
                Check::Disk,
                format!("others than its owner can read {}", path.display()),
                format!("run chmod 600 {}", path.display()),
            );
        }
    }
    check_room(report, free(database), size(database));
    check_log(report, size(&with_suffix(database, "-wal")));
}

/// Tells whether the file is whole, and that all is well if it is.
pub(super) fn check_content(report: &mut Report, facts: &Facts, database: &Path) {
    let check = facts.get("quick_check");
    if check != "ok" {
        report.fail(
            Check::Disk,
            format!("{} is damaged: {check}", database.display()),
            "stop the server, keep the file, and restore the last good backup elsewhere",
        );
    }
    if !report.tells_of(Check::Disk) {
        let room = free(database).map_or("an unknown amount".to_owned(), in_words);
        report.ok(
            Check::Disk,
            format!("the file is whole, its owner's alone and writable, with {room} of room"),
        );
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// SQLite makes files beside its own.
fn writable(folder: &Path, database: &Path) -> io::Result<()> {
    access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    match File::options().write(true).open(database) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn owner(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|about| about.uid())
}

/// Root may write to everything, and a server that is somebody else may not.
fn check_owner(report: &mut Report, database: &Path, file: Option<u32>, folder: Option<u32>) {
    if let (Some(file), Some(folder)) = (file, folder)
        && file != folder
    {
        report.warn(
            Check::Disk,
            format!(
                "{} belongs to the user {file} and its folder to the user {folder}: a server of one \
                 of them can't write to both",
                database.display()
            ),
            format!("run chown with the server's user for {}", database.display()),
        );
    }
}

fn mode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|about| about.permissions().mode())
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// Bytes that are free where `database` is.
fn free(database: &Path) -> Option<u64> {
    let about = statvfs(folder_of(database)).ok()?;
    about.f_bavail.checked_mul(about.f_frsize)
}

fn check_room(report: &mut Report, free: Option<u64>, database: u64) {
    let next = "make room, or move the database to a larger disk";
    match free {
        Some(free) if free < LEAST_ROOM => {
            let text = format!("{} of room are left, and writes fail without any", in_words(free));
            report.fail(Check::Disk, text, next);
        }
        Some(free) if free < GOOD_ROOM.max(database) => {
            let text = format!("{} of room are left, too little for a backup", in_words(free));
            report.warn(Check::Disk, text, next);
        }
        _ => {}
    }
}

fn check_log(report: &mut Report, length: u64) {
    if length > LONG_LOG {
        report.warn(
            Check::Disk,
            format!(
                "the log beside the database has {}, because somebody reads on",
                in_words(length)
            ),
            "end commands that have been running for long, then restart the server",
        );
    }
}

fn in_words(bytes: u64) -> String {
    match bytes / (100 * MB) {
        tenths @ 10.. => format!("{}.{} GB", tenths / 10, tenths % 10),
        _ => format!("{} MB", bytes / MB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::State;

    #[track_caller]
    fn check(look: impl FnOnce(&mut Report), state: Option<State>) {
        let mut report = Report::default();
        look(&mut report);
        let states = [State::Ok, State::Warning, State::Failed];
        let found: Vec<_> = states.into_iter().filter(|state| report.count(*state) > 0).collect();
        assert_eq!(found, Vec::from_iter(state));
    }

    #[test]
    fn little_room_warns_and_none_fails() {
        let room = |free, database| move |report: &mut Report| check_room(report, free, database);
        check(room(Some(600 * MB), 100 * MB), None);
        check(room(Some(500 * MB), 100 * MB), Some(State::Warning));
        check(room(Some(600 * MB), 700 * MB), Some(State::Warning));
        check(room(Some(63 * MB), 0), Some(State::Failed));
        check(room(None, 0), None);
    }

    #[test]
    fn a_file_of_another_owner_than_its_folder_warns() {
        let path = Path::new("a.db");
        check(|report| check_owner(report, path, Some(7), Some(7)), None);
        check(|report| check_owner(report, path, Some(0), Some(7)), Some(State::Warning));
        check(|report| check_owner(report, path, None, Some(7)), None);
    }

    #[test]
    fn a_log_that_nobody_can_fold_in_warns() {
        check(|report| check_log(report, LONG_LOG), None);
        check(|report| check_log(report, LONG_LOG + 1), Some(State::Warning));
    }

    #[test]
    fn sizes_are_in_words() {
        let words = [0, 63 * MB, 999 * MB, 1000 * MB, 12_345 * MB].map(in_words);
        assert_eq!(words, ["0 MB", "63 MB", "999 MB", "1.0 GB", "12.3 GB"]);
    }
}
