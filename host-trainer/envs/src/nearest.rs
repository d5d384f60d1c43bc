//! Suggestions for misspelt words.

/// The word of `known` that is most like `word`, by the Damerau-Levenshtein distance; the first of
/// several. The empty word where `known` is empty.
///
/// ```
/// assert_eq!(daa_envs::nearest("wlaker", ["walker", "cheetah"]), "walker");
/// ```
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> &'a str {
    known.into_iter().min_by_key(|known| distance(known, word)).unwrap_or_default()
}

/// Number of insertions, deletions, substitutions and swaps of neighbours between two words.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(a, b)
}
