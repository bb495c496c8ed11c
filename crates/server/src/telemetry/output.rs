//! Standard error, written by a thread of its own: no request waits for whoever reads the log, and
//! lines that come close together are written at once.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How long a line may wait for the next ones.
const LINGER: Duration = Duration::from_millis(5);

/// Bytes that may wait while nobody reads; more lines are counted, and lost.
const ROOM: usize = 1 << 20;

/// How long the end of the process may take to write what waits.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Lines on their way out. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Output(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Something waits, or it waits no longer.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Lines for which there was no room.
    lost: u64,
    /// Somebody wants it written at once.
    urgent: bool,
    /// The thread has taken bytes that are not written yet.
    writing: bool,
}

impl Waiting {
    const fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.lost == 0
    }
}

impl Output {
    /// Starts the thread that writes to standard error.
    pub(super) fn start() -> io::Result<Self> {
        let output = Self::default();
        let writer = output.clone();
        thread::Builder::new()
            .name("nightlatch-log".to_owned())
            .spawn(move || writer.write_on(&mut io::stderr()))?;
        Ok(output)
    }

    /// Hands a line over.
    pub(super) fn put(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        let first = waiting.is_empty();
        if waiting.bytes.len() + line.len() <= ROOM {
            waiting.bytes.extend_from_slice(line);
        } else {
            waiting.lost += 1;
        }
        drop(waiting);
        if first {
            self.0.changed.notify_all();
        }
    }

    /// Waits until what was handed over is written, if that takes no longer than a second.
    pub(super) fn flush(&self) {
        let mut waiting = self.waiting();
        waiting.urgent = true;
        self.0.changed.notify_all();
        let pending = |waiting: &mut Waiting| waiting.writing || !waiting.is_empty();
        // Whether it was written in time changes nothing.
        let _ = self.0.changed.wait_timeout_while(waiting, LAST_WORDS, pending);
    }

    /// Writes what is handed over, for as long as the process lives.
    fn write_on(&self, target: &mut dyn io::Write) {
        let (mut lost, mut whole) = (0, true);
        loop {
            let (bytes, more) = self.next();
            lost += more;
            // Now there is room for it, and it is told only to a target that takes what it is given.
            if lost > 0 && whole {
                tracing::warn!(lines = mem::take(&mut lost), "Lines of the log were lost");
            }
            // What the target took last may have ended within a line.
            let begun = whole || write(target, b"\n") == 0;
            let rest = if begun { write(target, &bytes) } else { lines(&bytes) };
            whole = rest == 0;
            lost += rest;
            self.waiting().writing = false;
            self.0.changed.notify_all();
        }
    }

    /// What waits, once something does, and the number of lines that were lost.
    fn next(&self) -> (Vec<u8>, u64) {
        let changed = &self.0.changed;
        let idle = changed.wait_while(self.waiting(), |waiting| waiting.is_empty());
        let idle = idle.unwrap_or_else(PoisonError::into_inner);
        let lingered = changed.wait_timeout_while(idle, LINGER, |waiting| !waiting.urgent);
        let (mut waiting, _) = lingered.unwrap_or_else(PoisonError::into_inner);
        (waiting.urgent, waiting.writing) = (false, true);
        (mem::take(&mut waiting.bytes), mem::take(&mut waiting.lost))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes `bytes`; how many lines the target did not take.
fn write(target: &mut dyn io::Write, mut bytes: &[u8]) -> u64 {
    while !bytes.is_empty() {
        match target.write(bytes) {
            Ok(taken @ 1..) => bytes = &bytes[taken..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // There is nobody left to tell.
            Ok(0) | Err(_) => break,
        }
    }
    lines(bytes)
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A reader who takes a line only when it is told to.
    struct Slow(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Output, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
        let output = Output::default();
        let ((take, told), (hand, sees)) = (mpsc::channel(), mpsc::channel());
        let writer = output.clone();
        thread::spawn(move || writer.write_on(&mut Slow(told, hand)));
        (output, take, sees)
    }

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let (output, take, sees) = slow();
        for number in 0..1000 {
            output.put(format!("{number}\n").as_bytes());
        }
        let mut text = Vec::new();
        while lines(&text) < 1000 {
            take.send(()).unwrap();
            text.extend(sees.recv().unwrap());
        }
        let text = String::from_utf8(text).unwrap();
        let numbers = text.lines().map(|line| line.parse::<u64>().unwrap());
        assert!(numbers.eq(0..1000), "{text}");
    }

    #[test]
    fn what_was_handed_over_is_written_when_a_flush_returns() {
        let (output, take, sees) = slow();
        output.put(b"last words\n");
        take.send(()).unwrap();
        output.flush();
        assert_eq!(sees.try_recv().unwrap(), b"last words\n");
    }

    /// A disk that is full at first: it takes so many bytes.
    struct Full(usize, Vec<u8>);

    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            self.1.extend_from_slice(&bytes[..taken]);
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_were_not_taken_are_counted() {
        let mut target = Full(7, Vec::new());
        assert_eq!(write(&mut target, b"one\n"), 0);
        assert_eq!(write(&mut target, b"two\nthree\n"), 2, "also the one that is torn");
        assert_eq!(target.1, b"one\ntwo");
    }

    /// A log that nobody reads must not stop the server, nor eat its memory.
    #[test]
    fn nobody_waits_for_a_reader_and_what_waits_is_bounded() {
        let (output, take, _sees) = slow();
        output.put(b"the writer hangs on this\n");
        while !output.waiting().writing {
            thread::yield_now();
        }
        let line = [b'x'; 1000];
        for _ in 0..2000 {
            output.put(&line);
        }
        let waiting = output.waiting();
        assert_eq!(waiting.bytes.len(), ROOM / line.len() * line.len());
        assert_eq!(waiting.lost, 2000 - u64::try_from(ROOM / line.len()).unwrap());
        drop((waiting, take));
    }
}
