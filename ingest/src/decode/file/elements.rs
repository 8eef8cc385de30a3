//! The elements of a JSON array, one after another, without holding the array. It looks at brackets and quotes only; whether an
//! element is JSON is for its decoder to say.

use std::io::{self, BufRead};

use super::text::{MAX_BYTES, Piece, skip_blank};

/// Gives out the text of every element.
pub(super) struct Elements<R> {
    input: R,
    /// The line of the byte that comes next, from 1.
    line: u64,
    element: Vec<u8>,
    state: State,
}

enum State {
    Inside,
    /// After the closing bracket.
    After,
    Ended,
}

impl<R: BufRead> Elements<R> {
    /// Begins at the bracket that opens the array, which is the next byte of `input`.
    pub(super) fn after_bracket(mut input: R, line: u64) -> Self {
        input.consume(1);
        Self { input, line, element: Vec::new(), state: State::Inside }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        if matches!(self.state, State::Inside) {
            let (line, is_whole) = self.read_element()?;
            let text = match (is_whole, self.element.len() <= MAX_BYTES) {
                (false, _) => Err("is cut off: the array does not end"),
                (true, false) => Err("is longer than 1 MiB"),
                (true, true) => Ok(self.element.as_slice()),
            };
            let is_end = matches!(self.state, State::After) && self.element.is_empty();
            if !is_end {
                return Ok(Some(Piece { line, text }));
            }
        }
        if matches!(self.state, State::After) {
            self.state = State::Ended;
            let (more, breaks) = skip_blank(&mut self.input)?;
            self.line += breaks;
            if more.is_some() {
                return Ok(Some(Piece { line: self.line, text: Err("comes after the end of the array") }));
            }
        }
        Ok(None)
    }

    /// Reads up to the comma or bracket after the next element, or to the end of the file: the line on which the element begins,
    /// and whether it was ended as it should.
    fn read_element(&mut self) -> io::Result<(u64, bool)> {
        let (mut depth, mut in_text, mut escaped) = (0_u64, false, false);
        let (_, breaks) = skip_blank(&mut self.input)?;
        self.line += breaks;
        self.element.clear();
        let begin = self.line;
        loop {
            let Some(byte) = self.input.fill_buf()?.first().copied() else {
                self.state = State::Ended;
                return Ok((begin, false));
            };
            self.input.consume(1);
            self.line += u64::from(byte == b'\n');
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                _ if in_text => {}
                b',' if depth == 0 => return Ok((begin, true)),
                b']' if depth == 0 => {
                    self.state = State::After;
                    return Ok((begin, true));
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            // One byte over the limit is kept, to show that it was passed.
            if self.element.len() <= MAX_BYTES {
                self.element.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(array: &[u8]) -> Vec<(u64, Result<String, &'static str>)> {
        let mut input = io::BufReader::with_capacity(5, array);
        assert_eq!(input.fill_buf().unwrap()[0], b'[');
        let mut elements = Elements::after_bracket(input, 1);
        let mut found = Vec::new();
        while let Some(Piece { line, text }) = elements.next().unwrap() {
            found.push((line, text.map(|text| String::from_utf8_lossy(text).trim().to_owned())));
        }
        found
    }

    #[test]
    fn elements_come_with_the_line_they_begin_on() {
        let check = |text: &str, expect: &[(u64, &str)]| {
            let expect: Vec<_> = expect.iter().map(|(line, text)| (*line, Ok((*text).to_owned()))).collect();
            assert_eq!(read(text.as_bytes()), expect, "{text:?}");
        };
        check("[]", &[]);
        check("[ \n ]\n", &[]);
        check("[1]", &[(1, "1")]);
        check("[\n  {\"a\": [1, 2]},\n  {\"b\": \"], \\\" }\"}\n]", &[(2, "{\"a\": [1, 2]}"), (3, "{\"b\": \"], \\\" }\"}")]);
        check("[{\n\n},\n 2]", &[(1, "{\n\n}"), (4, "2")]);
        check("[,1]", &[(1, ""), (1, "1")]);
    }

    #[test]
    fn a_broken_array_is_rejected_where_it_breaks() {
        let check = |text: &str, expect: &[(u64, Result<&str, &'static str>)]| {
            let expect: Vec<_> = expect.iter().map(|(line, text)| (*line, text.map(str::to_owned))).collect();
            assert_eq!(read(text.as_bytes()), expect, "{text:?}");
        };
        let cut_off = Err("is cut off: the array does not end");
        check("[1,\n{\"a\":", &[(1, Ok("1")), (2, cut_off)]);
        check("[1,", &[(1, Ok("1")), (1, cut_off)]);
        check("[1]\n]", &[(1, Ok("1")), (2, Err("comes after the end of the array"))]);
    }

    #[test]
    fn an_element_that_is_too_long_is_passed_over() {
        let text = [b"[\"".to_vec(), vec![b'x'; MAX_BYTES], b"\", 2]".to_vec()].concat();
        assert_eq!(read(&text), [(1, Err("is longer than 1 MiB")), (1, Ok("2".to_owned()))]);
    }
}
