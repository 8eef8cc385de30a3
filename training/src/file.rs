//! The table `[training]` of a pipeline file. The rest of the file is the business of the crates before this one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use scoring::Pipeline;
use scoring::pipeline::PipelineError;
use serde::Deserialize;
use toml::Spanned;

use crate::card::Notes;
use crate::learners::boosting::{self, Direction};
use crate::learners::{
    BadWeight, Error, Learner, Settings, extra_trees, forest, isolation, logistic, naive_bayes, scorecard, svm,
};
use crate::sampling::GoodShare;
use crate::schedule::{Schedule, ScheduleFile};

/// What a pipeline file says of training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Training {
    /// How learners learn.
    pub settings: Settings,
    /// What learns where nobody says; [`Learner::DEFAULT`] where the file does not.
    pub learners: Option<Vec<Learner>>,
    /// Tables beside the rows, which SQL may ask.
    pub tables: Vec<Table>,
    /// An SQL condition on the rows that are learned from and tested on.
    pub condition: Option<Sql>,
    /// What the model card says beyond what is known.
    pub card: Notes,
    /// Features that seem to know the label and are learned from all the same.
    pub allowed_leaks: Vec<String>,
    /// Attributes of events whose values are judged one by one: the channel, the country.
    pub segments: Vec<String>,
    /// SQL expressions whose values are judged one by one, by the name of the segment.
    pub segment_sql: Vec<(String, Sql)>,
    /// Attributes by which nobody may be treated worse; no feature may be computed from them.
    pub protected: Vec<String>,
    /// When and on what models are trained anew; nobody does it where it is not said.
    pub schedule: Option<Schedule>,
}

/// SQL out of a pipeline file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sql {
    /// The condition, the expression.
    pub text: String,
    /// Where it stands: file, line and column.
    pub place: String,
}

/// A table beside the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What SQL calls it.
    pub name: String,
    /// A CSV or Parquet file, or a folder of Parquet files.
    pub path: PathBuf,
    /// Where it is declared: file, line and column.
    pub place: String,
}

