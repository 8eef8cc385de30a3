//! Judges what was decided and writes it down: the figures of the last weeks day by day, and every challenger beside the champion.
//! Doing it again puts what is known by now in place of what was known before.

use std::sync::Arc;

use ingest::{Duration, Timestamp};
use scoring::Registry;

use crate::drift::window_start;
use crate::error::Error;
use crate::experiment::{self, Comparison, Inputs};
use crate::file::Monitoring;
use crate::performance::{self, concept};
use crate::questions::Days;
use crate::tables::Window;
use crate::warehouse::Warehouse;

/// Labels that come later change no point any more.
const DAYS: i64 = 90;

/// What is judged, and how.
#[derive(Clone)]
pub struct Judge {
    /// Where decisions and labels are, and figures go.
    pub warehouse: Arc<dyn Warehouse>,
    /// Where models are.
    pub registry: Arc<dyn Registry>,
    /// The model that decides.
    pub model: String,
    /// How.
    pub monitoring: Monitoring,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Why the champion is to be trained anew, if it is: see [`performance::Floors`].
    pub fallen: Option<String>,
    /// What probabilities mean came to drift or came back, and was not found before.
    pub turned: Vec<concept::Turn>,
    /// Every challenger.
    pub challengers: Vec<Judged>,
}

/// A challenger that was judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// It beside the champion.
    pub compared: Comparison,
    /// Whether the verdict is another one than was written before.
    pub is_news: bool,
}

impl Judge {
    /// Judges as of the newest moment that the warehouse knows of: the champion by itself, and every challenger beside it. Blocks on the warehouse while it writes, so it
    /// belongs on a thread of its own.
    ///
    /// # Errors
    /// When the warehouse does not answer or take the figures, or a model cannot be read. What was written until then stays.
    pub async fn once(&self, champion: Option<u32>, challengers: &[u32]) -> Result<Findings, Error> {
        let Self { warehouse, registry, model, monitoring } = self;
        let as_of = performance::as_of(&**warehouse, None).await?;
        // Whole weeks: a part of one would take the place of what is known of all of it.
        let since = window_start(Window::Week, as_of - Duration::days(DAYS));
        let days = Days::between((as_of > Timestamp::from_micros(0)).then_some(since), None);
        let written = concept::Written::read(&**warehouse, model, days).await?;
        let unusual = written.unusual();
        let request = performance::Request { days, as_of: Some(as_of), segments: Vec::new(), unusual };
        let figures = performance::performance(&**warehouse, &request, &monitoring.performance).await?;
        performance::write_points(&**warehouse, model, &figures)?;
        let turned = written.update(&**warehouse, model, &figures.concept, &monitoring.performance.concept)?;
        let Some(champion) = champion else { return Ok(Findings { turned, ..Findings::default() }) };
        let of_champion = figures.versions.iter().find(|version| version.name == champion.to_string());
        let fallen = of_champion.and_then(|version| monitoring.performance.retrain_below.broken(version));
        let mut judged = Vec::new();
        for &challenger in challengers.iter().filter(|challenger| **challenger != champion) {
            let inputs = Inputs::new(&registry.load(model, champion)?.about, &registry.load(model, challenger)?.about)?;
            let request = experiment::Request { model: model.clone(), champion, challenger, days, as_of: Some(as_of) };
            let policies = (&monitoring.experiment, &monitoring.performance);
            let compared = experiment::compare(&**warehouse, &request, inputs, policies.0, policies.1).await?;
            let before = experiment::last_verdict(&**warehouse, &compared).await?;
            experiment::write_points(&**warehouse, &compared)?;
            let is_news = before.as_deref() != Some(compared.finding.verdict.name());
            judged.push(Judged { compared, is_news });
        }
        Ok(Findings { fallen, turned, challengers: judged })
    }
}
