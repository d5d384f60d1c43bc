//! Lists of named definitions: those of this crate, and those that a program registers.

use std::sync::{Mutex, PoisonError};

/// A definition that is chosen by its name.
pub trait Named {
    /// The name, as a configuration has it.
    fn name(&self) -> &'static str;
}

/// The name is used by another definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name {0:?} is already used by another definition")]
pub struct NameTaken(pub &'static str);

/// The built-in definitions of one kind, and the registered ones after them.
#[derive(Debug)]
pub struct Registry<D: 'static> {
    built_in: &'static [&'static D],
    registered: Mutex<Vec<&'static D>>,
}

impl<D: Named> Registry<D> {
    /// A registry with the built-in definitions.
    #[must_use]
    pub const fn new(built_in: &'static [&'static D]) -> Self {
        Self { built_in, registered: Mutex::new(Vec::new()) }
    }

    /// All definitions, the built-in ones first.
    #[must_use]
    pub fn all(&self) -> Vec<&'static D> {
        let registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        self.built_in.iter().chain(registered.iter()).copied().collect()
    }

    /// The definition with a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static D> {
        self.all().into_iter().find(|definition| definition.name() == name)
    }

    /// Adds a definition.
    ///
    /// # Errors
    /// [`NameTaken`] when there is a definition with the same name.
    pub fn register(&self, definition: &'static D) -> Result<(), NameTaken> {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.built_in.iter().chain(registered.iter());
        if known.any(|known| known.name() == definition.name()) {
            return Err(NameTaken(definition.name()));
        }
        registered.push(definition);
        Ok(())
    }
}

/// The word of `known` with the smallest edit distance to `word`; empty when there are none.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    known.min_by_key(|known| strsim::damerau_levenshtein(word, known)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Word(&'static str);

    impl Named for Word {
        fn name(&self) -> &'static str {
            self.0
        }
    }

    #[test]
    fn a_registered_definition_is_found_and_its_name_is_taken() {
        static WORDS: Registry<Word> = Registry::new(&[&Word("one"), &Word("two")]);
        assert!(WORDS.find("three").is_none());
        WORDS.register(&Word("three")).unwrap();
        assert_eq!(WORDS.find("three").map(Word::name), Some("three"));
        assert_eq!(WORDS.register(&Word("one")), Err(NameTaken("one")));
        assert_eq!(WORDS.register(&Word("three")), Err(NameTaken("three")));
        assert_eq!(nearest("thre", WORDS.all().into_iter().map(Word::name)), "three");
    }
}
