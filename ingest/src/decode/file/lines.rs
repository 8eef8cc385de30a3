//! The lines of a text file. A line that is too long is passed over without being kept.

use std::io::{self, BufRead, Read};

use super::elements::Elements;
use super::text::{MAX_BYTES, Piece, skip_blank};

/// Gives out every line that is not blank, without its line break.
pub(super) struct Lines<R> {
    input: R,
    /// The line that comes next, from 1.
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Begins after the byte order mark, if there is one.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if input.fill_buf()?.starts_with(MARK) {
            input.consume(MARK.len());
        }
        Ok(Self { input, number: 1, line: Vec::new() })
    }

    /// Goes to the next byte that is not white space, and shows it.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        let (first, breaks) = skip_blank(&mut self.input)?;
        self.number += breaks;
        Ok(first)
    }

    /// Reads on as the elements of a JSON array; its opening bracket is the byte that was just peeked at.
    pub(super) fn into_elements(self) -> Elements<R> {
        Elements::after_bracket(self.input, self.number)
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        loop {
            let line = self.number;
            self.number += 1;
            self.line.clear();
            if (&mut self.input).take(MAX_BYTES as u64 + 1).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            if self.line.len() > MAX_BYTES && !self.line.ends_with(b"\n") {
                self.input.skip_until(b'\n')?;
                return Ok(Some(Piece { line, text: Err("is longer than 1 MiB") }));
            }
            if !self.line.trim_ascii().is_empty() {
                let text = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                return Ok(Some(Piece { line, text: Ok(text) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<String, &'static str>)> {
        let mut lines = Lines::new(io::BufReader::with_capacity(7, text)).unwrap();
        let mut found = Vec::new();
        while let Some(Piece { line, text }) = lines.next().unwrap() {
            found.push((line, text.map(|text| String::from_utf8_lossy(text).into_owned())));
        }
        found
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_passed_over() {
        let check = |text: &str, expect: &[(u64, &str)]| {
            let expect: Vec<_> = expect.iter().map(|(line, text)| (*line, Ok((*text).to_owned()))).collect();
            assert_eq!(read(text.as_bytes()), expect, "{text:?}");
        };
        check("", &[]);
        check("\n\r\n  \n", &[]);
        check("one", &[(1, "one")]);
        check("one\n", &[(1, "one")]);
        check("one\r\ntwo\n\n\nfive and more\n", &[(1, "one"), (2, "two"), (5, "five and more")]);
        check("\u{feff}one\ntwo", &[(1, "one"), (2, "two")]);
    }

    #[test]
    fn a_line_without_end_is_passed_over() {
        let text = [b"one\n".to_vec(), vec![b'x'; MAX_BYTES + 5], b"\nthree".to_vec()].concat();
        let expect = [(1, Ok("one".to_owned())), (2, Err("is longer than 1 MiB")), (3, Ok("three".to_owned()))];
        assert_eq!(read(&text), expect);
        let longest = [vec![b'x'; MAX_BYTES], b"\ntwo".to_vec()].concat();
        assert_eq!(read(&longest)[1], (2, Ok("two".to_owned())));
    }
}
