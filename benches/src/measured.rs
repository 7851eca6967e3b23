//! What was measured, the goals that it is held against, and how it is told.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::plot;

/// One variant at one size, with so many callers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Measured {
    pub(crate) variant: String,
    pub(crate) bytes: usize,
    pub(crate) callers: usize,
    /// Calls in a second, round by round: the rounds of all variants take turns.
    pub(crate) rates: Vec<f64>,
}

/// What the ratio of two variants is to be at least, at each size.
pub(crate) struct Goal {
    pub(crate) one: &'static str,
    pub(crate) other: &'static str,
    pub(crate) callers: usize,
    pub(crate) at_least: [f64; 3],
}

/// A benchmark with all that it has measured.
#[derive(Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) title: String,
    pub(crate) measured: Vec<Measured>,
}

impl Report {
    /// Prints a table for each size, then the goals; leaves the numbers and a plot of them in this folder.
    pub(crate) fn tell(&self, name: &str, goals: &[Goal], folder: &Path) -> io::Result<()> {
        for bytes in self.sizes() {
            println!(
                "\n{}, {bytes} bytes: calls a second, median (lowest to highest)",
                self.title
            );
            let of_size = || self.measured.iter().filter(|row| row.bytes == bytes);
            for row in of_size() {
                let [lowest, median, highest] = spread(row.rates.clone());
                println!(
                    "  {:32} {:4} callers {median:9.0} ({lowest:.0} to {highest:.0})",
                    row.variant, row.callers
                );
            }
        }
        println!("\nratios, median (lowest to highest)");
        for goal in goals {
            for (bytes, at_least) in self.sizes().into_iter().zip(goal.at_least) {
                let Some([lowest, median, highest]) = self.ratio(goal, bytes) else {
                    continue;
                };
                let holds = if median >= at_least {
                    "holds"
                } else {
                    "missed"
                };
                println!(
                    "  {} / {}, {} callers, {bytes} bytes: {median:.2} ({lowest:.2} to {highest:.2}), goal {at_least:.2}: {holds}",
                    goal.one, goal.other, goal.callers
                );
            }
        }
        fs::create_dir_all(folder)?;
        let numbers = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        fs::write(folder.join(format!("{name}.json")), numbers + "\n")?;
        fs::write(folder.join(format!("{name}.svg")), plot::bars(self))?;
        println!(
            "\nthe numbers and a plot of them are in {}",
            folder.display()
        );
        Ok(())
    }

    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.measured.iter().map(|row| row.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Of the rounds that belong together.
    fn ratio(&self, goal: &Goal, bytes: usize) -> Option<[f64; 3]> {
        let rates = |variant: &str| {
            let mut rows = self.measured.iter();
            let row = rows.find(|row| {
                row.variant == variant && row.bytes == bytes && row.callers == goal.callers
            })?;
            Some(&row.rates)
        };
        let (ones, others) = (rates(goal.one)?, rates(goal.other)?);
        let ratios = ones.iter().zip(others).map(|(one, other)| one / other);
        Some(spread(ratios.collect()))
    }
}

/// The lowest, the median and the highest.
pub(crate) fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    ]
}

pub(crate) fn median(values: Vec<f64>) -> f64 {
    spread(values)[1]
}
