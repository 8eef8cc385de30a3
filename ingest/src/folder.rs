//! Folders, as far as the names in them have to last, and small files that are replaced whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Makes the names in a folder durable: one that is new, or stands for another file now, survives a power cut only after this.
///
/// # Errors
/// When the folder cannot be opened or written to the disk.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // The folder of a plain name is the one that the program runs in.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

/// Puts a small file in place of the one that is there, if one is: whenever the power goes, the one or the other is there whole, and this
/// one once it returns.
///
/// # Errors
/// When it cannot be written beside it, brought to the disk or put in its place.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, File::create(beside(path))?)
}

/// The same with one that its owner alone may read, from its first byte on and whatever the one before allowed.
///
/// # Errors
/// As those of [`replace_file`].
pub fn replace_private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.write(true).create(true).truncate(true).open(beside(path))?;
    // One that a crash left has the mode that it had.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    replace(path, bytes, file)
}

/// Where a file is written before it takes the place of another.
fn beside(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

/// Puts `file`, which lies beside it, in place of the one at `path`, with `bytes` in it.
fn replace(path: &Path, bytes: &[u8], mut file: File) -> io::Result<()> {
    file.write_all(bytes)?;
    // Else the name could be on the disk before what it stands for.
    file.sync_all()?;
    fs::rename(beside(path), path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.position");
        // A crash left it.
        fs::write(folder.path().join("audit.position.new"), "longer than what comes").unwrap();
        for bytes in [b"12".as_slice(), b"", b"345"] {
            replace_file(&path, bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace_file(&folder.path().join("none/file"), b"1").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        for before in [path.clone(), path.with_added_extension("new")] {
            fs::write(&before, "for everybody").unwrap();
            fs::set_permissions(&before, fs::Permissions::from_mode(0o644)).unwrap();
        }
        replace_private_file(&path, b"secret").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_not_on_the_disk_takes_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace_file(&path, b"before").unwrap();
        // It takes every byte, and cannot be synced.
        std::os::unix::fs::symlink("/dev/null", folder.path().join("file.new")).unwrap();
        assert_eq!(replace_file(&path, b"after").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(fs::read(&path).unwrap(), b"before");
    }
}
