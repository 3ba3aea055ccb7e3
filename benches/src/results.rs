//! What benchmarks produce: tables of figures, and goals.

/// One cell of a table, measured once per round.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The row.
    pub contender: String,
    /// The column.
    pub case: String,
    /// One number per round, in the unit of the table.
    pub samples: Vec<f64>,
}

impl Figure {
    /// The middle sample.
    ///
    /// # Panics
    ///
    /// If there is no sample.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Half the interquartile range as a share of the median; 0 if the median is 0.
    ///
    /// # Panics
    ///
    /// If there is no sample.
    pub fn spread(&self) -> f64 {
        if self.median() == 0.0 {
            return 0.0;
        }
        (self.quantile(0.75) - self.quantile(0.25)) / 2.0 / self.median()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "few samples"
    )]
    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[((sorted.len() - 1) as f64 * share).round() as usize]
    }
}

/// The unit of a share, which is plotted from 0 to 100%.
pub const PERCENT: &str = "%";

/// Figures of one kind: contenders are rows, cases are columns.
#[derive(Clone, Debug)]
pub struct Table {
    /// The heading.
    pub title: String,
    /// The unit of all figures.
    pub unit: String,
    /// What the figures do and do not include: one paragraph each.
    pub notes: Vec<String>,
    /// In the order of the rows and columns.
    pub figures: Vec<Figure>,
}

impl Table {
    /// The figure of a contender in a case, if it can do that work.
    pub fn figure(&self, contender: &str, case: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.contender == contender && figure.case == case)
    }

    /// Adds a sample to a figure, which is created if it is new.
    pub fn record(&mut self, contender: &str, case: &str, sample: f64) {
        let known = self.figures.iter_mut().find(|figure| figure.contender == contender && figure.case == case);
        match known {
            Some(figure) => figure.samples.push(sample),
            None => self.figures.push(Figure { contender: contender.into(), case: case.into(), samples: vec![sample] }),
        }
    }

    /// The median of one contender divided by that of another, in one case.
    pub fn ratio(&self, contender: &str, other: &str, case: &str) -> Option<f64> {
        Some(self.figure(contender, case)?.median() / self.figure(other, case)?.median())
    }
}

/// The limit that a goal sets.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// A bound, and what was measured.
#[derive(Clone, Debug)]
pub struct Goal {
    /// What is bounded, and what it is compared to.
    pub what: String,
    /// In the unit of `measured`.
    pub bound: Bound,
    /// NaN if there is no figure.
    pub measured: f64,
    /// `x` for a ratio.
    pub unit: &'static str,
}

impl Goal {
    /// Whether the bound is kept.
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(bound) => self.measured <= bound,
            Bound::AtLeast(bound) => self.measured >= bound,
        }
    }
}

/// The results of one benchmark.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// What was measured.
    pub tables: Vec<Table>,
    /// The goals set for it.
    pub goals: Vec<Goal>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// All rounds: about 20 minutes for all benchmarks.
    Full,
    /// Few rounds: about 4 minutes.
    Quick,
}