#[derive(Deserialize)]
struct PipelineFile {
    #[serde(default)]
    training: TrainingFile,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TrainingFile {
    learners: Option<Spanned<Vec<Learner>>>,
    logistic: Option<Spanned<logistic::Settings>>,
    scorecard: Option<Spanned<scorecard::Settings>>,
    forest: Option<Spanned<forest::Settings>>,
    extra_trees: Option<Spanned<extra_trees::Settings>>,
    boosting: Option<Spanned<boosting::Settings>>,
    naive_bayes: Option<Spanned<naive_bayes::Settings>>,
    svm: Option<Spanned<svm::Settings>>,
    isolation: Option<Spanned<isolation::Settings>>,
    directions: BTreeMap<Spanned<String>, Direction>,
    tables: Vec<Spanned<TableFile>>,
    bad_weight: Option<Spanned<BadWeight>>,
    sample_good: Option<Spanned<GoodShare>>,
    #[serde(rename = "where")]
    condition: Option<Spanned<String>>,
    card: Notes,
    allowed_leaks: Vec<Spanned<String>>,
    segments: Vec<Spanned<String>>,
    segment_sql: BTreeMap<Spanned<String>, Spanned<String>>,
    protected: Vec<Spanned<String>>,
    schedule: Option<ScheduleFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    name: Spanned<String>,
    /// Relative to the file that names it.
    path: PathBuf,
}

/// What no table of a pipeline may be called: the rows themselves.
const TAKEN: [&str; 2] = ["rows", "wanted"];

impl Training {
    /// Reads the text of a pipeline file that has been checked otherwise, or of another that has the table alone; `file` is its name in
    /// messages.
    pub fn parse(text: &str, file: &str, pipeline: &Pipeline) -> Result<Self, PipelineError> {
        let fail = |message: String, span: Range<usize>| PipelineError::at(text, file, message, span);
        let PipelineFile { training: read } =
            toml::from_str(text).map_err(|error| fail(error.message().to_owned(), error.span().unwrap_or(0..0)))?;
        let wrong = |(message, span)| fail(message, span);
        let special = read.scorecard.as_ref().map(Spanned::span);
        let settings = Settings {
            logistic: checked(read.logistic, logistic::Settings::check).map_err(wrong)?,
            scorecard: checked(read.scorecard, scorecard::Settings::check).map_err(wrong)?,
            forest: checked(read.forest, forest::Settings::check).map_err(wrong)?,
            extra_trees: checked(read.extra_trees, extra_trees::Settings::check).map_err(wrong)?,
            boosting: checked(read.boosting, boosting::Settings::check).map_err(wrong)?,
            naive_bayes: checked(read.naive_bayes, naive_bayes::Settings::check).map_err(wrong)?,
            svm: checked(read.svm, svm::Settings::check).map_err(wrong)?,
            isolation: checked(read.isolation, isolation::Settings::check).map_err(wrong)?,
            sample_good: checked(read.sample_good, |share| share.check()).map_err(wrong)?,
            bad_weight: checked(read.bad_weight, |weight| weight.check()).map_err(wrong)?,
            categories: categories(pipeline),
            directions: read.directions.iter().map(|(name, direction)| (name.as_ref().clone(), *direction)).collect(),
        };
        if let Some(learners) = read.learners.as_ref().filter(|learners| learners.as_ref().is_empty()) {
            return Err(fail("nobody learns".to_owned(), learners.span()));
        }
        if let Some(name) = read.directions.keys().find(|name| pipeline.plan.feature(name.as_ref()).is_none()) {
            return Err(fail(format!("there is no feature `{}` to have a direction", name.as_ref()), name.span()));
        }
        if let Some(name) = settings.scorecard.special.keys().find(|name| pipeline.plan.feature(name).is_none()) {
            let span = special.clone().unwrap_or(0..0);
            return Err(fail(format!("there is no feature `{name}` to have special numbers"), span));
        }
        if let Some(name) = settings.scorecard.special.keys().find(|name| settings.categories.contains_key(*name)) {
            let span = special.unwrap_or(0..0);
            return Err(fail(format!("feature `{name}` is a category and has no special numbers"), span));
        }
        if let Some(name) = read.directions.keys().find(|name| settings.categories.contains_key(name.as_ref())) {
            return Err(fail(format!("feature `{}` is a category and has no direction", name.as_ref()), name.span()));
        }
        if let Some(name) = read.allowed_leaks.iter().find(|name| pipeline.plan.feature(name.as_ref()).is_none()) {
            return Err(fail(format!("there is no feature `{}` to be a leak", name.as_ref()), name.span()));
        }
        for name in read.segments.iter().chain(&read.protected) {
            if pipeline.schema.attribute(name.as_ref()).is_none() {
                return Err(fail(format!("there is no attribute `{}` in [event.attributes]", name.as_ref()), name.span()));
            }
        }
        for name in &read.protected {
            let slot = pipeline.schema.attribute(name.as_ref()).expect("it was found above");
            if let Some(reader) = pipeline.plan.definitions().iter().find(|definition| definition.reads_attribute(slot)) {
                let message = format!("feature `{}` is computed from `{}`, which is protected", reader.name, name.as_ref());
                return Err(fail(message, name.span()));
            }
        }
        let learners = read.learners.map(Spanned::into_inner);
        let usual = learners.as_deref().unwrap_or(&Learner::DEFAULT);
        let schedule = read.schedule.map(|schedule| schedule.check(usual)).transpose().map_err(wrong)?;
        let is_attribute = |name: &&Spanned<String>| read.segments.iter().any(|attribute| attribute.as_ref() == name.as_ref());
        if let Some(name) = read.segment_sql.keys().find(is_attribute) {
            return Err(fail(format!("there are two segments `{}`", name.as_ref()), name.span()));
        }
        let place = |span: Range<usize>| {
            let PipelineError { file, line, column, .. } = fail(String::new(), span);
            format!("{file}:{line}:{column}")
        };
        let sql = |sql: Spanned<String>| Sql { place: place(sql.span()), text: sql.into_inner() };
        let plain = |names: Vec<Spanned<String>>| names.into_iter().map(Spanned::into_inner).collect();
        Ok(Self {
            settings,
            learners,
            tables: tables(read.tables, file, place).map_err(wrong)?,
            condition: read.condition.map(sql),
            card: read.card,
            allowed_leaks: plain(read.allowed_leaks),
            segments: plain(read.segments),
            segment_sql: read.segment_sql.into_iter().map(|(name, text)| (name.into_inner(), sql(text))).collect(),
            protected: plain(read.protected),
            schedule,
        })
    }
}

/// The words that features' numbers are the places of.
fn categories(pipeline: &Pipeline) -> BTreeMap<String, Vec<String>> {
    let definitions = pipeline.plan.definitions().iter().filter(|definition| !definition.words().is_empty());
    definitions.map(|definition| (definition.name.clone(), definition.words().to_vec())).collect()
}

/// Tables with names that SQL can say without quotes.
fn tables(
    read: Vec<Spanned<TableFile>>,
    file: &str,
    place: impl Fn(Range<usize>) -> String,
) -> Result<Vec<Table>, (String, Range<usize>)> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let mut tables: Vec<Table> = Vec::new();
    for table in read {
        let (span, TableFile { name, path }) = (table.span(), table.into_inner());
        let (at, name) = (name.span(), name.into_inner());
        let word = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '_');
        if !word {
            return Err((format!("the name of a table is a word of lower-case letters, digits and `_`, unlike `{name}`"), at));
        }
        if TAKEN.contains(&name.as_str()) || tables.iter().any(|before| before.name == name) {
            return Err((format!("there is a table `{name}` already"), at));
        }
        tables.push(Table { name, path: folder.join(path), place: place(span) });
    }
    Ok(tables)
}

