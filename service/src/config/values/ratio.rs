//! A part of a whole.

/// Reads a number from 0 to 1.
pub(in crate::config) fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.trim().parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "write a number from 0 to 1, such as 0.1 for a tenth".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_from_0_to_1_are_taken() {
        for (text, expected) in
            [("0", 0.0), ("1", 1.0), (" 0.25 ", 0.25), (".5", 0.5), ("1e-3", 1e-3)]
        {
            assert_eq!(ratio(text), Ok(expected), "{text:?}");
        }
        for text in ["", "1.1", "-0.1", "NaN", "inf", "10%", "0,1", "all"] {
            assert!(ratio(text).unwrap_err().contains("such as 0.1"), "{text:?}");
        }
    }
}
