//! What the figures of drift cost: CPU-seconds over all columns of two samples, which lie in files of doubles, a column after the other.
//! `cargo bench -p drift -- REFERENCE CURRENT COLUMNS`; `tests/peers/drift_speed.py` makes the files and measures others beside it.

use std::error::Error;
use std::hint::black_box;

use drift::{Bins, Kind, numbers, psi};
use rustix::time::{ClockId, clock_gettime};

/// What the program allocates with, too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [reference, current, columns] = given.as_slice() else {
        return Err("give the reference's file, the current one's, and the number of columns".into());
    };
    let columns = columns.parse()?;
    let (reference, current) = (read(reference, columns)?, read(current, columns)?);
    let pairs = || reference.iter().zip(&current);
    let bins: Vec<Bins> = reference.iter().map(|then| Bins::quantiles(then, 10).0).collect();
    let each = |figure: &dyn Fn(usize)| measure(|| (0..columns).for_each(figure));
    let measured = [
        ("psi_cpu_seconds", each(&|place| keep(stability(&reference[place], &current[place])))),
        ("psi_known_edges_cpu_seconds", {
            let count = |place: usize| (bins[place].count(&reference[place]), bins[place].count(&current[place]));
            each(&|place| {
                let (then, now) = count(place);
                keep(psi(&then, &now));
            })
        }),
        ("all_cpu_seconds", each(&|place| keep(numbers(&reference[place], &current[place])))),
    ];
    let sums = pairs().map(|(then, now)| {
        let index = stability(then, now).map_or(f64::NAN, |psi| psi.value);
        match numbers(then, now).kind {
            Kind::Numbers { ks: Some(ks), wasserstein: Some(distance), .. } => [index, ks.statistic, distance],
            _ => [index, f64::NAN, f64::NAN],
        }
    });
    let sums = sums.fold([0.0; 3], |sums, each| [sums[0] + each[0], sums[1] + each[1], sums[2] + each[2]]);
    let figures = ["psi_sum", "ks_sum", "wasserstein_sum"].into_iter().zip(sums);
    let fields = measured.into_iter().chain(figures).map(|(name, figure)| format!("\"{name}\": {figure}"));
    say(&format!("{{{}}}", fields.collect::<Vec<_>>().join(", ")))
}

/// As a monitor has it that knows nothing yet: the edges are found, both samples are counted.
fn stability(reference: &[f64], current: &[f64]) -> Option<drift::Psi> {
    let (bins, counts) = Bins::quantiles(reference, 10);
    psi(&counts, &bins.count(current))
}

/// Keeps the compiler from leaving out what nobody reads.
fn keep<T>(figure: T) {
    black_box(figure);
}

/// The least of three runs.
fn measure(run: impl Fn()) -> f64 {
    let once = || {
        let before = cpu_seconds();
        run();
        cpu_seconds() - before
    };
    (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn read(path: &str, columns: usize) -> Result<Vec<Vec<f64>>, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let (doubles, rest) = bytes.as_chunks::<8>();
    if columns == 0 || !rest.is_empty() || doubles.is_empty() || !doubles.len().is_multiple_of(columns) {
        return Err(format!("{path} does not hold {columns} columns of doubles").into());
    }
    let column = |bytes: &[[u8; 8]]| bytes.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    Ok(doubles.chunks(doubles.len() / columns).map(column).collect())
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    use std::io::Write;
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
