//! What is simulated: payments by card, or applications for credit.

use std::path::Path;

use arrow::array::RecordBatch;
use ingest::Timestamp;
use ingest::simulator::{self, Injection, Settings, Simulator, credit};

/// What a simulated world is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Use {
    /// Payments by card, some of them fraud
    #[default]
    Cards,
    /// Applications for consumer credit, some of which end in default
    Credit,
}

/// The size and the chance of a simulated world.
#[derive(Clone, Debug, clap::Args)]
pub struct WorldArgs {
    /// What is simulated
    #[arg(long = "use", value_name = "USE", value_enum, default_value_t)]
    pub used: Use,
    /// How many customers are simulated, or people who may apply for credit [default: 5000, or 60000]
    #[arg(long)]
    pub customers: Option<u32>,
    /// How many terminals are simulated
    #[arg(long, default_value_t = 10_000)]
    pub terminals: u32,
    /// How many days are simulated, from 2018-04-01 on [default: 183, or 800 of applications]
    #[arg(long)]
    pub days: Option<u32>,
    /// Another seed makes another world
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// A simulated world.
#[derive(Clone, Debug, PartialEq)]
pub enum World {
    /// Payments by card.
    Cards(Settings),
    /// Applications for credit.
    Credit(credit::Settings),
}

impl WorldArgs {
    /// The world that they say.
    pub fn world(&self) -> World {
        match self.used {
            Use::Cards => {
                let usual = Settings::default();
                World::Cards(Settings {
                    customers: self.customers.unwrap_or(usual.customers),
                    terminals: self.terminals,
                    days: self.days.or(usual.days),
                    seed: self.seed,
                    ..usual
                })
            }
            Use::Credit => {
                let usual = credit::Settings::default();
                World::Credit(credit::Settings {
                    applicants: self.customers.unwrap_or(usual.applicants),
                    days: self.days.or(usual.days),
                    seed: self.seed,
                    ..usual
                })
            }
        }
    }
}

impl World {
    /// How many days it has.
    pub fn days(&self) -> u32 {
        let days = match self {
            Self::Cards(settings) => settings.days,
            Self::Credit(settings) => settings.days,
        };
        days.expect("a world of the command line ends")
    }

    /// Writes its history into a Parquet file, with drift where it is of payments, and says how many events there are.
    pub fn write(&self, injection: &mut Injection, path: &Path, progress: &mut dyn FnMut(u32)) -> Result<u64, simulator::Error> {
        match self {
            Self::Cards(settings) => simulator::parquet::write(Simulator::new(settings.clone())?, injection, path, progress),
            Self::Credit(settings) => credit::parquet::write(credit::Simulator::new(settings.clone())?, path, progress),
        }
    }

    /// How it goes on after its days, without end.
    pub fn afterwards(&self) -> Result<Box<dyn Iterator<Item = RecordBatch> + Send>, simulator::Error> {
        let days = self.days() as usize;
        Ok(match self {
            Self::Cards(settings) => {
                let simulator = Simulator::new(Settings { days: None, ..settings.clone() })?;
                Box::new(simulator.skip(days).map(|day| simulator::batch(&day)))
            }
            Self::Credit(settings) => {
                let simulator = credit::Simulator::new(credit::Settings { days: None, ..settings.clone() })?;
                Box::new(simulator.skip(days).map(|day| credit::parquet::batch(&day)))
            }
        })
    }

    /// Strangers of the same kind from a day on, without end, numbered above anybody's history.
    pub fn strangers(&self, start: Timestamp) -> Result<Box<dyn Iterator<Item = RecordBatch> + Send>, simulator::Error> {
        const FIRST: u64 = 1 << 40;
        Ok(match self {
            Self::Cards(_) => {
                let simulator = Simulator::new(Settings { days: None, start, ..Settings::default() })?.number_from(FIRST);
                Box::new(simulator.map(|day| simulator::batch(&day)))
            }
            Self::Credit(_) => {
                let settings = credit::Settings { days: None, start, ..credit::Settings::default() };
                let simulator = credit::Simulator::new(settings)?.number_from(FIRST);
                Box::new(simulator.map(|day| credit::parquet::batch(&day)))
            }
        })
    }
}
