//! The fold of the log into rows: a record in, its rows out, in the tables that its topic names. It is pure; reading the log
//! and writing the warehouse is the [projector](crate::projector)'s.

use ingest::log::record::{decode_event, decode_label};
use ingest::log::{Position, Record, Topic};
use ingest::{Schema, Timestamp};
use scoring::engine::ShadowScores;
use scoring::{Control, Decision};

use crate::error::Error;
use crate::tables::{Projected, Rows};

/// Rows as they gather from a stretch of the log.
#[derive(Debug)]
pub struct Projection {
    from: Position,
    until: Position,
    rows: Rows,
}

impl Projection {
    /// One that waits for the record at `position`.
    pub fn at(position: Position) -> Self {
        Self { from: position, until: position, rows: Rows::default() }
    }

    /// The position that comes next.
    pub const fn until(&self) -> Position {
        self.until
    }

    /// How many rows have gathered.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// Takes the next record. History passes without a row: it was never decided here.
    ///
    /// # Errors
    /// One that names the position, when the record is not the next one or cannot be read; nothing is taken then.
    pub fn take(&mut self, record: &Record, schema: &Schema) -> Result<(), Error> {
        let position = record.position;
        if position != self.until {
            return Err(Error::NotNext { reached: self.until, from: position });
        }
        let malformed = |source| Error::Record { position, source };
        match record.topic {
            Topic::Event => {
                let (event, received_at) = decode_event(&record.payload, schema).map_err(malformed)?;
                check_day(position, event.occurred_at)?;
                self.rows.push_event(position, &event, received_at, schema);
            }
            Topic::Decision => {
                let decision = Decision::decode(&record.payload).map_err(malformed)?;
                check_day(position, decision.occurred_at)?;
                self.rows.push_decision(position, &decision);
            }
            Topic::Label => {
                let (label, received_at) = decode_label(&record.payload).map_err(malformed)?;
                check_day(position, label.observed_at)?;
                self.rows.push_label(position, &label, received_at);
            }
            Topic::Shadow => {
                let shadow = ShadowScores::decode(&record.payload).map_err(malformed)?;
                check_day(position, shadow.occurred_at)?;
                self.rows.push_shadow(position, &shadow);
            }
            Topic::Control => {
                let control = Control::decode(&record.payload).map_err(malformed)?;
                check_day(position, control.at())?;
                self.rows.push_change(position, &control);
            }
            Topic::History => {}
        }
        self.until = position.next();
        Ok(())
    }

    /// Hands over what has gathered, and goes on from there with nothing.
    pub fn finish(&mut self) -> Projected {
        let projected = Projected { from: self.from, until: self.until, rows: self.rows.finish() };
        self.from = self.until;
        projected
    }
}

/// Rows are filed by day, and a day outside the calendar's four digits has no name.
fn check_day(position: Position, time: Timestamp) -> Result<(), Error> {
    const FIRST: Timestamp = Timestamp::start_of_day(-719_162);
    const END: Timestamp = Timestamp::start_of_day(2_932_897);
    if (FIRST..END).contains(&time) { Ok(()) } else { Err(Error::Time { position, time }) }
}

#[cfg(test)]
mod tests {
    use ingest::Timestamp;

    use super::*;
    use crate::fixture::{self, at_desk, change, decision, event, label, opened, record, shadow};
    use crate::tables::Table;

    #[test]
    fn a_record_becomes_rows_of_its_tables() {
        let schema = fixture::schema();
        let mut projection = Projection::at(Position(7));
        let records = [
            event(7, "a", "2018-08-01T10:00:00Z", 1_000),
            decision(8, 7, "a", "2018-08-01T10:00:00Z"),
            shadow(9, 7, "a", "2018-08-01T10:00:00Z"),
            label(10, "a", "fraud", "2018-08-09"),
            change(11, "2018-08-10"),
            record(12, Topic::History, b"whatever"),
            at_desk(13, opened(8, "2018-08-10", 100), "the alert desk", "2018-08-10"),
        ];
        for record in &records {
            projection.take(record, &schema).unwrap();
        }
        assert_eq!(projection.row_count(), 8);

        let projected = projection.finish();
        assert_eq!((projected.from, projected.until), (Position(7), Position(14)));
        assert_eq!(projected.rows.iter().map(|(table, _)| *table).collect::<Vec<_>>(), Table::PROJECTED);
        for (table, rows) in &projected.rows {
            let expect = if *table == Table::Scores { 3 } else { 1 };
            assert_eq!((rows.num_rows(), rows.schema()), (expect, table.schema()), "{table}");
        }
        assert_eq!((projection.row_count(), projection.finish().from), (0, Position(14)));
    }

    #[test]
    fn what_cannot_be_a_row_is_an_error_that_names_its_position() {
        let year_12000 = Timestamp::from_micros(316_500_000_000_000_000);
        let check = |record: &Record, expect: &str| {
            let mut projection = Projection::at(Position(5));
            let error = projection.take(record, &fixture::schema()).unwrap_err();
            assert_eq!(error.to_string(), expect);
            assert_eq!((projection.until(), projection.row_count()), (Position(5), 0));
        };
        check(&record(5, Topic::Event, b""), "cannot read record 5 of the log");
        check(&record(5, Topic::Decision, &[1, 200]), "cannot read record 5 of the log");
        check(&record(5, Topic::Label, &[9]), "cannot read record 5 of the log");
        check(&record(5, Topic::Shadow, &[2]), "cannot read record 5 of the log");
        check(&record(5, Topic::Control, &[200]), "cannot read record 5 of the log");
        check(
            &fixture::event_at(5, "a", year_12000, 1),
            "record 5 of the log is of 316500000000000000 us, outside the years 1 to 9999",
        );
        check(
            &label(6, "a", "legit", "2018-08-09"),
            "the warehouse has reached position 5 of the log and was given rows from 6 on",
        );
    }
}
