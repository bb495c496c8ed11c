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

/// Lines on their way out. Clones share it; what waits is written when the last but the thread's own
/// is gone.
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
        loop {
            let (bytes, lost) = self.next();
            // There is nobody left to tell.
            let _ = target.write_all(&bytes);
            let mut waiting = self.waiting();
            waiting.writing = false;
            drop(waiting);
            self.0.changed.notify_all();
            if lost > 0 {
                tracing::warn!(lines = lost, "Lines of the log were lost: nobody took them");
            }
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
        let ((take, taking), (seen, sees)) = (mpsc::channel(), mpsc::channel());
        let writer = output.clone();
        thread::spawn(move || writer.write_on(&mut Slow(taking, seen)));
        (output, take, sees)
    }

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let (output, take, sees) = slow();
        for number in 0..1000 {
            output.put(format!("{number}\n").as_bytes());
        }
        let mut text = Vec::new();
        while text.iter().filter(|byte| **byte == b'\n').count() < 1000 {
            take.send(()).unwrap();
            text.extend(sees.recv().unwrap());
        }
        let expected: String = (0..1000).map(|number| format!("{number}\n")).collect();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn what_was_handed_over_is_written_when_a_flush_returns() {
        let (output, take, sees) = slow();
        output.put(b"last words\n");
        take.send(()).unwrap();
        output.flush();
        assert_eq!(sees.try_recv().unwrap(), b"last words\n");
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
