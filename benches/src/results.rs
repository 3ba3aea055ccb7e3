//! What is measured, and what it was to be.

/// One cell of a table, measured once in each round.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Who did the work: the row.
    pub contender: String,
    /// Which work: the column.
    pub case: String,
    /// One number a round, in the unit of the table.
    pub samples: Vec<f64>,
}

impl Figure {
    /// The sample in the middle.
    ///
    /// # Panics
    ///
    /// If there is no sample.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Half the distance between the quartiles, as a part of the median; of a median of 0, which has no parts, 0.
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
    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[((sorted.len() - 1) as f64 * part).round() as usize]
    }
}

/// The answer to one question: contenders down, cases across.
#[derive(Clone, Debug)]
pub struct Table {
    /// What was asked.
    pub title: String,
    /// Of all its figures.
    pub unit: String,
    /// What a reader has to know to read it right: one paragraph each.
    pub notes: Vec<String>,
    /// In the order in which they are to be shown.
    pub figures: Vec<Figure>,
}

impl Table {
    /// The figure of a contender in a case, if it can do that work.
    pub fn figure(&self, contender: &str, case: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.contender == contender && figure.case == case)
    }

    /// The median of one contender over that of another, in one case.
    pub fn ratio(&self, contender: &str, other: &str, case: &str) -> Option<f64> {
        Some(self.figure(contender, case)?.median() / self.figure(other, case)?.median())
    }
}

/// What a figure was to be.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// No more than that.
    AtMost(f64),
    /// No less than that.
    AtLeast(f64),
}

/// A goal, and what came of it.
#[derive(Clone, Debug)]
pub struct Goal {
    /// In words, with what it is compared to.
    pub what: String,
    /// In the unit of `measured`.
    pub bound: Bound,
    /// A ratio, unless `unit` says otherwise.
    pub measured: f64,
    /// `x` for a ratio.
    pub unit: &'static str,
}

impl Goal {
    /// Whether it is met.
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(bound) => self.measured <= bound,
            Bound::AtLeast(bound) => self.measured >= bound,
        }
    }
}

/// All there is to say to one question.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// What was measured.
    pub tables: Vec<Table>,
    /// What of it was to be what.
    pub goals: Vec<Goal>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// All of the report in a quarter of an hour.
    Full,
    /// All of it in three minutes, less exactly.
    Quick,
}
