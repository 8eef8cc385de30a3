//! Folders, as far as the names in them have to last.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the names in a folder durable: one that is new, or stands for another file now, survives a power cut only after this.
///
/// # Errors
/// When the folder cannot be opened or written to the disk.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // The folder of a plain name is the one that the program runs in.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}
