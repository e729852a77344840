//! One entry of a list that commas separate.
//!
//! People leave a comma at the end, or a space behind one; such an entry holds nothing.

use std::str::FromStr;

/// An entry, which may hold nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Listed<T>(Option<T>);

impl<T: FromStr> FromStr for Listed<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|entry| Self(Some(entry))) }
    }
}

impl<T: Clone> Listed<T> {
    /// The entries of a list that hold something.
    pub(in crate::config) fn all(list: &[Self]) -> Vec<T> {
        list.iter().filter_map(|entry| entry.0.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_entries_and_white_space_are_no_part_of_a_list() {
        for text in ["a,b", "a, b", " a ,b,", ",a,,b , ", "a,\nb\n"] {
            let list: Vec<Listed<String>> =
                text.split(',').map(|entry| entry.parse().unwrap()).collect();
            assert_eq!(Listed::all(&list), ["a", "b"], "{text:?}");
        }
    }
}
