//! Files that settings name.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::ConfigError;

/// No key and no set of keys is as large; a device that never ends is not read for ever.
const BYTES_MAX: u64 = 1 << 20;

/// What is in a file.
pub(super) fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let unreadable =
        |reason: String| ConfigError::File { flag, path: path.display().to_string(), reason };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(unreadable(format!("it has more than {BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// The secret in a file. Editors end a file with a line break, which is no part of it.
pub(super) fn secret(flag: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = read(flag, path)?;
    while bytes.last().is_some_and(|byte| b"\r\n".contains(byte)) {
        bytes.pop();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_ends_before_its_line_break_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        for (content, expected) in
            [("a b\n", "a b"), ("a\r\n", "a"), ("a \n\n", "a "), ("a\nb", "a\nb"), ("", "")]
        {
            std::fs::write(&file, content).unwrap();
            assert_eq!(secret("--jwt-secret-file", &file).unwrap(), expected.as_bytes());
        }
    }

    #[test]
    fn what_cannot_be_read_or_never_ends_is_named_with_its_flag() {
        for (path, reason) in
            [("/nowhere", "No such file"), ("/", "directory"), ("/dev/zero", "more than")]
        {
            let error = read("--jwt-key", Path::new(path)).unwrap_err().to_string();
            assert!(error.contains("--jwt-key") && error.contains(reason), "{path}: {error}");
        }
    }
}
