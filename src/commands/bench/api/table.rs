//! A distribution as the table of percentiles that tools for HDR histograms print and plot.

use std::fmt::Write;

use hdrhistogram::Histogram;

/// Adds the table of latencies in nanoseconds, in milliseconds, under the rate that they were measured at.
pub(super) fn write(text: &mut String, rate: Option<f64>, latency: &Histogram<u64>) {
    let rate = rate.map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate:.0} requests a second"));
    let milliseconds = |nanos: u64| nanos as f64 / 1e6;
    let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a text takes all that is written");
    line(format_args!("# {rate}; milliseconds"));
    line(format_args!("{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)"));
    let mut total = 0;
    for step in latency.iter_quantiles(5) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (milliseconds(step.value_iterated_to()), step.quantile_iterated_to());
        if quantile < 1.0 {
            line(format_args!("{value:>12.3} {quantile:>2.12} {total:>10} {:>14.2}", 1.0 / (1.0 - quantile)));
        } else {
            line(format_args!("{value:>12.3} {quantile:>2.12} {total:>10}"));
        }
    }
    line(format_args!("#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]", latency.mean() / 1e6, latency.stdev() / 1e6));
    line(format_args!("#[Max     = {:>12.3}, Total count    = {:>12}]", milliseconds(latency.max()), latency.len()));
    line(format_args!(""));
}
