//! Programs that tests call: found, or installed from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{Failure, read, run};
use crate::postgres;

/// Runs as root: installs the packages given as arguments.
const INSTALL: &str = include_str!("install.sh");

/// Something that the tests call, and the Debian package that has it.
struct Program {
    name: &'static str,
    package: &'static str,
    is_there: fn() -> bool,
}

const PROGRAMS: [Program; 12] = [
    Program {
        name: "PostgreSQL's server (initdb, postgres, pg_isready)",
        package: "postgresql",
        is_there: || postgres::folder().is_some(),
    },
    Program {
        name: "setpriv (util-linux)",
        package: "util-linux",
        is_there: || on_path("setpriv").is_some(),
    },
    Program {
        name: "oathtool (OATH Toolkit)",
        package: "oathtool",
        is_there: || on_path("oathtool").is_some(),
    },
    Program {
        name: "zbarimg (ZBar)",
        package: "zbar-tools",
        is_there: || on_path("zbarimg").is_some(),
    },
    Program {
        name: "nginx",
        package: "nginx",
        // Where it is on the path of root alone.
        is_there: || on_path("nginx").is_some() || Path::new("/usr/sbin/nginx").is_file(),
    },
    Program {
        name: "systemd-analyze (systemd)",
        package: "systemd",
        is_there: || on_path("systemd-analyze").is_some(),
    },
    Program { name: "curl", package: "curl", is_there: || on_path("curl").is_some() },
    Program {
        name: "a C compiler, for worlds that go wrong (cc)",
        package: "gcc",
        is_there: || on_path("cc").is_some(),
    },
    Program {
        name: "a C++ compiler, for libFuzzer (c++)",
        package: "g++",
        is_there: || on_path("c++").is_some(),
    },
    Program { name: "Chromium", package: "chromium", is_there: || on_path("chromium").is_some() },
    Program { name: "Node.js, version 20 or newer", package: "nodejs", is_there: has_node },
    Program { name: "npm", package: "npm", is_there: || on_path("npm").is_some() },
];

/// Makes sure that every program is there; installs what is missing where `apt-get` exists.
///
/// # Errors
///
/// Names what to install if there is no `apt-get`, no way to become root, or no success.
pub(crate) fn ensure() -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    if on_path("apt-get").is_none() {
        return Err(format!("not found: {}; please install them", names(&missing)));
    }
    println!("installing {}", names(&missing));
    // Mirrors fail for moments; a second failure is a real one.
    run(&mut installer(&missing)?)
        .or_else(|_| run(&mut installer(&missing)?))
        .map_err(|failure| format!("{failure}; please install {}", packages(&missing)))?;

    let missing = self::missing();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("not found after the installation: {}", names(&missing)))
    }
}

/// Where the program `name` is, by `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Whether this process is root's.
///
/// # Errors
///
/// If the `id` program fails.
pub(crate) fn is_root() -> Result<bool, Failure> {
    Ok(read(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Whether there is a `node` that the browser's driver runs on.
fn has_node() -> bool {
    let version = read(Command::new("node").arg("--version")).unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next();
    major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 20)
}

fn missing() -> Vec<&'static Program> {
    PROGRAMS.iter().filter(|program| !(program.is_there)()).collect()
}

fn packages(programs: &[&Program]) -> String {
    programs.iter().map(|program| program.package).collect::<Vec<_>>().join(" ")
}

fn names(programs: &[&Program]) -> String {
    programs.iter().map(|program| program.name).collect::<Vec<_>>().join(", ")
}

fn installer(programs: &[&Program]) -> Result<Command, Failure> {
    let mut command = if is_root()? {
        Command::new("sh")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    };
    command.args(["-c", INSTALL, "install"]).stdin(Stdio::null());
    command.args(programs.iter().map(|program| program.package));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_name_and_another_is_not() {
        assert!(on_path("sh").is_some());
        assert_eq!(on_path("nightlatch-has-no-such-program"), None);
    }

    #[test]
    fn the_installer_gets_every_missing_package() {
        let command = installer(&PROGRAMS.iter().collect::<Vec<_>>()).unwrap();
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        assert_eq!(
            args[args.len() - PROGRAMS.len()..],
            [
                "postgresql",
                "util-linux",
                "oathtool",
                "zbar-tools",
                "nginx",
                "systemd",
                "curl",
                "gcc",
                "g++",
                "chromium",
                "nodejs",
                "npm"
            ]
        );
    }
}
