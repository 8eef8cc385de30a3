//! Universal Binary JSON, draft 12, as far as XGBoost writes it, read into a JSON value. Numbers are big-endian; a container may
//! tell its count, and then the one type of all its values, ahead.

use std::str;

use serde_json::{Map, Number, Value};

use super::{Error, Source};

/// How deep containers may lie in each other.
const MOST_LEVELS: usize = 64;

/// Reads the one value that the bytes hold.
pub(super) fn read(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.byte().and_then(|marker| reader.value(marker, 0));
    value.map_err(|what| Source::XgBoostUbjson.damaged(format!("byte {}: {what}", reader.at)))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// How a container tells its values.
struct Header {
    /// How many, when it tells.
    count: Option<usize>,
    /// The type of all values, when it tells.
    kind: Option<u8>,
}

impl Header {
    fn ended(&self, read: usize) -> bool {
        self.count == Some(read)
    }
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn value(&mut self, marker: u8, level: usize) -> Read<Value> {
        match marker {
            b'Z' => Ok(Value::Null),
            b'T' => Ok(Value::Bool(true)),
            b'F' => Ok(Value::Bool(false)),
            b'd' => decimal(f64::from(f32::from_be_bytes(self.array()?))),
            b'D' => decimal(f64::from_be_bytes(self.array()?)),
            b'C' => Ok(Value::String(char::from(self.byte()?).to_string())),
            b'S' => self.text().map(Value::String),
            b'[' | b'{' if level == MOST_LEVELS => Err("containers lie too deep in each other"),
            b'[' => self.list(level + 1),
            b'{' => self.map(level + 1),
            _ => self.integer(marker).map(Value::from),
        }
    }

    fn list(&mut self, level: usize) -> Read<Value> {
        let header = self.header()?;
        let mut values = Vec::new();
        while !header.ended(values.len()) {
            let marker = match header.kind {
                Some(kind) => kind,
                None => self.marker()?,
            };
            if header.count.is_none() && marker == b']' {
                break;
            }
            values.push(self.value(marker, level)?);
        }
        Ok(Value::Array(values))
    }

    fn map(&mut self, level: usize) -> Read<Value> {
        let header = self.header()?;
        let mut values = Map::new();
        let mut read = 0;
        while !header.ended(read) {
            if header.count.is_none() && self.bytes.get(self.at) == Some(&b'}') {
                self.at += 1;
                break;
            }
            let key = self.text()?;
            let marker = match header.kind {
                Some(kind) => kind,
                None => self.marker()?,
            };
            values.insert(key, self.value(marker, level)?);
            read += 1;
        }
        Ok(Value::Object(values))
    }

    fn header(&mut self) -> Read<Header> {
        let mut header = Header { count: None, kind: None };
        if self.bytes.get(self.at) == Some(&b'$') {
            self.at += 1;
            header.kind = Some(self.byte()?);
        }
        if self.bytes.get(self.at) == Some(&b'#') {
            self.at += 1;
            header.count = Some(self.length()?);
        } else if header.kind.is_some() {
            return Err("a container with a type has no count");
        }
        Ok(header)
    }

    /// The next marker that is not a filler.
    fn marker(&mut self) -> Read<u8> {
        loop {
            match self.byte()? {
                b'N' => {}
                marker => return Ok(marker),
            }
        }
    }

    fn text(&mut self) -> Read<String> {
        let length = self.length()?;
        let text = self.take(length)?;
        str::from_utf8(text).map(str::to_owned).map_err(|_| "a text is not UTF-8")
    }

    /// A length or count, which is never above what is left: every value takes a byte, the ones without content aside, of
    /// which nobody writes many.
    fn length(&mut self) -> Read<usize> {
        let marker = self.byte()?;
        let length = usize::try_from(self.integer(marker)?).map_err(|_| "a length is below zero")?;
        if length > self.bytes.len() - self.at { Err("it ends early") } else { Ok(length) }
    }

    fn integer(&mut self, marker: u8) -> Read<i64> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(self.byte()?),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Err("there is no such type of value"),
        })
    }

    fn byte(&mut self) -> Read<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| "it ends early")
    }

    fn take(&mut self, count: usize) -> Read<&[u8]> {
        let taken = self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end)).ok_or("it ends early")?;
        self.at += count;
        Ok(taken)
    }
}

/// JSON knows no other numbers than finite ones.
fn decimal(number: f64) -> Read<Value> {
    Number::from_f64(number).map(Value::Number).ok_or("a number is not finite")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_every_type() {
        let check = |bytes: &[u8], expect: Value| assert_eq!(read(bytes), Ok(expect), "{bytes:?}");
        check(b"Z", json!(null));
        check(b"T", json!(true));
        check(b"i\xff", json!(-1));
        check(b"U\xff", json!(255));
        check(b"I\x01\x00", json!(256));
        check(b"l\xff\xff\xff\xfe", json!(-2));
        check(b"L\x00\x00\x00\x00\x00\x00\x00\x07", json!(7));
        check(b"d\x3f\x00\x00\x00", json!(0.5));
        check(b"D\xbf\xe0\x00\x00\x00\x00\x00\x00", json!(-0.5));
        check(b"Ca", json!("a"));
        check(b"Si\x02ab", json!("ab"));
        check(b"[]", json!([]));
        check(b"[i\x01Ni\x02]", json!([1, 2]));
        check(b"[#i\x02i\x01T", json!([1, true]));
        check(b"[$U#i\x03\x01\x02\x03", json!([1, 2, 3]));
        check(b"{}", json!({}));
        check(b"{i\x01a[]i\x01bT}", json!({"a": [], "b": true}));
        check(b"{$i#i\x01i\x01a\x05", json!({"a": 5}));
    }

    #[test]
    fn what_is_damaged_is_named() {
        let check = |bytes: &[u8], expect: &str| {
            let message = read(bytes).unwrap_err().to_string();
            assert_eq!(message, format!("the XGBoost UBJSON file is damaged: {expect}"), "{bytes:?}");
        };
        check(b"", "byte 0: it ends early");
        check(b"L\x00", "byte 1: it ends early");
        check(b"x", "byte 1: there is no such type of value");
        check(b"Si\xff", "byte 3: a length is below zero");
        check(b"[$U#L\x7f\xff\xff\xff\xff\xff\xff\xff", "byte 13: it ends early");
        check(b"[$U", "byte 3: a container with a type has no count");
        check(b"d\x7f\xc0\x00\x00", "byte 5: a number is not finite");
        check(&[b'['; 100], "byte 65: containers lie too deep in each other");
    }
}
