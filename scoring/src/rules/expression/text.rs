//! Text while a condition runs: borrowed, and put into small letters only as it is compared.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A text, to be read with small ASCII letters where `lower`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Str<'a> {
    pub(super) text: &'a str,
    pub(super) lower: bool,
}

impl<'a> Str<'a> {
    pub(super) const fn plain(text: &'a str) -> Self {
        Self { text, lower: false }
    }

    /// As it reads.
    pub(super) fn read(self) -> Cow<'a, str> {
        if self.lower && self.text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(self.text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(self.text)
        }
    }

    fn bytes(self) -> impl DoubleEndedIterator<Item = u8> + ExactSizeIterator + Clone + 'a {
        let lower = self.lower;
        self.text.bytes().map(move |byte| if lower { byte.to_ascii_lowercase() } else { byte })
    }

    pub(super) fn equals(self, other: Self) -> bool {
        if !self.lower && !other.lower {
            return self.text == other.text;
        }
        self.text.len() == other.text.len() && self.bytes().eq(other.bytes())
    }

    /// By Unicode code points, which is the order of the bytes of UTF-8.
    pub(super) fn compare(self, other: Self) -> Ordering {
        if !self.lower && !other.lower { self.text.cmp(other.text) } else { self.bytes().cmp(other.bytes()) }
    }

    pub(super) fn starts_with(self, other: Self) -> bool {
        self.text.len() >= other.text.len() && self.bytes().zip(other.bytes()).all(|(one, other)| one == other)
    }

    pub(super) fn ends_with(self, other: Self) -> bool {
        self.text.len() >= other.text.len() && self.bytes().rev().zip(other.bytes().rev()).all(|(one, other)| one == other)
    }

    pub(super) fn contains(self, other: Self) -> bool {
        if !self.lower && !other.lower {
            return self.text.contains(other.text);
        }
        self.read().contains(other.read().as_ref())
    }

    /// How many characters it has.
    pub(super) fn size(self) -> i64 {
        i64::try_from(self.text.chars().count()).unwrap_or(i64::MAX)
    }
}
