//! Changing a key file: as a whole or not at all, and no key of it is ever lost.
//!
//! A file is keys, one a line, the one in use first. What is commented right above a key belongs to
//! it and goes where it goes; what stands at the top, apart by an empty line, stays there. A key that
//! leaves is kept in a file beside, because backups of the database still need it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
};

use nightlatch_core::{
    Secret, Timestamp,
    keys::{KeyRing, KeyTag},
};
use nightlatch_flows::Entropy;

use crate::wiring::{
    keys::{BadKeys, read_bytes, text},
    private_file,
};

/// A key file that was read, to be changed.
pub struct KeyFile {
    path: PathBuf,
    read: Secret,
    /// Comments that belong to no key.
    top: String,
    entries: Vec<Entry>,
    /// What follows the last key.
    bottom: String,
}

/// A key, and what is written above it.
struct Entry {
    tag: KeyTag,
    lines: Secret,
}

impl KeyFile {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`BadKeys`] says what to do.
    pub fn read(path: &Path) -> Result<Self, BadKeys> {
        let unreadable = |source| BadKeys::Unreadable { path: path.to_owned(), source };
        // What is changed is the file, not a link to it.
        let path = fs::canonicalize(path).map_err(unreadable)?;
        let read = read_bytes(&path)?;
        let ring = KeyRing::parse(text(&read)?)?;
        let mut tags = ring.tags();
        let (mut top, mut above, mut entries) = (String::new(), String::new(), Vec::new());
        for line in text(&read)?.lines() {
            above.push_str(line);
            above.push('\n');
            let bare = line.trim();
            if bare.is_empty() && entries.is_empty() {
                top.push_str(&std::mem::take(&mut above));
            } else if !bare.is_empty()
                && !bare.starts_with('#')
                && let Some(tag) = tags.next()
            {
                let lines = Secret::new(std::mem::take(&mut above).into_bytes());
                entries.push(Entry { tag, lines });
            }
        }
        Ok(Self { path, read, top, entries, bottom: above })
    }

    /// Adds a fresh key, which opens and does not seal yet; its name.
    pub fn add(&mut self, entropy: &dyn Entropy, now: Timestamp) -> KeyTag {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        let tag = KeyRing::single(&key).primary_tag();
        let made = jiff::Timestamp::from_millisecond(now.millis()).unwrap_or_default();
        let mut lines = format!("# {tag}, made {made:.0}\n").into_bytes();
        lines.extend_from_slice(KeyRing::line(&key).expose());
        lines.push(b'\n');
        self.entries.push(Entry { tag, lines: Secret::new(lines) });
        tag
    }

    /// Makes `tag` the key that seals.
    pub fn promote(&mut self, tag: KeyTag) {
        if let Some(at) = self.entries.iter().position(|entry| entry.tag == tag) {
            self.entries[..=at].rotate_right(1);
        }
    }

    /// Takes `tag` out, into a file beside: its path.
    ///
    /// # Errors
    ///
    /// [`BadKeys`] says what to do; the key is where it was.
    pub fn retire(&mut self, tag: KeyTag) -> Result<PathBuf, BadKeys> {
        let beside = beside(&self.path, "retired");
        if let Some(at) = self.entries.iter().position(|entry| entry.tag == tag) {
            let append = || {
                let mut options = OpenOptions::new();
                let mut file = options.create(true).append(true).mode(0o600).open(&beside)?;
                file.write_all(self.entries[at].lines.expose())?;
                file.sync_all()
            };
            append().map_err(|source| BadKeys::NotChanged { path: beside.clone(), source })?;
            self.entries.remove(at);
        }
        Ok(beside)
    }

    /// Puts what was changed in the place of what was read.
    ///
    /// # Errors
    ///
    /// [`BadKeys`] says what to do; the file is as it was.
    pub fn save(&self) -> Result<(), BadKeys> {
        // While it is there, nobody else changes the keys.
        let new = beside(&self.path, "new");
        let file = private_file::create(&new).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => BadKeys::Busy(new.clone()),
            _ => BadKeys::NotChanged { path: self.path.clone(), source },
        })?;
        let done = self.replace(file, &new);
        if done.is_err() {
            // It is ours, and was not put to use.
            let _ = fs::remove_file(&new);
        }
        done
    }

    fn replace(&self, mut file: File, new: &Path) -> Result<(), BadKeys> {
        if read_bytes(&self.path)?.expose() != self.read.expose() {
            return Err(BadKeys::Moved(self.path.clone()));
        }
        let mut write = || {
            file.write_all(self.top.as_bytes())?;
            for entry in &self.entries {
                file.write_all(entry.lines.expose())?;
            }
            file.write_all(self.bottom.as_bytes())?;
            let owner = fs::metadata(&self.path)?;
            let ours = file.metadata()?;
            if (owner.uid(), owner.gid()) != (ours.uid(), ours.gid()) {
                chown(new, Some(owner.uid()), Some(owner.gid()))?;
            }
            file.sync_all()?;
            fs::rename(new, &self.path)?;
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        write().map_err(|source| BadKeys::NotChanged { path: self.path.clone(), source })
    }
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use nightlatch_flows::env::OsEntropy;
    use tempfile::TempDir;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn line(key: u8) -> String {
        String::from_utf8(KeyRing::line(&[key; 32]).expose().to_vec()).unwrap()
    }

    fn tag(key: u8) -> KeyTag {
        KeyRing::single(&[key; 32]).primary_tag()
    }

    fn write(path: &Path, text: &str) {
        private_file::fill(private_file::create(path).unwrap(), &Secret::new(text.into())).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_move_with_their_comments_and_no_line_is_lost() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("keys");
        let (one, two) = (line(1), line(2));
        write(&path, &format!("# Ours.\n\n# the first\n{one}\n\n# the second\n{two}\n# the end"));
        let mut file = KeyFile::read(&path).unwrap();
        file.promote(tag(2));
        file.save().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let expected = format!("# Ours.\n\n\n# the second\n{two}\n# the first\n{one}\n# the end\n");
        assert_eq!(text, expected);
        assert_eq!(mode(&path), 0o600);

        let mut file = KeyFile::read(&path).unwrap();
        let added = file.add(&OsEntropy, NOW);
        let retired = file.retire(tag(1)).unwrap();
        file.save().unwrap();
        let ring = KeyRing::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(ring.tags().collect::<Vec<_>>(), [tag(2), added]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("# {added}, made 2027-01-15T08:00:00Z\n")), "{text}");
        let kept = fs::read_to_string(&retired).unwrap();
        assert_eq!(kept, format!("# the first\n{one}\n"));
        assert_eq!(mode(&retired), 0o600);
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "nothing else stays behind");
    }

    #[test]
    fn nobody_writes_over_what_somebody_else_wrote() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("keys");
        write(&path, &line(1));
        let (mut first, mut second) =
            (KeyFile::read(&path).unwrap(), KeyFile::read(&path).unwrap());
        first.add(&OsEntropy, NOW);
        second.add(&OsEntropy, NOW);
        first.save().unwrap();
        let after = fs::read(&path).unwrap();
        assert!(matches!(second.save(), Err(BadKeys::Moved(_))));
        let busy = home.path().join("keys.new");
        fs::write(&busy, "").unwrap();
        assert!(matches!(KeyFile::read(&path).unwrap().save(), Err(BadKeys::Busy(_))));
        assert_eq!(fs::read(&path).unwrap(), after);
        assert!(busy.exists(), "it is not ours");
    }
}
