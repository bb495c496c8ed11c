//! Running other programs: always from the repository's root, with failures that name the command.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What went wrong, as a sentence for the terminal.
pub(crate) type Failure = String;

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("this crate lies two folders below the root")
}

/// The cargo that runs this program, with `args`, without a terminal.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs `command` to its end, its output going where ours goes.
///
/// # Errors
///
/// If it can't be started, or ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", shown(command))) }
}

/// Runs `command` to its end and returns what it wrote to its standard output.
///
/// # Errors
///
/// As [`run`]; what the command wrote to its standard error is part of the failure.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| cannot_start(command, &error))?;
    if !status.success() {
        let stderr = String::from_utf8_lossy(&stderr);
        return Err(format!("`{}` failed: {status}\n{stderr}", shown(command)));
    }
    String::from_utf8(stdout).map_err(|_| format!("`{}` wrote no UTF-8", shown(command)))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    format!("`{}` can't be started: {error}", shown(command))
}

fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        line.push(' ');
        // A whole script would drown what is said about it.
        line.push_str(if arg.contains('\n') { ".." } else { &arg });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_its_status_and_what_it_said() {
        let failure =
            read(Command::new("sh").args(["-c", "echo out of paper >&2\nexit 3", "printer"]))
                .unwrap_err();
        assert!(failure.contains("`sh -c .. printer`"), "{failure}");
        assert!(failure.contains("exit status: 3"), "{failure}");
        assert!(failure.contains("out of paper"), "{failure}");
    }

    #[test]
    fn a_program_that_is_not_there_is_a_failure() {
        let failure = run(&mut Command::new("nightlatch-has-no-such-program")).unwrap_err();
        assert!(failure.contains("can't be started"), "{failure}");
    }
}
