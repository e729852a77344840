//! A data folder that is opened, in a folder of its own.

/// Makes a data folder of some bytes, opens it, and repairs it if it is refused.
///
/// # Panics
/// When what must hold does not, or there is no room for temporary files.
pub(crate) fn recovery(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("room for temporary files");
    fanfare::fuzzing::recovery(folder.path(), bytes);
}
