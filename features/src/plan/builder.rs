//! Gathers what the features of one entity need, and puts it in order: columns of a row, totals of a cursor, edges, parts.

use ingest::schema::Schema;
use ingest::time::Duration;
use jiff::tz::TimeZone;

use super::{
    Adding, Between, Column, Counted, DecayPlan, Edge, EntityPlan, ExtremePlan, Finish, Last, Merge, Operand, OrderedQuantile,
    Output, Outputs, Over, Pass, Read, Reading, Reads, SeenPlan, Shape, TAG_FLAGS, Total,
};
use crate::definition::{Aggregate, Category, Definition, EntityState, Filter, MAX_EVENTS, Source, Span, Window, key_name};
use crate::memory::ring::TOTALS;

/// One entity's plan as it grows.
pub(super) struct Builder<'a> {
    plan: EntityPlan,
    lateness: i64,
    zones: &'a mut Vec<TimeZone>,
    unbounded: bool,
    /// A feature, what is read for it, and whether that is before the event enters.
    outputs: Vec<(Output, Read, bool)>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        key: &[usize],
        state: Option<&EntityState>,
        schema: &Schema,
        lateness: i64,
        zones: &'a mut Vec<TimeZone>,
    ) -> Self {
        let plan = EntityPlan {
            key: key.to_vec(),
            name: key_name(key, schema),
            columns: Vec::new(),
            filters: Vec::new(),
            totals: Vec::new(),
            adding: None,
            edges: Vec::new(),
            passes: Vec::new(),
            lasts: Vec::new(),
            extremes: Vec::new(),
            seen: Vec::new(),
            tables: Vec::new(),
            orders: Vec::new(),
            decays: Vec::new(),
            before: Reads::default(),
            after: Reads::default(),
            retention: 0,
            idle_after: state.and_then(|state| state.idle_after).map(Duration::micros),
            tile: state.and_then(|state| state.tile),
            max_events: state.map_or(MAX_EVENTS, |state| state.max_events),
            labelled: false,
            shape: Shape { row: 0, cursor: 0, cursors: 0, tagged: false },
        };
        Self { plan, lateness, zones, unbounded: false, outputs: Vec::new() }
    }

    /// Words are named as columns and totals here, and become places in rows and cursors at the end.
    pub(super) fn add(&mut self, feature: usize, definition: &Definition, window: &Window) -> Result<(), String> {
        let mask = self.mask(window.filter.as_ref())?;
        let delay = window.delay.micros();
        let until = Edge::Behind(delay);
        let after = match &window.span {
            Span::Sliding(length) => Some(Edge::Behind(delay.saturating_add(length.micros()))),
            Span::LocalDay(zone) => Some(Edge::Midnight(position_or_push(self.zones, zone.clone()))),
            Span::Lifetime => None,
        };
        self.unbounded |= after.is_none();
        self.plan.retention = self.plan.retention.max(delay).max(after.map_or(0, Edge::reach));
        let (reading, finish) = self.reading(window.aggregate, mask, until, after)?;
        let output = Output { feature, default: definition.default, finish, read: 0 };
        self.outputs.push((output, Read { reading, until, after }, window.exclude_current));
        Ok(())
    }

    fn reading(
        &mut self,
        aggregate: Aggregate,
        mask: i64,
        until: Edge,
        after: Option<Edge>,
    ) -> Result<(Reading, Finish), String> {
        Ok(match aggregate {
            Aggregate::Count => (self.totals(until, after, mask, None, false), Finish::Count),
            Aggregate::Sum(source) => (self.totals(until, after, mask, Some(source), false), Finish::Sum),
            Aggregate::Mean(source) => (self.totals(until, after, mask, Some(source), false), Finish::Mean),
            Aggregate::Variance(source) => (self.totals(until, after, mask, Some(source), true), Finish::Variance),
            Aggregate::Std(source) => (self.totals(until, after, mask, Some(source), true), Finish::Std),
            Aggregate::ZScore(source) => (self.totals(until, after, mask, Some(source), true), Finish::ZScore(source)),
            Aggregate::LabelRate | Aggregate::LabelCount => {
                let finish = if aggregate == Aggregate::LabelRate { Finish::Rate } else { Finish::Sum };
                (self.labels(until, after, mask)?, finish)
            }
            Aggregate::Min(source) => (self.extreme(source, mask, until, after, false), Finish::Word(source)),
            Aggregate::Max(source) => (self.extreme(source, mask, until, after, true), Finish::Word(source)),
            Aggregate::Last(source) => {
                let word = self.column(Operand::Number(source), Merge::Newest);
                let last = self.last(mask, [word, 0]);
                (Reading::LastWord(last, word), Finish::Word(source))
            }
            Aggregate::TimeSinceLast => {
                let last = self.last(mask, [0, 0]);
                (Reading::LastPlace(last, [0, 0]), Finish::Seconds)
            }
            Aggregate::Speed { latitude, longitude } => {
                let words = [latitude, longitude].map(|source| self.column(Operand::Number(source), Merge::Newest));
                let last = self.last(mask, words);
                (Reading::LastPlace(last, words), Finish::Speed { latitude, longitude })
            }
            Aggregate::Distinct(category) => (Reading::Distinct(self.seen(category, mask, after)), Finish::Distinct),
            Aggregate::FirstSeen(category) => (Reading::FirstSeen(self.seen(category, mask, after)), Finish::First),
            Aggregate::TopShare(category) => (Reading::TopShare(self.table(category, mask, until, after)?), Finish::Share),
            Aggregate::Entropy(category) => (Reading::Entropy(self.table(category, mask, until, after)?), Finish::Bits),
            Aggregate::Quantile(source, quantile) => {
                self.refuse_tiles("a quantile")?;
                let word = self.column(Operand::Number(source), Merge::Newest);
                let over = self.over(word, mask, until, after);
                let order = position_or_push(&mut self.plan.orders, over);
                let quantile = OrderedQuantile::new(quantile);
                (Reading::Order(order, quantile), Finish::Quantile(source, quantile))
            }
            Aggregate::DecayedCount(half_life) => (self.decay(None, mask, half_life, until), Finish::Decayed),
            Aggregate::DecayedSum(source, half_life) => (self.decay(Some(source), mask, half_life, until), Finish::Decayed),
        })
    }

    fn mask(&mut self, filter: Option<&Filter>) -> Result<i64, String> {
        let Some(filter) = filter else { return Ok(0) };
        let number = position_or_push(&mut self.plan.filters, filter.clone());
        if number + 1 >= TAG_FLAGS as usize {
            return Err(format!("an entity can have at most {} different `where` tables", TAG_FLAGS - 1));
        }
        Ok(1 << (number + 1))
    }

    /// The number of a column, from 1: 0 stands for the time.
    fn column(&mut self, of: Operand, merge: Merge) -> usize {
        // Rows that are never merged need a value only once.
        let merge = if self.plan.tile.is_some() { merge } else { Merge::Newest };
        position_or_push(&mut self.plan.columns, Column { of, merge }) + 1
    }

    fn edge(&mut self, edge: Edge) -> usize {
        position_or_push(&mut self.plan.edges, edge)
    }

    /// The number of a total, from 1.
    fn total(&mut self, of: Counted, mask: i64, word: usize) -> usize {
        position_or_push(&mut self.plan.totals, Total { of, mask, word, at: 0 }) + 1
    }

    /// How many events: the difference of two row numbers, unless rows are filtered or stand for several events.
    fn count(&mut self, mask: i64) -> usize {
        if self.plan.tile.is_some() {
            let word = self.column(Operand::One, Merge::Add);
            return self.total(Counted::Sum, mask, word);
        }
        if mask == 0 { 0 } else { self.total(Counted::Rows, mask, 0) }
    }

    fn totals(&mut self, until: Edge, after: Option<Edge>, mask: i64, of: Option<Source>, squared: bool) -> Reading {
        let mut between = Between::new(self.edge(until), after.map(|edge| self.edge(edge)));
        let Some(source) = of else {
            between.count = self.count(mask);
            return Reading::Totals(between);
        };
        let word = self.column(Operand::Number(source), Merge::Add);
        between.sum = self.total(Counted::Sum, mask, word);
        if self.plan.tile.is_some() {
            let present = self.column(Operand::Present(source), Merge::Add);
            between.count = self.total(Counted::Sum, mask, present);
            if squared {
                let low = self.column(Operand::SquareLow(source), Merge::Add);
                self.column(Operand::SquareHigh(source), Merge::Add);
                between.squares = self.total(Counted::Wide, mask, low);
            }
            return Reading::Totals(between);
        }
        between.count = match source {
            // Every event has its amount, or none has.
            Source::Amount => self.count(mask),
            Source::Integer(_) | Source::Number(_) => self.total(Counted::Present, mask, word),
        };
        if squared {
            between.squares = self.total(Counted::Square, mask, word);
        }
        Reading::Totals(between)
    }

    fn labels(&mut self, until: Edge, after: Option<Edge>, mask: i64) -> Result<Reading, String> {
        if mask != 0 {
            self.refuse_tiles("a label rate with `where`")?;
        }
        self.plan.labelled = true;
        let mut between = Between::new(self.edge(until), after.map(|edge| self.edge(edge)));
        between.count = self.count(mask);
        between.sum = if self.plan.tile.is_some() {
            let word = self.column(Operand::Bad, Merge::Add);
            self.total(Counted::Sum, mask, word)
        } else {
            self.total(Counted::Bad, mask, 0)
        };
        Ok(Reading::Totals(between))
    }

    fn extreme(&mut self, source: Source, mask: i64, until: Edge, after: Option<Edge>, is_max: bool) -> Reading {
        let word = self.column(Operand::Number(source), if is_max { Merge::Max } else { Merge::Min });
        let near = self.edge(until);
        let length = after.map_or(0, |edge| edge.reach() - until.reach());
        let plan = ExtremePlan { word, mask, is_max, near, length: 0 };
        let known = self.plan.extremes.iter().position(|known| ExtremePlan { length: 0, ..*known } == plan);
        let number = known.unwrap_or_else(|| {
            self.plan.extremes.push(plan);
            self.plan.extremes.len() - 1
        });
        let longest = &mut self.plan.extremes[number].length;
        *longest = (*longest).max(length);
        Reading::Extreme(number)
    }

    fn last(&mut self, mask: i64, needs: [usize; 2]) -> usize {
        position_or_push(&mut self.plan.lasts, Last { mask, needs })
    }

    fn seen(&mut self, category: Category, mask: i64, after: Option<Edge>) -> usize {
        let word = self.column(Operand::Category(category), Merge::Newest);
        let length = after.map(Edge::reach);
        let known = self.plan.seen.iter().position(|known| (known.word, known.mask) == (word, mask));
        let number = known.unwrap_or_else(|| {
            self.plan.seen.push(SeenPlan { word, mask, length: Some(0) });
            self.plan.seen.len() - 1
        });
        let longest = &mut self.plan.seen[number].length;
        *longest = longest.zip(length).map(|(a, b)| a.max(b));
        number
    }

    fn table(&mut self, category: Category, mask: i64, until: Edge, after: Option<Edge>) -> Result<usize, String> {
        self.refuse_tiles("a share or an entropy of categories")?;
        let word = self.column(Operand::Category(category), Merge::Newest);
        let over = self.over(word, mask, until, after);
        Ok(position_or_push(&mut self.plan.tables, over))
    }

    fn over(&mut self, word: usize, mask: i64, until: Edge, after: Option<Edge>) -> Over {
        let far = after.expect("a lifetime was refused when the definition was read");
        Over { word, mask, near: self.edge(until), far: self.edge(far) }
    }

    fn decay(&mut self, of: Option<Source>, mask: i64, half_life: Duration, until: Edge) -> Reading {
        let word = match of {
            Some(source) => self.column(Operand::Number(source), Merge::Add),
            // A row that stands for several events counts as many.
            None if self.plan.tile.is_some() => self.column(Operand::One, Merge::Add),
            None => 0,
        };
        let (near, sealed) = (self.edge(until), self.edge(Edge::Behind(until.reach() + self.lateness)));
        let plan = DecayPlan { word, mask, half_life: half_life.micros() as f64, near, sealed };
        Reading::Decay(position_or_push(&mut self.plan.decays, plan))
    }

    fn refuse_tiles(&self, what: &str) -> Result<(), String> {
        match self.plan.tile {
            Some(_) => Err(format!(
                "{what} needs every event, but hot keys of {} fall to tiles: leave `tile` out, or count by another entity",
                self.plan.name
            )),
            None => Ok(()),
        }
    }

    /// Puts the edges into the order in which a row passes them, and columns and totals where they lie.
    pub(super) fn finish(mut self, reads: &mut Vec<Read>, outputs: &mut Outputs) -> EntityPlan {
        let plan = &mut self.plan;
        let mut order: Vec<usize> = (0..plan.edges.len()).collect();
        order.sort_unstable_by_key(|edge| plan.edges[*edge]);
        let mut edge_now = vec![0; order.len()];
        for (now, before) in order.iter().enumerate() {
            edge_now[*before] = now;
        }
        plan.edges.sort_unstable();

        let tagged = !plan.filters.is_empty() || (plan.labelled && plan.tile.is_none());
        let word = |column: &mut usize| *column += usize::from(tagged && *column > 0);
        let mut at = TOTALS;
        for total in &mut plan.totals {
            word(&mut total.word);
            total.at = at;
            at += if matches!(total.of, Counted::Square | Counted::Wide) { 2 } else { 1 };
        }
        let shape =
            Shape { row: 1 + usize::from(tagged) + plan.columns.len(), cursor: at, cursors: at * plan.edges.len(), tagged };
        plan.shape = shape;
        plan.passes = vec![Vec::new(); plan.edges.len()];
        let mut pass = |edge: &mut usize, pass: Pass| {
            *edge = edge_now[*edge];
            plan.passes[*edge].push(pass);
        };
        for last in &mut plan.lasts {
            last.needs.iter_mut().for_each(word);
        }
        for (number, extreme) in plan.extremes.iter_mut().enumerate() {
            word(&mut extreme.word);
            pass(&mut extreme.near, Pass::Extreme(number));
        }
        for seen in &mut plan.seen {
            word(&mut seen.word);
        }
        for (number, over) in plan.tables.iter_mut().enumerate() {
            word(&mut over.word);
            pass(&mut over.near, Pass::EnterTable(number));
            pass(&mut over.far, Pass::LeaveTable(number));
        }
        for (number, over) in plan.orders.iter_mut().enumerate() {
            word(&mut over.word);
            pass(&mut over.near, Pass::EnterOrder(number));
            pass(&mut over.far, Pass::LeaveOrder(number));
        }
        for (number, decay) in plan.decays.iter_mut().enumerate() {
            word(&mut decay.word);
            pass(&mut decay.near, Pass::Decay(number));
            pass(&mut decay.sealed, Pass::SealDecay(number));
        }
        for (_, read, _) in &mut self.outputs {
            match &mut read.reading {
                Reading::Totals(between) => {
                    between.near = edge_now[between.near];
                    between.far = between.far.map(|far| edge_now[far]);
                    for total in [&mut between.count, &mut between.sum, &mut between.squares] {
                        *total = total.checked_sub(1).map_or(0, |number| plan.totals[number].at);
                    }
                }
                Reading::LastWord(_, column) => word(column),
                Reading::LastPlace(_, columns) => columns.iter_mut().for_each(word),
                _ => {}
            }
        }
        // A row is kept as long as a late event may ask for it.
        plan.retention = plan.retention.saturating_add(self.lateness);
        if self.plan.idle_after.is_none() && !self.unbounded {
            self.plan.idle_after = Some(self.plan.retention);
        }
        let mut share = |is_before: bool| {
            let first = reads.len();
            let (totals, parts): (Vec<&(Output, Read, bool)>, Vec<_>) = (self.outputs.iter())
                .filter(|(.., before)| *before == is_before)
                .partition(|(_, read, _)| matches!(read.reading, Reading::Totals(_)));
            for (output, read, _) in totals.into_iter().chain(parts) {
                let shared = (first..reads.len()).find_map(|number| Some((number, reads[number].joined(*read)?)));
                let number = match shared {
                    Some((number, joined)) => {
                        reads[number] = joined;
                        number
                    }
                    None => {
                        reads.push(*read);
                        reads.len() - 1
                    }
                };
                outputs.push(Output { read: number, ..*output });
            }
            Reads::new(first, reads, shape)
        };
        (self.plan.before, self.plan.after) = (share(true), share(false));
        self.plan.adding = Adding::of(&self.plan, reads);
        self.plan
    }
}

fn position_or_push<T: PartialEq>(known: &mut Vec<T>, wanted: T) -> usize {
    known.iter().position(|each| *each == wanted).unwrap_or_else(|| {
        known.push(wanted);
        known.len() - 1
    })
}
