//! Lists of seeds on the command line.

/// Seeds of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

/// Largest number of seeds in one run.
const MOST: u64 = 1024;

/// Reads `1..5` (both ends included) or `1,4,9`.
///
/// ```
/// use daa_trainer::config::{Seeds, parse_seeds};
/// assert_eq!(parse_seeds("2..4"), Ok(Seeds(vec![2, 3, 4])));
/// assert_eq!(parse_seeds("7,1"), Ok(Seeds(vec![7, 1])));
/// assert!(parse_seeds("4..2").is_err());
/// ```
///
/// # Errors
/// One line that says what would be right.
pub fn parse_seeds(text: &str) -> Result<Seeds, String> {
    let number = |word: &str| {
        let number = word.trim().parse::<u64>().ok().filter(|n| i64::try_from(*n).is_ok());
        number.ok_or_else(|| format!("{word:?} is not a seed: write 1..5 or 1,4,9"))
    };
    if let Some((first, last)) = text.split_once("..") {
        let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
        if first > last || last - first >= MOST {
            return Err(format!("{text} is not 1 to {MOST} seeds in rising order"));
        }
        return Ok(Seeds((first..=last).collect()));
    }
    text.split(',').map(number).collect::<Result<_, _>>().map(Seeds)
}
