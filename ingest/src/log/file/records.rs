//! The durable records from a position on, across segments. It sees the end as it was when reading began, and stops at the
//! first error: nothing is ever skipped.

use std::mem;
use std::sync::Arc;

use super::segment::{Frame, Frames, Segment};
use super::{Error, Position, Record, Views};

pub(super) struct Records<'a> {
    views: &'a Views,
    /// Where reading is; `None` after the last record and after an error.
    frames: Option<Frames>,
    from: Position,
    end: Position,
}

impl<'a> Records<'a> {
    pub(super) fn open(views: &'a Views, from: Position) -> Result<Self, Error> {
        let (end, segment) = {
            let view = views.now();
            let after = view.segments.partition_point(|segment| segment.first <= from);
            (view.end, after.checked_sub(1).map(|number| Arc::clone(&view.segments[number])))
        };
        let frames = match segment {
            Some(segment) if from < end => Some(Frames::open(&segment, from)?),
            _ => None,
        };
        Ok(Self { views, frames, from, end })
    }

    fn advance(&mut self) -> Result<Option<Record>, Error> {
        let Some(frames) = &mut self.frames else { return Ok(None) };
        while frames.position < self.end {
            let position = frames.position;
            match frames.read()? {
                Frame::Record(topic) if position >= self.from => {
                    return Ok(Some(Record { position, topic, payload: mem::take(&mut frames.payload) }));
                }
                Frame::Record(_) | Frame::Mark => {}
                Frame::Broken(reason) => return Err(frames.damaged(reason)),
                Frame::End => {
                    let next = following(self.views, frames)?;
                    *frames = Frames::open(&next, position)?;
                }
            }
        }
        Ok(None)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.frames = None;
        }
        next
    }
}

/// The segment after the one that was read to its end, which must go on where that one ends.
fn following(views: &Views, frames: &Frames) -> Result<Arc<Segment>, Error> {
    let view = views.now();
    let after = view.segments.partition_point(|segment| segment.first <= frames.segment.first);
    match view.segments.get(after) {
        Some(next) if next.first == frames.position => Ok(Arc::clone(next)),
        Some(next) => {
            let reason = format!("it ends before position {}, the next segment begins at {}", frames.position, next.first);
            Err(frames.damaged(reason))
        }
        None => Err(frames.damaged(format!("it ends before position {}, the log at {}", frames.position, view.end))),
    }
}
