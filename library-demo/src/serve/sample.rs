//! A copy of the sample library, for one row of a table.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::{
    database::Database,
    error::{DbError, ReplayError},
    import::CsvFiles,
    output::Progress,
    workload::Step,
};

pub(super) struct Sample {
    pub(super) file: PathBuf,
    pub(super) visits: Vec<Vec<Step>>,
    /// Removed when it is dropped.
    pub(super) folder: TempDir,
}

impl Sample {
    pub(super) fn import(
        name: &str,
        visits: fn(&Database) -> Result<Vec<Vec<Step>>, DbError>,
        progress: &Progress,
    ) -> Result<Self, ReplayError> {
        let folder = TempDir::new().map_err(ReplayError::Folder)?;
        let file = folder.path().join("library.db");
        let bar = progress.step(format!("{name}: import"), Some(0));
        // This blocks the runtime, which serves no request yet.
        let library = Database::open(&file)?;
        library.import(&CsvFiles::embedded(), &bar)?;
        Ok(Self { visits: visits(&library)?, file, folder })
    }
}
