//! What the soak prints.

use crate::children::Figures;

/// Without these it has tested nothing.
const NEEDED: [&str; 15] = [
    "hits",
    "shared_hits",
    "shared_refused",
    "puts",
    "acknowledged",
    "queued",
    "published",
    "heard",
    "gaps",
    "epochs",
    "discarded_loads",
    "evictions",
    "injected_losses",
    "server_restarts",
    "hits_of_a_new_one",
];

pub(crate) fn add(totals: &mut Figures, figures: &Figures) {
    for (name, number) in figures {
        *totals.entry(name.clone()).or_default() += number;
    }
}

/// In columns.
pub(crate) fn print_table(title: &str, figures: &Figures) {
    println!("{title}");
    let cells: Vec<String> = figures.iter().map(|(name, number)| format!("{name:<20}{number:>10}")).collect();
    cells.chunks(3).for_each(|row| println!("  {}", row.join("    ")));
}

/// What has to be more than zero and is not.
pub(crate) fn missing(totals: &Figures) -> Vec<&'static str> {
    NEEDED.into_iter().filter(|name| totals.get(*name).is_none_or(|number| *number == 0)).collect()
}