/// The settings of one learner, or its own.
fn checked<S: Default>(
    settings: Option<Spanned<S>>,
    check: impl Fn(&S) -> Result<(), Error>,
) -> Result<S, (String, Range<usize>)> {
    let Some(settings) = settings else { return Ok(S::default()) };
    check(settings.as_ref()).map_err(|error| (error.to_string(), settings.span()))?;
    Ok(settings.into_inner())
}

#[cfg(test)]
mod tests {
    use ingest::Duration;
    use jiff::civil::Weekday;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::dataset::log::Vectors;
    use crate::preparation::Wish;
    use crate::schedule::{Limits, When};

    fn parse(training: &str) -> Result<Training, String> {
        let text = format!("{}\n{training}", include_str!("../../pipelines/card_fraud_handbook.toml"));
        let pipeline = Pipeline::parse(&text, "p.toml").map_err(|error| error.to_string())?;
        let lines_before = include_str!("../../pipelines/card_fraud_handbook.toml").lines().count();
        Training::parse(&text, "p.toml", &pipeline).map_err(|error| format!("+{}: {}", error.line - lines_before, error.message))
    }

    #[test]
    fn what_is_not_said_is_as_it_comes() {
        assert_eq!(parse(""), Ok(Training::default()));
        let boosting = boosting::Settings { trees: 300, rate: 0.05, ..boosting::Settings::default() };
        let directions = BTreeMap::from([("terminal_fraud_rate_7d".to_owned(), Direction::Rising)]);
        let settings = Settings { boosting, directions, ..Settings::default() };
        let expect = Training { settings, ..Training::default() };
        assert_eq!(
            parse("[training]\nboosting = { trees = 300, rate = 0.05 }\ndirections = { terminal_fraud_rate_7d = \"rising\" }"),
            Ok(expect)
        );
    }

    #[test]
    fn a_preparation_is_wished_for_by_its_word() {
        let wish = |line: &str| parse(&format!("[training.logistic]\n{line}")).unwrap().settings.logistic.preparation;
        assert_eq!(wish(""), Wish::None);
        assert_eq!(wish("preparation = \"none\""), Wish::None);
        assert_eq!(wish("preparation = \"linear\""), Wish::Linear);
        assert_eq!(wish("preparation = \"evidence\""), Wish::Evidence);
    }

