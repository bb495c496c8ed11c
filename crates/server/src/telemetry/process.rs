//! What the system says of this process, under the names that every Prometheus client uses.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

/// Reads `/proc` whenever it is asked; what is not there is left out.
#[derive(Debug)]
pub(super) struct Process;

/// Ticks of a second in `/proc` (`USER_HZ`).
const TICKS: f64 = 100.0;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        if let Some(seconds) = cpu_seconds() {
            let help = "Processor time that this process has used.";
            put(
                &mut encoder,
                "process_cpu",
                help,
                Some(&Unit::Seconds),
                &ConstCounter::new(seconds),
            )?;
        }
        if let Some(bytes) = resident_bytes() {
            let help = "Memory of this process that is not swapped out.";
            put(
                &mut encoder,
                "process_resident_memory",
                help,
                Some(&Unit::Bytes),
                &ConstGauge::new(bytes),
            )?;
        }
        if let Some(files) = open_files() {
            let help = "Files and sockets that this process has open.";
            put(&mut encoder, "process_open_fds", help, None, &ConstGauge::new(files))?;
        }
        if let Some(files) = most_open_files() {
            let help = "Files and sockets that this process may have open.";
            put(&mut encoder, "process_max_fds", help, None, &ConstGauge::new(files))?;
        }
        Ok(())
    }
}

fn put(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes: i64 = word_after(&status, "VmRSS:")?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn open_files() -> Option<i64> {
    // The folder itself is one of them while it is read.
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()?.checked_sub(1)
}

fn most_open_files() -> Option<i64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    word_after(&limits, "Max open files")?.parse().ok()
}

/// The first word that follows `label` at the beginning of a line.
fn word_after<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(label))?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_measured() {
        assert!(cpu_seconds().is_some_and(|seconds| (0.0..1e6).contains(&seconds)));
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
        let (open, most) = (open_files().unwrap(), most_open_files().unwrap());
        assert!(0 < open && open < most, "{open} of {most}");
    }
}
