//! The key of a record in the journal: which record it is. Its payload is the message's value, as it is.

use super::super::{Position, Topic};

/// Version, topic, position (big endian).
pub(super) const BYTES: usize = 10;

const VERSION: u8 = 1;

pub(super) fn encode(position: Position, topic: Topic) -> [u8; BYTES] {
    let mut key = [0; BYTES];
    key[0] = VERSION;
    key[1] = topic as u8;
    key[2..].copy_from_slice(&position.0.to_be_bytes());
    key
}

/// What a key says, or what is wrong with it.
pub(super) fn decode(key: Option<&[u8]>) -> Result<(Position, Topic), String> {
    match key {
        Some([VERSION, topic, position @ ..]) => {
            let position = position.try_into().map_err(|_| format!("its key has {} bytes", position.len() + 2))?;
            let topic = Topic::from_number(*topic).ok_or_else(|| format!("its topic {topic} is not known to this program"))?;
            Ok((Position(u64::from_be_bytes(position)), topic))
        }
        Some([version, ..]) => Err(format!("its key has version {version}, this program reads version {VERSION}")),
        Some([]) | None => Err("it has no key: something else than riskflow wrote it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_pinned_and_what_does_not_fit_is_said() {
        let key = encode(Position(0x0102), Topic::Label);
        assert_eq!(key, [1, 3, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(decode(Some(&key)), Ok((Position(0x0102), Topic::Label)));
        let check = |key: Option<&[u8]>, expect: &str| {
            let error = decode(key).unwrap_err();
            assert!(error.contains(expect), "{error}");
        };
        check(None, "no key");
        check(Some(&[]), "no key");
        check(Some(&key[..9]), "9 bytes");
        check(Some(&[2, 3]), "version 2");
        check(Some(&[1, 200, 0, 0, 0, 0, 0, 0, 0, 0]), "topic 200");
    }
}
