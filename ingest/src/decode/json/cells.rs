//! Values read straight out of the text of JSON, those that are wanted. All of the text must be JSON; what is not wanted is passed over.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::schema::paths::{Member, Paths};

/// A value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Found<'a> {
    /// None, or `null`.
    #[default]
    Nothing,
    Flag(bool),
    /// A whole number that is not negative.
    Whole(u64),
    Negative(i64),
    /// A number that is written with a point or an exponent, or has more than 64 bits.
    Number(f64),
    Text(Cow<'a, str>),
    Array,
    Object,
    /// The path to it leads through something that is not an object.
    Astray,
}

/// The cells of some paths. Of several members with one name the last one counts.
pub(super) fn cells<'a>(text: &'a str, paths: &Paths) -> serde_json::Result<Vec<Found<'a>>> {
    let mut cells = vec![Found::Nothing; paths.cells()];
    let mut json = serde_json::Deserializer::from_str(text);
    Wanted { member: paths.whole(), cells: &mut cells }.deserialize(&mut json)?;
    json.end()?;
    Ok(cells)
}

/// What is wanted of a value, and the cells for it.
struct Wanted<'w, 'a> {
    member: &'w Member,
    cells: &'w mut [Found<'a>],
}

impl<'a> Wanted<'_, 'a> {
    /// Puts a value into its cell; below it there is what is given.
    fn put(self, value: Found<'a>, below: &Found<'a>) {
        for member in &self.member.below {
            Wanted { member, cells: self.cells }.put(below.clone(), below);
        }
        if let Some(cell) = self.member.cell {
            self.cells[cell] = value;
        }
    }

    /// As a visitor does.
    fn take<E>(self, value: Found<'a>) -> Result<(), E> {
        self.put(value, &Found::Astray);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Wanted<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(Found::Nothing, &Found::Nothing);
        Ok(())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.take(Found::Flag(flag))
    }

    fn visit_u64<E: Error>(self, whole: u64) -> Result<(), E> {
        self.take(Found::Whole(whole))
    }

    fn visit_i64<E: Error>(self, whole: i64) -> Result<(), E> {
        self.take(u64::try_from(whole).map_or(Found::Negative(whole), Found::Whole))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.take(Found::Number(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.take(Found::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.take(Found::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        self.take(Found::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Wanted { member, cells } = self;
        Wanted { member, cells }.put(Found::Object, &Found::Nothing);
        while let Some(found) = members.next_key_seed(Named(member))? {
            match found {
                Some(member) => members.next_value_seed(Wanted { member, cells })?,
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// What is wanted below a member under the name that comes.
struct Named<'w>(&'w Member);

impl<'de, 'w> DeserializeSeed<'de> for Named<'w> {
    type Value = Option<&'w Member>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'w> Visitor<'_> for Named<'w> {
    type Value = Option<&'w Member>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.find(name))
    }
}

impl<'de> Deserialize<'de> for Found<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut cell = [Found::Nothing];
        Wanted { member: &Member::ALONE, cells: &mut cell }.deserialize(deserializer)?;
        let [found] = cell;
        Ok(found)
    }
}

/// All members of an object, in its order.
#[derive(Debug)]
pub(super) struct Members<'a>(pub(super) Vec<(String, Found<'a>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(member) = members.next_entry()? {
                    all.push(member);
                }
                Ok(Members(all))
            }
        }
        deserializer.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The text of a value, whose objects may have several members with one name.
    fn text() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "null",
            "true",
            "0",
            "-7",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "2.5",
            "1e3",
            "-0",
            r#""some""#,
            r#""caf\u00e9""#,
            r#"[1,{"a":2},[]]"#,
            "{}",
            "[]",
        ]);
        leaf.prop_map(str::to_owned).prop_recursive(3, 20, 4, |inner| {
            prop::collection::vec((name(), inner), 0..5).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(name, value)| format!(" {name:?} : {value}")).collect();
                format!("{{{}}}", members.join(","))
            })
        })
    }

    fn name() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["a", "b", "c", ""]).prop_map(str::to_owned)
    }

    /// What is at the end of a path in a tree of values, of which the last of a name is kept.
    fn walked<'a>(mut value: &'a Value, path: &[String]) -> Found<'a> {
        for name in path {
            value = match value {
                Value::Null => return Found::Nothing,
                Value::Object(members) => match members.get(name) {
                    Some(value) => value,
                    None => return Found::Nothing,
                },
                _ => return Found::Astray,
            };
        }
        match value {
            Value::Null => Found::Nothing,
            Value::Bool(flag) => Found::Flag(*flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => Found::Whole(whole),
                (None, Some(whole)) => Found::Negative(whole),
                (None, None) => Found::Number(number.as_f64().expect("a number that is not whole is a fraction")),
            },
            Value::String(text) => Found::Text(Cow::Borrowed(text)),
            Value::Array(_) => Found::Array,
            Value::Object(_) => Found::Object,
        }
    }

    proptest! {
        #[test]
        fn what_is_read_straight_is_what_a_tree_has(
            text in text(),
            wanted in prop::collection::vec(prop::collection::vec(name(), 1..4), 0..8),
        ) {
            let mut paths = Paths::default();
            let cells_of: Vec<usize> = wanted.iter().map(|path| paths.add(path)).collect();
            let tree: Value = serde_json::from_str(&text).unwrap();
            let cells = cells(&text, &paths).unwrap();
            prop_assert_eq!(&cells[Paths::WHOLE], &walked(&tree, &[]));
            for (path, cell) in wanted.iter().zip(cells_of) {
                prop_assert_eq!(&cells[cell], &walked(&tree, path), "{:?} of {}", path, &text);
            }
        }
    }

    #[test]
    fn all_of_the_text_must_be_json() {
        let mut paths = Paths::default();
        paths.add(&["a".to_owned()]);
        for text in [
            r#"{"a":1} 2"#,
            r#"{"a":1,"b":[1,}]}"#,
            r#"{"a":1,"b":tru}"#,
            r#"{"a":1"#,
            r#"{"b":"\x"}"#,
            "",
            r#"{a:1}"#,
            "{\"b\":\"\n\"}",
        ] {
            assert!(cells(text, &paths).is_err(), "{text}");
        }
    }
}
