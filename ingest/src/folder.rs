//! Folders, as far as the names in them have to last.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the names in a folder durable: one that is new, or stands for another file now, survives a power cut only after this.
///
/// # Errors
/// When the folder cannot be opened or written to the disk.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
