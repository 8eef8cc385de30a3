//! Judges what was decided and writes it down: the figures of the last weeks day by day, and every challenger beside the champion.
//! Doing it again puts what is known by now in place of what was known before.

use std::sync::Arc;

use ingest::{Currency, Duration, Timestamp, with_causes};
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
    /// What money is told in: the currency of the pipeline.
    pub currency: Currency,
    /// How.
    pub monitoring: Monitoring,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Why the champion is to be trained anew, if it is: see [`performance::Floors`].
    pub fallen: Option<String>,
    /// What probabilities mean came to drift or came back, and was not [kept](Judge::keep) before.
    pub turned: Vec<concept::Turn>,
    /// Every challenger that can be compared.
    pub challengers: Vec<Judged>,
    weeks: Vec<concept::Week>,
    written: concept::Written,
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
    /// Judges as of the newest moment that the warehouse knows of: the champion by itself, and every challenger beside it; one that cannot be compared is said and passed
    /// over. Blocks on the warehouse while it writes, so it belongs on a thread of its own.
    ///
    /// # Errors
    /// When the warehouse does not answer or take the figures. What was written until then stays.
    pub async fn once(&self, champion: Option<u32>, challengers: &[u32]) -> Result<Findings, Error> {
        let Self { warehouse, model, monitoring, .. } = self;
        let (as_of, currency) = (performance::as_of(&**warehouse, None).await?, self.currency);
        // Whole weeks: of a part of one less is known.
        let since = window_start(Window::Week, as_of - Duration::days(DAYS));
        let days = Days::between((as_of > Timestamp::from_micros(0)).then_some(since), None);
        let written = concept::Written::read(&**warehouse, model).await?;
        let request = performance::Request { days, as_of: Some(as_of), currency, segments: Vec::new(), written };
        let figures = performance::performance(&**warehouse, &request, &monitoring.performance).await?;
        performance::write_points(&**warehouse, model, &figures)?;
        let (weeks, written) = (figures.concept, request.written);
        let turned = written.turns(&weeks, &monitoring.performance.concept);
        let mut found = Findings { fallen: None, turned, challengers: Vec::new(), weeks, written };
        let Some(champion) = champion else { return Ok(found) };
        let of_champion = figures.versions.iter().find(|version| version.name == champion.to_string());
        found.fallen = of_champion.and_then(|version| monitoring.performance.retrain_below.broken(version));
        for &challenger in challengers.iter().filter(|challenger| **challenger != champion) {
            let (model, as_of) = (model.clone(), Some(as_of));
            let request = experiment::Request { model, champion, challenger, period: days.into(), as_of, currency };
            match self.beside(request).await {
                Ok(judged) => found.challengers.push(judged),
                Err(error) => tracing::warn!(
                    error = with_causes(&error),
                    challenger,
                    "a challenger was not compared; it is tried again in an hour"
                ),
            }
        }
        Ok(found)
    }

    async fn beside(&self, request: experiment::Request) -> Result<Judged, Error> {
        let Self { warehouse, registry, model, monitoring, .. } = self;
        let [champion, challenger] = [request.champion, request.challenger];
        let inputs = Inputs::new(&registry.load(model, champion)?.about, &registry.load(model, challenger)?.about)?;
        let policies = (&monitoring.experiment, &monitoring.performance);
        let compared = experiment::compare(&**warehouse, &request, inputs, policies.0, policies.1).await?;
        let before = experiment::last_verdict(&**warehouse, &compared).await?;
        let is_news = before.as_deref() != Some(compared.finding.verdict.name());
        Ok(Judged { compared, is_news })
    }

    /// Writes down verdicts, once they were told: until then they are news. Blocks on the warehouse.
    ///
    /// # Errors
    /// When the warehouse does not take them.
    pub fn keep_verdicts(&self, found: &Findings) -> Result<(), Error> {
        found.challengers.iter().try_for_each(|judged| experiment::write_points(&*self.warehouse, &judged.compared))
    }

    /// Writes down what has turned, once it was told: until then it is found again. Blocks on the warehouse.
    ///
    /// # Errors
    /// When the warehouse does not take it.
    pub fn keep(&self, found: &Findings) -> Result<(), Error> {
        found.written.write(&*self.warehouse, &self.model, &found.weeks, &self.monitoring.performance.concept)
    }
}
