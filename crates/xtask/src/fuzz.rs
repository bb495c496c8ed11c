//! Fuzzing with libFuzzer: every target of the package in `fuzz/`, for a while each.
//!
//! The targets are built on the stable toolchain: coverage is an ordinary pass of LLVM's, and only
//! `AddressSanitizer`, which safe code can do without, would need another.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use crate::command::{Failure, cargo, read, root, run};

/// What LLVM weaves into the code to tell libFuzzer which branches an input took.
const FLAGS: &str = "\
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

/// One input may take this many seconds, and the process this much memory (MB); what Rust code may
/// allocate is limited more strictly by the targets themselves.
const LIMITS: [&str; 3] = ["-timeout=5", "-rss_limit_mb=1024", "-max_len=16384"];

/// How many lines of a target's output are shown after a failure.
const OUTPUT_LINES: usize = 40;

/// Fuzzes every target for `seconds`, as many at a time as there are processors.
///
/// # Errors
///
/// If a target can't be built or has no seeds, and for every input that crashes one.
pub(crate) fn run_all(seconds: u32) -> Result<(), Failure> {
    let host = build()?;
    let targets = targets()?;
    let at_a_time = thread::available_parallelism().map_or(1, usize::from);
    let mut failures = Vec::new();
    for group in targets.chunks(at_a_time) {
        thread::scope(|scope| {
            let runs: Vec<_> =
                group.iter().map(|target| scope.spawn(|| fuzz(target, &host, seconds))).collect();
            for (target, run) in group.iter().zip(runs) {
                match run.join().expect("a run reports its failure and doesn't panic") {
                    Ok(summary) => println!("{target}: {summary}"),
                    Err(failure) => failures.push(format!("{target}: {failure}")),
                }
            }
        });
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// Builds all targets, and returns the name of this platform, which is part of where they are.
fn build() -> Result<String, Failure> {
    let version = read(Command::new("rustc").arg("-vV").current_dir(root()))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc doesn't name its platform")?.to_owned();
    // With a target named, the flags are not those of build scripts, which would not link.
    let mut command = cargo(&["build", "--release", "--locked", "--target", &host]);
    command.arg("--manifest-path").arg(root().join("fuzz/Cargo.toml"));
    command.arg("--target-dir").arg(folder()).env("RUSTFLAGS", FLAGS);
    run(&mut command)?;
    Ok(host)
}

/// Where everything goes that a run makes: binaries, finds, crashing inputs.
fn folder() -> PathBuf {
    root().join("target/fuzz")
}

/// The names of the targets, which are those of their files.
fn targets() -> Result<Vec<String>, Failure> {
    let entries = fs::read_dir(root().join("fuzz/fuzz_targets"))
        .map_err(|error| format!("the fuzz targets can't be listed: {error}"))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Fuzzes one target; what it says last is the summary.
fn fuzz(target: &str, host: &str, seconds: u32) -> Result<String, Failure> {
    let seeds = root().join("fuzz/corpus").join(target);
    if fs::read_dir(&seeds).is_ok_and(|mut entries| entries.next().is_none()) || !seeds.exists() {
        return Err("has no seeds in fuzz/corpus".to_owned());
    }
    let finds = folder().join("corpus").join(target);
    let log = folder().join(format!("{target}.log"));
    let io = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&finds).map_err(io)?;
    let output = File::create(&log).map_err(io)?;
    let mut command = Command::new(folder().join(host).join("release").join(target));
    command
        .args(LIMITS)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/{target}-", folder().display()))
        .args([&finds, &seeds])
        // A backtrace needs more memory than an input may take.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(io)?)
        .stderr(output);
    let result = run(&mut command);
    let output = String::from_utf8_lossy(&fs::read(&log).map_err(io)?).into_owned();
    let lines: Vec<&str> = output.lines().collect();
    match result {
        Ok(()) => Ok(lines.last().copied().unwrap_or_default().to_owned()),
        Err(failure) => {
            let end = lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n");
            Err(format!("{failure}; it ends with:\n{end}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_built_and_has_seeds() {
        let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        for target in targets().unwrap() {
            assert!(manifest.contains(&format!("name = \"{target}\"\n")), "{target}");
            assert!(root().join("fuzz/corpus").join(&target).exists(), "{target}");
        }
        let built = manifest.matches("[[bin]]").count();
        assert_eq!(built, targets().unwrap().len());
    }
}