    #[test]
    fn a_schedule_has_sensible_parts_where_nothing_is_said() {
        let schedule = |table: &str| parse(&format!("[training.schedule]\n{table}")).unwrap().schedule.unwrap();
        let plain = schedule("");
        assert_eq!((&plain.when, plain.train_days, plain.test_days), (&When::Asked, 28, 7));
        assert_eq!((plain.from, plain.limits), (Vectors::Logged, Limits { threads: 1, memory_mb: 4_096, nice: 19 }));
        assert_eq!(schedule("every = \"7d\"").when, When::Every(Duration::days(7)));
        let (time, zone) = (jiff::civil::time(3, 0, 0, 0), TimeZone::get("Europe/Berlin").unwrap());
        let days = vec![Weekday::Tuesday, Weekday::Friday];
        let table = "at = \"03:00\"\ndays = [\"fri\", \"tue\", \"fri\"]\ntime_zone = \"Europe/Berlin\"\nfrom = \"replayed\"
            learners = [\"boosting\"]\nmaturity = \"30d\"\n[training.schedule.limits]\nmemory_mb = 512";
        let whole = schedule(table);
        assert_eq!(whole.when, When::At { time, days, zone });
        assert_eq!(
            (whole.from, whole.learners, whole.maturity),
            (Vectors::Replayed, vec![Learner::Boosting], Some(Duration::days(30)))
        );
        assert_eq!(whole.limits, Limits { memory_mb: 512, ..Limits::default() });
    }

    #[test]
    fn who_learns_is_said_for_trainings_and_schedules() {
        let of = |text: &str| {
            let training = parse(text).unwrap();
            (training.learners, training.schedule.map(|schedule| schedule.learners))
        };
        let (usual, some) = (Learner::DEFAULT.to_vec(), vec![Learner::Scorecard, Learner::Boosting]);
        assert_eq!(of("[training.schedule]"), (None, Some(usual)));
        let said = "[training]\nlearners = [\"scorecard\", \"boosting\"]\n[training.schedule]\n";
        assert_eq!(of(said), (Some(some.clone()), Some(some.clone())));
        assert_eq!(of(&format!("{said}learners = [\"forest\"]")), (Some(some), Some(vec![Learner::Forest])));
        assert_eq!(parse("[training]\nlearners = []").unwrap_err(), "+3: nobody learns");
    }

    #[test]
    fn what_is_wrong_with_a_schedule_is_named_with_its_line() {
        let check = |table: &str, expect: &str| {
            assert_eq!(parse(&format!("[training.schedule]\n{table}")).unwrap_err(), expect, "{table}");
        };
        check("every = \"7d\"\nat = \"03:00\"", "+4: give `every` or `at`, not both");
        check("every = \"7\"", "+3: `7` is not a length of time: write it as 15s, 10m, 1h or 7d");
        check("every = \"5s\"", "+3: `every` is at least 1m");
        check("at = \"3:00\"", "+3: `3:00` is not a time of day: write it as 03:00");
        check("at = \"+3:00\"", "+3: `+3:00` is not a time of day: write it as 03:00");
        check("at = \"24:00\"", "+3: `24:00` is not a time of day: write it as 03:00");
        check("at = \"03:00\"\ndays = []", "+4: `days` names none");
        check("days = [\"mon\"]", "+3: `days` belongs to `at`");
        check("every = \"1d\"\ntime_zone = \"UTC\"", "+4: `time_zone` belongs to `at`");
        check("at = \"03:00\"\ntime_zone = \"Berlin\"", "+4: there is no time zone `Berlin`; write it as \"Europe/Berlin\"");
        check("train_days = 0", "+3: train_days lies between 1 and 3650");
        check("learners = []", "+3: nobody learns");
        check("limits = { threads = 0 }", "+3: threads is at least 1");
        check("limits = { memory_mb = 3 }", "+3: memory_mb is at least 16");
        check("limits = { nice = 20 }", "+3: nice lies between 0 and 19");
        check("limits = { cores = 1 }", "+3: unknown field `cores`, expected one of `threads`, `memory_mb`, `nice`");
    }

    #[test]
    fn tables_lie_beside_the_file_that_names_them() {
        let text = "[training]\nwhere = \"true\"\n[[training.tables]]\nname = \"shops\"\npath = \"shops.csv\"\n\
            [[training.tables]]\nname = \"cards\"\npath = \"/data/cards\"\n[training.segment_sql]\nsize = \"1 + 1\"\n";
        let pipeline = Pipeline::parse(include_str!("../../pipelines/card_fraud_handbook.toml"), "p").unwrap();
        let training = Training::parse(text, "there/p.toml", &pipeline).unwrap();
        let found: Vec<_> = training.tables.iter().map(|table| (table.path.to_str().unwrap(), table.place.as_str())).collect();
        assert_eq!(found, [("there/shops.csv", "there/p.toml:3:1"), ("/data/cards", "there/p.toml:6:1")]);
        let sql = |text: &str, place: &str| Sql { text: text.to_owned(), place: place.to_owned() };
        assert_eq!(training.condition, Some(sql("true", "there/p.toml:2:9")));
        assert_eq!(training.segment_sql, [("size".to_owned(), sql("1 + 1", "there/p.toml:10:8"))]);
    }

    #[test]
    fn weights_and_shares_are_read() {
        let of = |text: &str| parse(&format!("[training]\n{text}")).unwrap().settings;
        assert_eq!(of("bad_weight = 3").bad_weight, BadWeight::Times(3.0));
        assert_eq!(of("bad_weight = \"balanced\"").bad_weight, BadWeight::BALANCED);
        assert_eq!(of("sample_good = 0.1").sample_good, GoodShare(0.1));
        assert_eq!(of("logistic = { penalty = 2, l1_share = 0.5 }").logistic.l1_share, 0.5);
        assert_eq!(of("isolation = { trees = 50 }").isolation, isolation::Settings { trees: 50, ..Default::default() });
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let check = |training: &str, expect: &str| assert_eq!(parse(training).unwrap_err(), expect, "{training}");
        check("[training.boosting]\ntrees = 3\nrate = 2.0", "+2: the setting rate of boosting is out of its range");
        check("[training]\nbad_weight = 0", "+3: the setting bad_weight of training is out of its range");
        check("[training]\nsample_good = 0", "+3: the setting sample_good of training is out of its range");
        check("[training]\nsample_good = 1.5", "+3: the setting sample_good of training is out of its range");
        check("[training.naive_bayes]\nsmoothing = -1", "+2: the setting smoothing of naive_bayes is out of its range");
        check("[training.svm]\npenalty = 0", "+2: the setting penalty of svm is out of its range");
        check("[training.isolation]\nsample = 1", "+2: the setting sample of isolation is out of its range");
        check("[training.logistic]\nl1_share = 1.5", "+2: the setting l1_share of logistic is out of its range");
        check("[training.extra_trees]\nmin_rows = 0", "+2: the setting min_rows of extra_trees is out of its range");
        check("[training.scorecard]\nspecial = { nothing = [-1] }", "+2: there is no feature `nothing` to have special numbers");
        check("[training.scorecard]\nmax_bins = 1", "+2: the setting max_bins of scorecard is out of its range");
        check("[training.forest]\ntrees = 0", "+2: the setting trees of forest is out of its range");
        check(
            "[training.logistic]\nsteps = 1",
            "+3: unknown field `steps`, expected one of `penalty`, `l1_share`, `preparation`",
        );
        check(
            "[training.logistic]\npreparation = \"woe\"",
            "+3: unknown variant `woe`, expected one of `none`, `linear`, `evidence`",
        );
        check("[training]\nsegments = [\"channel\"]", "+3: there is no attribute `channel` in [event.attributes]");
        check(
            "[training.card]\nlimit = \"none\"",
            "+3: unknown field `limit`, expected one of `owner`, `intended_use`, `limits`",
        );
        check("[[training.tables]]\nname = \"rows\"\npath = \"a.csv\"", "+3: there is a table `rows` already");
        check(
            "[[training.tables]]\nname = \"My shops\"\npath = \"a.csv\"",
            "+3: the name of a table is a word of lower-case letters, digits and `_`, unlike `My shops`",
        );
        check("[[training.tables]]\nname = \"shops\"", "+2: missing field `path`");
        check("[training.directions]\nterminal_risk = \"rising\"", "+3: there is no feature `terminal_risk` to have a direction");
        check("[training.directions]\nweekend = \"up\"", "+3: unknown variant `up`, expected one of `free`, `rising`, `falling`");
    }
}
