//! A backtest beside the engine that serves: it reads the log and the registry, and touches nothing.

use super::{Engine, changes};
use crate::backtest::{self, Report, Request, Watch};
use crate::error::Error;

impl Engine {
    /// Decides the past again with a change, by what decides at present. Blocks until it is done, on the caller's thread alone if the request
    /// says so.
    pub fn backtest(&self, request: Request, watch: &mut Watch<'_>) -> Result<Report, Error> {
        let present = self.deciders.load_full();
        let pipeline = &present.pipeline;
        let mut models = |name: &str, version: u32| changes::load(&present, &*self.registry, name, version, pipeline);
        backtest::run(&*self.log, pipeline, &mut models, request, watch)
    }
}
