//! The engine, as the public handles of a cache hold it.

use std::ops::Deref;

use crate::engine::Engine;
use crate::sync::Arc;

/// When the last one is dropped, loads in the background end. Loads hold the engine itself.
pub(crate) struct EngineHandle(Arc<Engine>);

impl EngineHandle {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        engine.background.add_handle();
        Self(engine)
    }
}

impl Clone for EngineHandle {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.0.background.remove_handle();
    }
}

impl Deref for EngineHandle {
    type Target = Arc<Engine>;

    fn deref(&self) -> &Arc<Engine> {
        &self.0
    }
}
